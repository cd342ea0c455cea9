// The tile kernel: MR rows times NV vectors of C live in registers while k runs.
//
// Per k it loads one row of B (NV vectors) and broadcasts MR numbers of A, for MR * NV fused
// multiply-adds. Every tile shape adds in the same order (k ascending, one accumulator an element,
// long sums in runs), so the bits of C depend neither on the tile nor on who computes it.
#include "epilogue.h"
#include "gemm_pack.h"
#include "hotloop/gemm_runs.h"
#include "kernels.h"
#include "opaque.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// Limits of blocks (GemmKernels), measured. AVX2: 512 steps of k spare C a pass over memory that
// they cost a panel of B in the first level (1024^3 float32: 88.8 to 90.9 % of the peak), and a B
// that is not aligned to lines takes twice as many of them until it is packed (128 x 784 x 512: 83
// to 93 %).
#if defined(HOTLOOP_ISA_AVX512)
constexpr int kPanelEighths = 32;
constexpr int kPackBRows = 192;
constexpr int kPackABytes = 4096 - 64 + 1;
#elif defined(HOTLOOP_ISA_AVX2)
constexpr int kPanelEighths = 8;
constexpr int kPackBRows = 30;
constexpr int kPackABytes = 0;
#else
constexpr int kPanelEighths = 4;
constexpr int kPackBRows = 192;
constexpr int kPackABytes = 0;
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

// What a tile copies beside its work: nothing, the next panel (PanelCopy), or the panel that it
// reads itself, as the first of those that will read the copy: it has the numbers in registers
// anyway.
enum class Copies { none, next, own };
#if defined(HOTLOOP_ISA_AVX512)
constexpr Copies kCopies = Copies::next;
#else
constexpr Copies kCopies = Copies::own;
#endif

// Where C(m, first_col) lies.
template <class T>
HOTLOOP_INLINE T* row_of_c(const GemmArgs<T>& g, index_t m, index_t first_col) {
    return g.c + first_col + (g.c_row_offset ? g.c_row_offset[m] : m * g.c_row_stride);
}

// What is rarer than a product that begins at zero or at the bias and ends in a store is done here,
// over a tile that lies in the first-level cache: a loop for all tiles, where code inside of each
// of some hundred tiles was half of the kernel.

// The tile of C to a block of `width` numbers a row, where sums go on from.
template <class T>
__attribute__((noinline)) void fetch(const GemmArgs<T>& g,
                                     index_t first_row,
                                     index_t first_col,
                                     int rows,
                                     int cols,
                                     T* block,
                                     int width) {
    using V = Vec<T>;
    for (index_t m = first_row; m < first_row + rows; ++m, block += width) {
        const T* const c = row_of_c(g, m, first_col);
        int j = 0;
        for (; j + V::size <= cols; j += V::size) V::load(c + j).store(block + j);
        if (j < cols) V::load(c + j, cols - j).store(block + j);
    }
}

// The sums of a block, added to the tile of C.
template <class T>
__attribute__((noinline)) void add(const GemmArgs<T>& g,
                                   index_t first_row,
                                   index_t first_col,
                                   int rows,
                                   int cols,
                                   const T* block,
                                   int width) {
    using V = Vec<T>;
    for (index_t m = first_row; m < first_row + rows; ++m, block += width) {
        T* const c = row_of_c(g, m, first_col);
        const auto sum = [&](V x, int j) HOTLOOP_LAMBDA {
            const V y = x + V::load(block + j);
            return g.activation == Activation::relu ? simd::max(V::zero(), y) : y;
        };
        int j = 0;
        for (; j + V::size <= cols; j += V::size) sum(V::load(c + j), j).store(c + j);
        if (j < cols) sum(V::load(c + j, cols - j), j).store(c + j, cols - j);
    }
}

template <class T>
__attribute__((noinline)) void finish(
    const GemmArgs<T>& g, index_t first_row, index_t first_col, int rows, int cols) {
    using V = Vec<T>;
    for (index_t m = first_row; m < first_row + rows; ++m)
        for (int j = 0; j < cols; j += V::size) {
            const int n = cols - j < V::size ? cols - j : V::size;
            T* const at = row_of_c(g, m, first_col + j);
            V y = V::load(at, n);
            y = g.gate ? apply_gate(y, V::load(g.gate + (at - g.c), n), g.gate_kind)
                       : activate(y, g.activation);
            y.store(at, n);
        }
}

