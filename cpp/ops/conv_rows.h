// When the row kernels take a convolution, and how they walk its images.
#pragma once

#include <vector>

#include "conv_frame.h"
#include "hotloop/conv_rows_args.h"
#include "hotloop/dispatch.h"

namespace hotloop {

// Whether the row kernels take a convolution with `columns` output channels and these windows:
// where one vector holds the channels, the tile kernel would wait for loads.
template <class T>
bool by_rows(index_t columns, index_t kernel_w, index_t stride_w, index_t dilation_w) {
    return columns <= kernels<T>().gemm->vector_size && (kernel_w == 3 || kernel_w == 5) &&
           stride_w == 1 && dilation_w == 1;
}

// The part of their arguments that says where the windows of a framed image lie.
template <class Args>
Args windows(const Window& v, const Frame& frame, index_t stride_h) {
    Args args{};
    args.KH = v.KH;
    args.KW = v.KW;
    args.image = frame.image();
    args.row = stride_h * frame.row();
    args.tap_row = v.dilation_h * frame.row();
    args.pixel = frame.C;
    return args;
}

}  // namespace hotloop
