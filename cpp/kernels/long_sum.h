// Sums of any length: runs of additions, added up in twice the precision.
#pragma once

#include <utility>

#include "hotloop/long_sums.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// 0, 1, 2, ...
template <class T>
HOTLOOP_INLINE Vec<T> lane_numbers() {
    T lane[Vec<T>::size];
    for (int i = 0; i < Vec<T>::size; ++i) lane[i] = static_cast<T>(i);
    return Vec<T>::load(lane);
}

// The first n lanes of v, `fill` in the others.
template <class T>
HOTLOOP_INLINE Vec<T> keep_first(int n, Vec<T> v, Vec<T> fill) {
    return simd::select<T>(lane_numbers<T>() < Vec<T>::set(static_cast<T>(n)), v, fill);
}

template <class T, int D, int... L>
HOTLOOP_INLINE Vec<T> swap_lanes(Vec<T> v, std::integer_sequence<int, L...>) {
    return {__builtin_shufflevector(v.v, v.v, (L ^ D)...)};
}

// Combines all lanes, halves onto halves, and leaves the result in every lane.
template <class T, int D = Vec<T>::size / 2, class F>
HOTLOOP_INLINE Vec<T> combine_lanes(Vec<T> v, F f) {
    if constexpr (D == 0) {
        return v;
    } else {
        const auto lanes = std::make_integer_sequence<int, Vec<T>::size>{};
        return combine_lanes<T, D / 2>(f(v, swap_lanes<T, D>(v, lanes)), f);
    }
}

// The sum of the lanes in the order of simd::reduce_add, without a way through memory.
template <class T>
HOTLOOP_INLINE T add_lanes(Vec<T> v) {
    T lane[Vec<T>::size];
    combine_lanes<T>(v, [](Vec<T> a, Vec<T> b) HOTLOOP_LAMBDA { return a + b; }).store(lane);
    return lane[0];
}

// The sum of vectors as hi + lo, which do not overlap (Knuth's two-sum, then Dekker's). Beyond the
// largest number lo is NaN, and hi what a plain sum would be.
template <class T>
struct LongSum {
    using V = Vec<T>;
    V hi = V::zero();
    V lo = V::zero();

    HOTLOOP_INLINE void add(V x) {
        const V sum = hi + x;
        const V of_x = sum - hi;
        const V low = lo + ((hi - (sum - of_x)) + (x - of_x));
        hi = simd::select<T>(simd::is_nan(low), sum, sum + low);
        lo = low - (hi - sum);
    }
    HOTLOOP_INLINE V value() const { return simd::select<T>(simd::is_nan(lo), hi, hi + lo); }
};

// The sum of a vector a step, the runs of which are put away in between by fold().
template <class T>
struct RunningSum {
    using V = Vec<T>;
    V run = V::zero();
    LongSum<T> runs;

    HOTLOOP_INLINE void add(V x) { run = run + x; }
    HOTLOOP_INLINE void fold() {
        runs.add(run);
        run = V::zero();
    }
    // After `steps` in all.
    HOTLOOP_INLINE V value(index_t steps) {
        if (steps <= kRun) return run;
        fold();
        return runs.value();
    }
};

// step(i) for each i < steps, fold() after every run where there are several.
template <class Step, class Fold>
HOTLOOP_INLINE void in_runs(index_t steps, Step step, Fold fold) {
    index_t i = 0;
    while (steps - i > kRun) {
        for (const index_t stop = i + kRun; i < stop; ++i) step(i);
        fold();
    }
    for (; i < steps; ++i) step(i);
}

// What lies at p: whole vectors, or the first `lanes` numbers and zeros, or others, behind them.
template <class T>
struct Whole {
    HOTLOOP_INLINE Vec<T> operator()(const T* p) const { return Vec<T>::load(p); }
    HOTLOOP_INLINE Vec<T> operator()(const T* p, Vec<T>) const { return Vec<T>::load(p); }
};
template <class T>
struct Partial {
    int lanes;
    HOTLOOP_INLINE Vec<T> operator()(const T* p) const { return Vec<T>::load(p, lanes); }
    HOTLOOP_INLINE Vec<T> operator()(const T* p, Vec<T> fill) const {
        return keep_first(lanes, Vec<T>::load(p, lanes), fill);
    }
};

// What a term of sums_of gives.
template <class T, int K>
struct Terms {
    Vec<T> of[K];
};

// Four vectors at a time into four sums each.
template <class T, int K>
struct Sums {
    using V = Vec<T>;
    V acc[K][4];

    HOTLOOP_INLINE void clear() {
        for (int k = 0; k < K; ++k)
            for (int j = 0; j < 4; ++j) acc[k][j] = V::zero();
    }
    HOTLOOP_INLINE void add(int j, const Terms<T, K>& x) {
        for (int k = 0; k < K; ++k) acc[k][j] = acc[k][j] + x.of[k];
    }
    template <class Term>
    HOTLOOP_INLINE index_t fours(index_t i, index_t stop, const Term& term) {
        for (; i + 4 * V::size <= stop; i += 4 * V::size)
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) add(j, term(i + j * V::size, Whole<T>{}));
        return i;
    }
    template <class Term>
    HOTLOOP_INLINE void rest(index_t i, index_t n, const Term& term) {
        for (; i + V::size <= n; i += V::size) add(0, term(i, Whole<T>{}));
        if (const int tail = static_cast<int>(n - i)) add(1, term(i, Partial<T>{tail}));
    }
    HOTLOOP_INLINE V total(int k) const {
        return (acc[k][0] + acc[k][1]) + (acc[k][2] + acc[k][3]);
    }
};

// Numbers that are summed in four runs side by side.
template <class T>
constexpr index_t kFourRuns = 4 * Vec<T>::size * kRun;

// K terms of term(i, load) are added up over the vectors of [0, n), to `out`. A term must be zero
// where load(p) gives zeros or load(p, fill) gives the fill.
template <int K, class T, class Term>
HOTLOOP_INLINE void sums_of(index_t n, T* out, const Term& term) {
    Sums<T, K> sums;
    sums.clear();
    if (n <= kFourRuns<T>) [[likely]] {
        sums.rest(sums.fours(0, n, term), n, term);
        for (int k = 0; k < K; ++k) out[k] = add_lanes<T>(sums.total(k));
        return;
    }
    LongSum<T> runs[K];
    index_t i = 0;
    while (i < n) {
        const index_t stop = n - i < kFourRuns<T> ? n : i + kFourRuns<T>;
        i = sums.fours(i, stop, term);
        if (stop == n) {
            sums.rest(i, n, term);
            i = n;
        }
        for (int k = 0; k < K; ++k) runs[k].add(sums.total(k));
        sums.clear();
    }
    for (int k = 0; k < K; ++k) out[k] = add_lanes<T>(runs[k].value());
}

// One sum alone.
template <class T, class Term>
HOTLOOP_INLINE T sum_of(index_t n, const Term& term) {
    T sum;
    sums_of<1>(n, &sum,
               [&](index_t i, auto load) HOTLOOP_LAMBDA { return Terms<T, 1>{{term(i, load)}}; });
    return sum;
}

}  // namespace
}  // namespace hotloop
