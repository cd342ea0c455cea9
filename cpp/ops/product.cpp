#include "hotloop/ops/product.h"

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/long_sums.h"
#include "hotloop/parallel.h"
#include "totals.h"

namespace hotloop {
namespace {

constexpr index_t ceil_div(index_t a, index_t b) { return (a + b - 1) / b; }

// What of A may stay in the second-level cache, and what of B is packed at a time beside it.
constexpr index_t kBlockBytes = 1024 * 1024;
constexpr index_t kPackedBytes = 384 * 1024;
// From this many rows a strided panel of B is worth a copy (measured in bench_gemm.py).
constexpr index_t kPackRows = 192;
// Rows of A longer than this are multiplied in several blocks of k.
constexpr index_t kLongBytes = 8 * 1024;

// A product of at most so many numbers, over a k that is longer than its rows are many, is summed
// over the halves of k apart. Threads then read a half of B each, the one whose gradient and update
// are theirs too in a training step: what one processor has written, another must fetch (a step of
// 784-100-10 at 32 rows: 124 to 82 us, of SimpleConvNet: 2.47 to 2.25 ms). Below the cost one
// thread computes all, and the halves would bring nothing.
constexpr index_t kHalvedResult = 16384;
constexpr index_t kHalvedLength = 256;
constexpr double kHalvedCost = 5e5;

// Rows whose distance is near a multiple of a page fall into the same few sets of the first-level
// cache, fewer than a tile has rows. Such a block of A is copied to rows that are apart; worth it
// where the copy is used for several panels.
template <class T>
bool rows_collide(const GemmArgs<T>& g, index_t n) {
    constexpr index_t kPage = 4096;
    const index_t bytes = g.a_row_stride * static_cast<index_t>(sizeof(T)) % kPage;
    return g.a_row_stride > 1 && g.a_step == 1 && n >= 4 * kernels<T>().gemm->tile_cols &&
           std::min(bytes, kPage - bytes) < 64;
}

// Columns of a transposed A are read a row of memory apart. From this many panels on, a block of a
// few tiles is copied to where its rows lie together, and stays in the first-level cache for all
// panels (71 to 85 % of the peak at rows of 4 KB, 83 to 88 % at 3 KB).
template <class T>
bool columns_apart(const GemmArgs<T>& g, index_t n) {
    return g.a_row_stride == 1 && n >= 8 * kernels<T>().gemm->tile_cols;
}

// Rows [m0, m1) times the panels of columns [n0, n1), which g describes.
template <class T>
void multiply(const GemmArgs<T>& g, index_t k, index_t m0, index_t m1, index_t n0, index_t n1) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    if (!columns_apart(g, n1 - n0)) {
        kernel.gemm(g, m0, m1, n0, n1);
        return;
    }
    const index_t most = 4 * kernel.tile_rows;
    const index_t blocks = ceil_div(m1 - m0, most);
    T* const together = scratch<T>(Scratch::packed_a, most * k);
    GemmArgs<T> block = g;
    block.a_step = most;
    for (index_t i = 0; i < blocks; ++i) {
        const index_t begin = m0 + (m1 - m0) * i / blocks;
        const index_t end = m0 + (m1 - m0) * (i + 1) / blocks;
        for (index_t j = 0; j < k; ++j)
            std::copy_n(g.a + j * g.a_step + begin, end - begin, together + j * most);
        block.a = together - begin;
        kernel.gemm(block, begin, end, n0, n1);
    }
}

// One stretch of columns [n0, n1) and rows [m0, m1), all of p.k. Panels that are to be packed are
// packed a few at a time and used at once, while they are in the second-level cache. Where all rows
// of A fit in there beside them, each panel passes over all rows; where they do not, each pair of
// tiles passes over all panels, and A is read once for each group of panels (75 to 84 % of the peak
// at 1000 rows, where packing again for each block of rows took the difference).
template <class T>
void compute(const Product<T>& p,
             const GemmArgs<T>& whole,
             bool packed,
             index_t m0,
             index_t m1,
             index_t n0,
             index_t n1) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    if (!packed) {
        multiply(whole, p.k, m0, m1, n0, n1);
        return;
    }
    const index_t cols = kernel.tile_cols;
    const index_t row_bytes = std::max<index_t>(1, p.k * static_cast<index_t>(sizeof(T)));
    const bool fits = (m1 - m0) * row_bytes <= kBlockBytes * 5 / 4;
    const bool transposed = p.b_col_stride != 1;
    if (fits && !transposed && whole.a_row_stride != 1) {
        kernel.gemm_packing(whole, m0, m1, n0, n1, scratch<T>(Scratch::packed_b, 2 * cols * p.k));
        return;
    }
    const index_t rows = fits ? m1 - m0 : 2 * kernel.tile_rows;
    // Columns of A that lie apart are copied again for each group of panels: the fewer groups, the
    // better (1024 x 1024 x 256: 147 to 158 GFLOP/s).
    const bool apart = columns_apart(whole, n1 - n0);
    const index_t room = fits && !apart ? kPackedBytes : kBlockBytes;
    const index_t together = std::clamp<index_t>(room / (cols * row_bytes), 1, apart ? 64 : 8);
    T* const panels = scratch<T>(Scratch::packed_b, together * cols * p.k);
    GemmArgs<T> g = whole;
    g.b_padded = true;
    g.b_row_stride = cols;
    g.b_panel_stride = cols * p.k;
    for (index_t n = n0; n < n1; n += together * cols) {
        const index_t end = std::min(n + together * cols, n1);
        (transposed ? kernel.pack_transposed : kernel.pack)(
            p.b + n * (transposed ? p.b_col_stride : 1),
            transposed ? p.b_col_stride : p.b_row_stride, end - n, p.k, panels);
        g.b = panels - n * p.k;  // where panel 0 would lie
        for (index_t m = m0; m < m1; m += rows) multiply(g, p.k, m, std::min(m + rows, m1), n, end);
    }
}

