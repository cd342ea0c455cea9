// Sums over the rows of a matrix: the gradient of a bias.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// out[c] = sum over r of x[r * cols + c]. Overwrites out, which is apart from x. Rows are added in
// fixed blocks, so the bits do not depend on the number of threads.
template <class T>
void sum_rows(const T* x, index_t rows, index_t cols, T* out);

}  // namespace hotloop
