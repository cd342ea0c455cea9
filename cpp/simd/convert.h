// Integers between the lanes of a vector and memory of another width.
//
// GCC 12 takes __builtin_convertvector apart lane by lane where the sets have one instruction
// (dropout_backward: 67 instructions a vector so, 7 with these), so the wide sets name theirs.
#pragma once

#include "vec.h"

namespace hotloop::simd {
namespace {

template <class T, class N>
struct Narrowed {
    typedef N vector __attribute__((vector_size(sizeof(N) * Vec<T>::size)));
};

// One number of type N a lane, from memory; bytes are unsigned.
template <class T, class N>
HOTLOOP_INLINE Ints<T> load_ints(const N* p) {
#if defined(HOTLOOP_ISA_AVX512)
    if constexpr (sizeof(N) == 1 && sizeof(T) == 4)
        return (Ints<T>)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    if constexpr (sizeof(N) == 1 && sizeof(T) == 8)
        return (Ints<T>)_mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    if constexpr (sizeof(N) == 4 && sizeof(T) == 8)
        return (Ints<T>)_mm512_cvtepi32_epi64(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(HOTLOOP_ISA_AVX2)
    if constexpr (sizeof(N) == 1 && sizeof(T) == 4)
        return (Ints<T>)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    if constexpr (sizeof(N) == 1 && sizeof(T) == 8) {
        std::int32_t four;
        __builtin_memcpy(&four, p, sizeof four);
        return (Ints<T>)_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
    }
    if constexpr (sizeof(N) == 4 && sizeof(T) == 8)
        return (Ints<T>)_mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#endif
    typename Narrowed<T, N>::vector v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Ints<T>);
}

// The low bits of each lane, or the lane with its sign where N is wider, to memory.
template <class T, class N>
HOTLOOP_INLINE void store_ints(N* p, Ints<T> lanes) {
#if defined(HOTLOOP_ISA_AVX512)
    const auto v = (__m512i)lanes;
    if constexpr (sizeof(N) == 1 && sizeof(T) == 4)
        return _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
    if constexpr (sizeof(N) == 1 && sizeof(T) == 8)
        return _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm512_cvtepi64_epi8(v));
    if constexpr (sizeof(N) == 4 && sizeof(T) == 8)
        return _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi64_epi32(v));
    if constexpr (sizeof(N) == 8 && sizeof(T) == 4) {
        _mm512_storeu_si512(p, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(v)));
        _mm512_storeu_si512(p + 8, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(v, 1)));
        return;
    }
#elif defined(HOTLOOP_ISA_AVX2)
    const auto v = (__m256i)lanes;
    if constexpr (sizeof(N) == 1) {
        // The lowest bytes of each half come together, then the halves.
        const __m256i low = sizeof(T) == 4
                                ? _mm256_set1_epi64x(static_cast<long long>(0x80808080'0C080400u))
                                : _mm256_set1_epi64x(static_cast<long long>(0x80808080'80800800u));
        const __m256i bytes = _mm256_shuffle_epi8(v, low);
        const __m128i a = _mm256_castsi256_si128(bytes);
        const __m128i b = _mm256_extracti128_si256(bytes, 1);
        if constexpr (sizeof(T) == 4)
            return _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_unpacklo_epi32(a, b));
        const std::int32_t four = _mm_cvtsi128_si32(_mm_unpacklo_epi16(a, b));
        __builtin_memcpy(p, &four, sizeof four);
        return;
    }
    if constexpr (sizeof(N) == 4 && sizeof(T) == 8) {
        const __m256i even =
            _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
        return _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(even));
    }
    if constexpr (sizeof(N) == 8 && sizeof(T) == 4) {
        auto* const to = reinterpret_cast<__m256i*>(p);
        _mm256_storeu_si256(to, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)));
        _mm256_storeu_si256(to + 1, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1)));
        return;
    }
#endif
    const auto v_of_n = __builtin_convertvector(lanes, typename Narrowed<T, N>::vector);
    __builtin_memcpy(p, &v_of_n, sizeof v_of_n);
}

}  // namespace
}  // namespace hotloop::simd
