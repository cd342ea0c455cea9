// Row kernels of convolution for images of one channel and at most half a vector of filters: two
// neighbouring pixels share a vector, lane 2 o + p holding filter o at pixel p. The two numbers of
// x that a kernel column meets lie side by side in memory, and are loaded as one wider number.
#pragma once

#include <utility>

#include "ending.h"
#include "hotloop/conv_rows_args.h"
#include "kernels.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using Floats = simd::Vec<float>;
constexpr int kMostPairs = HOTLOOP_VECTOR_BYTES == 64 ? 14 : 6;

// x[0], x[1], x[0], x[1], ...
HOTLOOP_INLINE Floats pair_of(const float* x) {
    typedef std::int64_t Wide __attribute__((vector_size(HOTLOOP_VECTOR_BYTES)));
    std::int64_t both;
    __builtin_memcpy(&both, x, sizeof both);
    return {reinterpret_cast<Floats::native>(Wide{} + both)};
}

// a0, b0, a1, b1, ... of the lower halves.
template <int... L>
HOTLOOP_INLINE Floats zip(Floats a, Floats b, std::integer_sequence<int, L...>) {
    return {__builtin_shufflevector(a.v, b.v, (L / 2 + L % 2 * Floats::size)...)};
}
HOTLOOP_INLINE Floats zip(Floats a, Floats b) {
    return zip(a, b, std::make_integer_sequence<int, Floats::size>{});
}

// The lanes of one pixel, in the lower half.
template <int kPixel, int... L>
HOTLOOP_INLINE Floats pixel_of(Floats a, std::integer_sequence<int, L...>) {
    return {__builtin_shufflevector(a.v, a.v, ((2 * L + kPixel) % Floats::size)...)};
}
template <int kPixel>
HOTLOOP_INLINE Floats pixel_of(Floats a) {
    return pixel_of<kPixel>(a, std::make_integer_sequence<int, Floats::size>{});
}

bool in_pairs(index_t channels, index_t pixel, index_t OW, int n) {
    return channels == 1 && pixel == 1 && OW % 2 == 0 && 2 * n <= Floats::size;
}

// P pairs of pixels of one row: x points at the first pixel of the first window.
template <int P, int KW>
void pair_tile(const ConvRowsArgs<float>& a, const float* x, float* y) {
    Floats acc[P];
    const Floats bias = a.bias ? Floats::load(a.bias, a.n) : Floats::zero();
    const Floats start = zip(bias, bias);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) acc[p] = start;
    for (index_t kh = 0; kh < a.KH; ++kh) {
        const float* from = x + kh * a.tap_row;
        Floats column[KW];
#pragma GCC unroll 8
        for (int k = 0; k < KW; ++k) {
            const Floats w = Floats::load(a.w + (kh * KW + k) * a.w_row);
            column[k] = zip(w, w);
        }
#pragma GCC unroll 32
        for (int q = 0; q < 2 * P + KW - 2; ++q) {
            const Floats value = pair_of(from + q);
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k)
                if (q >= k && (q - k) % 2 == 0 && (q - k) / 2 < P)
                    acc[(q - k) / 2] = simd::fma(value, column[k], acc[(q - k) / 2]);
        }
    }
    const Floats zero = Floats::zero();
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
        if (a.activation == Activation::relu) acc[p] = simd::max(zero, acc[p]);
        pixel_of<0>(acc[p]).store(y + 2 * p * a.y_pixel, a.n);
        pixel_of<1>(acc[p]).store(y + (2 * p + 1) * a.y_pixel, a.n);
    }
    if (a.activation == Activation::none || a.activation == Activation::relu) return;
    for (int p = 0; p < 2 * P; ++p) {
        float* const at = y + p * a.y_pixel;
        activate(Floats::load(at, a.n), a.activation).store(at, a.n);
    }
}

using PairTile = void (*)(const ConvRowsArgs<float>&, const float*, float*);

template <int KW, int... P>
PairTile pick_pairs(index_t pairs, std::integer_sequence<int, P...>) {
    constexpr PairTile tiles[] = {&pair_tile<P + 1, KW>...};
    return tiles[pairs - 1];
}

void conv_pairs(const ConvRowsArgs<float>& a) {
    constexpr auto all = std::make_integer_sequence<int, kMostPairs>{};
    const index_t pairs = a.OW / 2;
    const index_t tiles = (pairs + kMostPairs - 1) / kMostPairs;
    float* y = a.y;
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh) {
            const float* x = a.x + i * a.image + oh * a.row;
            for (index_t t = 0; t < tiles; ++t) {
                const index_t width = pairs * (t + 1) / tiles - pairs * t / tiles;
                (a.KW == 3 ? pick_pairs<3>(width, all) : pick_pairs<5>(width, all))(a, x, y);
                x += 2 * width;
                y += 2 * width * a.y_pixel;
            }
        }
}

// R kernel rows against dy: R * KW sums of pairs in registers.
template <int R, int KW>
void pair_weights_tile(const ConvRowsWeightsArgs<float>& a, index_t first) {
    Floats acc[R][KW];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int k = 0; k < KW; ++k) acc[r][k] = Floats::zero();
    const float* dy = a.dy;
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh) {
            const float* x = a.x + i * a.image + oh * a.row + first * a.tap_row;
            for (index_t ow = 0; ow < a.OW; ow += 2, dy += 2 * a.dy_pixel, x += 2) {
                const Floats both = zip(Floats::load(dy, a.n), Floats::load(dy + a.dy_pixel, a.n));
#pragma GCC unroll 8
                for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
                    for (int k = 0; k < KW; ++k)
                        acc[r][k] = simd::fma(pair_of(x + r * a.tap_row + k), both, acc[r][k]);
            }
        }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int k = 0; k < KW; ++k) {
            float* const to = a.dw + ((first + r) * KW + k) * a.dw_row;
            Floats sum = pixel_of<0>(acc[r][k]) + pixel_of<1>(acc[r][k]);
            if (a.accumulate) sum = Floats::load(to, a.n) + sum;
            sum.store(to, a.n);
        }
}

template <int KW, int R>
void pair_weights(const ConvRowsWeightsArgs<float>& a) {
    index_t first = 0;
    for (; first + R <= a.KH; first += R) pair_weights_tile<R, KW>(a, first);
    for (; first < a.KH; ++first) pair_weights_tile<1, KW>(a, first);
}

void conv_pairs_weights(const ConvRowsWeightsArgs<float>& a) {
    constexpr bool kMany = HOTLOOP_VECTOR_BYTES == 64;
    if (a.KW == 3)
        pair_weights<3, 3>(a);
    else
        pair_weights<5, kMany ? 5 : 2>(a);
}

}  // namespace
}  // namespace hotloop
