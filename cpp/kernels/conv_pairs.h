// Row kernels of convolution for images of one channel and at most half a vector of filters: two
// neighbouring pixels share a vector, lane 2 o + p holding filter o at pixel p. The two numbers of
// x that a kernel column meets lie side by side in memory, and are loaded as one wider number.
#pragma once

#include <utility>

#include "hotloop/conv_rows_args.h"
#include "hotloop/long_sums.h"
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

// Whether a row of the windows holds more than padding.
HOTLOOP_INLINE bool holds_data(const RowWindows& a, index_t row) {
    return row >= a.top && row < a.bottom;
}

// The rows of the kernel that meet data from an output row's windows.
struct KernelRows {
    index_t first = 0;
    index_t last;
    KernelRows(const RowWindows& a, index_t oh) : last(a.KH) {
        const index_t row = oh * a.stride_h;
        while (first < last && !holds_data(a, row + first * a.dilation_h)) ++first;
        while (last > first && !holds_data(a, row + (last - 1) * a.dilation_h)) --last;
    }
};

// Output rows of `pixels` that a weight gradient sums before it adds to dw.
template <class T>
index_t rows_of_a_run(const ConvRowsWeightsArgs<T>& a, index_t pixels) {
    if (a.images * a.OH * pixels <= kOneRun) return a.images * a.OH;
    return pixels < kProductRun ? kProductRun / pixels : 1;
}

// P pairs of pixels of one row: x points at the first pixel of the first window, `rows` of whose
// kernel meet data.
template <int P, int KW>
void pair_tile(
    const ConvRowsArgs<float>& a, const Floats* w, const float* x, float* y, KernelRows rows) {
    Floats acc[P];
    const Floats bias = a.bias ? Floats::load(a.bias, a.n) : Floats::zero();
    const Floats start = zip(bias, bias);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) acc[p] = start;
    for (index_t kh = rows.first; kh < rows.last; ++kh) {
        const float* from = x + kh * a.tap_row;
        Floats column[KW];
#pragma GCC unroll 8
        for (int k = 0; k < KW; ++k) column[k] = w[kh * KW + k];
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
    if (a.relu) {
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) acc[p] = simd::max(zero, acc[p]);
    }
    const index_t y_pixel = a.y_pixel;
    const int n = a.n;
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
        pixel_of<0>(acc[p]).store(y + 2 * p * y_pixel, n);
        pixel_of<1>(acc[p]).store(y + (2 * p + 1) * y_pixel, n);
    }
}

using PairTile =
    void (*)(const ConvRowsArgs<float>&, const Floats*, const float*, float*, KernelRows);

template <int KW, int... P>
PairTile pick_pairs(index_t pairs, std::integer_sequence<int, P...>) {
    constexpr PairTile tiles[] = {&pair_tile<P + 1, KW>...};
    return tiles[pairs - 1];
}

void conv_pairs(const ConvRowsArgs<float>& a) {
    constexpr auto all = std::make_integer_sequence<int, kMostPairs>{};
    const index_t pairs = a.OW / 2;
    const index_t tiles = ceil_div(pairs, kMostPairs);
    Floats w[kMostPairTaps];
    for (index_t tap = 0; tap < a.KH * a.KW; ++tap) {
        const Floats once = Floats::load(a.w + tap * a.w_row);
        w[tap] = zip(once, once);
    }
    float* y = a.y;
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh) {
            const float* x = a.x + i * a.image + oh * a.row;
            const KernelRows rows(a, oh);
            for (index_t t = 0; t < tiles; ++t) {
                const index_t width = pairs * (t + 1) / tiles - pairs * t / tiles;
                (a.KW == 3 ? pick_pairs<3>(width, all) : pick_pairs<5>(width, all))(a, w, x, y,
                                                                                    rows);
                x += 2 * width;
                y += 2 * width * a.y_pixel;
            }
        }
}

// R kernel rows against dy: R * KW sums of pairs in registers. The last kRing pairs of dy move
// along the row with the pairs of x at even and at odd places, so each number is loaded once for
// the kernel columns of its kind. At the ends of a row some pairs of dy do not exist and are left
// out.
template <int R, int KW>
void pair_weights_tile(const ConvRowsWeightsArgs<float>& a, index_t first) {
    constexpr int kRing = (KW + 1) / 2;
    Floats acc[R][KW];
    const auto clear = [&] HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k) acc[r][k] = Floats::zero();
    };
    clear();
    bool accumulate = a.accumulate;
    const auto put_away = [&] HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k) {
                float* const to = a.dw + ((first + r) * KW + k) * a.dw_row;
                Floats sum = pixel_of<0>(acc[r][k]) + pixel_of<1>(acc[r][k]);
                if (accumulate) sum = Floats::load(to, a.n) + sum;
                sum.store(to, a.n);
            }
        clear();
        accumulate = true;
    };
    const index_t rows_a_run = rows_of_a_run(a, a.OW);
    index_t rows_left = rows_a_run;
    const float* dy = a.dy;
    const index_t tap_row = a.tap_row;
    const index_t step = a.dy_pixel;
    const int n = a.n;
    Floats ring[kRing];  // the newest first
    // The pairs of x at `at` and behind it, with the pairs of dy from `oldest` to `newest`.
    const auto meet = [&](const float* at, int newest, int oldest) HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Floats even = pair_of(at + r * tap_row);
#pragma GCC unroll 8
            for (int k = 0; k < KW; k += 2)
                if (k / 2 >= newest && k / 2 <= oldest)
                    acc[r][k] = simd::fma(even, ring[k / 2], acc[r][k]);
            if (newest >= kRing - 1) continue;
            const Floats odd = pair_of(at + r * tap_row + 1);
#pragma GCC unroll 8
            for (int k = 1; k < KW; k += 2)
                if (k / 2 >= newest && k / 2 <= oldest)
                    acc[r][k] = simd::fma(odd, ring[k / 2], acc[r][k]);
        }
    };
    const auto shift = [&] HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int k = kRing - 1; k > 0; --k) ring[k] = ring[k - 1];
    };
    const auto next = [&] HOTLOOP_LAMBDA {
        shift();
        ring[0] = zip(Floats::load(dy, n), Floats::load(dy + step, n));
        dy += 2 * step;
    };
    const index_t pairs = a.OW / 2;
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh) {
            if (rows_left-- == 0) {
                put_away();
                rows_left = rows_a_run - 1;
            }
            const float* x = a.x + i * a.image + oh * a.row + first * tap_row;
            dy = a.dy + (i * a.OH + oh) * a.dy_row;
#pragma GCC unroll 8
            for (int u = 0; u < kRing - 1; ++u, x += 2) {
                next();
                meet(x, 0, u);
            }
            for (index_t u = kRing - 1; u < pairs; ++u, x += 2) {
                next();
                meet(x, 0, kRing - 1);
            }
#pragma GCC unroll 8
            for (int u = 1; u < kRing; ++u, x += 2) {
                shift();
                meet(x, u, kRing - 1);
            }
        }
    put_away();
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
