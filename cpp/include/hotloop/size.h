// Sizes that are computed from arguments, checked: the one place where they are multiplied.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "hotloop/common.h"
#include "hotloop/shape.h"

namespace hotloop {

// No array has more elements: its bytes still fit into 63 bits.
constexpr index_t kMostElements = index_t{1} << 59;

// The product of sizes, none negative. Throws std::invalid_argument with op, what and the sizes
// where it is more than kMostElements. A size of 0 counts as 1 there, as NumPy has it, so that the
// product of any of them fits too.
inline index_t checked_product(const char* op,
                               const char* what,
                               std::initializer_list<index_t> sizes) {
    index_t product = 1;
    bool empty = false;
    for (const index_t size : sizes) {
        empty = empty || size == 0;
        if (size > kMostElements / product) {
            std::ostringstream text;
            for (const index_t each : sizes) text << (text.tellp() > 0 ? " x " : "") << each;
            fail(op, what, " would take ", text.str(), " elements; at most 2^59 are supported");
        }
        product *= std::max<index_t>(size, 1);
    }
    return empty ? 0 : product;
}

inline index_t checked_size(const char* op, const char* what, const Shape& shape) {
    index_t product = 1;
    for (const index_t size : shape) {
        const index_t factor = std::max<index_t>(size, 1);
        if (factor > kMostElements / product)
            fail(op, what, " of shape ", shape,
                 " is too large: at most 2^59 elements are supported");
        product *= factor;
    }
    return shape.size();
}

}  // namespace hotloop
