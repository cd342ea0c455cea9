#include "hotloop/ops/layout.h"

#include <algorithm>

#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"

namespace hotloop {
namespace {

// Columns a task: small enough that one image alone feeds several threads.
constexpr index_t kChunk = 256;

template <class T>
double copy_cost(index_t elements) {
    return 16.0 * static_cast<double>(elements) * sizeof(T);
}

}  // namespace

template <class T>
void transpose_batched(const T* x, index_t batch, index_t rows, index_t cols, T* y) {
    if (batch * rows * cols == 0) return;
    if (rows == 1 || cols == 1) {
        const index_t n = batch * rows * cols;
        const index_t chunks = (n + 4095) / 4096;
        parallel_for(chunks, copy_cost<T>(n), [=](index_t begin, index_t end) {
            std::copy(x + begin * 4096, x + std::min(n, end * 4096), y + begin * 4096);
        });
        return;
    }
    const auto transpose = kernels<T>().layout->transpose;
    const bool by_rows = rows > cols;
    const index_t length = by_rows ? rows : cols;
    const index_t chunks = ceil_div(length, kChunk);
    parallel_for(batch * chunks, copy_cost<T>(batch * rows * cols),
                 [=](index_t begin, index_t end) {
                     for (index_t task = begin; task < end; ++task) {
                         const index_t b = task / chunks;
                         const index_t first = task % chunks * kChunk;
                         const index_t count = std::min(kChunk, length - first);
                         const T* from = x + b * rows * cols;
                         T* to = y + b * rows * cols;
                         if (by_rows)
                             transpose(from + first * cols, cols, count, cols, to + first, rows);
                         else
                             transpose(from + first, cols, rows, count, to + first * rows, rows);
                     }
                 });
}

template <class T>
void reverse_axes(const T* x, index_t A, index_t B, index_t C, T* y) {
    if (A * B * C == 0) return;
    const auto transpose = kernels<T>().layout->transpose;
    parallel_for(B, copy_cost<T>(A * B * C), [=](index_t begin, index_t end) {
        for (index_t b = begin; b < end; ++b) transpose(x + b * C, B * C, A, C, y + b * A, B * A);
    });
}

#define HOTLOOP_INSTANTIATE(T)                                                   \
    template void transpose_batched<T>(const T*, index_t, index_t, index_t, T*); \
    template void reverse_axes<T>(const T*, index_t, index_t, index_t, T*);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
