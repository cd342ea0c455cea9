// Products of which one side is a vector.
#pragma once

#include "hotloop/ops/product.h"

namespace hotloop {

// Computes a product with one row or one column by the kernels for vectors. False, and nothing
// done, where the product is none, or its layout is better served by tiles.
template <class T>
bool matvec(const Product<T>& p);

}  // namespace hotloop
