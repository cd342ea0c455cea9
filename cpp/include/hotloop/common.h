// The few types that every level shares.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop {

using index_t = std::ptrdiff_t;

// Activations that affine and convolution can apply before they store a result.
enum class Activation : int { none = 0, relu = 1, sigmoid = 2, tanh = 3 };

}  // namespace hotloop
