// NEON on aarch64: 4 floats or 2 doubles, with fused multiply-add.
#pragma once

#include <arm_neon.h>

#define HOTLOOP_VECTOR_BYTES 16
#define HOTLOOP_FREE_MASKS 0

namespace hotloop::simd {
namespace {

typedef float f32v __attribute__((vector_size(16)));
typedef double f64v __attribute__((vector_size(16)));
typedef long long lanes __attribute__((vector_size(16)));

HOTLOOP_INLINE f32v native_set(float x) { return f32v{x, x, x, x}; }
HOTLOOP_INLINE f64v native_set(double x) { return f64v{x, x}; }
HOTLOOP_INLINE f32v native_fma(f32v a, f32v b, f32v c) {
    return (f32v)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
HOTLOOP_INLINE f64v native_fma(f64v a, f64v b, f64v c) {
    return (f64v)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
HOTLOOP_INLINE f32v native_sqrt(f32v a) { return (f32v)vsqrtq_f32((float32x4_t)a); }
HOTLOOP_INLINE f64v native_sqrt(f64v a) { return (f64v)vsqrtq_f64((float64x2_t)a); }
HOTLOOP_INLINE f32v native_max(f32v a, f32v b) { return a > b ? a : b; }
HOTLOOP_INLINE f64v native_max(f64v a, f64v b) { return a > b ? a : b; }
HOTLOOP_INLINE f32v native_min(f32v a, f32v b) { return a < b ? a : b; }
HOTLOOP_INLINE f64v native_min(f64v a, f64v b) { return a < b ? a : b; }
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
HOTLOOP_INLINE bool native_any(lanes a) { return vmaxvq_u32((uint32x4_t)a) != 0; }

}  // namespace
}  // namespace hotloop::simd
