// x86-64-v1 (SSE2), and any other processor through the compiler's own 16-byte vectors.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define HOTLOOP_VECTOR_BYTES 16
#define HOTLOOP_FREE_MASKS 0

namespace hotloop::simd {
namespace {

typedef float f32v __attribute__((vector_size(16)));
typedef double f64v __attribute__((vector_size(16)));
typedef long long lanes __attribute__((vector_size(16)));

// No fused multiply-add here: two roundings, the same ones in the interior and at the edges.
HOTLOOP_INLINE f32v native_set(float x) { return f32v{x, x, x, x}; }
HOTLOOP_INLINE f64v native_set(double x) { return f64v{x, x}; }
HOTLOOP_INLINE f32v native_fma(f32v a, f32v b, f32v c) { return a * b + c; }
HOTLOOP_INLINE f64v native_fma(f64v a, f64v b, f64v c) { return a * b + c; }
#if defined(__SSE2__)
HOTLOOP_INLINE f32v native_sqrt(f32v a) { return _mm_sqrt_ps(a); }
HOTLOOP_INLINE f64v native_sqrt(f64v a) { return _mm_sqrt_pd(a); }
HOTLOOP_INLINE f32v native_max(f32v a, f32v b) { return _mm_max_ps(a, b); }
HOTLOOP_INLINE f64v native_max(f64v a, f64v b) { return _mm_max_pd(a, b); }
HOTLOOP_INLINE f32v native_min(f32v a, f32v b) { return _mm_min_ps(a, b); }
HOTLOOP_INLINE f64v native_min(f64v a, f64v b) { return _mm_min_pd(a, b); }
#else
HOTLOOP_INLINE f32v native_sqrt(f32v a) {
    return f32v{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]),
                __builtin_sqrtf(a[3])};
}
HOTLOOP_INLINE f64v native_sqrt(f64v a) { return f64v{__builtin_sqrt(a[0]), __builtin_sqrt(a[1])}; }
HOTLOOP_INLINE f32v native_max(f32v a, f32v b) { return a > b ? a : b; }
HOTLOOP_INLINE f64v native_max(f64v a, f64v b) { return a > b ? a : b; }
HOTLOOP_INLINE f32v native_min(f32v a, f32v b) { return a < b ? a : b; }
HOTLOOP_INLINE f64v native_min(f64v a, f64v b) { return a < b ? a : b; }
#endif
HOTLOOP_INLINE f32v native_load(const float* p, int n) {
    f32v r{};
    __builtin_memcpy(&r, p, static_cast<unsigned>(n) * sizeof(float));
    return r;
}
HOTLOOP_INLINE f64v native_load(const double* p, int n) {
    f64v r{};
    __builtin_memcpy(&r, p, static_cast<unsigned>(n) * sizeof(double));
    return r;
}
HOTLOOP_INLINE void native_stream(float* p, f32v a) { __builtin_memcpy(p, &a, sizeof a); }
HOTLOOP_INLINE void native_stream(double* p, f64v a) { __builtin_memcpy(p, &a, sizeof a); }
HOTLOOP_INLINE void native_stream_end() {}
HOTLOOP_INLINE void native_store(float* p, f32v a, int n) {
    __builtin_memcpy(p, &a, static_cast<unsigned>(n) * sizeof(float));
}
HOTLOOP_INLINE void native_store(double* p, f64v a, int n) {
    __builtin_memcpy(p, &a, static_cast<unsigned>(n) * sizeof(double));
}
HOTLOOP_INLINE bool native_any(lanes a) { return (a[0] | a[1]) != 0; }

}  // namespace
}  // namespace hotloop::simd
