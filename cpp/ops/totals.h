// Sums over the stretches of a long reduction, added up in double.
#pragma once

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_runs.h"
#include "hotloop/long_sums.h"

namespace hotloop {

// n sums on this thread, until another asks for the same scratch memory.
template <class T>
class Totals {
  public:
    explicit Totals(index_t n)
        : n_(n),
          part_(scratch<T>(Scratch::stretch, n)),
          total_(scratch<double>(Scratch::totals, n)) {
        std::fill_n(total_, n, 0.0);
    }
    T* part() const { return part_; }  // where the next stretch leaves its sums
    void add() const {
        for (index_t i = 0; i < n_; ++i) total_[i] += static_cast<double>(part_[i]);
    }
    // total(i) for sums [first, first + count), to `out`.
    void write(index_t first, index_t count, T* out) const {
        for (index_t i = 0; i < count; ++i) out[i] = static_cast<T>(total_[first + i]);
    }

  private:
    index_t n_;
    T* part_;
    double* total_;
};

// The rows of C that are summed at a time over stretches: some 16 MB in float.
constexpr index_t rows_together(index_t cols) {
    return std::max<index_t>(64, (index_t{1} << 22) / std::max<index_t>(1, cols));
}

// C = act(bias + the sum over stretches of k): stretch(g, i, r0, r1) leaves the sums of the i-th
// over rows [r0, r1) in the C of its g, the first from the bias on. Not for a g that accumulates.
template <class T, class Stretch>
void gemm_over_stretches(const GemmArgs<T>& g,
                         index_t stretches,
                         index_t m0,
                         index_t m1,
                         index_t n0,
                         index_t n1,
                         const Stretch& stretch) {
    const index_t cols = n1 - n0;
    const index_t rows = rows_together(cols);
    for (index_t r0 = m0; r0 < m1; r0 += rows) {
        const index_t r1 = std::min(r0 + rows, m1);
        const Totals<T> totals((r1 - r0) * cols);
        GemmArgs<T> part = g;
        part.c = totals.part() - r0 * cols - n0;
        part.c_row_offset = nullptr;
        part.c_row_stride = cols;
        part.activation = Activation::none;
        part.gate = nullptr;
        for (index_t i = 0; i < stretches; ++i) {
            part.bias = i == 0 ? g.bias : nullptr;
            stretch(part, i, r0, r1);
            totals.add();
        }
        for (index_t m = r0; m < r1; ++m)
            totals.write((m - r0) * cols, cols,
                         g.c + n0 + (g.c_row_offset ? g.c_row_offset[m] : m * g.c_row_stride));
        GemmArgs<T> rest = g;
        rest.segment_length = 0;
        rest.run = 0;
        rest.accumulate = true;
        kernels<T>().gemm->gemm(rest, r0, r1, n0, n1);
    }
}

// The kernel's product, whose sum over k may be of any length.
template <class T>
void gemm_any_length(const GemmArgs<T>& g, index_t m0, index_t m1, index_t n0, index_t n1) {
    const auto gemm = kernels<T>().gemm->gemm;
    const index_t steps = g.segments * g.segment_length;
    GemmArgs<T> a = g;
    a.run = steps > kOneRun ? kProductRun : 0;
    if (steps <= kStretch) {
        gemm(a, m0, m1, n0, n1);
        return;
    }
    const KStretches<T> stretches(g, kStretch);
    gemm_over_stretches(a, stretches.count, m0, m1, n0, n1,
                        [&](const GemmArgs<T>& into, index_t i, index_t r0, index_t r1) {
                            GemmArgs<T> part = stretches.part(into, i);
                            part.accumulate = false;
                            gemm(part, r0, r1, n0, n1);
                        });
}

}  // namespace hotloop
