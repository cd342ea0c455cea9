// A reduction along an axis, written once for the two ways that vectors can lie to it.
#pragma once

#include <utility>

#include "long_sum.h"
#include "simd/transpose.h"
#include "simd/vec.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::Ints;
using simd::Vec;

// Vectors along one line of `length` contiguous numbers.
template <class T>
struct AlongRow {
    using V = Vec<T>;
    index_t length;
    bool stream = false;  // write() goes past the caches, and the next line is fetched meanwhile

    HOTLOOP_INLINE index_t steps() const { return (length + V::size - 1) / V::size; }
    // The number within its line of the first lane of step i.
    HOTLOOP_INLINE V first_index(index_t i) const {
        return lane_numbers<T>() + V::set(static_cast<T>(i * V::size));
    }
    HOTLOOP_INLINE V load(const T* p, index_t i, V fill) const {
        const index_t rest = length - i * V::size;
        if (rest >= V::size) return V::load(p + i * V::size);
        return keep_first(static_cast<int>(rest), V::load(p + i * V::size, static_cast<int>(rest)),
                          fill);
    }
    // v with zeros beyond the line.
    HOTLOOP_INLINE V inside(index_t i, V v) const {
        const index_t rest = length - i * V::size;
        return rest >= V::size ? v : keep_first(static_cast<int>(rest), v, V::zero());
    }
    HOTLOOP_INLINE void store(T* p, index_t i, V v) const {
        const index_t rest = length - i * V::size;
        if (rest >= V::size)
            v.store(p + i * V::size);
        else
            v.store(p + i * V::size, static_cast<int>(rest));
    }
    template <class F>
    HOTLOOP_INLINE V combine(V v, F f) const {
        return combine_lanes<T>(v, f);
    }
    // y = f(load) all along the line, where load(p) gives what lies at the same place of p.
    template <class F>
    HOTLOOP_INLINE void write(T* y, F f) const {
        write_vectors(y, length, stream,
                      [&](index_t, auto load) HOTLOOP_LAMBDA { return f(load); });
    }
    // The same from the number `from` up to `to` alone.
    template <class F>
    HOTLOOP_INLINE void write(T* y, index_t from, index_t to, F f) const {
        write_vectors(y + from, to - from, stream, [&](index_t, auto load) HOTLOOP_LAMBDA {
            return f([&](const T* p) HOTLOOP_LAMBDA { return load(p + from); });
        });
    }
    // Called at each step of a pass that leaves memory idle.
    HOTLOOP_INLINE void fetch_next(const T* p, index_t i) const {
        if (stream) __builtin_prefetch(p + length + i * V::size, 0, 2);
    }
};

// Rows in turns: each is written a few vectors at a time between the steps of the one after it, so
// that memory is busy while there is arithmetic (softmax of 64 MB past the caches: 3.7 to 2.6 ms).
// row_at(i) is the i-th of n >= 1, with begin(line), step(line, i) into `sum`, end(line) and then
// write(line, from, to), head(length) numbers before its output's first whole cache line. All may
// keep what they need in one memory nearby: a step comes after the writing of what lies in its
// place.
template <class T, class RowAt>
HOTLOOP_INLINE void in_turns(const AlongRow<T>& line, index_t n, const RowAt& row_at) {
    constexpr index_t W = Vec<T>::size;
    constexpr index_t kTurn = 8 * W;
    const index_t length = line.length;
    auto done = row_at(0);
    for (index_t i = 0; i <= n; ++i) {
        auto row = row_at(i < n ? i : 0);
        if (i < n) row.begin(line);
        const index_t head = done.head(length);
        index_t from = 0;
        for (index_t first = 0; first < length; first += kTurn) {
            const index_t last = length - first < kTurn ? length : first + kTurn;
            if (i > 0) {
                const index_t to = length - last < head ? length : last + head;
                done.write(line, from, last < length ? to : length);
                from = to;
            }
            if (i < n) {
                if (first > 0 && first % (kRun * W) == 0) row.sum.fold();
                for (index_t k = first / W; k * W < last; ++k) row.step(line, k);
            }
        }
        if (i < n) row.end(line);
        done = row;
    }
}

// As many neighbouring lines as a vector has lanes, the first `count` of them real; element i of
// all lies at p + i * stride.
template <class T>
struct AcrossLines {
    using V = Vec<T>;
    index_t length;
    index_t stride;
    int count;

