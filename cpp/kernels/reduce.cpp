// Sums down the columns of a matrix with contiguous rows.
#include "kernels.h"
#include "long_sum.h"

namespace hotloop {
namespace {

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

template <class T>
constexpr ReduceKernels<T> make() {
    return {&sum_rows<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ReduceKernels> HOTLOOP_KERNEL_TABLE(reduce) = {
    hotloop::make<float>(), hotloop::make<double>()};
