// The tile kernel: MR rows times NV vectors of C live in registers while k runs.
//
// Per k it loads one row of B (NV vectors) and broadcasts MR numbers of A, for MR * NV fused
// multiply-adds. Every tile shape adds in the same order (k ascending, one accumulator an element,
// long sums in runs), so the bits of C depend neither on the tile nor on who computes it.
#include "epilogue.h"
#include "hotloop/gemm_runs.h"
#include "kernels.h"
#include "opaque.h"
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

// Limits of blocks (GemmKernels), measured.
#if defined(HOTLOOP_ISA_AVX512)
constexpr int kPanelEighths = 32;
constexpr int kPackBRows = 192;
#else
constexpr int kPanelEighths = 4;
constexpr int kPackBRows = 192;
#endif
constexpr int kPackAPanels = 8;

// How the numbers of one column of A lie: in rows that each have a pointer, in rows equally far
// apart, or side by side.
enum class Rows { pointers, equal, adjacent };

// The next panel of B on its way to where its rows lie side by side, a row after every few steps of
// k of the tiles before it: what comes from beyond the second-level cache costs no time of its own
// (128 x 512 x 784: 140 to 165 GFLOP/s of 178 with weights that the caches do not hold).
template <class T>
struct PanelCopy {
    const T* from = nullptr;
    index_t stride = 0;
    T* to = nullptr;
    index_t rows = 0;

    HOTLOOP_INLINE void row(index_t r) const {
        constexpr index_t kAhead = 24;  // rows that are on their way, then those of another panel
        const index_t after = r + kAhead;
        const T* const ahead =
            from + (after < rows ? after * stride : (after - rows) * stride + kTileCols<T>);
        const T* const x = from + r * stride;
#pragma GCC unroll 4
        for (index_t j = 0; j < kTileCols<T>; j += Vec<T>::size) {
            __builtin_prefetch(ahead + j, 0, 2);
            Vec<T>::load(x + j).store(to + r * kTileCols<T> + j);
        }
        __builtin_prefetch(ahead + kTileCols<T> - 1, 0, 2);
    }
};
constexpr index_t kStepsARow = 8;

// The rarer epilogues run over the stored tile, which is still in the first-level cache.
template <class T>
__attribute__((noinline)) void finish(
    const GemmArgs<T>& g, index_t first_row, index_t first_col, int rows, int cols) {
    using V = Vec<T>;
    for (index_t m = first_row; m < first_row + rows; ++m)
        for (int j = 0; j < cols; j += V::size) {
            const int n = cols - j < V::size ? cols - j : V::size;
            T* at = g.c + first_col + j + (g.c_row_offset ? g.c_row_offset[m] : m * g.c_row_stride);
            V y = V::load(at, n);
            y = g.gate ? apply_gate(y, V::load(g.gate + (at - g.c), n), g.gate_kind)
                       : activate(y, g.activation);
            y.store(at, n);
        }
}

