// Sums down the columns of a matrix with contiguous rows.
#include "kernels.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// Four vectors of columns at a time, and two rows an iteration into separate sums, so that the
// additions do not wait for one another.
template <class T>
void sum_rows(const T* x, index_t rows, index_t stride, index_t cols, T* out) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    constexpr int kWide = 4;
    index_t c = 0;
    for (; c + kWide * W <= cols; c += kWide * W) {
        V even[kWide];
        V odd[kWide];
        for (int j = 0; j < kWide; ++j) even[j] = odd[j] = V::zero();
        index_t r = 0;
        for (; r + 1 < rows; r += 2)
            for (int j = 0; j < kWide; ++j) {
                even[j] = even[j] + V::load(x + r * stride + c + j * W);
                odd[j] = odd[j] + V::load(x + (r + 1) * stride + c + j * W);
            }
        for (int j = 0; j < kWide; ++j) {
            if (r < rows) even[j] = even[j] + V::load(x + r * stride + c + j * W);
            (even[j] + odd[j]).store(out + c + j * W);
        }
    }
    for (; c < cols; c += W) {
        const int n = cols - c < W ? static_cast<int>(cols - c) : static_cast<int>(W);
        V even = V::zero();
        V odd = V::zero();
        index_t r = 0;
        for (; r + 1 < rows; r += 2) {
            even = even + V::load(x + r * stride + c, n);
            odd = odd + V::load(x + (r + 1) * stride + c, n);
        }
        if (r < rows) even = even + V::load(x + r * stride + c, n);
        (even + odd).store(out + c, n);
    }
}

template <class T>
constexpr ReduceKernels<T> make() {
    return {&sum_rows<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ReduceKernels> HOTLOOP_KERNEL_TABLE(reduce) = {
    hotloop::make<float>(), hotloop::make<double>()};
