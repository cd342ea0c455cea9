#include "hotloop/ops/softmax.h"

#include <algorithm>

#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

// Rows a task: a multiple of every vector size, so that the transposed tiles of short rows are
// full.
constexpr index_t kRows = 16;

}  // namespace

template <class T>
double softmax_cost(Softmax kind, index_t n) {
    // An exponential and three looks at each element, in units of fused multiply-adds.
    const double look = sizeof(T) == 4 ? 20 : 40;
    return static_cast<double>(n) * (kind == Softmax::softmax_backward ? 4 * look : 10 * look);
}

template <class T>
void softmax(const SoftmaxArgs<T>& s) {
    const SoftmaxKernels<T>& kernel = *kernels<T>().softmax;
    const int kind = static_cast<int>(s.kind);
    const double cost = softmax_cost<T>(s.kind, s.outer * s.K * s.inner);
    if (s.K == 0) return;
    if (s.inner == 1) {
        const auto rows = kernel.rows[kind];
        const bool stream = rows_worth_streaming<T>(s.outer, s.K);
        parallel_for(ceil_div(s.outer, kRows), cost, [&](index_t begin, index_t end) {
            const index_t first = begin * kRows;
            const index_t n = std::min(end * kRows, s.outer) - first;
            const index_t at = first * s.K;
            rows(s.a + at, s.b ? s.b + at : nullptr, s.out + at, n, s.K, stream);
        });
        return;
    }
    // A task is a stretch of columns of one plane (K, inner), whole cache lines wide.
    constexpr index_t kCols = 64;
    const index_t stretches = ceil_div(s.inner, kCols);
    const auto columns = kernel.columns[kind];
    parallel_for(s.outer * stretches, cost, [&](index_t begin, index_t end) {
        for (index_t task = begin; task < end; ++task) {
            const index_t col = task % stretches * kCols;
            const index_t at = task / stretches * s.K * s.inner + col;
            columns(s.a + at, s.b ? s.b + at : nullptr, s.out + at, s.K, s.inner,
                    std::min(kCols, s.inner - col));
        }
    });
}

int checked_axis(const char* op, const Shape& x, index_t axis) {
    const index_t rank = x.rank();
    if (axis < -rank || axis >= rank)
        fail(op, "axis ", axis, " is out of bounds for an array of ", rank, " axes (x: ", x, ")");
    return static_cast<int>(axis < 0 ? axis + rank : axis);
}

#define HOTLOOP_INSTANTIATE(T)                       \
    template void softmax<T>(const SoftmaxArgs<T>&); \
    template double softmax_cost<T>(Softmax, index_t);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