// One tile: rows first_row .. first_row + MR, columns b / c / bias .. + (NV - 1) vectors + tail.
template <class T, int MR, int NV, Rows kRows, bool kPartial, bool kMaskB, bool kCopies = false>
void tile(const GemmArgs<T>& g,
          index_t first_row,
          const T* __restrict b,
          index_t first_col,
          int tail,
          const PanelCopy<T>& copy,
          index_t copied,
          index_t to_copy) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const auto load = [tail](const T* p, int j) HOTLOOP_LAMBDA {
        return kPartial && j == NV - 1 ? V::load(p + j * W, tail) : V::load(p + j * W);
    };

    // Equal rows need a pointer for every four only: three more are one, two and three times the
    // stride away.
    constexpr int kPointers = kRows == Rows::pointers ? MR
                              : kRows == Rows::equal  ? (MR + 3) / 4
                                                      : 1;
    const index_t stride = g.a_row_stride;
    const index_t three = opaque(3 * stride);
    const T* a[kPointers];
    const auto begin_at = [&](index_t segment) HOTLOOP_LAMBDA {
#pragma GCC unroll 16
        for (int i = 0; i < kPointers; ++i)
            a[i] = opaque(g.a + segment + (first_row + 4 * i) * stride);
    };
    if constexpr (kRows == Rows::adjacent) a[0] = g.a + first_row;
    if constexpr (kRows == Rows::pointers)
        for (int i = 0; i < MR; ++i)
            a[i] =
                g.a + (g.a_row_offset ? g.a_row_offset[first_row + i] : (first_row + i) * stride);
    const auto number = [&](int i, index_t at) HOTLOOP_LAMBDA {
        if constexpr (kRows == Rows::pointers) return a[i][at];
        if constexpr (kRows == Rows::adjacent) return a[0][at + i];
        return a[i / 4][i % 4 == 3 ? three : i % 4 * stride];
    };

    // body(i, row i of C) for each row.
    const auto each_row = [&](auto body) HOTLOOP_LAMBDA {
        T* const c = g.c + first_col;
        if (g.c_row_offset) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i) body(i, c + g.c_row_offset[first_row + i]);
        } else {
            T* row = c + first_row * g.c_row_stride;
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i, row += g.c_row_stride) body(i, row);
        }
    };

    V acc[MR][NV];
    const bool adds = g.accumulate && g.run > 0;
    if (g.accumulate && !g.c_row_offset) {
        // C comes from beyond the second-level cache: the rows of the next tile set out now.
        const T* ahead = g.c + first_col + (first_row + MR) * g.c_row_stride;
#pragma GCC unroll 1
        for (int i = 0; i < MR; ++i, ahead += g.c_row_stride) {
            __builtin_prefetch(ahead);
            if constexpr (NV * W * sizeof(T) > 64) __builtin_prefetch(ahead + 64 / sizeof(T));
        }
    }
    if (g.accumulate && !adds) {
        each_row([&](int i, const T* c) HOTLOOP_LAMBDA {
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = load(c, j);
        });
    } else {
        V start[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            start[j] = g.bias && !adds ? load(g.bias + first_col, j) : V::zero();
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = start[j];
    }

    const index_t step = g.a_step;
    const index_t b_row = g.b_row_stride;
    const auto rank_one = [&](index_t at) HOTLOOP_LAMBDA {
        V row[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            row[j] = kMaskB && j == NV - 1 ? V::load(b + j * W, tail) : V::load(b + j * W);
            // Rows of B from a strided matrix or from beyond the second-level cache, and rows of A
            // that lie a stride apart, are not foreseen by the hardware: 3 to 6 % (bench_gemm.py).
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) __builtin_prefetch(b + 16 * b_row + j * W);
        if constexpr (kRows == Rows::adjacent) __builtin_prefetch(a[0] + at + 8 * step + MR - 1);
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            const V x = V::set(number(i, at));
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = simd::fma(x, row[j], acc[i][j]);
        }
        b += b_row;
        if constexpr (kRows == Rows::equal)
#pragma GCC unroll 4
            for (int i = 0; i < kPointers; ++i) a[i] += step;
    };
    for (index_t s = 0; s < g.segments; ++s) {
        index_t at = g.a_segment_offset ? g.a_segment_offset[s] : 0;
        if constexpr (kRows == Rows::equal) begin_at(at);
        if constexpr (kCopies)
            for (index_t left = g.segment_length; left > 0; left -= kStepsARow) {
                if (copied < to_copy) copy.row(copied++);
                const index_t steps = left < kStepsARow ? left : kStepsARow;
                for (index_t k = 0; k < steps; ++k, at += step) rank_one(at);
            }
        else
            for (index_t k = 0; k < g.segment_length; ++k, at += step) rank_one(at);
    }
    if constexpr (kCopies)
        while (copied < to_copy) copy.row(copied++);

    if (adds)
        each_row([&](int i, const T* c) HOTLOOP_LAMBDA {
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = load(c, j) + acc[i][j];
        });
    const V zero = V::zero();
    if (g.activation == Activation::relu) {
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = simd::max(zero, acc[i][j]);
    }
    each_row([&](int i, T* c) HOTLOOP_LAMBDA {
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
            if (kPartial && j == NV - 1)
                acc[i][j].store(c + j * W, tail);
            else
                acc[i][j].store(c + j * W);
        }
    });

    if (g.gate || g.activation == Activation::sigmoid || g.activation == Activation::tanh)
        finish<T>(g, first_row, first_col, MR, (NV - 1) * W + tail);
}