// One tile: rows first_row .. first_row + MR, columns b / c / bias .. + (NV - 1) vectors + tail.
template <class T, int MR, int NV, Rows kRows, bool kPartial, Copies kCopied = Copies::none>
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
        T* row = g.c + first_col;
        if (const index_t* const offset = g.c_row_offset) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i) body(i, row + offset[first_row + i]);
        } else {
            const index_t apart = g.c_row_stride;
            row += first_row * apart;
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i, row += apart) body(i, row);
        }
    };

    V acc[MR][NV];
    const int cols = (NV - 1) * W + tail;
    T block[MR * NV * W];
    const bool adds = g.accumulate && g.run > 0;
    if (g.accumulate && !adds) {
        // C comes from beyond the second-level cache: the rows of the next tile set out now.
        const T* from = g.c + first_col + first_row * g.c_row_stride;
        index_t apart = g.c_row_stride;
        if (g.c_row_offset) {
            fetch<T>(g, first_row, first_col, MR, cols, block, NV * W);
            from = block;
            apart = NV * W;
        } else {
            const T* ahead = from + MR * apart;
#pragma GCC unroll 1
            for (int i = 0; i < MR; ++i, ahead += apart) {
                __builtin_prefetch(ahead);
                if constexpr (NV * W * sizeof(T) > 64) __builtin_prefetch(ahead + 64 / sizeof(T));
            }
        }
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i, from += apart)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = load(from, j);
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
    T* own = copy.to;
    const auto rank_one = [&](index_t at) HOTLOOP_LAMBDA {
        V row[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) row[j] = V::load(b + j * W);
        // Rows of B from a strided matrix or from beyond the second-level cache, and rows of A
        // that lie a stride apart, are not foreseen by the hardware: 3 to 6 % (bench_gemm.py).
        if constexpr (kCopied == Copies::own) {
            // To the second level: rows of B may fall into the same few sets of the first.
            constexpr index_t kAhead = 48;
            __builtin_prefetch(b + kAhead * b_row, 0, 2);
            __builtin_prefetch(b + kAhead * b_row + NV * W - 1, 0, 2);
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) row[j].store(own + j * W);
            own += NV * W;
        } else {
            constexpr int kLine = 64 / sizeof(T);
#pragma GCC unroll 4
            for (int j = 0; j < NV * W; j += kLine) __builtin_prefetch(b + 16 * b_row + j);
            if constexpr (NV * W <= kLine) __builtin_prefetch(b + 16 * b_row + NV * W - 1);
        }
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
    const index_t segments = g.segments, length = g.segment_length;
    // A tile that copies no panel is told in `copied` how many steps are left until B goes on in
    // the copy of its last rows; negative when it has gone on there, or when there is no such copy.
    for (index_t s = 0; s < segments; ++s) {
        index_t at = g.a_segment_offset ? g.a_segment_offset[s] : 0;
        if constexpr (kRows == Rows::equal) begin_at(at);
        if constexpr (kCopied == Copies::next)
            for (index_t left = length; left > 0; left -= kStepsARow) {
                if (copied < to_copy) copy.row(copied++);
                const index_t steps = left < kStepsARow ? left : kStepsARow;
                for (index_t k = 0; k < steps; ++k, at += step) rank_one(at);
            }
        else if constexpr (kPartial)
            for (index_t k = 0; k < length;) {
                if (copied == 0) b = copy.from;
                const index_t most = copied > 0 ? copied : length;
                const index_t end = length - k < most ? length : k + most;
                copied -= end - k;
                for (; k < end; ++k, at += step) rank_one(at);
            }
        else
            for (index_t k = 0; k < length; ++k, at += step) rank_one(at);
    }
    if constexpr (kCopied == Copies::next)
        while (copied < to_copy) copy.row(copied++);

    if (adds) {
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j].store(block + (i * NV + j) * W);
        add<T>(g, first_row, first_col, MR, cols, block, NV * W);
    } else {
        if (g.activation == Activation::relu) {
            const V zero = V::zero();
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
    }

    if (g.gate || g.activation == Activation::sigmoid || g.activation == Activation::tanh)
        finish<T>(g, first_row, first_col, MR, cols);
}

template <class T>
using Tile = void (*)(
    const GemmArgs<T>&, index_t, const T*, index_t, int, const PanelCopy<T>&, index_t, index_t);

