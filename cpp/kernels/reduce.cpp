// Sums, products and extremes of a matrix with contiguous rows: down its columns, and along its
// rows.
#include "kernels.h"
#include "long_sum.h"
#include "simd/math_constants.h"

namespace hotloop {
namespace {

using simd::Ints;
using simd::select;

// kVectors vectors of columns, the last of them of `lanes` lanes, and two rows an iteration into
// separate sums, so that the additions do not wait for one another.
template <class T, int kVectors>
HOTLOOP_INLINE void sum_columns(const T* x, index_t rows, index_t stride, int lanes, T* out) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const auto load = [&](index_t r, int j) HOTLOOP_LAMBDA {
        const T* p = x + r * stride + j * W;
        return j + 1 < kVectors || lanes == W ? V::load(p) : V::load(p, lanes);
    };
    V even[kVectors];
    V odd[kVectors];
    LongSum<T> sum[kVectors];
    const auto clear = [&] HOTLOOP_LAMBDA {
        for (int j = 0; j < kVectors; ++j) even[j] = odd[j] = V::zero();
    };
    const auto pairs = [&](index_t r, index_t stop) HOTLOOP_LAMBDA {
        for (; r + 1 < stop; r += 2)
            for (int j = 0; j < kVectors; ++j) {
                even[j] = even[j] + load(r, j);
                odd[j] = odd[j] + load(r + 1, j);
            }
        return r;
    };
    clear();
    index_t r = 0;
    while (rows - r > 2 * kRun) {
        r = pairs(r, r + 2 * kRun);
        for (int j = 0; j < kVectors; ++j) sum[j].add(even[j] + odd[j]);
        clear();
    }
    r = pairs(r, rows);
    for (int j = 0; j < kVectors; ++j) {
        if (r < rows) even[j] = even[j] + load(r, j);
        V total = even[j] + odd[j];
        if (rows > 2 * kRun) {
            sum[j].add(total);
            total = sum[j].value();
        }
        total.store(out + j * W, j + 1 < kVectors ? W : lanes);
    }
}

template <class T>
void sum_rows(const T* x, index_t rows, index_t stride, index_t cols, T* out) {
    constexpr index_t W = Vec<T>::size;
    index_t c = 0;
    for (; c + 4 * W <= cols; c += 4 * W) sum_columns<T, 4>(x + c, rows, stride, W, out + c);
    if (c == cols) return;
    const index_t vectors = ceil_div(cols - c, W);
    const int lanes = static_cast<int>(cols - c - (vectors - 1) * W);
    if (vectors == 1) return sum_columns<T, 1>(x + c, rows, stride, lanes, out + c);
    if (vectors == 2) return sum_columns<T, 2>(x + c, rows, stride, lanes, out + c);
    if (vectors == 3) return sum_columns<T, 3>(x + c, rows, stride, lanes, out + c);
    sum_columns<T, 4>(x + c, rows, stride, lanes, out + c);
}

// Product, largest and smallest; a NaN stays.
template <Reduction kind, class T>
HOTLOOP_INLINE Vec<T> joined(Vec<T> a, Vec<T> b) {
    if constexpr (kind == Reduction::prod) return a * b;
    const Ints<T> wins = kind == Reduction::max ? b > a : b < a;
    return select<T>(wins | is_nan(b), b, a);
}

template <Reduction kind, class T>
HOTLOOP_INLINE Vec<T> neutral() {
    constexpr T infinity = simd::MathConstants<T>::infinity;
    return Vec<T>::set(kind == Reduction::prod  ? T{1}
                       : kind == Reduction::max ? -infinity
                                                : infinity);
}

// One vector of columns at a time; two rows into results of their own.
template <Reduction kind, class T>
void down(const T* x, index_t rows, index_t stride, index_t cols, T* out) {
    using V = Vec<T>;
    for (index_t c = 0; c < cols; c += V::size) {
        const int lanes = static_cast<int>(cols - c < V::size ? cols - c : V::size);
        const auto load = [&](index_t r) HOTLOOP_LAMBDA {
            const T* p = x + r * stride + c;
            return lanes == V::size ? V::load(p) : V::load(p, lanes);
        };
        V even = load(0);
        V odd = neutral<kind, T>();
        index_t r = 1;
        for (; r + 1 < rows; r += 2) {
            odd = joined<kind>(odd, load(r));
            even = joined<kind>(even, load(r + 1));
        }
        if (r < rows) odd = joined<kind>(odd, load(r));
        joined<kind>(even, odd).store(out + c, lanes);
    }
}

template <class T>
void down_rows(Reduction kind, const T* x, index_t rows, index_t stride, index_t cols, T* out) {
    if (kind == Reduction::prod) return down<Reduction::prod>(x, rows, stride, cols, out);
    if (kind == Reduction::max) return down<Reduction::max>(x, rows, stride, cols, out);
    down<Reduction::min>(x, rows, stride, cols, out);
}

template <Reduction kind, class T>
HOTLOOP_INLINE T along(const T* x, index_t n) {
    using V = Vec<T>;
    V best[4];
    for (V& v : best) v = neutral<kind, T>();
    index_t i = 0;
    for (; i + 4 * V::size <= n; i += 4 * V::size)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) best[j] = joined<kind>(best[j], V::load(x + i + j * V::size));
    for (; i + V::size <= n; i += V::size) best[0] = joined<kind>(best[0], V::load(x + i));
    if (i < n) {
        const int rest = static_cast<int>(n - i);
        best[1] = joined<kind>(best[1], keep_first(rest, V::load(x + i, rest), neutral<kind, T>()));
    }
    T lane[V::size];
    const V all = joined<kind>(joined<kind>(best[0], best[1]), joined<kind>(best[2], best[3]));
    combine_lanes<T>(all, [](V a, V b) HOTLOOP_LAMBDA { return joined<kind>(a, b); }).store(lane);
    return lane[0];
}

template <class T>
HOTLOOP_INLINE T sum_along(const T* x, index_t n) {
    return sum_of<T>(n, [x](index_t i, auto load) HOTLOOP_LAMBDA { return load(x + i); });
}

template <class T>
void along_rows(Reduction kind, const T* x, index_t rows, index_t n, T* out) {
    for (index_t r = 0; r < rows; ++r, x += n) {
        if (kind == Reduction::sum)
            out[r] = sum_along(x, n);
        else if (kind == Reduction::prod)
            out[r] = along<Reduction::prod>(x, n);
        else if (kind == Reduction::max)
            out[r] = along<Reduction::max>(x, n);
        else
            out[r] = along<Reduction::min>(x, n);
    }
}

template <class T>
constexpr ReduceKernels<T> make() {
    return {&sum_rows<T>, &down_rows<T>, &along_rows<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ReduceKernels> HOTLOOP_KERNEL_TABLE(reduce) = {
    hotloop::make<float>(), hotloop::make<double>()};