template <class T>
using Tile = void (*)(
    const GemmArgs<T>&, index_t, const T*, index_t, int, const PanelCopy<T>&, index_t, index_t);

template <class T, int NV, Rows kRows, bool kPartial, bool kMaskB, int... MR>
constexpr Tile<T> pick(int rows, std::integer_sequence<int, MR...>) {
    constexpr Tile<T> by_rows[] = {&tile<T, MR + 1, NV, kRows, kPartial, kMaskB>...};
    return by_rows[rows - 1];
}

// Tiles that copy: of whole panels, with rows of A that are equally far apart, and as tall as tiles
// of two heights and more are; a low one has no time for it.
constexpr int kTall = kTileRows * 2 / 3;

template <class T, int... MR>
constexpr Tile<T> pick_copying(int rows, std::integer_sequence<int, MR...>) {
    constexpr Rows kRows = kTileRows > 8 ? Rows::equal : Rows::pointers;
    constexpr Tile<T> by_rows[] = {
        &tile<T, kTall + MR, kTileVectors, kRows, false, false, true>...};
    return by_rows[rows - kTall];
}

template <class T, Rows kRows, bool kPartial, bool kMaskB>
Tile<T> pick(int rows, int vectors) {
    constexpr auto all = std::make_integer_sequence<int, kTileRows>{};
    if (vectors == 1) return pick<T, 1, kRows, kPartial, kMaskB>(rows, all);
    if constexpr (kTileVectors == 3)
        if (vectors == 3) return pick<T, 3, kRows, kPartial, kMaskB>(rows, all);
    return pick<T, 2, kRows, kPartial, kMaskB>(rows, all);
}

template <class T, Rows kRows>
Tile<T> pick(bool partial, bool mask_b, int rows, int vectors) {
    // Masked stores cost nothing on some sets: there the partial tile serves whole panels too. A
    // masked load always costs a little, which the loop over k repeats (3 %).
    constexpr bool kAlways = HOTLOOP_FREE_MASKS != 0;
    if constexpr (kRows != Rows::equal)
        if (partial && mask_b) return pick<T, kRows, true, true>(rows, vectors);
    if (partial || kAlways) return pick<T, kRows, true, false>(rows, vectors);
    return pick<T, kRows, kAlways, false>(rows, vectors);
}

template <class T>
Tile<T> pick(const GemmArgs<T>& g, bool partial, int rows, int vectors) {
    const bool mask_b = !g.b_padded;
    if (g.a_packed || (!g.a_row_offset && g.a_row_stride == 1))
        return pick<T, Rows::adjacent>(partial, mask_b, rows, vectors);
    // Taller tiles have more rows than registers for pointers (2 to 4 % at k = 784 and 4320).
    if constexpr (kTileRows > 8)
        if (!g.a_row_offset && !(partial && mask_b))
            return pick<T, Rows::equal>(partial, mask_b, rows, vectors);
    return pick<T, Rows::pointers>(partial, mask_b, rows, vectors);
}

// Tiles of nearly equal height: 100 rows are 4 of 13 and 4 of 12, not 7 of 14 and one of 2.
struct Heights {
    explicit Heights(index_t rows)
        : tiles(ceil_div(rows, kTileRows)), low(rows / tiles), taller(rows % tiles) {}
    index_t tiles;
    index_t low;
    index_t taller;  // so many have a row more
};

