// Convolution row by row, one or two vectors of output channels at a time.
//
// With one vector of them the tile kernel loads a number of x for every multiply-add, and loads
// decide. Along a row, though, neighbouring windows share their
// pixels: here a number of x is loaded once and meets all KW kernel columns (direct convolution in
// registers, as Georganas et al., "Anatomy of high-performance deep learning convolutions", 2018).
// Every tile adds in the same order: kernel rows, channels, kernel columns.
#include "hotloop/conv_rows_args.h"

#include "conv_pairs.h"
#include "kernels.h"
#include "opaque.h"

namespace hotloop {
namespace {

using simd::Vec;

// Two where there are 32 registers of 64 bytes, so that a number of x meets twice as many weights.
constexpr int kVectors = HOTLOOP_VECTOR_BYTES == 64 ? 2 : 1;
template <int NV>
constexpr int kPixels = HOTLOOP_VECTOR_BYTES != 64 ? 8
                        : NV == 2                  ? 10
                                                   : 14;

// Pixels `dilation` apart along a row have windows that share pixels as those of neighbours do
// without dilation: each of the `dilation` phases of a row is a row of its own.
struct Phase {
    index_t first;       // pixel
    index_t pixels;      // windows
    index_t begin, end;  // those of the pixels that they reach that hold data
    Phase(const RowWindows& a, index_t phase)
        : first(phase),
          pixels(count(a.OW - phase, a.dilation_w)),
          begin(count(a.left - phase, a.dilation_w)),
          end(count(a.right - phase, a.dilation_w)) {}
    static index_t count(index_t n, index_t step) { return n <= 0 ? 0 : ceil_div(n, step); }
};

// What one sum takes of a window: rows of the kernel that meet data, and channels [c0, c1). All but
// the first add to y, which the last finishes.
struct WindowPart {
    KernelRows rows;
    index_t c0, c1;
    bool first, last;
};

// P pixels of one phase of a row. x points at the first pixel of the first window. Of the pixels
// that the windows reach [begin, end) hold data.
template <class T, int NV, int KW, int P>
void row_tile(const ConvRowsArgs<T>& a,
              const T* x,
              T* y,
              const WindowPart& part,
              index_t begin,
              index_t end) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const int tail = a.n - (NV - 1) * W;
    V acc[P][NV];
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
        V start = V::zero();
        if (a.bias && part.first)
            start = j == NV - 1 ? V::load(a.bias + j * W, tail) : V::load(a.bias + j * W);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) acc[p][j] = start;
    }
    const index_t pixel = a.pixel * a.dilation_w;
    const index_t three = opaque(3 * pixel);
    constexpr int kFours = (P + KW + 2) / 4;
    // Four questions a channel cost nothing; the eight of five columns cost more than they spare
    // (SimpleConvNet, forward: 325 to 380 us).
    constexpr bool kSkips = KW == 3;
    const index_t w_tap = a.channels * a.w_row;
    const KernelRows rows = part.rows;
    const index_t KH = rows.last - rows.first;
    const index_t channels = part.c1 - part.c0;
    x += rows.first * a.tap_row + part.c0;
    const T* const first_w = a.w + rows.first * KW * w_tap + part.c0 * a.w_row;
    for (index_t kh = 0; kh < KH; ++kh) {
        const T* from[kFours];
#pragma GCC unroll 8
        for (int i = 0; i < kFours; ++i) from[i] = opaque(x + kh * a.tap_row + 4 * i * pixel);
        const T* w = first_w + kh * KW * w_tap;
        for (index_t c = 0; c < channels; ++c, w += a.w_row) {
            V column[KW][NV];
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k)
#pragma GCC unroll 2
                for (int j = 0; j < NV; ++j) column[k][j] = V::load(w + k * w_tap + j * W);
            if constexpr (kSkips) begin = opaque(begin), end = opaque(end);
#pragma GCC unroll 32
            for (int q = 0; q < P + KW - 1; ++q) {
                if (kSkips && ((q < KW - 1 && q < begin) || (q >= P && q >= end))) continue;
                const int step = q % 4;
                const V value = V::set(from[q / 4][step == 3 ? three : step * pixel]);
#pragma GCC unroll 8
                for (int k = 0; k < KW; ++k)
#pragma GCC unroll 2
                    for (int j = 0; j < NV; ++j)
                        if (q - k >= 0 && q - k < P)
                            acc[q - k][j] = simd::fma(value, column[k][j], acc[q - k][j]);
            }
#pragma GCC unroll 8
            for (int i = 0; i < kFours; ++i) ++from[i];
        }
    }
    const index_t y_pixel = a.y_pixel * a.dilation_w;
    if (!part.first) {
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
            for (int j = 0; j < NV; ++j) {
                const T* const at = y + p * y_pixel + j * W;
                acc[p][j] = (j == NV - 1 ? V::load(at, tail) : V::load(at)) + acc[p][j];
            }
    }
    const V zero = V::zero();
    if (a.relu && part.last) {
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
            for (int j = 0; j < NV; ++j) acc[p][j] = simd::max(zero, acc[p][j]);
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
        for (int j = 0; j < NV; ++j) {
            if (j == NV - 1)
                acc[p][j].store(y + p * y_pixel + j * W, tail);
            else
                acc[p][j].store(y + p * y_pixel + j * W);
        }
}

