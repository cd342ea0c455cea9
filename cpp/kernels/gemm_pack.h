// Tile sizes, and the copies of A and B in the order in which tiles use them.
#pragma once

#include <utility>

#include "hotloop/gemm_args.h"
#include "simd/transpose.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

#if defined(HOTLOOP_ISA_AVX512)
constexpr int kTileRows = 14;
constexpr int kTileVectors = 2;
#elif defined(HOTLOOP_ISA_AVX2)
constexpr int kTileRows = 6;
constexpr int kTileVectors = 2;
#elif defined(HOTLOOP_ISA_NEON)
constexpr int kTileRows = 8;
constexpr int kTileVectors = 3;
#else
constexpr int kTileRows = 4;
constexpr int kTileVectors = 2;
#endif

template <class T>
constexpr int kTileCols = kTileVectors * Vec<T>::size;

// Tiles of nearly equal height: 100 rows are 4 of 13 and 4 of 12, not 7 of 14 and one of 2.
struct Heights {
    explicit Heights(index_t rows)
        : tiles(ceil_div(rows, kTileRows)), low(rows / tiles), taller(rows % tiles) {}
    index_t tiles;
    index_t low;
    index_t taller;  // so many have a row more
};

// Tiles of H rows of an A whose columns are contiguous, `count` of them side by side: rows of
// memory are read in long runs, and no more than a few places written at a time.
template <class T, int H>
void pack_columns(const T* a, index_t step, index_t k, index_t count, T* out) {
    constexpr index_t kLine = 64 / sizeof(T);
    constexpr index_t kAhead = 12;
    constexpr index_t kTogether = 4;
    for (index_t t0 = 0; t0 < count; t0 += kTogether) {
        const index_t tiles = count - t0 < kTogether ? count - t0 : kTogether;
        const T* from = a + t0 * H;
        T* to = out + t0 * H * k;
        for (index_t j = 0; j < k; ++j, from += step, to += H) {
            for (index_t i = 0; i < tiles * H; i += kLine)
                __builtin_prefetch(from + kAhead * step + i);
            for (index_t t = 0; t < tiles; ++t)
                __builtin_memcpy(to + t * H * k, from + t * H, H * sizeof(T));
        }
    }
}

// The same of an A whose rows are contiguous, a W x W block at a time. Whole vectors are stored:
// what is too much is overwritten by the next, and at last lies within the W numbers beyond the
// end.
template <class T, int H>
void pack_rows(const T* a, index_t stride, index_t k, index_t count, T* out) {
    using V = Vec<T>;
    constexpr int W = V::size;
    constexpr int kGroups = (H + W - 1) / W;
    const index_t whole = k / W * W;
    const int rest = static_cast<int>(k - whole);
    for (index_t t = 0; t < count; ++t, a += H * stride, out += H * k) {
        const auto block = [&](index_t k0, auto load, int depth) HOTLOOP_LAMBDA {
            for (int r0 = (kGroups - 1) * W; r0 >= 0; r0 -= W) {
                typename V::native row[W];
#pragma GCC unroll 16
                for (int i = 0; i < W; ++i) {
                    const T* const from = a + (r0 + i < H ? r0 + i : H - 1) * stride + k0;
                    if (r0 + i < H) __builtin_prefetch(from + H * stride);
                    row[i] = load(from).v;
                }
                simd::exchange<T, 1>(row, std::make_integer_sequence<int, W>{});
#pragma GCC unroll 16
                for (int i = 0; i < W; ++i)
                    if (i < depth) V{row[i]}.store(out + (k0 + i) * H + r0);
            }
        };
        for (index_t k0 = 0; k0 < whole; k0 += W)
            block(k0, [](const T* p) HOTLOOP_LAMBDA { return V::load(p); }, W);
        if (rest > 0)
            block(whole, [rest](const T* p) HOTLOOP_LAMBDA { return V::load(p, rest); }, rest);
    }
}