    HOTLOOP_INLINE index_t steps() const { return length; }
    HOTLOOP_INLINE V load(const T* p, index_t i, V) const {
        return count == V::size ? V::load(p + i * stride) : V::load(p + i * stride, count);
    }
    HOTLOOP_INLINE V inside(index_t, V v) const { return v; }
    HOTLOOP_INLINE void store(T* p, index_t i, V v) const {
        if (count == V::size)
            v.store(p + i * stride);
        else
            v.store(p + i * stride, count);
    }
    template <class F>
    HOTLOOP_INLINE V combine(V v, F) const {
        return v;
    }
    template <class F>
    HOTLOOP_INLINE void write(T* y, F f) const {
        for (index_t i = 0; i < length; ++i)
            store(y, i, f([&](const T* p) HOTLOOP_LAMBDA { return load(p, i, V::zero()); }));
    }
    HOTLOOP_INLINE void fetch_next(const T*, index_t) const {}
};

template <class T>
HOTLOOP_INLINE Vec<T> minus_infinity() {
    return Vec<T>::set(-static_cast<T>(__builtin_huge_val()));
}

// The largest number of the line; what it is in a line with a NaN is not defined.
template <class T, class Line>
HOTLOOP_INLINE Vec<T> largest(const Line& line, const T* x) {
    const Vec<T> lowest = minus_infinity<T>();
    const index_t steps = line.steps();
    Vec<T> m[4] = {lowest, lowest, lowest, lowest};
    index_t i = 0;
    for (; i + 4 <= steps; i += 4)
        for (int j = 0; j < 4; ++j) m[j] = max(m[j], line.load(x, i + j, lowest));
    for (; i < steps; ++i) m[0] = max(m[0], line.load(x, i, lowest));
    return line.combine(max(max(m[0], m[1]), max(m[2], m[3])),
                        [](Vec<T> a, Vec<T> b) HOTLOOP_LAMBDA { return max(a, b); });
}

// The sum of one vector a step of the line.
template <class T, class Line>
HOTLOOP_INLINE Vec<T> sum_lanes(const Line& line, RunningSum<T>& sum) {
    return line.combine(sum.value(line.steps()),
                        [](Vec<T> a, Vec<T> b) HOTLOOP_LAMBDA { return a + b; });
}

// Short lines are transposed, so that a vector holds one element of each of its lines: a row of ten
// classes would leave lanes idle and spend its time adding up lanes. A tile holds the transpose of
// W rows of up to kTileLength numbers, one vector an element of the line.
template <class T>
constexpr index_t kTileLength = 4 * Vec<T>::size;

template <class T>
struct alignas(64) Tile {
    T at[kTileLength<T> * Vec<T>::size];
};

// `count` rows of x (count <= W), each `length` <= kTileLength and contiguous; other lanes are
// zero.
template <class T>
HOTLOOP_INLINE void transpose_in(const T* x, index_t length, int count, T* tile) {
    using V = Vec<T>;
    constexpr int W = V::size;
    for (index_t c = 0; c < length; c += W) {
        const int cols = length - c < W ? static_cast<int>(length - c) : W;
        typename V::native row[W];
        if (count == W) {
#pragma GCC unroll 16
            for (int i = 0; i < W; ++i) row[i] = V::load(x + i * length + c, cols).v;
        } else {
            for (int i = 0; i < W; ++i)
                row[i] = V::load(x + i * length + c, i < count ? cols : 0).v;
        }
        simd::exchange<T, 1>(row, std::make_integer_sequence<int, W>{});
        if (cols == W) {
#pragma GCC unroll 16
            for (int i = 0; i < W; ++i) V{row[i]}.store(tile + (c + i) * W);
        } else {
            for (int i = 0; i < cols; ++i) V{row[i]}.store(tile + (c + i) * W);
        }
    }
}

template <class T>
HOTLOOP_INLINE void transpose_out(const T* tile, index_t length, int count, T* y) {
    using V = Vec<T>;
    constexpr int W = V::size;
    for (index_t c = 0; c < length; c += W) {
        const int cols = length - c < W ? static_cast<int>(length - c) : W;
        typename V::native row[W];
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) row[i] = V::load(tile + (c + i) * W).v;
        simd::exchange<T, 1>(row, std::make_integer_sequence<int, W>{});
        if (count == W) {
#pragma GCC unroll 16
            for (int i = 0; i < W; ++i) V{row[i]}.store(y + i * length + c, cols);
        } else {
            for (int i = 0; i < count; ++i) V{row[i]}.store(y + i * length + c, cols);
        }
    }
}

}  // namespace
}  // namespace hotloop