template <class T>
using RowTile = void (*)(const ConvRowsArgs<T>&, const T*, T*, const WindowPart&, index_t, index_t);

// body(part) for the parts of the windows whose rows of the kernel are `rows`.
template <class Body>
HOTLOOP_INLINE void each_part(const RowWindows& a, KernelRows rows, Body body) {
    const index_t steps = a.KW * a.channels;  // of a row of the kernel
    if (a.KH * steps <= kOneRun || rows.first == rows.last) {
        body(WindowPart{rows, 0, a.channels, true, true});
        return;
    }
    const index_t together = steps < kProductRun ? kProductRun / steps : 1;
    const index_t pieces = ceil_div(steps, kProductRun);
    WindowPart part{rows, 0, 0, true, false};
    for (index_t kh = rows.first; kh < rows.last; kh += together)
        for (index_t i = 0; i < pieces; ++i) {
            part.rows.first = kh;
            part.rows.last = rows.last - kh < together ? rows.last : kh + together;
            part.c0 = a.channels * i / pieces;
            part.c1 = a.channels * (i + 1) / pieces;
            part.last = part.rows.last == rows.last && i == pieces - 1;
            body(part);
            part.first = false;
        }
}

template <class T, int NV, int KW, int... P>
RowTile<T> pick(index_t pixels, std::integer_sequence<int, P...>) {
    constexpr RowTile<T> tiles[] = {&row_tile<T, NV, KW, P + 1>...};
    return tiles[pixels - 1];
}

template <class T, int NV>
RowTile<T> pick(index_t pixels, index_t kw) {
    constexpr auto all = std::make_integer_sequence<int, kPixels<NV>>{};
    return kw == 3 ? pick<T, NV, 3>(pixels, all) : pick<T, NV, 5>(pixels, all);
}

template <class T, int NV>
void in_tiles(const ConvRowsArgs<T>& a, const Phase& phase) {
    const index_t tiles = ceil_div(phase.pixels, kPixels<NV>);
    const index_t low = phase.pixels / tiles;
    const index_t taller = phase.pixels % tiles;
    const RowTile<T> high_tile = pick<T, NV>(taller ? low + 1 : low, a.KW);
    const RowTile<T> low_tile = pick<T, NV>(low, a.KW);
    for (index_t i = 0; i < a.images; ++i)
        for (index_t oh = 0; oh < a.OH; ++oh) {
            const T* x = a.x + i * a.image + oh * a.row + phase.first * a.pixel;
            T* y = a.y + ((i * a.OH + oh) * a.OW + phase.first) * a.y_pixel;
            const KernelRows rows(a, oh);
            index_t done = 0;
            for (index_t t = 0; t < tiles; ++t) {
                const bool high = t < taller;
                const RowTile<T> tile = high ? high_tile : low_tile;
                each_part(a, rows, [&](const WindowPart& part) {
                    tile(a, x, y, part, phase.begin - done, phase.end - done);
                });
                const index_t pixels = high ? low + 1 : low;
                x += pixels * a.dilation_w * a.pixel;
                y += pixels * a.dilation_w * a.y_pixel;
                done += pixels;
            }
        }
}

