// One vector interface for every instruction set.
//
// `Vec<T>` holds HOTLOOP_VECTOR_BYTES of T. Arithmetic, comparison and bit operations come from the
// vector extensions of GCC and Clang, which are the same for every target; the few operations that
// are not (fused multiply-add, square root, maximum, partial loads and stores) come from one file
// per instruction set. Everything has internal linkage: an inline function compiled for AVX-512
// must never reach a caller that was compiled for less.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hotloop/common.h"

#define HOTLOOP_LAMBDA __attribute__((always_inline))
#define HOTLOOP_INLINE __attribute__((always_inline)) inline

#if defined(HOTLOOP_ISA_AVX512)
#include "avx512.h"
#elif defined(HOTLOOP_ISA_AVX2)
#include "avx2.h"
#elif defined(HOTLOOP_ISA_NEON)
#include "neon.h"
#else
#include "baseline.h"
#endif

namespace hotloop::simd {
namespace {

template <class T>
struct Lane;
template <>
struct Lane<float> {
    using vector = f32v;
    using integer = std::int32_t;
    typedef std::int32_t integers __attribute__((vector_size(HOTLOOP_VECTOR_BYTES)));
};
template <>
struct Lane<double> {
    using vector = f64v;
    using integer = std::int64_t;
    typedef std::int64_t integers __attribute__((vector_size(HOTLOOP_VECTOR_BYTES)));
};

// Integers of the width of T, lane for lane; also the result of a comparison (all ones or zero).
template <class T>
using Ints = typename Lane<T>::integers;

template <class T>
struct Vec {
    using native = typename Lane<T>::vector;
    static constexpr int size = HOTLOOP_VECTOR_BYTES / static_cast<int>(sizeof(T));

    native v;

    HOTLOOP_INLINE static Vec zero() { return {native{}}; }
    HOTLOOP_INLINE static Vec set(T x) { return {native_set(x)}; }
    HOTLOOP_INLINE static Vec load(const T* p) {
        Vec r;
        __builtin_memcpy(&r.v, p, sizeof(native));
        return r;
    }
    // The first n lanes from memory, the others zero; memory beyond them is not touched.
    HOTLOOP_INLINE static Vec load(const T* p, int n) { return {native_load(p, n)}; }
    HOTLOOP_INLINE void store(T* p) const { __builtin_memcpy(p, &v, sizeof(native)); }
    HOTLOOP_INLINE void store(T* p, int n) const { native_store(p, v, n); }
    // Past the caches, where the set can do that; p lies on a multiple of the vector's bytes. Ends
    // with native_stream_end() before anybody else reads.
    HOTLOOP_INLINE void stream(T* p) const { native_stream(p, v); }
};

template <class T>
HOTLOOP_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
    return {a.v + b.v};
}
template <class T>
HOTLOOP_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
    return {a.v - b.v};
}
template <class T>
HOTLOOP_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
    return {a.v * b.v};
}
template <class T>
HOTLOOP_INLINE Vec<T> operator/(Vec<T> a, Vec<T> b) {
    return {a.v / b.v};
}
template <class T>
HOTLOOP_INLINE Vec<T> operator-(Vec<T> a) {
    return {-a.v};
}
template <class T>
HOTLOOP_INLINE Ints<T> operator<(Vec<T> a, Vec<T> b) {
    return a.v < b.v;
}
template <class T>
HOTLOOP_INLINE Ints<T> operator>(Vec<T> a, Vec<T> b) {
    return a.v > b.v;
}
template <class T>
HOTLOOP_INLINE Ints<T> operator<=(Vec<T> a, Vec<T> b) {
    return a.v <= b.v;
}
template <class T>
HOTLOOP_INLINE Ints<T> operator>=(Vec<T> a, Vec<T> b) {
    return a.v >= b.v;
}
template <class T>
HOTLOOP_INLINE Ints<T> operator==(Vec<T> a, Vec<T> b) {
    return a.v == b.v;
}
template <class T>
HOTLOOP_INLINE Ints<T> is_nan(Vec<T> a) {
    return a.v != a.v;
}

// a * b + c, in one rounding where the instruction set has it.
template <class T>
HOTLOOP_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
    return {native_fma(a.v, b.v, c.v)};
}
template <class T>
HOTLOOP_INLINE Vec<T> sqrt(Vec<T> a) {
    return {native_sqrt(a.v)};
}
// a > b ? a : b. A NaN in either gives b, so max(zero, x) keeps the NaN of x.
template <class T>
HOTLOOP_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
    return {native_max(a.v, b.v)};
}
// a < b ? a : b, with the same rule for NaN.
template <class T>
HOTLOOP_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
    return {native_min(a.v, b.v)};
}
template <class T>
HOTLOOP_INLINE Vec<T> select(Ints<T> mask, Vec<T> yes, Vec<T> no) {
    return {mask ? yes.v : no.v};
}

template <class T>
HOTLOOP_INLINE Ints<T> bits(Vec<T> a) {
    return (Ints<T>)a.v;
}
template <class T>
HOTLOOP_INLINE Vec<T> from_bits(Ints<T> a) {
    return {(typename Vec<T>::native)a};
}
// Whether any bit is set: whether a comparison holds for any lane.
template <class I>
HOTLOOP_INLINE bool any(I mask) {
    return native_any((lanes)mask);
}
template <class T>
HOTLOOP_INLINE Vec<T> abs(Vec<T> a) {
    using I = typename Lane<T>::integer;
    return from_bits<T>(bits(a) & static_cast<I>(~(I{1} << (sizeof(T) * 8 - 1))));
}

// Sum of the lanes in a fixed order: halves onto halves.
template <class T>
HOTLOOP_INLINE T reduce_add(Vec<T> a) {
    T lane[Vec<T>::size];
    a.store(lane);
    for (int width = Vec<T>::size / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
    return lane[0];
}
// Largest lane; NaN when any lane is NaN.
template <class T>
HOTLOOP_INLINE T reduce_max(Vec<T> a) {
    T lane[Vec<T>::size];
    a.store(lane);
    T best = lane[0];
    for (int i = 1; i < Vec<T>::size; ++i)
        best = (lane[i] > best || lane[i] != lane[i]) ? lane[i] : best;
    return best;
}

}  // namespace
}  // namespace hotloop::simd
