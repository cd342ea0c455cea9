// Convolution as matrix products over the images where they lie, channels last (DESIGN in
// ARCHITECTURE.md): no patches are written out.
#pragma once

#include "hotloop/ops/conv2d.h"

namespace hotloop {

template <class T>
void conv_forward(
    const ConvShape& s, const T* x, const T* w, const T* b, T* y, Activation activation);
template <class T>
void conv_input_gradient(
    const ConvShape& s, const T* dy, const T* w, T* dx, const T* gate, Activation gate_kind);
template <class T>
void conv_weight_gradient(const ConvShape& s, const T* dy, const T* x, T* dw, T* db);

}  // namespace hotloop
