// Convolution with few output channels, row by row.
//
// With one vector of output channels the tile kernel would load a number of x for every
// multiply-add, and loads would decide. Along a row, though, neighbouring windows share their
// pixels: here a number of x is loaded once and meets all KW kernel columns (direct convolution in
// registers, as Georganas et al., "Anatomy of high-performance deep learning convolutions", 2018).
// Every tile adds in the same order: kernel rows, channels, kernel columns.
#include "hotloop/conv_rows_args.h"

#include "conv_pairs.h"
#include "ending.h"
#include "kernels.h"

namespace hotloop {
namespace {

using simd::Vec;

constexpr int kPixels = HOTLOOP_VECTOR_BYTES == 64 ? 14 : 8;

// P neighbouring pixels of one row: x points at the first pixel of the first window.
template <class T, int P, int KW>
void row_tile(const ConvRowsArgs<T>& a, const T* x, T* y) {
    using V = Vec<T>;
    V acc[P];
    const V start = a.bias ? V::load(a.bias, a.n) : V::zero();
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) acc[p] = start;
    const index_t pixel = a.pixel;
    const index_t w_tap = a.channels * a.w_row;
    for (index_t kh = 0; kh < a.KH; ++kh) {
        const T* from = x + kh * a.tap_row;
        const T* w = a.w + kh * KW * w_tap;
        for (index_t c = 0; c < a.channels; ++c, w += a.w_row, ++from) {
            V column[KW];
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k) column[k] = V::load(w + k * w_tap);
#pragma GCC unroll 32
            for (int q = 0; q < P + KW - 1; ++q) {
                const V value = V::set(from[q * pixel]);
#pragma GCC unroll 8
                for (int k = 0; k < KW; ++k)
                    if (q - k >= 0 && q - k < P)
                        acc[q - k] = simd::fma(value, column[k], acc[q - k]);
            }
        }
    }
    const V zero = V::zero();
    if (a.activation == Activation::relu) {
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) acc[p] = simd::max(zero, acc[p]);
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) acc[p].store(y + p * a.y_pixel, a.n);
    if (!a.gate && (a.activation == Activation::none || a.activation == Activation::relu)) return;
    for (int p = 0; p < P; ++p) {
        T* const at = y + p * a.y_pixel;
        V v = V::load(at, a.n);
        v = a.gate ? apply_gate(v, V::load(a.gate + (at - a.y), a.n), a.gate_kind)
                   : activate(v, a.activation);
        v.store(at, a.n);
    }
}

template <class T>
using RowTile = void (*)(const ConvRowsArgs<T>&, const T*, T*);

template <class T, int KW, int... P>
RowTile<T> pick(index_t pixels, std::integer_sequence<int, P...>) {
    constexpr RowTile<T> tiles[] = {&row_tile<T, P + 1, KW>...};
    return tiles[pixels - 1];
}

template <class T>
RowTile<T> pick(index_t pixels, index_t kw) {
    constexpr auto all = std::make_integer_sequence<int, kPixels>{};
    return kw == 3 ? pick<T, 3>(pixels, all) : pick<T, 5>(pixels, all);
}

template <class T>
void conv_rows(const ConvRowsArgs<T>& a) {
    if constexpr (sizeof(T) == sizeof(float))
        if (in_pairs(a.channels, a.pixel, a.OW, a.n) && !a.gate) {
            conv_pairs(a);
            return;
        }
    const index_t tiles = (a.OW + kPixels - 1) / kPixels;
    const index_t low = a.OW / tiles;
    const index_t taller = a.OW % tiles;
    const RowTile<T> high_tile = pick<T>(taller ? low + 1 : low, a.KW);
    const RowTile<T> low_tile = pick<T>(low, a.KW);
    T* y = a.y;
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh) {
            const T* x = a.x + i * a.image + oh * a.row;
            for (index_t t = 0; t < tiles; ++t) {
                const bool high = t < taller;
                (high ? high_tile : low_tile)(a, x, y);
                const index_t pixels = high ? low + 1 : low;
                x += pixels * a.pixel;
                y += pixels * a.y_pixel;
            }
        }
}

