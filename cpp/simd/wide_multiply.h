// Vectors of 64-bit integers, and the product of their low halves that every processor has.
#pragma once

#include "simd/vec.h"

namespace hotloop::simd {
namespace {

typedef std::uint64_t u64v __attribute__((vector_size(HOTLOOP_VECTOR_BYTES)));

// (a mod 2^32) * (b mod 2^32) in each 64-bit lane.
HOTLOOP_INLINE u64v multiply_low_halves(u64v a, u64v b) {
#if defined(HOTLOOP_ISA_AVX512)
    return (u64v)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(HOTLOOP_ISA_AVX2)
    return (u64v)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(HOTLOOP_ISA_NEON)
    return (u64v)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#elif defined(__SSE2__)
    return (u64v)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

}  // namespace
}  // namespace hotloop::simd
