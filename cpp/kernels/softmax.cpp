// Softmax and its logarithm along an axis, shifted by the maximum so that no exponential overflows.
#include "kernels.h"
#include "lines.h"
#include "simd/math.h"

namespace hotloop {
namespace {

using simd::constant;

// `e` holds the exponentials until their sum is known: y itself, or memory nearby.
template <class T, class Line>
HOTLOOP_INLINE void softmax(const Line& line, const T* x, T* e, T* y) {
    using V = Vec<T>;
    const V m = largest(line, x);
    V sum = V::zero();
    for (index_t i = 0; i < line.steps(); ++i) {
        const V v = simd::exp_negative(line.load(x, i, m) - m);
        line.store(e, i, v);
        sum = sum + line.inside(i, v);
        line.fetch_next(x, i);
    }
    const V r = constant(T{1}) / sum_lanes(line, sum);
    line.write(y, [=](auto load) HOTLOOP_LAMBDA { return load(e) * r; });
}

template <class T, class Line>
HOTLOOP_INLINE void log_softmax(const Line& line, const T* x, T* y) {
    using V = Vec<T>;
    const V m = largest(line, x);
    V sum = V::zero();
    for (index_t i = 0; i < line.steps(); ++i) {
        sum = sum + line.inside(i, simd::exp_negative(line.load(x, i, m) - m));
        line.fetch_next(x, i);
    }
    const V log_sum = simd::log(sum_lanes(line, sum));
    line.write(y, [=](auto load) HOTLOOP_LAMBDA { return load(x) - m - log_sum; });
}

template <class T, class Line>
HOTLOOP_INLINE void softmax_backward(const Line& line, const T* dy, const T* y, T* dx) {
    using V = Vec<T>;
    V sum = V::zero();
    for (index_t i = 0; i < line.steps(); ++i)
        sum = simd::fma(line.load(dy, i, V::zero()), line.load(y, i, V::zero()), sum);
    const V d = sum_lanes(line, sum);
    line.write(dx, [=](auto load) HOTLOOP_LAMBDA { return load(y) * (load(dy) - d); });
}

template <class T, class Line>
HOTLOOP_INLINE void log_softmax_backward(const Line& line, const T* dy, const T* y, T* dx) {
    using V = Vec<T>;
    V sum = V::zero();
    for (index_t i = 0; i < line.steps(); ++i) sum = sum + line.load(dy, i, V::zero());
    const V d = sum_lanes(line, sum);
    line.write(dx, [=](auto load) HOTLOOP_LAMBDA { return load(dy) - simd::exp(load(y)) * d; });
}

// From here on the arithmetic of a row outweighs adding up its lanes (measured: 0.4 ns an element
// of a row of 32 floats either way).
template <class T>
constexpr index_t kShortRow = 2 * Vec<T>::size;

// One of the four along a line of either kind.
template <class T, Softmax kKind, class Line>
HOTLOOP_INLINE void run(const Line& line, const T* a, const T* b, T* out) {
    if constexpr (kKind == Softmax::softmax) softmax(line, a, out, out);
    if constexpr (kKind == Softmax::log_softmax) log_softmax(line, a, out);
    if constexpr (kKind == Softmax::softmax_backward) softmax_backward(line, a, b, out);
    if constexpr (kKind == Softmax::log_softmax_backward) log_softmax_backward(line, a, b, out);
}

template <class T, Softmax kKind>
void rows(const T* a, const T* b, T* out, index_t n, index_t K, bool stream) {
    constexpr index_t W = Vec<T>::size;
    if (stream && K > kShortRow<T> && (kKind != Softmax::softmax || K <= kNearby<T>)) {
        alignas(64) T nearby[kKind == Softmax::softmax ? kNearby<T> : 1];
        for (index_t i = 0; i < n; ++i) {
            const AlongRow<T> line{K, true};
            if constexpr (kKind == Softmax::softmax)
                softmax(line, a + i * K, nearby, out + i * K);
            else
                run<T, kKind>(line, a + i * K, b ? b + i * K : nullptr, out + i * K);
        }
        simd::native_stream_end();
        return;
    }
    if (K > kShortRow<T>) {
        for (index_t i = 0; i < n; ++i)
            run<T, kKind>(AlongRow<T>{K}, a + i * K, b ? b + i * K : nullptr, out + i * K);
        return;
    }
    Tile<T> tile_a;
    Tile<T> tile_b;
    Tile<T> result;
    for (index_t i = 0; i < n; i += W) {
        const int count = static_cast<int>(n - i < W ? n - i : W);
        transpose_in(a + i * K, K, count, tile_a.at);
        if (b) transpose_in(b + i * K, K, count, tile_b.at);
        run<T, kKind>(AcrossLines<T>{K, W, static_cast<int>(W)}, tile_a.at, tile_b.at, result.at);
        transpose_out(result.at, K, count, out + i * K);
    }
}

template <class T, Softmax kKind>
void columns(const T* a, const T* b, T* out, index_t K, index_t inner, index_t cols) {
    constexpr index_t W = Vec<T>::size;
    for (index_t c = 0; c < cols; c += W) {
        const int count = static_cast<int>(cols - c < W ? cols - c : W);
        run<T, kKind>(AcrossLines<T>{K, inner, count}, a + c, b ? b + c : nullptr, out + c);
    }
}

template <class T>
constexpr SoftmaxKernels<T> make() {
    return {{&rows<T, Softmax::softmax>, &rows<T, Softmax::log_softmax>,
             &rows<T, Softmax::softmax_backward>, &rows<T, Softmax::log_softmax_backward>},
            {&columns<T, Softmax::softmax>, &columns<T, Softmax::log_softmax>,
             &columns<T, Softmax::softmax_backward>, &columns<T, Softmax::log_softmax_backward>}};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::SoftmaxKernels> HOTLOOP_KERNEL_TABLE(softmax) = {
    hotloop::make<float>(), hotloop::make<double>()};
