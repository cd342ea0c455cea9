// Where the windows of one image plane lie; ops/window.h makes it.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// Window (oh, ow) reads, for every tap (kh, kw) of the kernel, the pixel
//     (oh * stride_h + kh * dilation_h - top, ow * stride_w + kw * dilation_w - left)
// which lies in the padding where it is outside of H x W.
struct Window {
    index_t H, W;
    index_t KH, KW;
    index_t stride_h, stride_w;
    index_t top, bottom, left, right;
    index_t dilation_h, dilation_w;
    index_t OH, OW;
};

}  // namespace hotloop