template <class T, int NV, Rows kRows, bool kPartial, int... MR>
constexpr Tile<T> pick(int rows, std::integer_sequence<int, MR...>) {
    constexpr Tile<T> by_rows[] = {&tile<T, MR + 1, NV, kRows, kPartial>...};
    return by_rows[rows - 1];
}

// Tiles that copy: of whole panels, with rows of A that are equally far apart, and as tall as tiles
// of two heights and more are; a low one has no time for it.
constexpr int kTall = kTileRows * 2 / 3;

template <class T, Rows kRows, int... MR>
constexpr Tile<T> pick_copying(index_t rows, std::integer_sequence<int, MR...>) {
    constexpr Tile<T> by_rows[] = {&tile<T, kTall + MR, kTileVectors, kRows, false, kCopies>...};
    return by_rows[rows - kTall];
}

template <class T>
Tile<T> pick_copying(const GemmArgs<T>& g, index_t rows) {
    constexpr auto tall = std::make_integer_sequence<int, kTileRows - kTall + 1>{};
    constexpr Rows kApart = kTileRows > 8 ? Rows::equal : Rows::pointers;
    return g.a_packed || g.a_row_stride == 1 ? pick_copying<T, Rows::adjacent>(rows, tall)
                                             : pick_copying<T, kApart>(rows, tall);
}

template <class T, Rows kRows, bool kPartial>
Tile<T> pick(int rows, int vectors) {
    constexpr auto all = std::make_integer_sequence<int, kTileRows>{};
    if (vectors == 1) return pick<T, 1, kRows, kPartial>(rows, all);
    if constexpr (kTileVectors == 3)
        if (vectors == 3) return pick<T, 3, kRows, kPartial>(rows, all);
    return pick<T, 2, kRows, kPartial>(rows, all);
}

template <class T, Rows kRows>
Tile<T> pick(bool partial, int rows, int vectors) {
    // Masked stores cost nothing on some sets: there the partial tile serves whole panels too.
    constexpr bool kAlways = HOTLOOP_FREE_MASKS != 0;
    if (partial || kAlways) return pick<T, kRows, true>(rows, vectors);
    return pick<T, kRows, kAlways>(rows, vectors);
}

template <class T>
Tile<T> pick(const GemmArgs<T>& g, bool partial, int rows, int vectors) {
    if (g.a_packed || (!g.a_row_offset && g.a_row_stride == 1))
        return pick<T, Rows::adjacent>(partial, rows, vectors);
    // Taller tiles have more rows than registers for pointers (2 to 4 % at k = 784 and 4320).
    if constexpr (kTileRows > 8)
        if (!g.a_row_offset) return pick<T, Rows::equal>(partial, rows, vectors);
    return pick<T, Rows::pointers>(partial, rows, vectors);
}

// The last rows of a panel of B that is narrower than the vectors that are read of it. All other
// rows may be read past their end, where the next ones are; these lie here with room behind them,
// as far apart as in B. (Masked loads in each step of k cost 3 %, and a third more tiles.)
template <class T>
struct Edge {
    T rows[3 * kTileVectors * Vec<T>::size];
    index_t before = -1;  // steps of k before them; negative without any

