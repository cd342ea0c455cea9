// Loops over the vectors of an array, the partial one last, through the same operations.
#pragma once

#include <cstdint>

#include "simd/vec.h"

namespace hotloop {
namespace {

// Elements before the first whole cache line of y, at most n.
template <class T>
HOTLOOP_INLINE int head_of(const T* y, index_t n) {
    const auto past = reinterpret_cast<std::uintptr_t>(y) % HOTLOOP_VECTOR_BYTES;
    if (past == 0) return 0;
    const auto head = static_cast<index_t>((HOTLOOP_VECTOR_BYTES - past) / sizeof(T));
    return static_cast<int>(head < n ? head : n);
}

// From this many vectors on, whole cache lines of an output are worth a partial vector before them:
// a store across two lines costs twice (1 MB: 29 to 22 us).
constexpr index_t kManyVectors = 16;

// Numbers of a row that are kept nearby while its output goes past the caches (16 KB).
template <class T>
constexpr index_t kNearby = 16384 / static_cast<index_t>(sizeof(T));

// body(i, load, store): load(p) gives what lies at p + i, store(p, v) puts v there.
template <class T, class Body>
HOTLOOP_INLINE void each_vector(index_t n, Body body) {
    using V = simd::Vec<T>;
    constexpr index_t W = V::size;
    index_t i = 0;
    for (; i + W <= n; i += W)
        body(
            i, [i](const T* p) HOTLOOP_LAMBDA { return V::load(p + i); },
            [i](T* p, V v) HOTLOOP_LAMBDA { v.store(p + i); });
    if (const int tail = static_cast<int>(n - i))
        body(
            i, [i, tail](const T* p) HOTLOOP_LAMBDA { return V::load(p + i, tail); },
            [i, tail](T* p, V v) HOTLOOP_LAMBDA { v.store(p + i, tail); });
}

// y = f(i, load), from whole cache lines of y on if there are many vectors. With kStream past the
// caches, where nothing reads y soon; ends with simd::native_stream_end() before anybody does.
template <class T, bool kStream, class F>
HOTLOOP_INLINE void write_lines(T* y, index_t n, F f) {
    using V = simd::Vec<T>;
    constexpr index_t W = V::size;
    index_t i = kStream || n >= kManyVectors * W ? head_of(y, n) : 0;
    if (const int head = static_cast<int>(i))
        f(index_t{0}, [head](const T* p) HOTLOOP_LAMBDA {
            return V::load(p, head);
        }).store(y, head);
    for (; i + W <= n; i += W) {
        const V v = f(i, [i](const T* p) HOTLOOP_LAMBDA { return V::load(p + i); });
        if constexpr (kStream)
            v.stream(y + i);
        else
            v.store(y + i);
    }
    if (const int tail = static_cast<int>(n - i))
        f(i, [i, tail](const T* p) HOTLOOP_LAMBDA {
            return V::load(p + i, tail);
        }).store(y + i, tail);
}

// Dispatches on `stream` at run time.
template <class T, class F>
HOTLOOP_INLINE void write_vectors(T* y, index_t n, bool stream, F f) {
    if (stream)
        write_lines<T, true>(y, n, f);
    else
        write_lines<T, false>(y, n, f);
}

}  // namespace
}  // namespace hotloop
