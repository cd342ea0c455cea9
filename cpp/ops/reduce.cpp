#include "hotloop/ops/reduce.h"

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"

namespace hotloop {

template <class T>
void sum_rows(const T* x, index_t rows, index_t cols, T* out) {
    const auto add = kernels<T>().reduce->sum_rows;
    // Blocks by shape alone: at most 16, none under 16,384 elements.
    const index_t blocks = std::clamp<index_t>(rows * cols / 16384, 1, 16);
    if (blocks == 1) {
        add(x, rows, cols, cols, out);
        return;
    }
    T* const partial = scratch<T>(Scratch::partial, blocks * cols);
    const double cost = 8.0 * static_cast<double>(rows * cols) * sizeof(T);
    parallel_for(blocks, cost, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const index_t first = rows * i / blocks;
            add(x + first * cols, rows * (i + 1) / blocks - first, cols, cols, partial + i * cols);
        }
    });
    add(partial, blocks, cols, cols, out);
}

template void sum_rows<float>(const float*, index_t, index_t, float*);
template void sum_rows<double>(const double*, index_t, index_t, double*);

}  // namespace hotloop
