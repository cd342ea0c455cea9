// Softmax, its cross entropy and the gradient of that, in one visit to each row of logits.
#include "hotloop/cross_entropy_rows.h"
#include "kernels.h"
#include "lines.h"
#include "simd/math.h"

namespace hotloop {
namespace {

using simd::constant;
using simd::select;

template <class T>
constexpr T kNaN = simd::MathConstants<T>::nan;

// numpy.argmax: the first of the largest, or the first NaN. Index vectors hold numbers of T, which
// are exact up to 2^24 classes.
template <class T>
index_t first_largest(const AlongRow<T>& line, const T* x) {
    using V = Vec<T>;
    const V lowest = minus_infinity<T>();
    const V m = largest(line, x);
    const V none = constant(static_cast<T>(line.length));
    V at_largest = none;
    V at_nan = none;
    for (index_t i = 0; i < line.steps(); ++i) {
        const V v = line.load(x, i, lowest);
        const V index = line.first_index(i);
        at_largest = min(select<T>(v == m, index, none), at_largest);
        at_nan = min(select<T>(is_nan(v), index, none), at_nan);
    }
    const auto smaller = [](V a, V b) HOTLOOP_LAMBDA { return min(a, b); };
    const V best = combine_lanes<T>(at_largest, smaller);
    const V nan = combine_lanes<T>(at_nan, smaller);
    T lane[V::size];
    select<T>(nan < none, nan, best).store(lane);
    return static_cast<index_t>(lane[0]);
}

// The same of each lane's line.
template <class T>
HOTLOOP_INLINE Vec<T> first_largest(const AcrossLines<T>& line, const T* x) {
    using V = Vec<T>;
    V m = line.load(x, 0, V::zero());
    V best = V::zero();
    V index = V::zero();
    for (index_t k = 1; k < line.length; ++k) {
        index = index + constant(T{1});
        const V v = line.load(x, k, V::zero());
        const Ints<T> take = ~(v <= m) & (m == m);
        m = select<T>(take, v, m);
        best = select<T>(take, index, best);
    }
    return best;
}

// Up to here transposed rows are faster (measured: 0.7 against 1.2 ns an element of a row of 64
// floats): a long row has half a dozen numbers of its own to compute.
template <class T>
constexpr index_t kShortRow = 4 * Vec<T>::size;
static_assert(kShortRow<float> <= kTileLength<float> && kShortRow<double> <= kTileLength<double>);

template <class T>
struct Total {
    double loss = 0;
    std::int64_t correct = 0;
};

// W short rows beginning at row n, one a lane.
template <class T>
HOTLOOP_INLINE void short_rows(const CrossEntropyRows<T>& s,
                               index_t n,
                               int count,
                               Total<T>& total) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const index_t K = s.K;
    const AcrossLines<T> line{K, W, W};
    Tile<T> x;
    Tile<T> t;
    Tile<T> p;
    transpose_in(s.logits + n * K, K, count, x.at);
    T weight[W];
    T label[W];  // -1 for an id that is no class
    for (int i = 0; i < W; ++i) {
        weight[i] = i >= count ? T{0} : s.weights ? s.weights[n + i] : T{1};
        label[i] = T{-1};
        if (s.ids && i < count && s.ids[n + i] >= 0 && s.ids[n + i] < K)
            label[i] = static_cast<T>(s.ids[n + i]);
    }
    const V m = largest(line, x.at);
    const V wanted = V::load(label);
    V sum = V::zero();
    V at_label = constant(kNaN<T>);
    V index = V::zero();
    for (index_t k = 0; k < K; ++k) {
        const V z = V::load(x.at + k * W) - m;
        const V e = simd::exp_negative(z);
        e.store(p.at + k * W);
        sum = sum + e;
        at_label = select<T>(index == wanted, z, at_label);
        index = index + constant(T{1});
    }
    const V r = constant(T{1}) / sum;
    const V log_sum = simd::log(sum);
    V loss = log_sum - at_label;
    V t_sum = V::zero();
    if (!s.ids) {
        transpose_in(s.rows + n * K, K, count, t.at);
        loss = V::zero();
        for (index_t k = 0; k < K; ++k) {
            const V tk = V::load(t.at + k * W);
            t_sum = t_sum + tk;
            loss = loss - tk * (V::load(x.at + k * W) - m - log_sum);
        }
    }
    T lane[W];
    (V::load(weight) * loss).store(lane);
    for (int i = 0; i < count; ++i) total.loss += static_cast<double>(lane[i]);
    if (s.count_correct) {
        T target[W];
        first_largest(line, x.at).store(lane);
        (s.ids ? wanted : first_largest(line, t.at)).store(target);
        for (int i = 0; i < count; ++i) total.correct += lane[i] == target[i];
    }
    if (s.probs) {
        for (index_t k = 0; k < K; ++k) (V::load(p.at + k * W) * r).store(x.at + k * W);
        transpose_out(x.at, K, count, s.probs + n * K);
    }
    if (s.dlogits) {
        V c = V::load(weight) * constant(s.scale);
        if (s.ids) {
            c = select<T>(wanted < V::zero(), constant(kNaN<T>), c);
            index = V::zero();
            for (index_t k = 0; k < K; ++k) {
                const V one = select<T>(index == wanted, constant(T{1}), V::zero());
                ((V::load(p.at + k * W) * r - one) * c).store(p.at + k * W);
                index = index + constant(T{1});
            }
        } else {
            for (index_t k = 0; k < K; ++k)
                ((V::load(p.at + k * W) * r * t_sum - V::load(t.at + k * W)) * c)
                    .store(p.at + k * W);
        }
        transpose_out(p.at, K, count, s.dlogits + n * K);
    }
}

// One long row: a pass over the logits, a step at a time, then the sums, then the outputs. The
// exponentials wait at `nearby`; or, if that is null, in an output.
template <class T>
struct LongRow {
    using V = Vec<T>;
    const CrossEntropyRows<T>* s;
    index_t n;
    T* nearby;
    Total<T>* total;

