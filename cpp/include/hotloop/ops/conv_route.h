// Which way a convolution takes: one choice for all passes, by shape alone.
#pragma once

#include "hotloop/ops/conv2d.h"

namespace hotloop {

enum class ConvPass { forward, input_gradient, weight_gradient };

enum class ConvRoute {
    empty,      // nothing to compute: zeros, or the bias
    patches,    // patches written out, one product, col2im back (conv_patches.cpp)
    depthwise,  // a channel in and out a group (conv_depthwise.cpp)
    pairs,      // row kernels, two pixels a vector (kernels/conv_pairs.h)
    rows,       // row kernels, a vector of channels at a time (kernels/conv_rows.cpp)
    scatter,    // rows of the kernel added to the image (conv_scatter.cpp)
    tiles,      // the tile kernel over the images where they lie (conv_implicit.cpp)
};

// The route of one pass for elements of type T on the instruction set in use. Numbers that are not
// finite may send a pass by patches instead, which meet the zeros of the padding.
template <class T>
ConvRoute choose(const ConvShape& s, ConvPass pass);

const char* name_of(ConvPass pass);
const char* name_of(ConvRoute route);

// With HOTLOOP_TRACE=1 a line on stderr for every pass, shape and route that runs, once each.
template <class T>
void trace(const ConvShape& s, ConvPass pass, ConvRoute route);

}  // namespace hotloop
