// Two-dimensional convolution (correlation, as the field uses the word) and its gradients.
//
//   y[n, oh, ow, o] = act(b[o] + sum over kh, kw, c of
//       x[n, oh * stride_h + kh * dilation_h - top, ow * stride_w + kw * dilation_w - left, c] *
//       w[kh, kw, c, o])
// and per group: group g of `groups` reads channels g * C / groups .. and writes g * O / groups ...
#pragma once

#include "hotloop/common.h"
#include "hotloop/ops/window.h"
#include "hotloop/shape.h"

namespace hotloop {

enum class ConvAlgorithm { implicit_gemm, im2col };

struct ConvShape {
    index_t N, C, O, groups;
    Window win;
    bool channels_last;  // x (N, H, W, C), w (KH, KW, C / groups, O), y (N, OH, OW, O); otherwise
                         // x (N, C, H, W), w (O, C / groups, KH, KW), y (N, O, OH, OW)
    ConvAlgorithm algorithm;

    index_t group_in() const { return C / groups; }
    index_t group_out() const { return O / groups; }
    index_t taps() const { return win.KH * win.KW; }
    index_t x_size() const { return N * win.H * win.W * C; }
    index_t y_size() const { return N * win.OH * win.OW * O; }
    index_t w_size() const { return taps() * group_in() * O; }
    double flops() const {
        return 2.0 * static_cast<double>(y_size()) * static_cast<double>(taps() * group_in());
    }
};

// Checks ranks, channels, groups and bias; throws std::invalid_argument with op, rule and shapes.
ConvShape make_conv_shape(const char* op,
                          const Shape& x,
                          const Shape& w,
                          const Shape* b,
                          Pair stride,
                          const Padding& padding,
                          Pair dilation,
                          index_t groups,
                          bool channels_last,
                          ConvAlgorithm algorithm);
Shape conv_output_shape(const ConvShape& s);

// y is overwritten and apart from the inputs; b may be null.
template <class T>
struct Conv2dArgs {
    const T* x;
    const T* w;
    const T* b;
    T* y;
    ConvShape shape;
    Activation activation;
    template <class F>
    void inputs(F f) {
        f(x);
        f(w);
        f(b);
    }
};

// Null outputs are not computed; the others are overwritten and apart from the inputs.
template <class T>
struct Conv2dBackwardArgs {
    const T* dy;
    const T* x;
    const T* w;
    T* dx;
    T* dw;
    T* db;
    ConvShape shape;
    const T* gate = nullptr;  // the output of the activation that made x: dx *= act'(gate)
    Activation gate_kind = Activation::none;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(x);
        f(w);
        f(gate);
    }
};

template <class T>
void conv2d(const Conv2dArgs<T>& args);
template <class T>
void conv2d_backward(const Conv2dBackwardArgs<T>& args);

}  // namespace hotloop
