// Elements picked by index, elements added up by index, running sums, the largest few. Arrays are
// contiguous and seen as (outer, n, inner) around one axis; outputs are overwritten and apart from
// the inputs.
#pragma once

#include <cstdint>

#include "hotloop/common.h"

namespace hotloop {

// Places along an axis of n: int32 or int64, from -n, which counts from the end.
struct Places {
    const void* data;
    bool wide;  // int64
    index_t at(index_t i) const {
        return wide ? static_cast<index_t>(static_cast<const std::int64_t*>(data)[i])
                    : static_cast<const std::int32_t*>(data)[i];
    }
};

// y[o, j, :] = x[o, places[j], :]; with `along` y[o, j, i] = x[o, places[o, j, i], i]. Elements of
// any type. Throws std::invalid_argument for a place outside of the axis: a recorded step checks at
// each run.
struct PickArgs {
    const char* op;
    const void* x;
    void* y;
    Places places;
    index_t outer, n, count, inner;
    int bytes;  // of an element
    bool along;
    template <class F>
    void inputs(F f) {
        f(x);
        f(places.data);
    }
};
void pick(const PickArgs& args);

// The way back: y (outer, n, inner) is zero but for y[o, places[j], :] += x[o, j, :], and `along`
// likewise, in the order of j.
template <class T>
struct ScatterAddArgs {
    const char* op;
    const T* x;
    T* y;
    Places places;
    index_t outer, n, count, inner;
    bool along;
    template <class F>
    void inputs(F f) {
        f(x);
        f(places.data);
    }
};
template <class T>
void scatter_add(const ScatterAddArgs<T>& args);

// y[o, j, i] = the sum of x[o, 0 ... j, i], or of x[o, j ..., i] from behind. Summed in double.
template <class T>
struct CumsumArgs {
    const T* x;
    T* y;
    index_t outer, n, inner;
    bool reverse;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};
template <class T>
void cumsum(const CumsumArgs<T>& args);

// The k largest of each row of x (rows, n) and their places, the largest first, or in the order of
// their places. Of equal ones the first comes first; NaN is the largest.
template <class T>
struct TopKArgs {
    const T* x;
    T* values;             // (rows, k)
    std::int64_t* places;  // (rows, k)
    index_t rows, n, k;
    bool largest_first;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};
template <class T>
void top_k(const TopKArgs<T>& args);

}  // namespace hotloop
