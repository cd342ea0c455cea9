// Changes of layout: channels first <-> channels last, for images and for kernels.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// y[b][c][r] = x[b][r][c]: batch matrices (rows, cols) to (cols, rows), all contiguous; y is
// overwritten and apart from x. (N, C, H, W) to (N, H, W, C) is rows = C, cols = H * W, and back
// rows = H * W, cols = C.
template <class T>
void transpose_batched(const T* x, index_t batch, index_t rows, index_t cols, T* y);

// y[c][b][a] = x[a][b][c]: x (A, B, C) to y (C, B, A), contiguous and apart. Kernels (O, C, KH, KW)
// to (KH, KW, C, O) are A = O, B = C, C = KH * KW, and back A = KH * KW, B = C, C = O.
template <class T>
void reverse_axes(const T* x, index_t A, index_t B, index_t C, T* y);

}  // namespace hotloop
