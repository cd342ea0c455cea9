// Outputs past the caches.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// An output of this many elements or more (32 MB) is in no cache when it is read again. Written
// past the caches, its memory is not read first: two thirds of the traffic of y = f(x). An array
// that the op also reads stays with ordinary stores.
template <class T>
constexpr bool worth_streaming(index_t elements) {
    return elements >= (index_t{32} << 20) / static_cast<index_t>(sizeof(T));
}

// The same for rows that are written one by one: a short one is more ends than whole cache lines.
template <class T>
constexpr bool rows_worth_streaming(index_t rows, index_t length) {
    return length >= 256 && worth_streaming<T>(rows * length);
}

}  // namespace hotloop
