// What the convolutions share: images in a frame of zeros, and how a batch is cut into work.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/ops/conv2d.h"

namespace hotloop {

// Images of one piece of work, with their zero border, stay in the second-level cache.
constexpr index_t kPieceBytes = 256 * 1024;
// Partial weight gradients, one a block of images, take at most this much.
constexpr index_t kPartialBytes = 4 * 1024 * 1024;

// An image batch inside a frame of zeros, or as it stands where no frame is needed.
struct Frame {
    index_t H, W, C;        // the image
    index_t top, left;      // zeros before it
    index_t height, width;  // with the frame: what the windows reach
    bool plain() const { return top == 0 && left == 0 && height <= H && width <= W; }
    index_t row() const { return (plain() ? W : width) * C; }
    index_t image() const { return plain() ? H * W * C : height * width * C; }
};

// Rows [first, last) of the frame of one image.
template <class T>
void copy_framed(const Frame& f, const T* image, index_t first, index_t last, T* out) {
    const index_t row = f.width * f.C;
    const index_t from = std::min(f.left, f.width);
    const index_t cols = std::clamp<index_t>(f.width - from, 0, f.W);
    for (index_t h = first; h < last; ++h, out += row) {
        const index_t source = h - f.top;
        if (source < 0 || source >= f.H) {
            std::memset(out, 0, static_cast<std::size_t>(row) * sizeof(T));
            continue;
        }
        std::memset(out, 0, static_cast<std::size_t>(from * f.C) * sizeof(T));
        std::memcpy(out + from * f.C, image + source * f.W * f.C,
                    static_cast<std::size_t>(cols * f.C) * sizeof(T));
        std::memset(out + (from + cols) * f.C, 0,
                    static_cast<std::size_t>((f.width - from - cols) * f.C) * sizeof(T));
    }
}

// The image in its frame, taken out; pixels that the frame does not reach become zero.
template <class T>
void copy_unframed(const Frame& f, const T* framed, T* image) {
    const index_t row = f.width * f.C;
    const index_t from = std::min(f.left, f.width);
    const index_t cols = std::clamp<index_t>(f.width - from, 0, f.W);
    for (index_t h = 0; h < f.H; ++h, image += f.W * f.C) {
        const index_t source = h + f.top;
        const index_t reached = source < f.height ? cols : 0;
        if (reached > 0)
            std::memcpy(image, framed + source * row + from * f.C,
                        static_cast<std::size_t>(reached * f.C) * sizeof(T));
        std::memset(image + reached * f.C, 0,
                    static_cast<std::size_t>((f.W - reached) * f.C) * sizeof(T));
    }
}

// Whether all numbers are finite. The zeros around an image may be left out then: zero times
// infinity would be NaN.
template <class T>
bool all_finite(const T* x, index_t n) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr auto kExponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
    bool finite = true;
    for (index_t i = 0; i < n; ++i) finite &= (std::bit_cast<Bits>(x[i]) & kExponent) != kExponent;
    return finite;
}

// One axis of the windows.
struct WindowAxis {
    index_t size, windows, kernel, stride, dilation, before;
};
inline WindowAxis rows_of(const Window& v) {
    return {v.H, v.OH, v.KH, v.stride_h, v.dilation_h, v.top};
}
inline WindowAxis columns_of(const Window& v) {
    return {v.W, v.OW, v.KW, v.stride_w, v.dilation_w, v.left};
}

// Whether windows may meet nothing but padding.
bool windows_in_padding(const Window& v);

// Epilogues that the kernels leave to a pass over images just written, which are still in cache:
// sigmoid and tanh (relu costs a kernel nothing), and the backward of any activation.
template <class T>
void activate(Activation kind, T* y, index_t n) {
    if (kind != Activation::sigmoid && kind != Activation::tanh) return;
    const Unary f = kind == Activation::sigmoid ? Unary::sigmoid : Unary::tanh;
    kernels<T>().pointwise->unary[static_cast<int>(f)](y, y, n, T{0}, false);
}
template <class T>
void apply_gate(Activation kind, const T* gate, T* dx, index_t n) {
    if (!gate) return;
    const auto f = static_cast<int>(backward_of(kind));
    kernels<T>().pointwise->binary[f](dx, gate, dx, n, T{0}, false);
}

// `images` framed images starting at image `first`: copied into scratch, or where they are.
template <class T>
const T* framed(const Frame& f, const T* x, index_t first, index_t images) {
    const T* begin = x + first * f.H * f.W * f.C;
    if (f.plain()) return begin;
    T* out = scratch<T>(Scratch::padded, images * f.image());
    for (index_t i = 0; i < images; ++i)
        copy_framed(f, begin + i * f.H * f.W * f.C, 0, f.height, out + i * f.image());
    return out;
}

// How a batch is cut into pieces of work, by shape alone.
struct Pieces {
    index_t images;     // the batch
    index_t count;      // pieces of whole images
    index_t rows_each;  // every piece is cut again into stretches of output rows,
    index_t stretches;  // more than one only where images are few
    index_t tasks() const { return count * stretches; }
    index_t begin(index_t i) const { return images * i / count; }
    index_t most() const { return ceil_div(images, count); }
};

// A table of offsets that grows once, then serves every later call of this thread.
std::vector<index_t>& table(int which);

Pieces cut(index_t images, index_t image_bytes, index_t output_rows);

// The frames that the windows of the forward pass reach: x in its padding; and dy with the taps
// that windows over the first and last pixels would have had.
Frame input_frame(const ConvShape& s);
Frame gradient_frame(const ConvShape& s);
// Whether frames are not much larger than what the windows touch and the image itself: always, but
// for strides, dilations or paddings far beyond the image. Patches serve those.
bool frames_pay(const ConvShape& s);

// The input gradient by phases: input pixels with the same remainder by the stride share the kernel
// taps that reach them, and each phase is a convolution of dy with stride 1.
// One axis of a phase: which kernel taps k, and which o = i_base + shift(k), reach input i.
struct Axis {
    index_t phase;
    std::vector<index_t> tap;
    std::vector<index_t> shift;
    std::vector<index_t> input;
    std::vector<index_t> base;
};

// The phases that have input pixels, in ascending order: as many as there are pixels at most,
// however large the stride.
std::vector<Axis> axis_phases(const WindowAxis& a);

}  // namespace hotloop
