// Leaf loops of the probes: registers only, and memory only.
#include "kernels.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// 12 independent chains of fused multiply-adds: more than the latency of two units needs.
template <class T>
T fma_chain(index_t rounds) {
    using V = Vec<T>;
    constexpr int kChains = 12;
    V acc[kChains];
    for (int i = 0; i < kChains; ++i) acc[i] = V::set(static_cast<T>(i));
    const V x = V::set(static_cast<T>(0.999));
    const V y = V::set(static_cast<T>(0.001));
    for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
        for (int i = 0; i < kChains; ++i) acc[i] = simd::fma(acc[i], x, y);  // NOLINT
    }
    V sum = acc[0];
    for (int i = 1; i < kChains; ++i) sum = sum + acc[i];
    return simd::reduce_add(sum);
}

template <class T>
void triad(const T* b, const T* c, T* a, index_t n) {
    using V = Vec<T>;
    const V s = V::set(static_cast<T>(3));
    for (index_t i = 0; i + V::size <= n; i += V::size)
        simd::fma(s, V::load(c + i), V::load(b + i)).store(a + i);
}

template <class T>
constexpr ProbeKernels<T> make() {
    return {12 * 2 * Vec<T>::size, &fma_chain<T>, &triad<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ProbeKernels> HOTLOOP_KERNEL_TABLE(probe) = {
    hotloop::make<float>(), hotloop::make<double>()};
