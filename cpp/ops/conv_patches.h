// Convolution as the lessons teach it: im2col, one matrix product, and back by col2im.
#pragma once

#include "hotloop/ops/conv2d.h"

namespace hotloop {

template <class T>
void patches_forward(const Conv2dArgs<T>& args);
template <class T>
void patches_backward(const Conv2dBackwardArgs<T>& args);

}  // namespace hotloop
