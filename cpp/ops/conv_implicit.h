// Convolution as matrix products over the images where they lie, channels last (ARCHITECTURE.md):
// no patches are written out.
#pragma once

#include "hotloop/ops/conv2d.h"
#include "hotloop/ops/conv_route.h"
#include "hotloop/ops/pool2d.h"

namespace hotloop {

// The gradient of a convolution's output: an array, or what the max-pool behind it sends back, made
// for a few images at a time and never written out whole.
template <class T>
struct OutputGradient {
    const T* dy = nullptr;
    const MaxPoolBackwardArgs<T>* pool = nullptr;
    // That of images [first, first + images), valid until this thread asks again.
    const T* images(const ConvShape& s, index_t first, index_t images) const;
};

// `route` is rows, pairs or tiles in all three passes.
//
// With a pool, which reads y, its output too; y is then written only if `keep` says so.
template <class T>
void conv_forward(const ConvShape& s,
                  ConvRoute route,
                  const T* x,
                  const T* w,
                  const T* b,
                  T* y,
                  Activation activation,
                  const MaxPoolArgs<T>* pool = nullptr,
                  bool keep = true);
template <class T>
void conv_input_gradient(const ConvShape& s,
                         ConvRoute route,
                         const OutputGradient<T>& dy,
                         const T* w,
                         T* dx,
                         const T* gate,
                         Activation gate_kind);
// dy must be an array where the images are summed in one block.
index_t weight_gradient_blocks(const ConvShape& s, index_t element_bytes);
template <class T>
void conv_weight_gradient(
    const ConvShape& s, ConvRoute route, const OutputGradient<T>& dy, const T* x, T* dw, T* db);

}  // namespace hotloop
