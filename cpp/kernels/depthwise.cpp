// Depthwise convolution: every channel with its own kernel, vectors along the channels.
#include "hotloop/depthwise_args.h"
#include "kernels.h"
#include "long_sum.h"

namespace hotloop {
namespace {

// Vectors of n channels, or of all lanes, whose loads need no mask.
template <class T, bool kWhole>
struct Lanes {
    int n;
    HOTLOOP_INLINE Vec<T> load(const T* p) const {
        return kWhole ? Vec<T>::load(p) : Vec<T>::load(p, n);
    }
    HOTLOOP_INLINE void store(Vec<T> v, T* p) const {
        if constexpr (kWhole)
            v.store(p);
        else
            v.store(p, n);
    }
};

// body(first channel, lanes) for the vectors of channels.
template <class T, class Body>
HOTLOOP_INLINE void each_vector_of(index_t channels, Body body) {
    constexpr index_t W = Vec<T>::size;
    index_t c = 0;
    // Where masks are free the one code serves both.
    if constexpr (HOTLOOP_FREE_MASKS == 0)
        for (; c + W <= channels; c += W) body(c, Lanes<T, true>{Vec<T>::size});
    for (; c < channels; c += W)
        body(c, Lanes<T, false>{static_cast<int>(channels - c < W ? channels - c : W)});
}

// P pixels at a time share each load of the weights. With kLong there are so many taps that they
// are summed in runs.
template <class T, int P, bool kLong = false, class L>
HOTLOOP_INLINE void pixels(
    const DepthwiseArgs<T>& a, const DepthwiseRun& run, index_t p, index_t c, L lanes) {
    using V = Vec<T>;
    const index_t step = a.x_step;
    V acc[P];
    const V start = a.bias ? lanes.load(a.bias + c) : V::zero();
#pragma GCC unroll 12
    for (int i = 0; i < P; ++i) acc[i] = start;
    LongSum<T> sum[kLong ? P : 1];  // NOLINT(misc-const-correctness): written where kLong
    const auto put_away = [&] HOTLOOP_LAMBDA {
        if constexpr (kLong)
#pragma GCC unroll 12
            for (int i = 0; i < P; ++i) {
                sum[i].add(acc[i]);
                acc[i] = V::zero();
            }
    };
    index_t left = kRun;
    for (index_t t = run.tap; t < run.tap + run.taps; ++t) {
        if (kLong && --left == 0) {
            put_away();
            left = kRun;
        }
        const V w = lanes.load(a.w + a.tap_weight[t] * a.channels + c);
        const T* x = a.x + a.tap_offset[t] + p * step + c;
#pragma GCC unroll 12
        for (int i = 0; i < P; ++i) acc[i] = simd::fma(lanes.load(x + i * step), w, acc[i]);
    }
    put_away();
#pragma GCC unroll 12
    for (int i = 0; i < P; ++i) {
        if constexpr (kLong) acc[i] = sum[i].value();
        const index_t to = run.first + (p + i) * a.y_step + c;
        lanes.store(a.relu ? simd::max(V::zero(), acc[i]) : acc[i], a.y + to);
    }
}

template <class T>
void depthwise(const DepthwiseArgs<T>& a) {
    for (index_t r = 0; r < a.runs; ++r) {
        const DepthwiseRun& run = a.run[r];
        each_vector_of<T>(a.channels, [&](index_t c, auto n) HOTLOOP_LAMBDA {
            index_t p = 0;
            if (run.taps > kOneRun) {
                for (; p + 8 <= run.pixels; p += 8) pixels<T, 8, true>(a, run, p, c, n);
                for (; p < run.pixels; ++p) pixels<T, 1, true>(a, run, p, c, n);
                return;
            }
            for (; p + 12 <= run.pixels; p += 12) pixels<T, 12>(a, run, p, c, n);
            for (; p + 8 <= run.pixels; p += 8) pixels<T, 8>(a, run, p, c, n);
            for (; p + 4 <= run.pixels; p += 4) pixels<T, 4>(a, run, p, c, n);
            for (; p < run.pixels; ++p) pixels<T, 1>(a, run, p, c, n);
        });
    }
}

// dw[tap] += sum over the pixels of a run of x * dy, G taps at a time.
template <class T, int G, class L>
HOTLOOP_INLINE void taps(
    const DepthwiseArgs<T>& a, const DepthwiseRun& run, index_t t, index_t c, L lanes) {
    using V = Vec<T>;
    V acc[G];
    T* dw[G];
    const T* x[G];
#pragma GCC unroll 9
    for (int i = 0; i < G; ++i) {
        dw[i] = a.y + a.tap_weight[t + i] * a.channels + c;
        x[i] = a.x + a.tap_offset[t + i] + c;
        acc[i] = V::zero();
    }
    const T* dy = a.w + run.first + c;
    const index_t step = a.x_step;
    const index_t dy_step = a.y_step;
    for (index_t p = 0; p < run.pixels; ++p, dy += dy_step) {
        const V d = lanes.load(dy);
#pragma GCC unroll 9
        for (int i = 0; i < G; ++i) acc[i] = simd::fma(lanes.load(x[i] + p * step), d, acc[i]);
    }
#pragma GCC unroll 9
    for (int i = 0; i < G; ++i) lanes.store(lanes.load(dw[i]) + acc[i], dw[i]);
}

template <class T>
void depthwise_weights(const DepthwiseArgs<T>& a) {
    for (index_t r = 0; r < a.runs; ++r) {
        const DepthwiseRun& run = a.run[r];
        const index_t end = run.tap + run.taps;
        each_vector_of<T>(a.channels, [&](index_t c, auto n) HOTLOOP_LAMBDA {
            index_t t = run.tap;
            for (; t + 9 <= end; t += 9) taps<T, 9>(a, run, t, c, n);
            for (; t + 3 <= end; t += 3) taps<T, 3>(a, run, t, c, n);
            for (; t < end; ++t) taps<T, 1>(a, run, t, c, n);
        });
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
