// AVX2 with FMA: 8 floats or 4 doubles.
#pragma once

#include <immintrin.h>

#define HOTLOOP_VECTOR_BYTES 32
#define HOTLOOP_FREE_MASKS 0

namespace hotloop::simd {
namespace {

typedef float f32v __attribute__((vector_size(32)));
typedef double f64v __attribute__((vector_size(32)));
typedef long long lanes __attribute__((vector_size(32)));

HOTLOOP_INLINE __m256i first8(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
HOTLOOP_INLINE __m256i first4(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

HOTLOOP_INLINE f32v native_set(float x) { return _mm256_set1_ps(x); }
HOTLOOP_INLINE f64v native_set(double x) { return _mm256_set1_pd(x); }
HOTLOOP_INLINE f32v native_fma(f32v a, f32v b, f32v c) { return _mm256_fmadd_ps(a, b, c); }
HOTLOOP_INLINE f64v native_fma(f64v a, f64v b, f64v c) { return _mm256_fmadd_pd(a, b, c); }
HOTLOOP_INLINE f32v native_sqrt(f32v a) { return _mm256_sqrt_ps(a); }
HOTLOOP_INLINE f64v native_sqrt(f64v a) { return _mm256_sqrt_pd(a); }
HOTLOOP_INLINE f32v native_max(f32v a, f32v b) { return _mm256_max_ps(a, b); }
HOTLOOP_INLINE f64v native_max(f64v a, f64v b) { return _mm256_max_pd(a, b); }
HOTLOOP_INLINE f32v native_min(f32v a, f32v b) { return _mm256_min_ps(a, b); }
HOTLOOP_INLINE f64v native_min(f64v a, f64v b) { return _mm256_min_pd(a, b); }
HOTLOOP_INLINE f32v native_load(const float* p, int n) { return _mm256_maskload_ps(p, first8(n)); }
HOTLOOP_INLINE f64v native_load(const double* p, int n) { return _mm256_maskload_pd(p, first4(n)); }
HOTLOOP_INLINE void native_stream(float* p, f32v a) { _mm256_stream_ps(p, a); }
HOTLOOP_INLINE void native_stream(double* p, f64v a) { _mm256_stream_pd(p, a); }
HOTLOOP_INLINE void native_stream_end() { _mm_sfence(); }
// Half vectors that overlap, the second of the last lanes: AMD's processors take some 40 steps for
// a masked store, even one of all lanes.
HOTLOOP_INLINE void native_store(float* p, f32v a, int n) {
    __m128 low = _mm256_castps256_ps128(a);
    if (n >= 4) {
        const __m256i last =
            _mm256_add_epi32(_mm256_set1_epi32(n - 4), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        _mm_storeu_ps(p, low);
        _mm_storeu_ps(p + n - 4, _mm256_castps256_ps128(_mm256_permutevar8x32_ps(a, last)));
        return;
    }
    if (n & 2) {
        _mm_storel_pi(reinterpret_cast<__m64*>(p), low);
        low = _mm_movehl_ps(low, low);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, low);
}
HOTLOOP_INLINE void native_store(double* p, f64v a, int n) {
    const __m128d low = _mm256_castpd256_pd128(a);
    const __m128d high = _mm256_extractf128_pd(a, 1);
    if (n >= 2) {
        _mm_storeu_pd(p, low);
        if (n == 4) _mm_storeu_pd(p + 2, high);
        if (n == 3) _mm_store_sd(p + 2, high);
        return;
    }
    if (n == 1) _mm_store_sd(p, low);
}
HOTLOOP_INLINE bool native_any(lanes a) { return _mm256_testz_si256((__m256i)a, (__m256i)a) == 0; }

}  // namespace
}  // namespace hotloop::simd
