// The few types that every level shares.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop {

using index_t = std::ptrdiff_t;

// a / b rounded up, a not negative. Inlined, as kernels may export nothing.
__attribute__((always_inline)) constexpr index_t ceil_div(index_t a, index_t b) {
    return (a + b - 1) / b;
}

// Activations that affine and convolution can apply before they store a result.
enum class Activation : int { none = 0, relu = 1, sigmoid = 2, tanh = 3 };

}  // namespace hotloop
