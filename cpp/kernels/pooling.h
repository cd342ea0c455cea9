// What the two pooling kernels, channels last and by planes, share.
#pragma once

#include "hotloop/pool_args.h"
#include "kernels.h"
#include "long_sum.h"
#include "simd/convert.h"
#include "simd/vec.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::Ints;
using simd::Vec;

template <class T>
using Integer = typename simd::Lane<T>::integer;

template <class T>
constexpr T infinity() {
    return static_cast<T>(__builtin_inf());
}

template <class T>
HOTLOOP_INLINE Ints<T> no_place() {
    return Ints<T>{} - 1;
}

// Does v take the place of the best so far? Of equals the first stays, and a NaN stays for good.
template <class T>
HOTLOOP_INLINE Ints<T> beats(Vec<T> v, Vec<T> best) {
    return ~(v <= best) & (best == best);
}

// body(i, load, store, lanes) for the vectors of [0, n), the partial one last.
template <class T, class Body>
HOTLOOP_INLINE void each_group(index_t n, Body body) {
    using V = Vec<T>;
    constexpr int W = V::size;
    index_t i = 0;
    for (; i + W <= n; i += W)
        body(
            i, [](const T* p) HOTLOOP_LAMBDA { return V::load(p); },
            [](T* p, V v) HOTLOOP_LAMBDA { v.store(p); }, W);
    if (const int tail = static_cast<int>(n - i))
        body(
            i, [tail](const T* p) HOTLOOP_LAMBDA { return V::load(p, tail); },
            [tail](T* p, V v) HOTLOOP_LAMBDA { v.store(p, tail); }, tail);
}

// Places of the first `lanes` lanes, to memory.
template <class T, class Place>
HOTLOOP_INLINE void store_places(Place* p, Ints<T> where, int lanes) {
    if (lanes == Vec<T>::size) {
        simd::store_ints<T>(p, where);
        return;
    }
    // Powers of two: a copy of variable length would be a call.
    Place buffer[Vec<T>::size];
    simd::store_ints<T>(buffer, where);
    const Place* from = buffer;
#pragma GCC unroll 4
    for (int part = Vec<T>::size / 2; part > 0; part /= 2)
        if (lanes & part) {
            __builtin_memcpy(p, from, static_cast<unsigned>(part) * sizeof(Place));
            p += part;
            from += part;
        }
}

// The first `lanes` places are meant; what follows them in the array, up to `end`, may be read too:
// gathering a few bytes one by one costs more than all the rest of a small window.
template <class T, class Place>
HOTLOOP_INLINE Ints<T> load_places(const Place* p, const Place* end, int lanes) {
    if (end - p >= Vec<T>::size) return simd::load_ints<T>(p);
    Place buffer[Vec<T>::size] = {};
    for (int i = 0; i < lanes; ++i) buffer[i] = p[i];
    return simd::load_ints<T>(buffer);
}

HOTLOOP_INLINE bool is_plain_2x2(const Window& w) {
    return w.KH == 2 && w.KW == 2 && w.stride_h == 2 && w.stride_w == 2 && w.dilation_h == 1 &&
           w.dilation_w == 1 && w.top == 0 && w.left == 0 && w.OH * 2 <= w.H && w.OW * 2 <= w.W;
}

// The sum of tap(i, j) over a window.
template <class T, class Tap>
HOTLOOP_INLINE Vec<T> sum_of_taps(TapRange kh, TapRange kw, Tap tap) {
    const index_t taps = (kh.last - kh.first) * (kw.last - kw.first);
    Vec<T> sum = Vec<T>::zero();
    if (taps <= kRun) {
        for (index_t i = kh.first; i < kh.last; ++i)
            for (index_t j = kw.first; j < kw.last; ++j) sum = sum + tap(i, j);
        return sum;
    }
    LongSum<T> runs;
    index_t left = kRun;
    for (index_t i = kh.first; i < kh.last; ++i)
        for (index_t j = kw.first; j < kw.last; ++j) {
            sum = sum + tap(i, j);
            if (--left > 0) continue;
            runs.add(sum);
            sum = Vec<T>::zero();
            left = kRun;
        }
    runs.add(sum);
    return runs.value();
}

// Does no pixel belong to two windows?
HOTLOOP_INLINE bool are_apart(const Window& w) {
    return w.stride_h >= w.dilation_h * (w.KH - 1) + 1 &&
           w.stride_w >= w.dilation_w * (w.KW - 1) + 1;
}

// Does every pixel belong to a window? (Sufficient, for windows that are apart.)
HOTLOOP_INLINE bool covers_all(const Window& w) {
    return w.stride_h == w.KH && w.stride_w == w.KW && w.dilation_h == 1 && w.dilation_w == 1 &&
           w.OH * w.KH >= w.H + w.top && w.OW * w.KW >= w.W + w.left;
}

template <class T>
HOTLOOP_INLINE T mean_divisor(const Window& w, index_t h0, index_t w0, bool padding) {
    const index_t taps = taps_counted(h0, w.KH, w.top, w.H, w.bottom, padding) *
                         taps_counted(w0, w.KW, w.left, w.W, w.right, padding);
    return static_cast<T>(taps > 0 ? taps : 1);
}

template <class T>
HOTLOOP_INLINE void zero_channels(T* image, index_t pixels, index_t C, index_t c0, index_t c1) {
    if (c0 == 0 && c1 == C) {
        __builtin_memset(image, 0, static_cast<unsigned long>(pixels * C) * sizeof(T));
        return;
    }
    for (index_t p = 0; p < pixels; ++p)
        __builtin_memset(image + p * C + c0, 0, static_cast<unsigned long>(c1 - c0) * sizeof(T));
}

}  // namespace
}  // namespace hotloop
