// What the depthwise kernels work on: channels-last images, cut into runs of pixels along a row
// that meet the same taps of the kernel.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

struct DepthwiseRun {
    index_t first;  // where its first pixel lies in y, or in dy for the weight gradient
    index_t pixels;
    index_t tap;  // its taps stand in the tables from here on
    index_t taps;
};

template <class T>
struct DepthwiseArgs {
    const DepthwiseRun* run;
    index_t runs;
    const index_t* tap_offset;  // where the tap of the run's first pixel lies in x
    const index_t* tap_weight;  // its row in w
    index_t channels;
    const T* x;
    index_t x_step;  // from pixel to pixel of a run
    T* y;            // for the weight gradient dw (taps, channels), added to
    index_t y_step;
    const T* w;     // (taps, channels); for the weight gradient dy, y_step from pixel to pixel
    const T* bias;  // (channels), or none
    bool relu = false;
};

}  // namespace hotloop
