// Outputs past the caches.
#pragma once

#include "hotloop/caches.h"

namespace hotloop {

// An output as large as the last cache is in none when it is read again. Written past the caches,
// its memory is not read first: two thirds of the traffic of y = f(x). An array that the op also
// reads stays with ordinary stores. No order of sums may depend on this.
template <class T>
bool worth_streaming(index_t elements) {
    return elements >= cache_sizes().l3 / static_cast<index_t>(sizeof(T));
}

// The same for rows that are written one by one: a short one is more ends than whole cache lines.
template <class T>
bool rows_worth_streaming(index_t rows, index_t length) {
    return length >= 256 && worth_streaming<T>(rows * length);
}

}  // namespace hotloop
