#include "hotloop/ops/window.h"

#include <algorithm>

#include "hotloop/size.h"

namespace hotloop {
namespace {

// Sums of a few of these and of image sizes stay far inside of 64 bits.
constexpr index_t kLargest = index_t{1} << 31;

index_t floor_div(index_t a, index_t b) { return a / b - (a % b != 0 && a < 0 ? 1 : 0); }

struct Axis {
    index_t before, after, out;
};

Axis layout(const char* op,
            index_t size,
            index_t kernel,
            index_t stride,
            index_t dilation,
            Padding::Kind kind,
            index_t before,
            index_t after,
            bool ceil_mode) {
    const index_t span = checked_product(op, "a dilated window", {dilation, kernel - 1}) + 1;
    if (kind == Padding::Kind::same) {
        const index_t total =
            std::max<index_t>((ceil_div(size, stride) - 1) * stride + span - size, 0);
        before = total / 2;
        after = total - before;
    }
    const index_t room = size + before + after - span;
    index_t out = floor_div(ceil_mode ? room + stride - 1 : room, stride) + 1;
    if (ceil_mode && (out - 1) * stride >= size + before) --out;
    return {before, after, out};
}

void check_at_least(const char* op, const char* what, Pair value, index_t least) {
    if (value.h < least || value.w < least)
        fail(op, what, " must be at least ", least, ", got ", Shape{value.h, value.w});
    if (value.h > kLargest || value.w > kLargest)
        fail(op, what, " must be at most ", kLargest, ", got ", Shape{value.h, value.w});
}

}  // namespace

Window make_window(const char* op,
                   Pair image,
                   Pair kernel,
                   Pair stride,
                   const Padding& padding,
                   Pair dilation,
                   bool ceil_mode) {
    check_at_least(op, "the window's size", kernel, 1);
    check_at_least(op, "stride", stride, 1);
    check_at_least(op, "dilation", dilation, 1);
    check_at_least(op, "padding (top, bottom)", {padding.top, padding.bottom}, 0);
    check_at_least(op, "padding (left, right)", {padding.left, padding.right}, 0);
    checked_product(op, "an image", {image.h, image.w});
    const Axis rows = layout(op, image.h, kernel.h, stride.h, dilation.h, padding.kind, padding.top,
                             padding.bottom, ceil_mode);
    const Axis columns = layout(op, image.w, kernel.w, stride.w, dilation.w, padding.kind,
                                padding.left, padding.right, ceil_mode);
    if (rows.out < 1 || columns.out < 1)
        fail(op, "no window fits: the output would be ", Shape{rows.out, columns.out},
             " (image: ", Shape{image.h, image.w}, ", window: ", Shape{kernel.h, kernel.w},
             ", stride: ", Shape{stride.h, stride.w}, ", padding: (",
             Shape{rows.before, rows.after}, ", ", Shape{columns.before, columns.after},
             "), dilation: ", Shape{dilation.h, dilation.w}, ")");
    checked_product(op, "the output", {rows.out, columns.out});
    return {image.h,    image.w,     kernel.h,   kernel.w,       stride.h,
            stride.w,   rows.before, rows.after, columns.before, columns.after,
            dilation.h, dilation.w,  rows.out,   columns.out};
}

Images images_of(const char* op, const char* name, const Shape& shape, bool channels_last) {
    if (shape.rank() != 4)
        fail(op, name, " must be ", channels_last ? "(N, H, W, C)" : "(N, C, H, W)", ", got ",
             shape);
    checked_size(op, name, shape);
    if (channels_last) return {shape[0], shape[3], shape[1], shape[2]};
    return {shape[0], shape[1], shape[2], shape[3]};
}

Shape images_shape(const Images& images, bool channels_last) {
    if (channels_last) return {images.N, images.H, images.W, images.C};
    return {images.N, images.C, images.H, images.W};
}

}  // namespace hotloop
