// What the depthwise kernels work on: channels-last pixels reached through tables of offsets.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

template <class T>
struct DepthwiseArgs {
    const T* x;            // framed images
    const index_t* pixel;  // (pixels): base of each window in x
    index_t pixels;
    const index_t* tap_offset;  // (taps): offset of each tap from a base
    const index_t* tap_cell;    // (taps): its row in w; not read for the weight gradient
    index_t taps;
    index_t channels;
    const T* w;  // (cells, channels); for the weight gradient dy (pixels, channels)
    T* y;        // row p at target[p], or p * channels; for the weight gradient dw, added to
    const index_t* target;
    const T* bias;  // (channels), or none
    Activation activation = Activation::none;
    const T* gate = nullptr;  // laid out as y: y *= act'(gate)
    Activation gate_kind = Activation::none;
};

}  // namespace hotloop