// Makes a product, and what describes it to the kernel, one over [begin, end) of k alone.
template <class T>
void narrow(Product<T>& p, GemmArgs<T>& g, index_t begin, index_t end) {
    p.b += begin * p.b_row_stride;
    p.k = end - begin;
    g.a += begin * g.a_step;
    g.b = p.b;
    g.segment_length = p.k;
}

// The same with a long k in blocks, so that a block of B stays in the cache for all rows (62 to
// 71 % of the peak at k = 4320). C carries the sums from block to block, bit for bit.
template <class T>
void compute_blocks(const Product<T>& p,
                    const GemmArgs<T>& g,
                    bool packed,
                    index_t m0,
                    index_t m1,
                    index_t n0,
                    index_t n1) {
    const index_t k = p.k;
    const index_t blocks =
        std::max<index_t>(1, ceil_div(k * static_cast<index_t>(sizeof(T)), kLongBytes));
    for (index_t i = 0; i < blocks; ++i) {
        const index_t begin = k * i / blocks;
        const index_t end = k * (i + 1) / blocks;
        const bool ends = i == blocks - 1;
        Product<T> q = p;
        GemmArgs<T> part = g;
        narrow(q, part, begin, end);
        part.accumulate = i > 0;
        part.activation = ends ? g.activation : Activation::none;
        part.gate = ends ? g.gate : nullptr;
        compute(q, part, packed, m0, m1, n0, n1);
    }
}

// The same with any k: stretches of it are summed apart, and their sums added in double.
template <class T>
void compute_long(const Product<T>& p,
                  const GemmArgs<T>& g,
                  bool packed,
                  index_t m0,
                  index_t m1,
                  index_t n0,
                  index_t n1) {
    if (p.k <= kStretch) {
        compute_blocks(p, g, packed, m0, m1, n0, n1);
        return;
    }
    const index_t stretches = ceil_div(p.k, kStretch);
    gemm_over_stretches(g, stretches, m0, m1, n0, n1,
                        [&](GemmArgs<T> part, index_t i, index_t r0, index_t r1) {
                            Product<T> q = p;
                            narrow(q, part, p.k * i / stretches, p.k * (i + 1) / stretches);
                            compute_blocks(q, part, packed, r0, r1, n0, n1);
                        });
}

// The sums over either half of k, of which the first begins with the bias: a task is a few rows of
// one half. Then both and their activation, by rows on all threads, since half of these numbers lie
// in another processor's cache (100 x 784 x 50: 80 to 58 us).
template <class T>
void compute_in_halves(const Product<T>& p, const GemmArgs<T>& g, bool packed, double cost) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t tiles = ceil_div(p.m, kernel.tile_rows);
    const index_t size = p.m * p.n;
    T* const sums = scratch<T>(Scratch::halves, 2 * size);
    parallel_for(2 * tiles, cost, [&](index_t begin, index_t end) {
        for (index_t half = begin / tiles; half < ceil_div(end, tiles); ++half) {
            const index_t first = std::max(begin - half * tiles, index_t{0});
            const index_t last = std::min(end - half * tiles, tiles);
            Product<T> q = p;
            GemmArgs<T> part = g;
            narrow(q, part, half * (p.k / 2), half == 0 ? p.k / 2 : p.k);
            part.c = sums + half * size;
            part.c_row_stride = p.n;
            part.bias = half == 0 ? g.bias : nullptr;
            part.activation = Activation::none;
            part.gate = nullptr;
            compute_long(q, part, packed, p.m * first / tiles, p.m * last / tiles, 0, p.n);
        }
    });
    GemmArgs<T> rest = g;
    rest.segment_length = 0;
    rest.run = 0;
    rest.accumulate = true;
    parallel_for(tiles, cost, [&](index_t begin, index_t end) {
        const index_t m0 = p.m * begin / tiles;
        const index_t m1 = p.m * end / tiles;
        kernels<T>().reduce->sum_rows(sums + m0 * p.n, 2, size, (m1 - m0) * p.n, p.c + m0 * p.n);
        kernel.gemm(rest, m0, m1, 0, p.n);
    });
}

}  // namespace