template <class T>
using PackTiles = void (*)(const T*, index_t, index_t, index_t, T*);

template <class T, int... H>
void pack_tiles(const GemmArgs<T>& g,
                index_t m0,
                index_t height,
                index_t count,
                T* out,
                std::integer_sequence<int, H...>) {
    constexpr PackTiles<T> rows[] = {&pack_rows<T, H + 1>...};
    constexpr PackTiles<T> columns[] = {&pack_columns<T, H + 1>...};
    const T* const a = g.a + m0 * g.a_row_stride;
    if (count == 0) return;
    if (g.a_step == 1)
        rows[height - 1](a, g.a_row_stride, g.segment_length, count, out);
    else
        columns[height - 1](a, g.a_step, g.segment_length, count, out);
}

template <class T>
void pack_a(const GemmArgs<T>& g, index_t m0, index_t m1, T* out) {
    if (m0 >= m1) return;
    const Heights heights{m1 - m0};
    constexpr auto all = std::make_integer_sequence<int, kTileRows>{};
    const index_t high = heights.low + 1;
    pack_tiles<T>(g, m0, high, heights.taller, out, all);
    const index_t done = heights.taller * high;
    pack_tiles<T>(g, m0 + done, heights.low, heights.tiles - heights.taller,
                  out + done * g.segment_length, all);
}

// Panels of B^T for C = A B^T: out[p][k][j] = b[(p * cols + j) * row_stride + k], columns beyond
// n zero. One W x W block at a time: read along rows, written along columns.
template <class T>
void pack_transposed(const T* b, index_t row_stride, index_t n, index_t k, T* out) {
    constexpr int W = Vec<T>::size;
    constexpr index_t cols = kTileCols<T>;
    const index_t whole = k / W * W;
    for (index_t p = 0; p < n; p += cols, b += cols * row_stride, out += cols * k) {
        const index_t full = n - p < cols ? (n - p) / W * W : cols;
        for (index_t j0 = 0; j0 < full; j0 += W)
            for (index_t k0 = 0; k0 < whole; k0 += W) {
                const T* const from = b + j0 * row_stride + k0;
                simd::transpose<T>(from, row_stride, out + k0 * cols + j0, cols);
            }
        for (index_t k0 = full < cols ? 0 : whole; k0 < k; ++k0)
            for (index_t j = k0 < whole ? full : 0; j < cols; ++j)
                out[k0 * cols + j] = j < n - p ? b[j * row_stride + k0] : T{0};
    }
}

// Panels of a B whose rows are contiguous: out[p][k][j] = b[k * row_stride + p * cols + j]. Several
// panels at a time, so that the rows of B are read in long runs, which the hardware prefetches.
template <class T>
void pack(const T* b, index_t row_stride, index_t n, index_t k, T* out) {
    using V = Vec<T>;
    constexpr index_t cols = kTileCols<T>;
    constexpr index_t kTogether = 8 * cols;
    constexpr index_t kAhead = 8;
    for (index_t n0 = 0; n0 < n; n0 += kTogether) {
        const index_t end = n - n0 < kTogether ? n : n0 + kTogether;
        for (index_t kk = 0; kk < k; ++kk) {
            const T* row = b + kk * row_stride;
            for (index_t p = n0; p < end; p += 64 / static_cast<index_t>(sizeof(T)))
                __builtin_prefetch(row + kAhead * row_stride + p);
            for (index_t p = n0; p < end; p += cols) {
                T* to = out + p * k + kk * cols;
                for (index_t j = 0; j < cols; j += V::size) {
                    const index_t left = n - p - j;
                    const V v = left >= V::size ? V::load(row + p + j)
                                : left > 0      ? V::load(row + p + j, static_cast<int>(left))
                                                : V::zero();
                    v.store(to + j);
                }
            }
        }
    }
}

}  // namespace
}  // namespace hotloop