template <class T, int NV>
void in_tiles(const ConvRowsArgs<T>& a) {
    for (index_t first = 0; first < a.dilation_w && first < a.OW; ++first)
        in_tiles<T, NV>(a, Phase(a, first));
}

template <class T>
void conv_rows(const ConvRowsArgs<T>& a) {
    if constexpr (kVectors == 2)
        if (a.n > Vec<T>::size) {
            in_tiles<T, 2>(a);
            return;
        }
    in_tiles<T, 1>(a);
}

// R lines of x (kernel row and channel) against dy: R * KW sums in registers, of NV vectors each.
// The last KW pixels of dy move along the row with the pixel of x that they all meet, so each is
// loaded once for all sums. At the ends of a row some of them do not exist: those are left out, as
// zero times NaN would not be zero. Lines side by side in x need no addresses of their own.
template <class T, int NV, int KW, int R, bool kAdjacent>
void weights_tile(const ConvRowsWeightsArgs<T>& a, index_t first) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const int tail = a.n - (NV - 1) * W;
    const auto load = [tail](const T* p, int j) HOTLOOP_LAMBDA {
        return j == NV - 1 ? V::load(p + j * W, tail) : V::load(p + j * W);
    };
    index_t line[R];
    index_t target[R];
    for (int r = 0; r < R; ++r) {
        const index_t kh = (first + r) / a.channels;
        const index_t c = (first + r) % a.channels;
        line[r] = kh * a.tap_row + c;
        target[r] = (kh * KW * a.channels + c) * a.dw_row;
    }
    const index_t column = a.channels * a.dw_row;
    V acc[R][KW][NV];
    const auto clear = [&] HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k)
#pragma GCC unroll 2
                for (int j = 0; j < NV; ++j) acc[r][k][j] = V::zero();
    };
    clear();
    bool accumulate = a.accumulate;
    const auto put_away = [&] HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k)