    Edge(const GemmArgs<T>& g, const T* b, index_t cols, index_t read) {
        if (g.b_padded || cols == read) return;
        const index_t all = g.segments * g.segment_length;
        const index_t stride = g.b_row_stride > 0 ? g.b_row_stride : 1;  // 0 with one row
        const index_t last = ceil_div(read - cols, stride);
        before = all > last ? all - last : 0;
        const index_t n = all > 0 ? (all - before - 1) * stride + cols : 0;
        for (index_t j = 0; j < n; ++j) rows[j] = b[before * stride + j];
        for (index_t j = n; j < n + read - cols; ++j) rows[j] = T{0};
    }
};

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
        return next.rows > 0 ? pick_copying<T>(g, height)
                             : pick<T>(g, tail < W, static_cast<int>(height), vectors);
    };
    const Edge<T> edge(g, b, cols, vectors * W);
    const Tile<T> high_tile = tile_of(heights.taller ? heights.low + 1 : heights.low);
    const Tile<T> low_tile = tile_of(heights.low);
    const auto copied = [&](index_t t) {
        return next.rows > 0 ? next.rows * t / heights.tiles : 0;
    };
    const KStretches<T> runs = g.run > 0 ? KStretches<T>(g, g.run) : KStretches<T>();
    GemmArgs<T> packed = g;
    index_t m = m0;
    for (index_t t = 0; t < heights.tiles; ++t) {
        const bool high = t < heights.taller;
        const Tile<T> tile = high ? high_tile : low_tile;
        const index_t copies = copied(t + 1) - copied(t);
        // What `tile` gets after the tail: what it copies beside its work, or the edge of B.
        const bool copying = next.rows > 0;
        const PanelCopy<T> beside = copying ? next : PanelCopy<T>{edge.rows, 0, nullptr, 0};
        if (g.a_packed) {
            packed.a = g.a + (m - m0) * g.segment_length - m;
            packed.a_step = high ? heights.low + 1 : heights.low;
            tile(packed, m, b, n, tail, beside, copying ? copied(t) : edge.before, copied(t + 1));
        } else if (runs.count == 1) {
            tile(g, m, b, n, tail, beside, copying ? copied(t) : edge.before, copied(t + 1));
        } else {
            for (index_t i = 0; i < runs.count; ++i) {
                const GemmArgs<T> part = runs.part(g, i);
                const index_t skipped = part.b - g.b;
                if (copying) {
                    tile(part, m, b + skipped, n, tail, next, copied(t) + copies * i / runs.count,
                         copied(t) + copies * (i + 1) / runs.count);
                    continue;
                }
                const index_t before = edge.before - (skipped > 0 ? skipped / g.b_row_stride : 0);
                const bool inside = edge.before >= 0 && before < 0;
                tile(part, m, inside ? edge.rows - before * g.b_row_stride : b + skipped, n, tail,
                     beside, before, 0);
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

// The first tile of a panel that lies at b, whose copy goes to `to`; returns its rows.
template <class T>
index_t first_tile(const GemmArgs<T>& g, index_t m0, index_t m1, const T* b, index_t n, T* to) {
    const Heights heights{m1 - m0};
    const index_t height = heights.taller ? heights.low + 1 : heights.low;
    GemmArgs<T> first = g;
    if (g.a_packed) {
        first.a -= m0;
        first.a_step = height;
    }
    pick_copying<T>(g, height)(first, m0, b, n, Vec<T>::size, {nullptr, 0, to, 0}, 0, 0);
    return height;
}

template <class T>
void gemm_packing(
    const GemmArgs<T>& g, index_t m0, index_t m1, index_t n0, index_t n1, T* panels, bool keep) {
    if (m0 >= m1) return;
    constexpr index_t cols = kTileCols<T>;
    const index_t k = g.segment_length;
    const bool tall = Heights{m1 - m0}.low >= kTall;
    GemmArgs<T> packed = g;
    packed.b_padded = true;
    packed.b_row_stride = cols;
    T* now = panels;
    for (index_t n = n0; n < n1; n += cols) {
        const T* const b = g.b + n;
        const index_t width = panel_width<T>(n, n1);
        const bool whole = tall && width == cols;
        T* const next = keep || now == panels ? now + cols * k : panels;
        if constexpr (kCopies == Copies::own) {
            index_t m = m0;
            packed.a = g.a;
            if (whole) {
                m += first_tile(g, m0, m1, b, n, now);
                if (g.a_packed) packed.a += (m - m0) * k;
            } else {
                pack(b, g.b_row_stride, width, k, now);
            }
            if (m < m1) multiply_panel<T>(packed, m, m1, now, n, n1, {});
        } else {
            // The panel before has copied this one, if it is whole.
            if (n == n0 || !whole) pack(b, g.b_row_stride, width, k, now);
            const bool ahead = tall && n + 2 * cols <= n1;
            multiply_panel<T>(packed, m0, m1, now, n, n1,
                              {b + cols, g.b_row_stride, next, ahead ? k : 0});
        }
        now = next;
    }
}

template <class T>
constexpr GemmKernels<T> make() {
    return {kTileRows,        kTileCols<T>, Vec<T>::size,        kPanelEighths,
            kPackBRows,       kPackAPanels, kPackABytes,         &gemm<T>,
            &gemm_packing<T>, &pack<T>,     &pack_transposed<T>, &pack_a<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::GemmKernels> HOTLOOP_KERNEL_TABLE(gemm) = {
    hotloop::make<float>(), hotloop::make<double>()};
