// A batch out of the data: rows picked by index, cast and scaled on the way.
#pragma once

#include <cstdint>

#include "hotloop/common.h"
#include "hotloop/element.h"
#include "hotloop/scalar.h"

namespace hotloop {

// out[i] = src[indices[i]] * scale + offset for each element of a row, or src[i] without indices.
// Computed in T; in double when the source's type is wider than 24 bits. Scale 1 and offset 0 only
// cast. out (count, row) is overwritten and apart from src.
template <class T>
struct GatherArgs {
    const void* src;  // rows of `row` contiguous elements, the next one row_stride bytes on
    const std::int64_t*
        indices;  // (count), from 0 to src_rows - 1; or null: the first `count` rows
    T* out;
    Element element;
    index_t src_rows;
    index_t row_stride;
    index_t count;
    index_t row;
    Scalar<double> scale;
    Scalar<double> offset;
    template <class F>
    void inputs(F f) {
        f(src);
        f(indices);
    }
};

// T: float, double, or std::int64_t for class ids (then scale and offset are not used). Throws
// std::invalid_argument when an index is out of range: a recorded step checks at each run.
template <class T>
void gather_rows(const GatherArgs<T>& args);

}  // namespace hotloop