// Copies n numbers, some 16 bytes at a time, the last with the end of those before.
template <class T>
HOTLOOP_INLINE void copy_few(const T* from, index_t n, T* to) {
    constexpr index_t kBytes = 16;
    constexpr index_t kAtOnce = kBytes / static_cast<index_t>(sizeof(T));
    if (n < kAtOnce) {
        for (index_t i = 0; i < n; ++i) to[i] = from[i];
        return;
    }
    for (index_t i = 0; i < n - kAtOnce; i += kAtOnce) __builtin_memcpy(to + i, from + i, kBytes);
    __builtin_memcpy(to + n - kAtOnce, from + n - kAtOnce, kBytes);
}

// Columns of the panel that begins at n, of those before `end`.
template <class T>
index_t panel_width(index_t n, index_t end) {
    return end - n < kTileCols<T> ? end - n : kTileCols<T>;
}

// Rows [m0, m1), at least one, times the panel at b, which begins at column n of n1; copies `next`.
template <class T>
void multiply_panel(const GemmArgs<T>& g,
                    index_t m0,
                    index_t m1,
                    const T* b,
                    index_t n,
                    index_t n1,
                    const PanelCopy<T>& next) {
    constexpr int W = Vec<T>::size;
    const index_t cols = panel_width<T>(n, n1);
    const Heights heights{m1 - m0};
    const int vectors = static_cast<int>((cols + W - 1) / W);
    const int tail = static_cast<int>(cols - (vectors - 1) * W);
    const auto tile_of = [&](index_t height) {
        constexpr auto tall = std::make_integer_sequence<int, kTileRows - kTall + 1>{};
        return next.rows > 0 ? pick_copying<T>(static_cast<int>(height), tall)
                             : pick<T>(g, tail < W, static_cast<int>(height), vectors);
    };
    const Tile<T> high_tile = tile_of(heights.taller ? heights.low + 1 : heights.low);
    const Tile<T> low_tile = tile_of(heights.low);
    const auto copied = [&](index_t t) {
        return next.rows > 0 ? next.rows * t / heights.tiles : 0;
    };
    const KStretches<T> runs = g.run > 0 ? KStretches<T>(g, g.run) : KStretches<T>();
    index_t m = m0;
    for (index_t t = 0; t < heights.tiles; ++t) {
        const bool high = t < heights.taller;
        const Tile<T> tile = high ? high_tile : low_tile;
        const index_t copies = copied(t + 1) - copied(t);
        if (g.a_packed) {
            GemmArgs<T> packed = g;
            packed.a += (m - m0) * g.segment_length - m;
            packed.a_step = high ? heights.low + 1 : heights.low;
            tile(packed, m, b, n, tail, next, copied(t), copied(t + 1));
        } else if (runs.count == 1) {
            tile(g, m, b, n, tail, next, copied(t), copied(t + 1));
        } else {
            for (index_t i = 0; i < runs.count; ++i) {
                const GemmArgs<T> part = runs.part(g, i);
                tile(part, m, b + (part.b - g.b), n, tail, next,
                     copied(t) + copies * i / runs.count,
                     copied(t) + copies * (i + 1) / runs.count);
            }
        }
        m += high ? heights.low + 1 : heights.low;
    }
}

// Rows [m0, m1) times columns [n0, n1) of C; n0 is a multiple of the tile's columns.
template <class T>
void gemm(const GemmArgs<T>& g, index_t m0, index_t m1, index_t n0, index_t n1) {
    if (m0 >= m1) return;
    for (index_t n = n0; n < n1; n += kTileCols<T>)
        multiply_panel<T>(g, m0, m1, g.b + n / kTileCols<T> * g.b_panel_stride, n, n1, {});
}

// Rows of memory are read whole, and parted among the tiles, so that none is fetched twice.
template <class T>
void pack_a(const GemmArgs<T>& g, index_t m0, index_t m1, T* out) {
    if (m0 >= m1) return;
    const Heights heights{m1 - m0};
    const index_t k = g.segment_length;
    for (index_t j = 0; j < k; ++j) {
        const T* from = g.a + j * g.a_step + m0;
        T* to = out;
        for (index_t t = 0; t < heights.tiles; ++t) {
            const index_t height = t < heights.taller ? heights.low + 1 : heights.low;
            copy_few(from, height, to + j * height);
            from += height;
            to += height * k;
        }
    }
}