#pragma GCC unroll 2
                for (int j = 0; j < NV; ++j) {
                    T* const to = a.dw + target[r] + k * column;
                    const V sum = accumulate ? load(to, j) + acc[r][k][j] : acc[r][k][j];
                    if (j == NV - 1)
                        sum.store(to + j * W, tail);
                    else
                        sum.store(to + j * W);
                }
        clear();
        accumulate = true;
    };
    const index_t pixel = a.pixel * a.dilation_w;
    const index_t step = a.dy_pixel * a.dilation_w;
    V ring[KW][NV];
    const auto take = [&](int at, const T* p) HOTLOOP_LAMBDA {
#pragma GCC unroll 2
        for (int j = 0; j < NV; ++j) ring[at][j] = load(p, j);
    };
    // The pixel at x with the dy in the ring, the newest at `at`, for kernel columns [k0, k1).
    const auto meet = [&](const T* x, int at, int k0, int k1) HOTLOOP_LAMBDA {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const V value = V::set(kAdjacent ? x[r] : x[line[r]]);
#pragma GCC unroll 8
            for (int k = 0; k < KW; ++k)
#pragma GCC unroll 2
                for (int j = 0; j < NV; ++j)
                    if (k >= k0 && k < k1)
                        acc[r][k][j] =
                            simd::fma(value, ring[(at - k + 2 * KW) % KW][j], acc[r][k][j]);
        }
    };
    const auto along = [&](const Phase& phase, const T* x, const T* dy) HOTLOOP_LAMBDA {
        const index_t OW = phase.pixels;
        if (OW < KW) {
            for (index_t q = 0; q < OW + KW - 1; ++q, x += pixel)
#pragma GCC unroll 8
                for (int k = 0; k < KW; ++k) {
                    if (q < k || q - k >= OW) continue;
                    take((KW - k) % KW, dy + (q - k) * step);
                    meet(x, 0, k, k + 1);
                }
            return;
        }
#pragma GCC unroll 8
        for (int s = 0; s < KW - 1; ++s, x += pixel, dy += step) {
            take(s, dy);
            if (s >= phase.begin) meet(x, s, 0, s + 1);
        }
        index_t left = OW - (KW - 1);
        for (; left >= KW; left -= KW) {
#pragma GCC unroll 8
            for (int s = KW - 1; s < 2 * KW - 1; ++s, x += pixel, dy += step) {
                take(s % KW, dy);
                meet(x, s, 0, KW);
            }
        }
        for (; left > 0; --left, x += pixel, dy += step) {
            take(KW - 1, dy);
            meet(x, KW - 1, 0, KW);
#pragma GCC unroll 8
            for (int k = 0; k < KW - 1; ++k)
#pragma GCC unroll 2
                for (int j = 0; j < NV; ++j) ring[k][j] = ring[k + 1][j];
        }
#pragma GCC unroll 8
        for (int t = 0; t < KW - 1; ++t, x += pixel)
            if (OW + t < phase.end) meet(x, KW - 1 + t, t + 1, KW);
    };
    for (index_t first_pixel = 0; first_pixel < a.dilation_w && first_pixel < a.OW; ++first_pixel) {
        const Phase phase(a, first_pixel);
        const index_t rows_a_run = rows_of_a_run(a, phase.pixels);
        index_t rows_left = rows_a_run;
        for (index_t i = 0; i < a.images; ++i)
            for (index_t oh = 0; oh < a.OH; ++oh) {
                if (rows_left-- == 0) {
                    put_away();
                    rows_left = rows_a_run - 1;
                }
                // Lines side by side are of one row of the kernel.
                if (kAdjacent &&
                    !holds_data(a, oh * a.stride_h + first / a.channels * a.dilation_h))
                    continue;
                along(phase,
                      a.x + i * a.image + oh * a.row + first_pixel * a.pixel +
                          (kAdjacent ? line[0] : 0),
                      a.dy + (i * a.OH + oh) * a.dy_row + first_pixel * a.dy_pixel);
            }
    }
    put_away();
}

template <class T, int NV, int KW, int R>
void by_lines(const ConvRowsWeightsArgs<T>& a) {
    const index_t lines = a.KH * a.channels;
    index_t first = 0;
    if (a.channels % R == 0) {
        for (; first < lines; first += R) weights_tile<T, NV, KW, R, true>(a, first);
        return;
    }
    for (; first + R <= lines; first += R) weights_tile<T, NV, KW, R, false>(a, first);
    if constexpr (R > 3)
        for (; first + 3 <= lines; first += 3) weights_tile<T, NV, KW, 3, false>(a, first);
    if constexpr (R > 2)
        for (; first + 2 <= lines; first += 2) weights_tile<T, NV, KW, 2, false>(a, first);
    for (; first < lines; ++first) weights_tile<T, NV, KW, 1, false>(a, first);
}

template <class T>
void conv_rows_weights(const ConvRowsWeightsArgs<T>& a) {
    if constexpr (kVectors == 2)
        if (a.n > Vec<T>::size) {
            if (a.KW == 3)
                by_lines<T, 2, 3, 4>(a);
            else
                by_lines<T, 2, 5, 2>(a);
            return;
        }
    constexpr bool kMany = HOTLOOP_VECTOR_BYTES == 64;
    if (a.KW == 3)
        by_lines<T, 1, 3, kMany ? 8 : 3>(a);
    else
        by_lines<T, 1, 5, kMany ? 5 : 2>(a);
}

template <class T>
constexpr ConvRowsKernels<T> make() {
    if constexpr (sizeof(T) == sizeof(float))
        return {kVectors, &conv_rows<T>, &conv_rows_weights<T>, &conv_pairs, &conv_pairs_weights};
    else
        return {kVectors, &conv_rows<T>, &conv_rows_weights<T>, nullptr, nullptr};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ConvRowsKernels> HOTLOOP_KERNEL_TABLE(conv_rows) = {
    hotloop::make<float>(), hotloop::make<double>()};
