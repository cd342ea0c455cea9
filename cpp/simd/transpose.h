// Transposes a W x W block between memory with any row strides, in registers.
#pragma once

#include <utility>

#include "simd/vec.h"

namespace hotloop::simd {
namespace {

// Round D of log2(W) rounds of pairwise exchange (Eklundh 1972): bit D of the row number changes
// places with bit D of the lane number.
template <class T, int D, int... L>
HOTLOOP_INLINE void exchange(typename Vec<T>::native* row, std::integer_sequence<int, L...> lanes) {
    constexpr int W = Vec<T>::size;
    if constexpr (D < W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) {
            if (i & D) continue;
            const auto a = row[i];
            const auto b = row[i + D];
            row[i] = __builtin_shufflevector(a, b, ((L & D) ? W + L - D : L)...);
            row[i + D] = __builtin_shufflevector(a, b, ((L & D) ? W + L : L + D)...);
        }
        exchange<T, 2 * D>(row, lanes);
    }
}

template <class T>
HOTLOOP_INLINE void transpose(const T* from, index_t from_stride, T* to, index_t to_stride) {
    constexpr int W = Vec<T>::size;
    typename Vec<T>::native row[W];
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) row[i] = Vec<T>::load(from + i * from_stride).v;
    exchange<T, 1>(row, std::make_integer_sequence<int, W>{});
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) Vec<T>{row[i]}.store(to + i * to_stride);
}

}  // namespace
}  // namespace hotloop::simd
