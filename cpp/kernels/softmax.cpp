// Softmax and its logarithm along an axis, shifted by the maximum so that no exponential overflows.
#include "kernels.h"
#include "lines.h"
#include "simd/math.h"

namespace hotloop {
namespace {

using simd::constant;

// Each of the four is a pass over a line, a step at a time into `sum`, and then value(load), what
// is written at a place, where load(p) gives what lies there. One that kKeeps puts exponentials at
// e until their sum is known: the output itself, or memory nearby.
template <class T>
struct SoftmaxPass {
    using V = Vec<T>;
    const T* x;
    const T* none;
    T* e;
    static constexpr bool kKeeps = true;
    V m = V::zero();
    RunningSum<T> sum{};
    V total = V::zero();

    template <class Line>
    HOTLOOP_INLINE void begin(const Line& line) {
        m = largest(line, x);
    }
    template <class Line>
    HOTLOOP_INLINE void step(const Line& line, index_t i) {
        const V v = simd::exp_negative(line.load(x, i, m) - m);
        line.store(e, i, v);
        sum.add(line.inside(i, v));
        line.fetch_next(x, i);
    }
    template <class Line>
    HOTLOOP_INLINE void end(const Line& line) {
        total = constant(T{1}) / sum_lanes(line, sum);
    }
    template <class Load>
    HOTLOOP_INLINE V value(Load load) const {
        return load(e) * total;
    }
};

template <class T>
struct LogSoftmaxPass {
    using V = Vec<T>;
    const T* x;
    const T* none;
    T* e;
    static constexpr bool kKeeps = false;
    V m = V::zero();
    RunningSum<T> sum{};
    V total = V::zero();

    template <class Line>
    HOTLOOP_INLINE void begin(const Line& line) {
        m = largest(line, x);
    }
    template <class Line>
    HOTLOOP_INLINE void step(const Line& line, index_t i) {
        sum.add(line.inside(i, simd::exp_negative(line.load(x, i, m) - m)));
        line.fetch_next(x, i);
    }
    template <class Line>
    HOTLOOP_INLINE void end(const Line& line) {
        total = simd::log(sum_lanes(line, sum));
    }
    template <class Load>
    HOTLOOP_INLINE V value(Load load) const {
        return load(x) - m - total;
    }
};

template <class T>
struct SoftmaxBackwardPass {
    using V = Vec<T>;
    const T* dy;
    const T* y;
    T* e;
    static constexpr bool kKeeps = false;
    RunningSum<T> sum{};
    V total = V::zero();

    template <class Line>
    HOTLOOP_INLINE void begin(const Line&) {}
    template <class Line>
    HOTLOOP_INLINE void step(const Line& line, index_t i) {
        sum.run = simd::fma(line.load(dy, i, V::zero()), line.load(y, i, V::zero()), sum.run);
    }
    template <class Line>
    HOTLOOP_INLINE void end(const Line& line) {
        total = sum_lanes(line, sum);
    }
    template <class Load>
    HOTLOOP_INLINE V value(Load load) const {
        return load(y) * (load(dy) - total);
    }
};

template <class T>
struct LogSoftmaxBackwardPass {
    using V = Vec<T>;
    const T* dy;
    const T* y;
    T* e;
    static constexpr bool kKeeps = false;
    RunningSum<T> sum{};
    V total = V::zero();

    template <class Line>
    HOTLOOP_INLINE void begin(const Line&) {}
    template <class Line>
    HOTLOOP_INLINE void step(const Line& line, index_t i) {
        sum.add(line.load(dy, i, V::zero()));
    }
    template <class Line>
    HOTLOOP_INLINE void end(const Line& line) {
        total = sum_lanes(line, sum);
    }
    template <class Load>
    HOTLOOP_INLINE V value(Load load) const {
        return load(dy) - simd::exp(load(y)) * total;
    }
};

// From here on the arithmetic of a row outweighs adding up its lanes (measured: 0.4 ns an element
// of a row of 32 floats either way).
template <class T>
constexpr index_t kShortRow = 2 * Vec<T>::size;

template <class T, template <class> class Pass, class Line>
HOTLOOP_INLINE void run(const Line& line, const T* a, const T* b, T* out) {
    Pass<T> pass{a, b, out};
    pass.begin(line);
    in_runs(
        line.steps(), [&](index_t i) HOTLOOP_LAMBDA { pass.step(line, i); },
        [&] HOTLOOP_LAMBDA { pass.sum.fold(); });
    pass.end(line);
    line.write(out, [=](auto load) HOTLOOP_LAMBDA { return pass.value(load); });
}

// A long row, one of several in turns.
template <class T, template <class> class Pass>
struct Row : Pass<T> {
    T* out;

    HOTLOOP_INLINE int head(index_t length) const { return head_of(out, length); }
    HOTLOOP_INLINE void write(const AlongRow<T>& line, index_t from, index_t to) const {
        line.write(out, from, to, [this](auto load) HOTLOOP_LAMBDA { return this->value(load); });
    }
};

template <class T, template <class> class Pass>
void columns(const T* a, const T* b, T* out, index_t K, index_t inner, index_t cols) {
    constexpr index_t W = Vec<T>::size;
    for (index_t c = 0; c < cols; c += W) {
        const int count = static_cast<int>(cols - c < W ? cols - c : W);
        run<T, Pass>(AcrossLines<T>{K, inner, count}, a + c, b ? b + c : nullptr, out + c);
    }
}

template <class T, template <class> class Pass>
void rows(const T* a, const T* b, T* out, index_t n, index_t K, bool stream) {
    constexpr index_t W = Vec<T>::size;
    if (stream && (!Pass<T>::kKeeps || K <= kNearby<T>)) {
        alignas(64) T nearby[Pass<T>::kKeeps ? kNearby<T> : 1];
        in_turns(AlongRow<T>{K, true}, n, [&](index_t i) HOTLOOP_LAMBDA {
            return Row<T, Pass>{{a + i * K, b ? b + i * K : nullptr, nearby}, out + i * K};
        });
        simd::native_stream_end();
        return;
    }
    if (K > kShortRow<T>) {
        for (index_t i = 0; i < n; ++i)
            run<T, Pass>(AlongRow<T>{K}, a + i * K, b ? b + i * K : nullptr, out + i * K);
        return;
    }
    Tile<T> tile_a;
    Tile<T> tile_b;
    Tile<T> result;
    for (index_t i = 0; i < n; i += W) {
        const int count = static_cast<int>(n - i < W ? n - i : W);
        transpose_in(a + i * K, K, count, tile_a.at);
        if (b) transpose_in(b + i * K, K, count, tile_b.at);
        columns<T, Pass>(tile_a.at, tile_b.at, result.at, K, W, W);
        transpose_out(result.at, K, count, out + i * K);
    }
}

template <class T>
constexpr SoftmaxKernels<T> make() {
    return {{&rows<T, SoftmaxPass>, &rows<T, LogSoftmaxPass>, &rows<T, SoftmaxBackwardPass>,
             &rows<T, LogSoftmaxBackwardPass>},
            {&columns<T, SoftmaxPass>, &columns<T, LogSoftmaxPass>,
             &columns<T, SoftmaxBackwardPass>, &columns<T, LogSoftmaxBackwardPass>}};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::SoftmaxKernels> HOTLOOP_KERNEL_TABLE(softmax) = {
    hotloop::make<float>(), hotloop::make<double>()};
