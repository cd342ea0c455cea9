// Convolution with one channel in and out a group, channels last.
#pragma once

#include "hotloop/ops/conv2d.h"

namespace hotloop {

template <class T>
void depthwise_forward(
    const ConvShape& s, const T* x, const T* w, const T* b, T* y, Activation activation);
template <class T>
void depthwise_input_gradient(
    const ConvShape& s, const T* dy, const T* w, T* dx, const T* gate, Activation gate_kind);
template <class T>
void depthwise_weight_gradient(const ConvShape& s, const T* dy, const T* x, T* dw);

}  // namespace hotloop
