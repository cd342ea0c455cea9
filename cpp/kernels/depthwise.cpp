// Depthwise convolution: every channel with its own kernel, vectors along the channels.
#include "hotloop/depthwise_args.h"
#include "kernels.h"
#include "simd/math.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

template <class T>
HOTLOOP_INLINE Vec<T> finish(const DepthwiseArgs<T>& a, Vec<T> y, const T* gate, int n) {
    const Vec<T> zero = Vec<T>::zero();
    const Vec<T> one = Vec<T>::set(T{1});
    if (a.activation == Activation::relu) y = simd::max(zero, y);
    if (a.activation == Activation::sigmoid) y = simd::sigmoid(y);
    if (a.activation == Activation::tanh) y = simd::tanh(y);
    if (!gate) return y;
    const Vec<T> g = Vec<T>::load(gate, n);
    if (a.gate_kind == Activation::relu) return simd::select<T>(g > zero, y, zero);
    if (a.gate_kind == Activation::sigmoid) return y * (g * (one - g));
    return y * (one - g * g);
}

// P pixels at a time share each load of the weights.
template <class T, int P>
HOTLOOP_INLINE void pixels(const DepthwiseArgs<T>& a, index_t p, index_t c, int n) {
    using V = Vec<T>;
    V acc[P];
    for (int i = 0; i < P; ++i) acc[i] = a.bias ? V::load(a.bias + c, n) : V::zero();
    for (index_t t = 0; t < a.taps; ++t) {
        const V w = V::load(a.w + a.tap_cell[t] * a.channels + c, n);
        const T* x = a.x + a.tap_offset[t] + c;
#pragma GCC unroll 4
        for (int i = 0; i < P; ++i) acc[i] = simd::fma(V::load(x + a.pixel[p + i], n), w, acc[i]);
    }
    for (int i = 0; i < P; ++i) {
        const index_t to = (a.target ? a.target[p + i] : (p + i) * a.channels) + c;
        finish(a, acc[i], a.gate ? a.gate + to : nullptr, n).store(a.y + to, n);
    }
}

template <class T>
void depthwise(const DepthwiseArgs<T>& a) {
    constexpr index_t W = Vec<T>::size;
    for (index_t c = 0; c < a.channels; c += W) {
        const int n = static_cast<int>(a.channels - c < W ? a.channels - c : W);
        index_t p = 0;
        for (; p + 4 <= a.pixels; p += 4) pixels<T, 4>(a, p, c, n);
        for (; p < a.pixels; ++p) pixels<T, 1>(a, p, c, n);
    }
}

// dw[t][c] += sum over p of x[pixel[p] + tap[t] + c] * dy[p][c], G taps at a time.
template <class T, int G>
HOTLOOP_INLINE void taps(const DepthwiseArgs<T>& a, index_t t, index_t c, int n, T* dw) {
    using V = Vec<T>;
    V acc[G];
    for (int i = 0; i < G; ++i) acc[i] = V::load(dw + (t + i) * a.channels + c, n);
    for (index_t p = 0; p < a.pixels; ++p) {
        const V d = V::load(a.w + p * a.channels + c, n);
        const T* x = a.x + a.pixel[p] + c;
#pragma GCC unroll 8
        for (int i = 0; i < G; ++i)
            acc[i] = simd::fma(V::load(x + a.tap_offset[t + i], n), d, acc[i]);
    }
    for (int i = 0; i < G; ++i) acc[i].store(dw + (t + i) * a.channels + c, n);
}

template <class T>
void depthwise_weights(const DepthwiseArgs<T>& a) {
    constexpr index_t W = Vec<T>::size;
    for (index_t c = 0; c < a.channels; c += W) {
        const int n = static_cast<int>(a.channels - c < W ? a.channels - c : W);
        index_t t = 0;
        for (; t + 8 <= a.taps; t += 8) taps<T, 8>(a, t, c, n, a.y);
        for (; t + 3 <= a.taps; t += 3) taps<T, 3>(a, t, c, n, a.y);
        for (; t < a.taps; ++t) taps<T, 1>(a, t, c, n, a.y);
    }
}

template <class T>
constexpr DepthwiseKernels<T> make() {
    return {&depthwise<T>, &depthwise_weights<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::DepthwiseKernels> HOTLOOP_KERNEL_TABLE(depthwise) = {
    hotloop::make<float>(), hotloop::make<double>()};
