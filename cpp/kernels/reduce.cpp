// Sums down the columns of a matrix with contiguous rows.
#include "kernels.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

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
    for (int j = 0; j < kVectors; ++j) even[j] = odd[j] = V::zero();
    index_t r = 0;
    for (; r + 1 < rows; r += 2)
        for (int j = 0; j < kVectors; ++j) {
            even[j] = even[j] + load(r, j);
            odd[j] = odd[j] + load(r + 1, j);
        }
    for (int j = 0; j < kVectors; ++j) {
        if (r < rows) even[j] = even[j] + load(r, j);
        (even[j] + odd[j]).store(out + j * W, j + 1 < kVectors ? W : lanes);
    }
}

template <class T>
void sum_rows(const T* x, index_t rows, index_t stride, index_t cols, T* out) {
    constexpr index_t W = Vec<T>::size;
    index_t c = 0;
    for (; c + 4 * W <= cols; c += 4 * W) sum_columns<T, 4>(x + c, rows, stride, W, out + c);
    if (c == cols) return;
    const index_t vectors = (cols - c + W - 1) / W;
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
