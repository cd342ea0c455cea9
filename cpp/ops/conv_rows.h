// When the row kernels take a convolution, and how they walk its images.
#pragma once

#include <algorithm>

#include "conv_frame.h"
#include "hotloop/conv_rows_args.h"
#include "hotloop/dispatch.h"

namespace hotloop {

// Whether the row kernels take a convolution with `columns` output channels, rows of OW pixels and
// these windows. Where one vector holds the channels, the tile kernel would wait for loads. With
// two at a time they are ahead too (8 x 8 planes of 64 channels: 97 % of the peak, tiles 80 %),
// unless a row is so short that sums would wait for themselves.
template <class T>
bool by_rows(index_t columns, index_t OW, index_t kernel_w, index_t stride_w, index_t dilation_w) {
    if ((kernel_w != 3 && kernel_w != 5) || stride_w != 1) return false;
    const index_t width = kernels<T>().gemm->vector_size;
    return columns <= width ||
           (row_vectors(width * static_cast<index_t>(sizeof(T))) == 2 && OW >= 6 * dilation_w);
}

// body(first column, columns) for the columns that one call takes: a panel of the packed weights.
template <class T, class Body>
void each_panel(index_t columns, Body body) {
    const index_t most = kernels<T>().gemm->tile_cols;
    for (index_t first = 0; first < columns; first += most)
        body(first, static_cast<int>(std::min(most, columns - first)));
}

// The part of their arguments that says where the windows of framed images lie, whose first begins
// at (row, column) of the frame. With `whole`, the zeros around the images count as data.
template <class Args>
Args windows(const Window& v,
             const Frame& frame,
             index_t stride_h,
             index_t row,
             index_t column,
             bool whole) {
    Args args{};
    args.KH = v.KH;
    args.KW = v.KW;
    args.image = frame.image();
    args.row = stride_h * frame.row();
    args.tap_row = v.dilation_h * frame.row();
    args.pixel = frame.C;
    args.stride_h = stride_h;
    args.dilation_h = v.dilation_h;
    args.dilation_w = v.dilation_w;
    args.top = (whole ? 0 : frame.top) - row;
    args.bottom = (whole ? frame.height : frame.top + frame.H) - row;
    args.left = (whole ? 0 : frame.left) - column;
    args.right = (whole ? frame.width : frame.left + frame.W) - column;
    return args;
}

}  // namespace hotloop
