#include "matvec.h"

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/long_sums.h"
#include "hotloop/parallel.h"
#include "totals.h"

namespace hotloop {
namespace {

// The rows of the matrix that are combined apart, so that each thread reads memory in one long run:
// some for each of many threads, enough of each to be worth its own sums, and no more than a run.
constexpr index_t kParts = 8;
constexpr index_t kLeastRows = 64;
// Columns at a time: their sums stay in the first-level cache.
constexpr index_t kColumns = 2048;
// The shortest rows that are worth a dot product of their own.
constexpr index_t kShortDot = 32;

// A vector x, one number every x_step, and a matrix of `rows` contiguous rows of `cols` numbers.
template <class T>
struct Sides {
    const T* x;
    index_t x_step;
    const T* matrix;
    index_t stride;
    index_t rows, cols;
};

// By 8 a byte, as parallel_for counts what memory sets the pace of.
template <class T>
double cost_of(const Sides<T>& s) {
    return 8.0 * sizeof(T) * static_cast<double>(s.rows) * static_cast<double>(s.cols);
}

// y (cols) = x (rows) times the matrix, of at most a stretch of rows: sums over parts of the rows
// that the shape fixes, added in order.
template <class T>
void combine(const Sides<T>& s, T* y) {
    const index_t pieces = ceil_div(s.cols, kColumns);
    const index_t parts = std::max({ceil_div(s.rows, kProductRun), index_t{1},
                                    std::min(ceil_div(kParts, pieces), s.rows / kLeastRows)});
    T* const sums = parts > 1 ? scratch<T>(Scratch::split_k, parts * s.cols) : y;
    parallel_for(parts * pieces, cost_of(s), [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const index_t part = i / pieces;
            const index_t first = s.rows * part / parts;
            const index_t last = s.rows * (part + 1) / parts;
            const index_t c0 = i % pieces * kColumns;
            const index_t c1 = std::min(c0 + kColumns, s.cols);
            kernels<T>().matvec->combine(s.x + first * s.x_step, s.x_step,
                                         s.matrix + first * s.stride + c0, s.stride, last - first,
                                         c1 - c0, sums + part * s.cols + c0);
        }
    });
    if (parts > 1) kernels<T>().reduce->sum_rows(sums, parts, s.cols, s.cols, y);
}

// The same with any number of rows: the sums over stretches are added in double.
template <class T>
void combine_any(const Sides<T>& s, T* y) {
    if (s.rows <= kStretch) {
        combine(s, y);
        return;
    }
    const index_t stretches = ceil_div(s.rows, kStretch);
    const Totals<T> totals(s.cols);
    for (index_t i = 0; i < stretches; ++i) {
        const index_t first = s.rows * i / stretches;
        Sides<T> part = s;
        part.rows = s.rows * (i + 1) / stretches - first;
        part.x += first * s.x_step;
        part.matrix += first * s.stride;
        combine(part, totals.part());
        totals.add();
    }
    totals.write(0, s.cols, y);
}

// y (rows) = the matrix times x (cols).
template <class T>
void dots(const Sides<T>& s, T* y) {
    constexpr index_t kTogether = 4;  // rows that the kernel takes at a time
    parallel_for(ceil_div(s.rows, kTogether), cost_of(s), [&](index_t begin, index_t end) {
        const index_t first = begin * kTogether;
        const index_t last = std::min(end * kTogether, s.rows);
        kernels<T>().matvec->dots(s.matrix + first * s.stride, s.stride, last - first, s.x, s.cols,
                                  y + first);
    });
}

}  // namespace

template <class T>
bool matvec(const Product<T>& p) {
    const bool row = p.m == 1;
    if (p.k == 0 || (!row && (p.n > 1 || p.c_row_stride != 1))) return false;
    // The vector, and the strides of the matrix along k and along the result.
    const T* const x = row ? p.a : p.b;
    const T* const matrix = row ? p.b : p.a;
    const index_t x_step = row ? p.a_col_stride : p.b_row_stride;
    const index_t along_k = row ? p.b_row_stride : p.a_col_stride;
    const index_t along = row ? p.b_col_stride : p.a_row_stride;
    const index_t size = row ? p.n : p.m;
    if (along_k == 1 && x_step == 1 && p.k >= kShortDot)
        dots<T>({x, 1, matrix, along, size, p.k}, p.c);
    else if (along == 1)
        combine_any<T>({x, x_step, matrix, along_k, p.k, size}, p.c);
    else
        return false;
    if (p.bias)
        for (index_t i = 0; i < size; ++i) p.c[i] += p.bias[row ? i : 0];
    if (p.activation != Activation::none || p.gate) {
        GemmArgs<T> rest;  // one row in either case
        rest.c = p.c;
        rest.c_row_stride = size;
        rest.accumulate = true;
        rest.activation = p.activation;
        rest.gate = p.gate;
        rest.gate_kind = p.gate_kind;
        kernels<T>().gemm->gemm(rest, 0, 1, 0, size);
    }
    return true;
}

template bool matvec<float>(const Product<float>&);
template bool matvec<double>(const Product<double>&);

}  // namespace hotloop
