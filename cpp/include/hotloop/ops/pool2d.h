// Pooling: the maximum or the mean of each window, forward and backward, in both layouts.
#pragma once

#include <cstdint>

#include "hotloop/common.h"
#include "hotloop/ops/window.h"
#include "hotloop/pool_args.h"

namespace hotloop {

// y and place are (N, OH, OW, C) when channels are last, else (N, C, OH, OW); both are overwritten
// and apart from x. Of equal numbers the first counts; a NaN is larger than any number; padding is
// no tap at all, so a window of nothing else gives -inf and no place.
template <class T>
struct MaxPoolArgs {
    const T* x;
    T* y;
    void* place;  // std::int64_t, std::int32_t or std::uint8_t, as `kind` says
    PlaceKind kind;
    index_t N, C;
    bool channels_last;
    Window win;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

// dx (as x) = each dy at the place of its maximum, sums where windows overlap, else 0; overwritten.
// kind is not plane64. With a gate (the pool's y) dy is multiplied by act'(gate) first.
template <class T>
struct MaxPoolBackwardArgs {
    const T* dy;
    const void* place;
    const T* gate;
    T* dx;
    PlaceKind kind;
    Activation gate_kind;
    index_t N, C;
    bool channels_last;
    Window win;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(place);
        f(gate);
    }
};

// The same from places h * W + w, for any windows. Throws std::invalid_argument when one is not
// in -1 .. H * W - 1.
template <class T>
struct MaxPoolScatterArgs {
    const T* dy;
    const std::int64_t* argmax;
    T* dx;
    index_t N, C, pixels, outputs;  // pixels = H * W, outputs = OH * OW
    bool channels_last;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(argmax);
    }
};

// y = sum of the window / taps that count: those inside, with count_include_pad also those in the
// padding, at least 1. Backward dx = each dy / the same number, added to every tap of its window.
template <class T>
struct AvgPoolArgs {
    const T* from;  // x, or dy backward
    T* to;          // y, or dx backward; overwritten and apart from `from`
    index_t N, C;
    bool channels_last;
    bool count_include_pad;
    Window win;
    template <class F>
    void inputs(F f) {
        f(from);
    }
};

// y (N, C) = mean of each plane; backward dx = dy / pixels everywhere in the plane.
template <class T>
struct GlobalPoolArgs {
    const T* from;
    T* to;
    index_t N, C, pixels;
    bool channels_last;
    template <class F>
    void inputs(F f) {
        f(from);
    }
};

template <class T>
void max_pool2d(const MaxPoolArgs<T>& args);
template <class T>
void max_pool2d_backward(const MaxPoolBackwardArgs<T>& args);
template <class T>
void max_pool2d_scatter(const MaxPoolScatterArgs<T>& args);
// Images [first, first + images) alone, on the calling thread, channels last: x and dx point at the
// first of them.
template <class T>
void max_pool2d_images(const MaxPoolArgs<T>& args, const T* x, index_t first, index_t images);
template <class T>
void max_pool2d_backward_images(const MaxPoolBackwardArgs<T>& args,
                                index_t first,
                                index_t images,
                                T* dx);
template <class T>
void avg_pool2d(const AvgPoolArgs<T>& args);
template <class T>
void avg_pool2d_backward(const AvgPoolArgs<T>& args);
template <class T>
void global_avg_pool2d(const GlobalPoolArgs<T>& args);
template <class T>
void global_avg_pool2d_backward(const GlobalPoolArgs<T>& args);

}  // namespace hotloop
