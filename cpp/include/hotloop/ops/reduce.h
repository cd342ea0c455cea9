// Sums, products and extremes over axes of an array.
#pragma once

#include "hotloop/elementwise_kind.h"
#include "hotloop/shape.h"

namespace hotloop {

// out[c] = sum over r of x[r * cols + c]. Overwrites out, which is apart from x. Rows are added in
// fixed blocks, so the bits do not depend on the number of threads.
template <class T>
void sum_rows(const T* x, index_t rows, index_t cols, T* out);

// What is left of x (contiguous, `shape`) without the axes whose bit is set in `axes`: overwrites
// out, which is apart from x. With `mean` a sum is divided by how many numbers were added. Longest
// runs are cut as long_sums.h says, in blocks by shape alone.
template <class T>
struct ReduceArgs {
    const T* x;
    T* out;
    Shape shape;
    unsigned axes;
    Reduction kind;
    bool mean;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

template <class T>
void reduce(const ReduceArgs<T>& args);

// out = the place of the largest, or smallest, of n numbers along the middle axis of x (outer, n,
// inner), the first of equal ones; a NaN counts as both. n > 0.
template <class T>
struct ArgReduceArgs {
    const T* x;
    std::int64_t* out;
    index_t outer, n, inner;
    bool smallest;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

template <class T>
void arg_reduce(const ArgReduceArgs<T>& args);

}  // namespace hotloop
