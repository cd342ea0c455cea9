#include "conv_patches.h"

#include "hotloop/buffer.h"
#include "hotloop/ops/conv_route.h"
#include "hotloop/ops/im2col.h"
#include "hotloop/ops/layout.h"
#include "hotloop/ops/pointwise.h"
#include "hotloop/ops/product.h"
#include "hotloop/ops/reduce.h"

namespace hotloop {
namespace {

// The path works on x (N, C, H, W), w (O, C / groups * KH * KW) and y (N * OH * OW, O): whatever is
// laid out otherwise is turned at its edge.
template <class T>
const T* patches_of(const ConvShape& s, const T* x) {
    const index_t pixels = s.win.H * s.win.W;
    const T* first = x;
    if (s.channels_last && s.C != 1) {
        T* turned = scratch<T>(Scratch::images, s.x_size());
        transpose_batched(x, s.N, pixels, s.C, turned);
        first = turned;
    }
    T* cols = scratch<T>(Scratch::patches, s.N * s.win.OH * s.win.OW * s.C * s.taps());
    im2col(Im2colArgs<T>{first, cols, s.N, s.C, s.win});
    return cols;
}

template <class T>
const T* kernel_rows(const ConvShape& s, const T* w) {
    if (!s.channels_last) return w;
    T* rows = scratch<T>(Scratch::weights, s.w_size());
    reverse_axes(w, s.taps(), s.group_in(), s.O, rows);
    return rows;
}

}  // namespace

template <class T>
void patches_forward(const Conv2dArgs<T>& a) {
    const ConvShape& s = a.shape;
    trace<T>(s, ConvPass::forward, ConvRoute::patches);
    const index_t depth = s.group_in() * s.taps();
    const index_t out_pixels = s.win.OH * s.win.OW;
    const T* cols = patches_of(s, a.x);
    const T* w = kernel_rows(s, a.w);
    T* y = s.channels_last ? a.y : scratch<T>(Scratch::images_out, s.y_size());
    for (index_t g = 0; g < s.groups; ++g) {
        Product<T> p;
        p.m = s.N * out_pixels, p.n = s.group_out(), p.k = depth;
        p.a = cols + g * depth, p.a_row_stride = s.C * s.taps();
        p.b = w + g * s.group_out() * depth, p.b_row_stride = 1, p.b_col_stride = depth;
        p.c = y + g * s.group_out(), p.c_row_stride = s.O;
        p.bias = a.b ? a.b + g * s.group_out() : nullptr;
        p.activation = a.activation;
        product(p);
    }
    if (!s.channels_last) transpose_batched(y, s.N, out_pixels, s.O, a.y);
}

template <class T>
void patches_backward(const Conv2dBackwardArgs<T>& a) {
    const ConvShape& s = a.shape;
    const index_t depth = s.group_in() * s.taps();
    const index_t out_pixels = s.win.OH * s.win.OW;
    const index_t in_pixels = s.win.H * s.win.W;
    const index_t rows = s.N * out_pixels;
    const T* dy = a.dy;
    if (!s.channels_last) {
        T* turned = scratch<T>(Scratch::images_out, s.y_size());
        transpose_batched(a.dy, s.N, s.O, out_pixels, turned);
        dy = turned;
    }
    if (a.db) sum_rows(dy, rows, s.O, a.db);
    if (a.dw) {
        trace<T>(s, ConvPass::weight_gradient, ConvRoute::patches);
        const T* cols = patches_of(s, a.x);
        T* dw = s.channels_last ? scratch<T>(Scratch::weights_out, s.w_size()) : a.dw;
        for (index_t g = 0; g < s.groups; ++g) {
            Product<T> p;
            p.m = s.group_out(), p.n = depth, p.k = rows;
            p.a = dy + g * s.group_out(), p.a_row_stride = 1, p.a_col_stride = s.O;
            p.b = cols + g * depth, p.b_row_stride = s.C * s.taps();
            p.c = dw + g * s.group_out() * depth, p.c_row_stride = depth;
            product(p);
        }
        if (s.channels_last) reverse_axes(dw, s.O, s.group_in(), s.taps(), a.dw);
    }
    if (a.dx) {
        trace<T>(s, ConvPass::input_gradient, ConvRoute::patches);
        const T* w = kernel_rows(s, a.w);
        T* dcols = scratch<T>(Scratch::patches, rows * s.C * s.taps());
        for (index_t g = 0; g < s.groups; ++g) {
            Product<T> p;
            p.m = rows, p.n = depth, p.k = s.group_out();
            p.a = dy + g * s.group_out(), p.a_row_stride = s.O;
            p.b = w + g * s.group_out() * depth, p.b_row_stride = depth;
            p.c = dcols + g * depth, p.c_row_stride = s.C * s.taps();
            product(p);
        }
        const bool turn = s.channels_last && s.C != 1;
        T* dx = turn ? scratch<T>(Scratch::images, s.x_size()) : a.dx;
        col2im(Col2imArgs<T>{dcols, dx, s.N, s.C, s.win});
        if (turn) transpose_batched(dx, s.N, s.C, in_pixels, a.dx);
        if (a.gate) binary(BinaryArgs<T>{a.dx, a.gate, a.dx, s.x_size(), backward_of(a.gate_kind)});
    }
}

#define HOTLOOP_INSTANTIATE(T)                              \
    template void patches_forward<T>(const Conv2dArgs<T>&); \
    template void patches_backward<T>(const Conv2dBackwardArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
