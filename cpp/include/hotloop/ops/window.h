// The windows of convolution, pooling and patches over an image: the one place for their geometry.
#pragma once

#include "hotloop/common.h"
#include "hotloop/shape.h"
#include "hotloop/window.h"

namespace hotloop {

// Two numbers, for the rows and for the columns.
struct Pair {
    index_t h = 1;
    index_t w = 1;
};

// Rows and columns added around an image: given in numbers, none, or such that the output has
// ceil(input / stride) windows, the odd row or column at the end.
struct Padding {
    enum class Kind { numbers, valid, same };
    Kind kind = Kind::valid;
    index_t top = 0;
    index_t bottom = 0;
    index_t left = 0;
    index_t right = 0;
};

// OH = floor((H + top + bottom - dilation * (KH - 1) - 1) / stride) + 1, OW likewise; ceil_mode
// rounds up and then drops a last window that would start in the end padding. Throws
// std::invalid_argument when a number is out of its range or no window is left.
Window make_window(const char* op,
                   Pair image,
                   Pair kernel,
                   Pair stride,
                   const Padding& padding,
                   Pair dilation,
                   bool ceil_mode);

// A batch of images, whatever its layout: (N, C, H, W), or (N, H, W, C) when channels are last.
struct Images {
    index_t N, C, H, W;
};

// Throws std::invalid_argument when the shape has not 4 axes.
Images images_of(const char* op, const char* name, const Shape& shape, bool channels_last);
Shape images_shape(const Images& images, bool channels_last);

}  // namespace hotloop
