// AVX-512 (F, VL, BW, DQ): 16 floats or 8 doubles, masks for partial vectors at no cost.
#pragma once

#include <immintrin.h>

#define HOTLOOP_VECTOR_BYTES 64
#define HOTLOOP_FREE_MASKS 1

namespace hotloop::simd {
namespace {

typedef float f32v __attribute__((vector_size(64)));
typedef double f64v __attribute__((vector_size(64)));
typedef long long lanes __attribute__((vector_size(64)));

HOTLOOP_INLINE __mmask16 first16(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
HOTLOOP_INLINE __mmask8 first8(int n) { return static_cast<__mmask8>((1u << n) - 1u); }

HOTLOOP_INLINE f32v native_set(float x) { return _mm512_set1_ps(x); }
HOTLOOP_INLINE f64v native_set(double x) { return _mm512_set1_pd(x); }
HOTLOOP_INLINE f32v native_fma(f32v a, f32v b, f32v c) { return _mm512_fmadd_ps(a, b, c); }
HOTLOOP_INLINE f64v native_fma(f64v a, f64v b, f64v c) { return _mm512_fmadd_pd(a, b, c); }
HOTLOOP_INLINE f32v native_sqrt(f32v a) { return _mm512_maskz_sqrt_ps(0xffff, a); }
HOTLOOP_INLINE f64v native_sqrt(f64v a) { return _mm512_maskz_sqrt_pd(0xff, a); }
HOTLOOP_INLINE f32v native_max(f32v a, f32v b) { return _mm512_maskz_max_ps(0xffff, a, b); }
HOTLOOP_INLINE f64v native_max(f64v a, f64v b) { return _mm512_maskz_max_pd(0xff, a, b); }
HOTLOOP_INLINE f32v native_min(f32v a, f32v b) { return _mm512_maskz_min_ps(0xffff, a, b); }
HOTLOOP_INLINE f64v native_min(f64v a, f64v b) { return _mm512_maskz_min_pd(0xff, a, b); }
// a * 2^k for integral k, rounded once.
#define HOTLOOP_NATIVE_SCALE 1
HOTLOOP_INLINE f32v native_scale(f32v a, f32v k) { return _mm512_maskz_scalef_ps(0xffff, a, k); }
HOTLOOP_INLINE f64v native_scale(f64v a, f64v k) { return _mm512_maskz_scalef_pd(0xff, a, k); }
HOTLOOP_INLINE f32v native_load(const float* p, int n) {
    return _mm512_maskz_loadu_ps(first16(n), p);
}
HOTLOOP_INLINE f64v native_load(const double* p, int n) {
    return _mm512_maskz_loadu_pd(first8(n), p);
}
HOTLOOP_INLINE void native_stream(float* p, f32v a) { _mm512_stream_ps(p, a); }
HOTLOOP_INLINE void native_stream(double* p, f64v a) { _mm512_stream_pd(p, a); }
HOTLOOP_INLINE void native_stream_end() { _mm_sfence(); }
HOTLOOP_INLINE void native_store(float* p, f32v a, int n) {
    _mm512_mask_storeu_ps(p, first16(n), a);
}
HOTLOOP_INLINE void native_store(double* p, f64v a, int n) {
    _mm512_mask_storeu_pd(p, first8(n), a);
}
HOTLOOP_INLINE bool native_any(lanes a) {
    return _mm512_test_epi32_mask((__m512i)a, (__m512i)a) != 0;
}

}  // namespace
}  // namespace hotloop::simd
