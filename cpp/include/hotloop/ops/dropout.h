// Inverted dropout with a counter-based generator: the mask is a function of (seed, offset, index).
#pragma once

#include <cstdint>

#include "hotloop/common.h"
#include "hotloop/scalar.h"

namespace hotloop {

// Element i is kept where u(i) >= rate, with u(i) the upper 24 bits of word i % 4 of Philox4x32-10
// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) at the counter
// (i / 4, offset) under the key `seed`. y = x / (1 - rate) where kept, else 0; mask 1 or 0. Both
// are overwritten; y may be x.
template <class T>
struct DropoutArgs {
    const T* x;
    T* y;
    std::uint8_t* mask;
    index_t n;
    double rate;
    Scalar<std::int64_t> seed;
    Scalar<std::int64_t> offset;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

// dx = dy / (1 - rate) where the mask is set, else 0; dx may be dy.
template <class T>
struct DropoutBackwardArgs {
    const T* dy;
    const std::uint8_t* mask;
    T* dx;
    index_t n;
    double rate;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(mask);
    }
};

template <class T>
void dropout(const DropoutArgs<T>& args);
template <class T>
void dropout_backward(const DropoutBackwardArgs<T>& args);

}  // namespace hotloop
