// How the row kernels walk the images of a convolution.
#pragma once

#include <algorithm>

#include "conv_frame.h"
#include "hotloop/conv_rows_args.h"
#include "hotloop/dispatch.h"
#include "hotloop/ops/conv_route.h"

namespace hotloop {

// The row kernel of a route that is rows or pairs.
template <class T>
auto rows_forward(ConvRoute route) {
    const ConvRowsKernels<T>& kernel = *kernels<T>().conv_rows;
    return route == ConvRoute::pairs ? kernel.pairs_forward : kernel.forward;
}

// body(first column, columns) for the columns that one call takes.
template <class T, class Body>
void each_columns(index_t columns, Body body) {
    const index_t most = index_t{kernels<T>().conv_rows->vectors} * kernels<T>().gemm->vector_size;
    for (index_t first = 0; first < columns; first += most)
        body(first, static_cast<int>(std::min(most, columns - first)));
}

// Where column `first` lies in packed panels of `depth` rows.
template <class T>
index_t packed_column(index_t first, index_t depth) {
    const index_t cols = kernels<T>().gemm->tile_cols;
    return first / cols * cols * depth + first % cols;
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