    const T* x = s->logits + n * s->K;
    const T* t = s->ids ? nullptr : s->rows + n * s->K;
    T* probs = s->probs ? s->probs + n * s->K : nullptr;
    T* dx = s->dlogits ? s->dlogits + n * s->K : nullptr;
    T* e = !probs && !dx ? nullptr : nearby ? nearby : probs ? probs : dx;
    index_t label = s->ids && s->ids[n] >= 0 && s->ids[n] < s->K ? s->ids[n] : -1;
    V m = V::zero();
    RunningSum<T> sum{};  // of the exponentials
    V share = V::zero();  // one over it
    V t_sum = V::zero();
    V c = V::zero();
    T dx_at_label = T{0};

    HOTLOOP_INLINE int head(index_t length) const { return head_of(dx ? dx : probs, length); }
    HOTLOOP_INLINE void begin(const AlongRow<T>& line) { m = largest(line, x); }
    HOTLOOP_INLINE void step(const AlongRow<T>& line, index_t i) {
        const V v = simd::exp_negative(line.load(x, i, m) - m);
        if (e) line.store(e, i, v);
        sum.add(line.inside(i, v));
        line.fetch_next(x, i);
    }
    HOTLOOP_INLINE void end(const AlongRow<T>& line) {
        const V all = sum_lanes(line, sum);
        const V log_sum = simd::log(all);
        share = constant(T{1}) / all;
        V loss = V::zero();
        if (s->ids) {
            loss = log_sum - (constant(label >= 0 ? x[label] : kNaN<T>) - m);
        } else {
            RunningSum<T> targets;
            RunningSum<T> losses;
            in_runs(
                line.steps(),
                [&](index_t i) HOTLOOP_LAMBDA {
                    const V ti = line.load(t, i, V::zero());
                    targets.add(ti);
                    // Beyond the row t and the logarithm are zero.
                    losses.run = losses.run - ti * (line.load(x, i, V::zero()) - m - log_sum);
                },
                [&] HOTLOOP_LAMBDA {
                    targets.fold();
                    losses.fold();
                });
            t_sum = sum_lanes(line, targets);
            loss = sum_lanes(line, losses);
        }
        const T weight = s->weights ? s->weights[n] : T{1};
        T lane[V::size];
        (constant(weight) * loss).store(lane);
        total->loss += static_cast<double>(lane[0]);
        if (s->count_correct) {
            const index_t target = s->ids ? s->ids[n] : first_largest(line, t);
            total->correct += first_largest(line, x) == target;
        }
        const T scale = weight * s->scale;
        c = constant(s->ids && label < 0 ? kNaN<T> : scale);
        if (dx && label >= 0) {
            share.store(lane);
            dx_at_label = (e[label] * lane[0] - T{1}) * scale;
        }
    }
    // The gradient first: the exponentials may lie where the probabilities will.
    HOTLOOP_INLINE void write(const AlongRow<T>& line, index_t from, index_t to) const {
        const auto prob = [this](auto load) HOTLOOP_LAMBDA { return load(e) * share; };
        if (dx && s->ids) {
            line.write(dx, from, to,
                       [=, this](auto load) HOTLOOP_LAMBDA { return prob(load) * c; });
            if (label >= from && label < to) dx[label] = dx_at_label;
        } else if (dx) {
            line.write(dx, from, to, [=, this](auto load) HOTLOOP_LAMBDA {
                return (prob(load) * t_sum - load(t)) * c;
            });
        }
        if (probs) line.write(probs, from, to, prob);
    }
};

template <class T>
void forward(
    const CrossEntropyRows<T>& s, index_t begin, index_t end, double* loss, std::int64_t* correct) {
    constexpr index_t W = Vec<T>::size;
    Total<T> total;
    if (s.K > kShortRow<T>) {
        alignas(64) T nearby[kNearby<T>];
        T* const e = s.K <= kNearby<T> ? nearby : nullptr;
        const bool stream = s.stream && e;
        in_turns(AlongRow<T>{s.K, stream}, end - begin,
                 [&](index_t i) HOTLOOP_LAMBDA { return LongRow<T>{&s, begin + i, e, &total}; });
        if (stream) simd::native_stream_end();
    } else {
        for (index_t n = begin; n < end; n += W)
            short_rows(s, n, static_cast<int>(end - n < W ? end - n : W), total);
    }
    *loss = total.loss;
    *correct = total.correct;
}

template <class T>
void backward(const CrossEntropyRows<T>& s, index_t begin, index_t end) {
    using V = Vec<T>;
    const index_t K = s.K;
    const AlongRow<T> line{K, s.stream};
    for (index_t n = begin; n < end; ++n) {
        const T* const p = s.probs + n * K;
        T* const dx = s.dlogits + n * K;
        const T scale = (s.weights ? s.weights[n] : T{1}) * s.scale;
        if (s.ids) {
            const index_t label = s.ids[n];
            const bool known = label >= 0 && label < K;
            const V c = constant(known ? scale : kNaN<T>);
            const T at_label = known ? (p[label] - T{1}) * scale : T{0};
            line.write(dx, [=](auto load) HOTLOOP_LAMBDA { return load(p) * c; });
            if (known) dx[label] = at_label;
            continue;
        }
        const T* const t = s.rows + n * K;
        RunningSum<T> targets;
        in_runs(
            line.steps(),
            [&](index_t i) HOTLOOP_LAMBDA { targets.add(line.load(t, i, V::zero())); },
            [&] HOTLOOP_LAMBDA { targets.fold(); });
        const V t_sum = sum_lanes(line, targets);
        const V c = constant(scale);
        line.write(dx, [=](auto load) HOTLOOP_LAMBDA { return (load(p) * t_sum - load(t)) * c; });
    }
    if (s.stream) simd::native_stream_end();
}

template <class T>
constexpr CrossEntropyKernels<T> make() {
    return {&forward<T>, &backward<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::CrossEntropyKernels> HOTLOOP_KERNEL_TABLE(
    cross_entropy) = {hotloop::make<float>(), hotloop::make<double>()};
