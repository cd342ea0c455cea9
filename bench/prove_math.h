// The functions of cpp/simd/math.h that are put to the proof, in the order of their tables.
#pragma once

#include <cstddef>

#define HOTLOOP_PROVED(apply)                                                                  \
    apply(exp) apply(expm1) apply(log) apply(tanh) apply(sigmoid) apply(erf) apply(normal_cdf) \
        apply(gelu) apply(gelu_derivative)

// y[i] = f(x[i]); n is a multiple of 16, and x and y may be the same.
template <class T>
using ProveKernel = void (*)(const T* x, T* y, std::size_t n);

#define HOTLOOP_DECLARE_PROVED(isa)                          \
    extern "C" const ProveKernel<float> prove_float_##isa[]; \
    extern "C" const ProveKernel<double> prove_double_##isa[];

HOTLOOP_DECLARE_PROVED(baseline)
HOTLOOP_DECLARE_PROVED(avx2)
HOTLOOP_DECLARE_PROVED(avx512)
HOTLOOP_DECLARE_PROVED(neon)