// Panels of B^T for C = A B^T: out[p][k][j] = b[(p * cols + j) * row_stride + k], columns beyond
// n zero. One W x W block at a time: read along rows, written along columns.
template <class T>
void pack_transposed(const T* b, index_t row_stride, index_t n, index_t k, T* out) {
    constexpr int W = Vec<T>::size;
    constexpr index_t cols = kTileCols<T>;
    for (index_t p = 0; p < n; p += cols, out += cols * k) {
        for (index_t j0 = 0; j0 < cols; j0 += W) {
            const index_t lanes = n - p - j0;
            for (index_t k0 = 0; k0 < k; k0 += W) {
                const index_t depth = k - k0 < W ? k - k0 : W;
                if (lanes >= W && depth == W) {
                    simd::transpose<T>(b + (p + j0) * row_stride + k0, row_stride,
                                       out + k0 * cols + j0, cols);
                    continue;
                }
                for (index_t kk = 0; kk < depth; ++kk)
                    for (index_t j = 0; j < W; ++j)
                        out[(k0 + kk) * cols + j0 + j] =
                            j < lanes ? b[(p + j0 + j) * row_stride + k0 + kk] : T{0};
            }
        }
    }
}

// Panels of a B whose rows are contiguous: out[p][k][j] = b[k * row_stride + p * cols + j]. Several
// panels at a time, so that the rows of B are read in long runs, which the hardware prefetches.
template <class T>
void pack(const T* b, index_t row_stride, index_t n, index_t k, T* out) {
    using V = Vec<T>;
    constexpr index_t cols = kTileCols<T>;
    constexpr index_t kTogether = 8 * cols;
    for (index_t n0 = 0; n0 < n; n0 += kTogether) {
        const index_t end = n - n0 < kTogether ? n : n0 + kTogether;
        for (index_t kk = 0; kk < k; ++kk) {
            const T* row = b + kk * row_stride;
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

// The same with the rows of B side by side, in two panels by turns: one is multiplied, and the next
// is copied meanwhile where there is time.
template <class T>
void gemm_packing(const GemmArgs<T>& g, index_t m0, index_t m1, index_t n0, index_t n1, T* panels) {
    if (m0 >= m1) return;
    constexpr index_t cols = kTileCols<T>;
    const index_t k = g.segment_length;
    const bool tall = Heights{m1 - m0}.low >= kTall;
    GemmArgs<T> packed = g;
    packed.b_padded = true;
    packed.b_row_stride = cols;
    T* now = panels;
    T* next = panels + cols * k;
    pack(g.b + n0, g.b_row_stride, panel_width<T>(n0, n1), k, now);
    for (index_t n = n0; n < n1; n += cols) {
        const index_t after = n + cols;
        const bool meanwhile = tall && after + cols <= n1;
        const PanelCopy<T> copy = {g.b + after, g.b_row_stride, next, meanwhile ? k : 0};
        multiply_panel<T>(packed, m0, m1, now, n, n1, copy);
        if (after < n1 && !meanwhile)
            pack(g.b + after, g.b_row_stride, panel_width<T>(after, n1), k, next);
        T* const free = now;
        now = next;
        next = free;
    }
}

template <class T>
constexpr GemmKernels<T> make() {
    return {kTileRows,  kTileCols<T>,        Vec<T>::size, kPanelEighths,
            kPackBRows, kPackAPanels,        &gemm<T>,     &gemm_packing<T>,
            &pack<T>,   &pack_transposed<T>, &pack_a<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::GemmKernels> HOTLOOP_KERNEL_TABLE(gemm) = {
    hotloop::make<float>(), hotloop::make<double>()};
