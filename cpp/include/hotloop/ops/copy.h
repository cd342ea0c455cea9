// Copies of elements of any type and any strides.
#pragma once

#include "hotloop/strided.h"

namespace hotloop {

// y = x over the axes; operand 0 is x, operand 1 is y, apart from x. Elements of 1, 2, 4 or 8
// bytes.
struct CopyArgs {
    const void* x;
    void* y;
    StridedAxes<2> axes;
    int bytes;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

inline void copy(const CopyArgs& args) { copy_strided(args.axes, args.x, args.y, args.bytes); }

}  // namespace hotloop