template <class T>
void product(const Product<T>& p) {
    if (p.m == 0 || p.n == 0) return;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t panels = ceil_div(p.n, kernel.tile_cols);
    const index_t tiles = ceil_div(p.m, kernel.tile_rows);
    const bool transposed = p.b_col_stride != 1;
    // Rows of B at a multiple of 1 KB share so few cache sets that half the speed is lost.
    const bool collide = p.b_row_stride * static_cast<index_t>(sizeof(T)) % 1024 == 0;
    const index_t worth = collide ? 2 * kernel.tile_rows : kPackRows;
    const bool packed = p.k > 0 && (transposed || p.m >= worth);
    const double cost =
        2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);

    GemmArgs<T> g;
    g.a = p.a;
    g.a_row_stride = p.a_row_stride;
    g.a_step = p.a_col_stride;
    g.segment_length = p.k;
    g.run = p.k > kOneRun ? kProductRun : 0;
    g.b = p.b;
    g.b_row_stride = p.b_row_stride;
    g.b_panel_stride = kernel.tile_cols;
    g.c = p.c;
    g.c_row_stride = p.c_row_stride;
    g.bias = p.bias;
    g.activation = p.activation;
    g.gate = p.gate;
    g.gate_kind = p.gate_kind;

    if (rows_collide(g, p.n)) {
        const index_t apart = (p.k + 15) / 16 * 16 + 16;
        T* const copy = scratch<T>(Scratch::packed_a, p.m * apart);
        parallel_for(p.m, 16.0 * static_cast<double>(p.m * p.k) * sizeof(T),
                     [&](index_t begin, index_t end) {
                         for (index_t i = begin; i < end; ++i)
                             std::copy_n(p.a + i * p.a_row_stride, p.k, copy + i * apart);
                     });
        g.a = copy;
        g.a_row_stride = apart;
    }

    if (!transposed && p.a_col_stride == 1 && p.c_row_stride == p.n && cost >= kHalvedCost &&
        p.m * p.n <= kHalvedResult && p.k >= std::max(kHalvedLength, 4 * p.m)) {
        compute_in_halves(p, g, packed, cost);
        return;
    }

    // Threads share out whichever axis divides more evenly: the largest share of the work tells,
    // with a panel of few columns counted as such. Columns have the advantage that no two threads
    // pack the same panel, which takes as long as some 48 rows (785 x 101 x 77: 71 to 50 us).
    const int threads = num_threads();
    const auto largest = [&](index_t tasks, index_t size, index_t each) {
        const index_t share = ceil_div(tasks, threads) * each;
        return static_cast<double>(std::min(share, size)) / static_cast<double>(size);
    };
    const double by_columns = largest(panels, p.n, kernel.tile_cols);
    const double by_rows = largest(tiles, tiles, 1);
    const double for_columns = packed ? 1 + 48.0 / static_cast<double>(p.m) : 1.05;
    if (by_columns <= by_rows * for_columns) {
        parallel_for(panels, cost, [&](index_t begin, index_t end) {
            compute_long(p, g, packed, 0, p.m, begin * kernel.tile_cols,
                         std::min(end * kernel.tile_cols, p.n));
        });
        return;
    }
    // Each stretch of rows packs B for itself.
    parallel_for(
        tiles, cost,
        [&](index_t begin, index_t end) {
            // Rows in proportion, not whole tiles: the kernel evens out its tile heights.
            compute_long(p, g, packed, p.m * begin / tiles, p.m * end / tiles, 0, p.n);
        },
        packed ? Stretches::whole : Stretches::sliced);
}

template void product<float>(const Product<float>&);
template void product<double>(const Product<double>&);

}  // namespace hotloop
