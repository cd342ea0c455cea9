#include "hotloop/ops/product.h"

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/caches.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/long_sums.h"
#include "hotloop/parallel.h"
#include "matvec.h"
#include "totals.h"

namespace hotloop {
namespace {

// A product of at most so many numbers, over a k that is longer than its rows are many, is split
// over k in two: rows and columns are too few to share out well, and whoever computes them would
// read all of B. A part reads its own half, in a training step the one whose gradient and update it
// computes too: what one processor has written, another must fetch (a step of 784-100-10 at 32
// rows: 124 to 82 us, of SimpleConvNet: 2.47 to 2.25 ms). Below the cost there is nothing to share
// out.
constexpr index_t kSplitResult = 16384;
constexpr index_t kSplitLength = 256;
constexpr double kSplitCost = 5e5;

// How a product is cut so that each part stays in its cache (van Zee & van de Geijn, "BLIS", 2015):
// a panel of B, k rows of it, in part of the first level, beside the rows of A and C that pass over
// it; a block of A in half of the second; what is packed of B at a time in a quarter of the last.
// C carries the sums of a long k from block to block, so no bit depends on this.
struct Blocks {
    index_t k, rows, cols;
};

template <class T>
Blocks blocks_of(index_t m, index_t n, index_t k, index_t run) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const CacheSizes& caches = cache_sizes();
    constexpr index_t kBytes = sizeof(T);
    // Nearly equal blocks of nearly whole tiles; a quarter more is better than a block of its own.
    const auto even = [](index_t size, index_t most, index_t unit) {
        const index_t count = std::max<index_t>(1, ceil_div(4 * size, 5 * most));
        return std::max<index_t>(unit, ceil_div(ceil_div(size, count), unit) * unit);
    };
    Blocks b{};
    const index_t panel = caches.l1 * kernel.panel_eighths / 8 / (kernel.tile_cols * kBytes);
    // Rows of one tile pass over a panel once: there is nothing to keep it for.
    const bool once = m <= kernel.tile_rows;
    b.k = run > 0 ? run : once ? std::max<index_t>(k, 1) : even(k, std::max<index_t>(panel, 32), 1);
    b.rows = even(m, std::max<index_t>(caches.l2 / 2 / (b.k * kBytes), 2 * kernel.tile_rows),
                  kernel.tile_rows);
    const index_t room = std::max(caches.l2, caches.l3 / 4);
    b.cols = even(n, std::max<index_t>(room / (b.k * kBytes), kernel.tile_cols), kernel.tile_cols);
    return b;
}

// A block of A: rows [m0, m1) and all of g's k, packed if that is worth it for so many columns.
// Rows of A that lie a page apart or more cost a look-up of the address each, and at multiples of a
// page they fall into the same few sets of the first-level cache, fewer than a tile has rows.
template <class T>
GemmArgs<T> block_of_a(const GemmArgs<T>& g, index_t m0, index_t m1, index_t columns) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const bool apart = g.a_step == 1 && g.a_row_stride * static_cast<index_t>(sizeof(T)) >=
                                            index_t{kernel.pack_a_bytes};
    if (columns < kernel.pack_a_panels * kernel.tile_cols || !(apart || g.a_row_stride == 1))
        return g;
    T* const together =
        scratch<T>(Scratch::packed_a, (m1 - m0) * g.segment_length + kernel.vector_size);
    kernel.pack_a(g, m0, m1, together);
    GemmArgs<T> block = g;
    block.a = together;
    block.a_packed = true;
    return block;
}

// Rows [m0, m1) times columns [n0, n1), all of p.k, which is one block. Panels that are to be
// packed are used at once, one by one, where one block holds all rows of A.
template <class T>
void compute_block(const Product<T>& p,
                   const GemmArgs<T>& g,
                   bool packed,
                   const Blocks& size,
                   index_t m0,
                   index_t m1,
                   index_t n0,
                   index_t n1) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const bool once = m1 - m0 <= size.rows;
    if (!packed) {
        for (index_t m = m0; m < m1; m += size.rows) {
            const index_t end = std::min(m + size.rows, m1);
            kernel.gemm(block_of_a(g, m, end, n1 - n0), m, end, n0, n1);
        }
        return;
    }
    const index_t cols = kernel.tile_cols;
    const bool transposed = p.b_col_stride != 1;
    const index_t together = !once ? size.cols : transposed ? cols : n1 - n0;
    const index_t room = !once ? std::min(together, n1 - n0 + cols) : transposed ? cols : 2 * cols;
    T* const panels = scratch<T>(Scratch::packed_b, room * p.k);
    GemmArgs<T> block = once ? block_of_a(g, m0, m1, n1 - n0) : g;
    for (index_t n = n0; n < n1; n += together) {
        const index_t end = std::min(n + together, n1);
        if (transposed)
            kernel.pack_transposed(p.b + n * p.b_col_stride, p.b_col_stride, end - n, p.k, panels);
        for (index_t m = m0; m < m1; m += size.rows) {
            const index_t last = std::min(m + size.rows, m1);
            if (!once) block = block_of_a(g, m, last, end - n);
            if (!transposed && m == m0) {
                kernel.gemm_packing(block, m, last, n, end, panels, !once);
                continue;
            }
            block.b_padded = true;
            block.b_row_stride = cols;
            block.b_panel_stride = cols * p.k;
            block.b = panels - n * p.k;  // where panel 0 would lie
            kernel.gemm(block, m, last, n, end);
        }
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

// The same with k in blocks. C carries the sums from block to block, bit for bit; where the sums
// are cut into runs, a block is a run.
template <class T>
void compute_blocks(const Product<T>& p,
                    const GemmArgs<T>& g,
                    bool packed,
                    index_t m0,
                    index_t m1,
                    index_t n0,
                    index_t n1) {
    const index_t k = p.k;
    const Blocks size = blocks_of<T>(m1 - m0, n1 - n0, k, g.run);
    const index_t blocks = std::max<index_t>(1, ceil_div(k, size.k));
    for (index_t i = 0; i < blocks; ++i) {
        const bool ends = i == blocks - 1;
        Product<T> q = p;
        GemmArgs<T> part = g;
        narrow(q, part, k * i / blocks, k * (i + 1) / blocks);
        part.accumulate = i > 0;
        part.activation = ends ? g.activation : Activation::none;
        part.gate = ends ? g.gate : nullptr;
        compute_block(q, part, packed, size, m0, m1, n0, n1);
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
void compute_split_k(const Product<T>& p, const GemmArgs<T>& g, bool packed, double cost) {
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t tiles = ceil_div(p.m, kernel.tile_rows);
    const index_t size = p.m * p.n;
    T* const sums = scratch<T>(Scratch::split_k, 2 * size);
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
    if (p.m == 0 || p.n == 0 || matvec(p)) return;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t panels = ceil_div(p.n, kernel.tile_cols);
    const index_t tiles = ceil_div(p.m, kernel.tile_rows);
    const bool transposed = p.b_col_stride != 1;
    // Rows of B at a multiple of 1 KB share so few cache sets that half the speed is lost.
    const bool collide = p.b_row_stride * static_cast<index_t>(sizeof(T)) % 1024 == 0;
    const index_t worth = collide ? 2 * kernel.tile_rows : kernel.pack_b_rows;
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

    if (!transposed && p.a_col_stride == 1 && p.c_row_stride == p.n && cost >= kSplitCost &&
        p.m * p.n <= kSplitResult && p.k >= std::max(kSplitLength, 4 * p.m)) {
        compute_split_k(p, g, packed, cost);
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
