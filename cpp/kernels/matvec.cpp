// A matrix times a vector: each number of the matrix is used once, so that memory sets the pace,
// and what counts is to read it in long runs.
#include "kernels.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// y[n] = sum over k of x[k * x_step] * b[k * b_stride + n]: kRows rows of B at a time, so that y,
// which is in the first-level cache, is read and written once for all of them. k ascending.
template <class T, int kRows>
HOTLOOP_INLINE void add_rows(
    const T* x, index_t x_step, const T* b, index_t b_stride, index_t n, T* y, bool first) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    V factor[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) factor[i] = V::set(x[i * x_step]);
    const auto sum = [&](index_t j, V start, auto load) HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i)
            start = simd::fma(factor[i], load(b + i * b_stride + j), start);
        return start;
    };
    const auto whole = [](const T* p) HOTLOOP_LAMBDA { return V::load(p); };
    index_t j = 0;
    if (first)
        for (; j + W <= n; j += W) sum(j, V::zero(), whole).store(y + j);
    else
        for (; j + W <= n; j += W) sum(j, V::load(y + j), whole).store(y + j);
    if (j < n) {
        const int rest = static_cast<int>(n - j);
        const V start = first ? V::zero() : V::load(y + j, rest);
        sum(j, start, [rest](const T* p) HOTLOOP_LAMBDA {
            return V::load(p, rest);
        }).store(y + j, rest);
    }
}

template <class T>
void combine(const T* x, index_t x_step, const T* b, index_t b_stride, index_t k, index_t n, T* y) {
    constexpr index_t kRows = 8;
    index_t i = 0;
    for (; i + kRows <= k; i += kRows)
        add_rows<T, kRows>(x + i * x_step, x_step, b + i * b_stride, b_stride, n, y, i == 0);
    for (; i < k; ++i)
        add_rows<T, 1>(x + i * x_step, x_step, b + i * b_stride, b_stride, n, y, i == 0);
}

// Sums of this many products are added up in double, each over two vectors of sums.
constexpr index_t kBlock = 4096;

// kRows dot products side by side; the order of a sum does not depend on kRows.
template <class T, int kRows>
HOTLOOP_INLINE void dot_rows(const T* a, index_t a_stride, const T* x, index_t k, T* y) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    double total[kRows] = {};
    for (index_t begin = 0; begin < k; begin += kBlock) {
        const index_t end = k - begin < kBlock ? k : begin + kBlock;
        V even[kRows];
        V odd[kRows];
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) even[i] = odd[i] = V::zero();
        index_t j = begin;
        for (; j + 2 * W <= end; j += 2 * W) {
            const V x0 = V::load(x + j);
            const V x1 = V::load(x + j + W);
#pragma GCC unroll 4
            for (int i = 0; i < kRows; ++i) {
                even[i] = simd::fma(x0, V::load(a + i * a_stride + j), even[i]);
                odd[i] = simd::fma(x1, V::load(a + i * a_stride + j + W), odd[i]);
            }
        }
        for (; j < end; j += W) {
            const int n = static_cast<int>(end - j < W ? end - j : W);
            const V x0 = V::load(x + j, n);
#pragma GCC unroll 4
            for (int i = 0; i < kRows; ++i)
                even[i] = simd::fma(x0, V::load(a + i * a_stride + j, n), even[i]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i)
            total[i] += static_cast<double>(simd::reduce_add(even[i] + odd[i]));
    }
    for (int i = 0; i < kRows; ++i) y[i] = static_cast<T>(total[i]);
}

template <class T>
void dots(const T* a, index_t a_stride, index_t rows, const T* x, index_t k, T* y) {
    constexpr index_t kRows = 4;
    index_t i = 0;
    for (; i + kRows <= rows; i += kRows)
        dot_rows<T, kRows>(a + i * a_stride, a_stride, x, k, y + i);
    for (; i < rows; ++i) dot_rows<T, 1>(a + i * a_stride, a_stride, x, k, y + i);
}

template <class T>
constexpr MatvecKernels<T> make() {
    return {&combine<T>, &dots<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::MatvecKernels> HOTLOOP_KERNEL_TABLE(matvec) = {
    hotloop::make<float>(), hotloop::make<double>()};