// R lines of x (kernel row and channel) against dy: R * KW sums in registers. The last KW vectors
// of dy move along the row in a ring, so each is loaded once for all sums.
template <class T, int R, int KW>
void weights_tile(const ConvRowsWeightsArgs<T>& a, index_t first) {
    using V = Vec<T>;
    index_t line[R];
    index_t target[R];
    for (int r = 0; r < R; ++r) {
        const index_t kh = (first + r) / a.channels;
        const index_t c = (first + r) % a.channels;
        line[r] = kh * a.tap_row + c;
        target[r] = (kh * KW * a.channels + c) * a.dw_row;
    }
    const index_t column = a.channels * a.dw_row;
    V acc[R][KW];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int k = 0; k < KW; ++k)
            acc[r][k] = a.accumulate ? V::load(a.dw + target[r] + k * column, a.n) : V::zero();
    const T* dy = a.dy;
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh, dy += a.OW * a.dy_pixel) {
            const T* x = a.x + i * a.image + oh * a.row;
            V ring[KW];
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k) ring[k] = V::zero();
            // KW pixels at a time, so that each has its place in the ring. At the ends of the row
            // some windows do not exist: those are left out, as zero times NaN would not be zero.
            const auto pixels = [&]<bool kEnd>(index_t q) HOTLOOP_LAMBDA {
#pragma GCC unroll 8
                for (int s = 0; s < KW; ++s) {
                    if (!kEnd || q + s < a.OW) ring[s] = V::load(dy + (q + s) * a.dy_pixel, a.n);
                    const T* at = x + (q + s) * a.pixel;
#pragma GCC unroll 8
                    for (int r = 0; r < R; ++r) {
                        if (kEnd && q + s >= a.OW + KW - 1) break;
                        const V value = V::set(at[line[r]]);
#pragma GCC unroll 8
                        for (int k = 0; k < KW; ++k)
                            if (!kEnd || (q + s - k >= 0 && q + s - k < a.OW))
                                acc[r][k] = simd::fma(value, ring[(s - k + KW) % KW], acc[r][k]);
                    }
                }
            };
            pixels.template operator()<true>(0);
            index_t q = KW;
            for (; q + KW <= a.OW; q += KW) pixels.template operator()<false>(q);
            for (; q < a.OW + KW - 1; q += KW) pixels.template operator()<true>(q);
        }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int k = 0; k < KW; ++k) acc[r][k].store(a.dw + target[r] + k * column, a.n);
}

template <class T, int KW, int R>
void weights(const ConvRowsWeightsArgs<T>& a) {
    const index_t lines = a.KH * a.channels;
    index_t first = 0;
    for (; first + R <= lines; first += R) weights_tile<T, R, KW>(a, first);
    for (; first + 3 <= lines; first += 3) weights_tile<T, 3, KW>(a, first);
    for (; first + 2 <= lines; first += 2) weights_tile<T, 2, KW>(a, first);
    for (; first < lines; ++first) weights_tile<T, 1, KW>(a, first);
}

template <class T>
void conv_rows_weights(const ConvRowsWeightsArgs<T>& a) {
    if constexpr (sizeof(T) == sizeof(float))
        if (in_pairs(a.channels, a.pixel, a.OW, a.n)) {
            conv_pairs_weights(a);
            return;
        }
    constexpr bool kMany = HOTLOOP_VECTOR_BYTES == 64;
    if (a.KW == 3)
        weights<T, 3, kMany ? 8 : 3>(a);
    else
        weights<T, 5, kMany ? 5 : 2>(a);
}

template <class T>
constexpr ConvRowsKernels<T> make() {
    return {&conv_rows<T>, &conv_rows_weights<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ConvRowsKernels> HOTLOOP_KERNEL_TABLE(conv_rows) = {
    hotloop::make<float>(), hotloop::make<double>()};
