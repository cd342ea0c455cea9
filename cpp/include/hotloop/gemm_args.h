// What the tile kernel multiplies: C = act(A B + bias), with A and C described so generally that
// matrix products (NN, TN, NT), convolution, its input gradient and its weight gradient are all
// the same loop over memory as it stands (van Zee & van de Geijn, "BLIS", 2015, for the tiles;
// implicit GEMM convolution as in cuDNN, Chetlur et al. 2014).
#pragma once

#include "hotloop/common.h"

namespace hotloop {

template <class T>
struct GemmArgs {
    // A(m, k) = a[row(m) + segment(s) + j * a_step] with k = s * segment_length + j:
    //   row(m)     = a_row_offset ? a_row_offset[m] : m * a_row_stride
    //   segment(s) = a_segment_offset ? a_segment_offset[s] : 0
    // A plain matrix is one segment; in a convolution a segment is a run of one kernel row.
    const T* a = nullptr;
    const index_t* a_row_offset = nullptr;
    index_t a_row_stride = 0;
    const index_t* a_segment_offset = nullptr;
    index_t segments = 1;
    index_t segment_length = 0;
    index_t a_step = 1;
    // `a` is what pack_a wrote for just the rows that are asked for; one segment of at most a run.
    bool a_packed = false;

    // B(k, n): panel n / tile_cols begins at b + (n / tile_cols) * b_panel_stride, and row k of a
    // panel is b_row_stride further than row k - 1. Rows of B are contiguous.
    const T* b = nullptr;
    index_t b_row_stride = 0;
    index_t b_panel_stride = 0;
    bool b_padded = false;  // every row of a panel may be read to its full width

    // C(m, n) = c[crow(m) + n], crow(m) = c_row_offset ? c_row_offset[m] : m * c_row_stride.
    T* c = nullptr;
    const index_t* c_row_offset = nullptr;
    index_t c_row_stride = 0;

    bool accumulate = false;  // start from C instead of bias or zero
    // If positive, at most so many steps of k are summed in a row, and such sums are added to C.
    index_t run = 0;
    const T* bias = nullptr;  // (n), or none
    Activation activation = Activation::none;

    // Backward of an activation, fused: C *= act'(gate), where gate is the activation's output
    // with the row layout of C.
    const T* gate = nullptr;
    Activation gate_kind = Activation::none;
};

}  // namespace hotloop
