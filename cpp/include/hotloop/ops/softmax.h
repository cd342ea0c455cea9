// Softmax and its logarithm along any axis, and their backwards.
#pragma once

#include "hotloop/common.h"
#include "hotloop/shape.h"
#include "hotloop/softmax_kind.h"

namespace hotloop {

// All arrays are (outer, K, inner), contiguous; the sums run over K. The output is overwritten and
// apart from the inputs.
template <class T>
struct SoftmaxArgs {
    const T* a;  // x, or dy in a backward
    const T* b;  // y in a backward, else null
    T* out;
    index_t outer, K, inner;
    Softmax kind;
    template <class F>
    void inputs(F f) {
        f(a);
        f(b);
    }
};

template <class T>
void softmax(const SoftmaxArgs<T>& args);

template <class T>
double softmax_cost(Softmax kind, index_t n);

// The axis as a number from 0; throws std::invalid_argument when the array has no such axis.
int checked_axis(const char* op, const Shape& x, index_t axis);

}  // namespace hotloop
