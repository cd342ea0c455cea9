// The input gradient of a convolution by rows of the kernel, channels last.
#pragma once

#include "conv_implicit.h"

namespace hotloop {

template <class T>
void conv_scatter_gradient(const ConvShape& s,
                           const OutputGradient<T>& dy,
                           const T* w,
                           T* dx,
                           const T* gate,
                           Activation gate_kind);

}  // namespace hotloop
