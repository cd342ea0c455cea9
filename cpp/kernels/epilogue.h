// The epilogue of a result: an activation, or the backward of one, on a vector.
#pragma once

#include "hotloop/common.h"
#include "simd/math.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

template <class T>
HOTLOOP_INLINE simd::Vec<T> activate(simd::Vec<T> y, Activation kind) {
    if (kind == Activation::relu) return simd::max(simd::Vec<T>::zero(), y);
    if (kind == Activation::sigmoid) return simd::sigmoid(y);
    if (kind == Activation::tanh) return simd::tanh(y);
    return y;
}

// dy * act'(y), from the activation's output.
template <class T>
HOTLOOP_INLINE simd::Vec<T> apply_gate(simd::Vec<T> dy, simd::Vec<T> y, Activation kind) {
    using V = simd::Vec<T>;
    const V one = V::set(T{1});
    if (kind == Activation::relu) return simd::select<T>(y > V::zero(), dy, V::zero());
    if (kind == Activation::sigmoid) return dy * (y * (one - y));
    return dy * (one - y * y);
}

}  // namespace
}  // namespace hotloop
