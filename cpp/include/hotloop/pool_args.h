// What the pooling kernels work on. Channels last, a "row" is one output row (n, oh) of OW * C
// taps; by planes it is one output row (n, c, oh) of OW numbers.
#pragma once

#include <cstdint>

#include "hotloop/window.h"

namespace hotloop {

// How a maximum's place is written down: as h * W + w in its plane, or, smaller, as the number
// kh * KW + kw of the tap in its window. No place (only padding) is all ones: -1, or 255.
enum class PlaceKind : int { plane64, cell32, cell8 };

template <class T>
struct PoolArgs {
    const T* x;   // images
    T* y;         // maxima or means
    void* place;  // of the maxima, as y; null in means
    PlaceKind kind;
    Window win;
    index_t C;               // channels last; 1 by planes
    bool count_include_pad;  // in means: does the padding count in the divisor?
};

template <class T>
struct PoolBackwardArgs {
    const T* dy;
    const void* place;  // cell32 or cell8; null in means
    T* dx;              // overwritten
    PlaceKind kind;
    Window win;
    index_t C;
    bool count_include_pad;
    bool stream;  // in means: dx goes past the caches
    // Backward of an activation before the pool, fused: dy *= act'(gate). gate is the pool's
    // output y, since the maximum of act(x) is act at the place of the maximum.
    const T* gate;
    Activation gate_kind;
};

// Taps [first, last) of the kernel along one axis that lie inside the image.
struct TapRange {
    index_t first, last;
};
inline __attribute__((always_inline)) TapRange taps_inside(index_t start,
                                                           index_t dilation,
                                                           index_t kernel,
                                                           index_t size) {
    TapRange r{0, 0};
    if (start < 0) r.first = ceil_div(-start, dilation);
    if (start < size) r.last = ceil_div(size - start, dilation);
    if (r.last > kernel) r.last = kernel;
    if (r.first > r.last) r.first = r.last;
    return r;
}

// How many taps of a window that starts at `start` an average divides by, along one axis.
inline __attribute__((always_inline)) index_t taps_counted(
    index_t start, index_t kernel, index_t before, index_t size, index_t after, bool padding) {
    const index_t low = padding ? -before : 0;
    const index_t high = padding ? size + after : size;
    const index_t from = start < low ? low : start;
    const index_t to = start + kernel > high ? high : start + kernel;
    return to > from ? to - from : 0;
}

}  // namespace hotloop
