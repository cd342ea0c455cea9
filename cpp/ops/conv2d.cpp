#include "hotloop/ops/conv2d.h"

#include <algorithm>

#include "conv_depthwise.h"
#include "conv_frame.h"
#include "conv_implicit.h"
#include "conv_patches.h"
#include "conv_scatter.h"
#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/ops/conv_pool.h"
#include "hotloop/ops/conv_route.h"
#include "hotloop/ops/layout.h"
#include "hotloop/ops/reduce.h"
#include "hotloop/size.h"

namespace hotloop {

ConvShape make_conv_shape(const char* op,
                          const Shape& x,
                          const Shape& w,
                          const Shape* b,
                          Pair stride,
                          const Padding& padding,
                          Pair dilation,
                          index_t groups,
                          bool channels_last,
                          ConvAlgorithm algorithm) {
    const Images images = images_of(op, "x", x, channels_last);
    if (w.rank() != 4)
        fail(op, "w must be ",
             channels_last ? "(KH, KW, C / groups, O)" : "(O, C / groups, KH, KW)", ", got ", w);
    if (groups < 1) fail(op, "groups must be positive, got ", groups);
    const index_t out_channels = w[channels_last ? 3 : 0];
    const index_t per_group = w[channels_last ? 2 : 1];
    if (images.C % groups != 0 || per_group != images.C / groups)
        fail(op, "w has ", per_group, " input channels per group but x has ", images.C,
             " channels / ", groups, groups == 1 ? " group" : " groups", " (x: ", x, ", w: ", w,
             ")");
    if (out_channels % groups != 0)
        fail(op, "the ", out_channels, " output channels of w do not divide into ", groups,
             " groups (w: ", w, ")");
    if (b && (b->rank() != 1 || (*b)[0] != out_channels))
        fail(op, "b must be (", out_channels, ",) as w has ", out_channels,
             " output channels, got ", *b, " (w: ", w, ")");
    const Pair kernel{w[channels_last ? 0 : 2], w[channels_last ? 1 : 3]};
    const Window win =
        make_window(op, Pair{images.H, images.W}, kernel, stride, padding, dilation, false);
    // Whatever a pass makes of its arrays is a part of one of these.
    checked_product(op, "the products of all windows",
                    {images.N, win.OH, win.OW, win.KH, win.KW, images.C, out_channels / groups});
    checked_product(op, "the images", {images.N, images.H, images.W, out_channels});
    checked_product(op, "the kernels' gradients", {win.KH, win.KW, per_group, out_channels});
    const ConvShape s{images.N, images.C, out_channels, groups, win, channels_last, algorithm};
    if (frames_pay(s)) return s;
    return {images.N, images.C, out_channels, groups, win, channels_last, ConvAlgorithm::im2col};
}

Shape conv_output_shape(const ConvShape& s) {
    return images_shape(Images{s.N, s.O, s.win.OH, s.win.OW}, s.channels_last);
}

namespace {

// Images and kernels in the layout that the kernels work in: as given, or turned into scratch. With
// one channel both layouts are the same bytes.
template <class T>
const T* images_last(
    const ConvShape& s, const T* x, index_t channels, index_t pixels, Scratch where) {
    if (s.channels_last || channels == 1 || pixels == 1) return x;
    T* turned = scratch<T>(where, s.N * channels * pixels);
    transpose_batched(x, s.N, channels, pixels, turned);
    return turned;
}

template <class T>
const T* weights_last(const ConvShape& s, const T* w) {
    if (s.channels_last) return w;
    T* turned = scratch<T>(Scratch::weights, s.w_size());
    reverse_axes(w, s.O, s.group_in(), s.taps(), turned);
    return turned;
}

// Tiles and rows multiply the zeros around a framed gradient with every weight, and zero times
// infinity is NaN. So weights that are not all finite take a way that multiplies no zeros.
template <class T>
ConvRoute input_route(const ConvShape& s, const T* w) {
    const ConvRoute route = choose<T>(s, ConvPass::input_gradient);
    const bool zeros =
        route == ConvRoute::tiles || route == ConvRoute::rows || route == ConvRoute::pairs;
    return zeros && !all_finite(w, s.w_size()) ? ConvRoute::patches : route;
}

template <class T>
void input_gradient(const ConvShape& s,
                    ConvRoute route,
                    const OutputGradient<T>& dy,
                    const T* w,
                    T* dx,
                    const T* gate,
                    Activation gate_kind) {
    if (route == ConvRoute::scatter)
        conv_scatter_gradient(s, dy, w, dx, gate, gate_kind);
    else
        conv_input_gradient(s, route, dy, w, dx, gate, gate_kind);
}

bool turned(const ConvShape& s, index_t channels, index_t pixels) {
    return !s.channels_last && channels != 1 && pixels != 1;
}

// Without outputs or without channels in: all zeros but for the bias.
template <class T>
void empty_backward(const Conv2dBackwardArgs<T>& a) {
    const ConvShape& s = a.shape;
    const index_t pixels = s.win.OH * s.win.OW;
    if (a.dx) std::fill_n(a.dx, s.x_size(), T{0});
    if (a.dw) std::fill_n(a.dw, s.w_size(), T{0});
    if (a.db)
        sum_rows(images_last(s, a.dy, s.O, pixels, Scratch::images_out), s.N * pixels, s.O, a.db);
}

}  // namespace

template <class T>
void conv2d(const Conv2dArgs<T>& a) {
    const ConvShape& s = a.shape;
    ConvRoute route = choose<T>(s, ConvPass::forward);
    if (route == ConvRoute::empty) return;
    const index_t in_pixels = s.win.H * s.win.W;
    const index_t out_pixels = s.win.OH * s.win.OW;
    // The depthwise kernels leave out the padding. Where its zeros would have met an infinity, the
    // patches show them.
    if (route == ConvRoute::depthwise && !input_frame(s).plain() && !all_finite(a.w, s.w_size()))
        route = ConvRoute::patches;
    if (route == ConvRoute::patches) {
        patches_forward(a);
        return;
    }
    const bool turn = turned(s, s.O, out_pixels);
    const T* x = images_last(s, a.x, s.C, in_pixels, Scratch::images);
    const T* w = weights_last(s, a.w);
    T* y = turn ? scratch<T>(Scratch::images_out, s.y_size()) : a.y;
    if (route == ConvRoute::depthwise)
        depthwise_forward(s, x, w, a.b, y, a.activation);
    else
        conv_forward(s, route, x, w, a.b, y, a.activation);
    if (turn) transpose_batched(y, s.N, out_pixels, s.O, a.y);
}

template <class T>
void conv2d_backward(const Conv2dBackwardArgs<T>& a) {
    const ConvShape& s = a.shape;
    const index_t in_pixels = s.win.H * s.win.W;
    const index_t out_pixels = s.win.OH * s.win.OW;
    const ConvRoute weights = choose<T>(s, ConvPass::weight_gradient);
    if (weights == ConvRoute::empty) {
        empty_backward(a);
        return;
    }
    if (weights == ConvRoute::patches) {
        patches_backward(a);
        return;
    }
    const bool depthwise = weights == ConvRoute::depthwise;
    const T* dy = images_last(s, a.dy, s.O, out_pixels, Scratch::images_out);
    if (a.db && (!a.dw || depthwise)) sum_rows(dy, s.N * out_pixels, s.O, a.db);
    if (a.dw) {
        const T* x = images_last(s, a.x, s.C, in_pixels, Scratch::images);
        T* dw = s.channels_last ? a.dw : scratch<T>(Scratch::weights_out, s.w_size());
        if (depthwise)
            depthwise_weight_gradient(s, dy, x, dw);
        else
            conv_weight_gradient(s, weights, {dy}, x, dw, a.db);
        if (!s.channels_last) reverse_axes(dw, s.taps(), s.group_in(), s.O, a.dw);
        if (depthwise && !input_frame(s).plain() &&
            (windows_in_padding(s.win) || !all_finite(a.dw, s.w_size()))) {
            Conv2dBackwardArgs<T> again = a;
            again.dx = nullptr;
            again.db = nullptr;
            patches_backward(again);
        }
    }
    const ConvRoute input = a.dx ? input_route(s, a.w) : ConvRoute::empty;
    if (input == ConvRoute::patches) {
        Conv2dBackwardArgs<T> alone = a;
        alone.dw = nullptr;
        alone.db = nullptr;
        patches_backward(alone);
    } else if (input != ConvRoute::empty) {
        const bool turn = turned(s, s.C, in_pixels);
        const T* w = weights_last(s, a.w);
        T* dx = turn ? scratch<T>(Scratch::images, s.x_size()) : a.dx;
        if (input == ConvRoute::depthwise)
            depthwise_input_gradient(s, dy, w, dx, a.gate, a.gate_kind);
        else
            input_gradient(s, input, {dy}, w, dx, a.gate, a.gate_kind);
        if (turn) transpose_batched(dx, s.N, in_pixels, s.C, a.dx);
    }
}

namespace {

// Whether a convolution and its pool can share their images while those are in the cache.
template <class T>
bool shares_images(const ConvShape& s, bool pool_channels_last) {
    const ConvRoute route = choose<T>(s, ConvPass::forward);
    return s.channels_last && pool_channels_last && s.O > 1 && s.x_size() > 0 &&
           route != ConvRoute::empty && route != ConvRoute::patches &&
           route != ConvRoute::depthwise;
}

}  // namespace

template <class T>
void conv_pool(const ConvPoolArgs<T>& a) {
    const Conv2dArgs<T>& c = a.conv;
    if (shares_images<T>(c.shape, a.pool.channels_last)) {
        conv_forward(c.shape, choose<T>(c.shape, ConvPass::forward), c.x, c.w, c.b, c.y,
                     c.activation, &a.pool, a.keep);
        return;
    }
    conv2d(c);
    max_pool2d(a.pool);
}

template <class T>
void conv_pool_backward(const ConvPoolBackwardArgs<T>& a) {
    const Conv2dBackwardArgs<T>& c = a.conv;
    const ConvShape& s = c.shape;
    const bool together = shares_images<T>(s, a.pool.channels_last) && s.w_size() > 0 &&
                          weight_gradient_blocks(s, sizeof(T)) > 1;
    const ConvRoute input = together && c.dx ? input_route(s, c.w) : ConvRoute::empty;
    if (!together || input == ConvRoute::patches) {
        max_pool2d_backward(a.pool);
        conv2d_backward(c);
        return;
    }
    const OutputGradient<T> dy{nullptr, &a.pool};
    if (c.dw) conv_weight_gradient(s, choose<T>(s, ConvPass::weight_gradient), dy, c.x, c.dw, c.db);
    if (c.dx) input_gradient(s, input, dy, c.w, c.dx, c.gate, c.gate_kind);
}

#define HOTLOOP_INSTANTIATE(T)                                      \
    template void conv2d<T>(const Conv2dArgs<T>&);                  \
    template void conv2d_backward<T>(const Conv2dBackwardArgs<T>&); \
    template void conv_pool<T>(const ConvPoolArgs<T>&);             \
    template void conv_pool_backward<T>(const ConvPoolBackwardArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
