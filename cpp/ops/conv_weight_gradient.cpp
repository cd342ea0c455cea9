#include "conv_frame.h"
#include "conv_implicit.h"
#include "conv_rows.h"

#include <algorithm>
#include <vector>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/ops/reduce.h"
#include "hotloop/parallel.h"
#include "totals.h"

namespace hotloop {
namespace {

// Output pixels of some images: whole images, or rows of one, or columns of one row.
struct Pixels {
    index_t image, images, row, rows, column, columns;
    index_t count() const { return images * rows * columns; }
};

// body(pixels) for at most `most` at a time.
template <class Body>
void each_stretch(const Window& v, index_t images, index_t most, const Body& body) {
    const index_t size = v.OH * v.OW;
    if (size <= most) {
        for (index_t i = 0; i < images; i += most / size)
            body(Pixels{i, std::min(most / size, images - i), 0, v.OH, 0, v.OW});
        return;
    }
    const index_t rows = std::max<index_t>(1, most / v.OW);
    const index_t pieces = ceil_div(v.OW, most);
    for (index_t i = 0; i < images; ++i)
        for (index_t row = 0; row < v.OH; row += rows)
            for (index_t p = 0; p < pieces; ++p) {
                const index_t begin = v.OW * p / pieces / 2 * 2;
                const index_t end = p == pieces - 1 ? v.OW : v.OW * (p + 1) / pieces / 2 * 2;
                body(Pixels{i, 1, row, std::min(rows, v.OH - row), begin, end - begin});
            }
}

// Rows of dy lie as far apart as there are output channels, where they collide in few sets of the
// first-level cache, and every tile of dw reads them. So their panels are packed where so many
// tiles do, for as many pixels as that cache holds beside those of x.
constexpr index_t kWorthPacking = 6;
constexpr index_t kTilePixels = 256;

// The columns of a row that the row kernels sum at a time; even, as they may take them in pairs.
index_t column_pieces(const Pixels& p) { return ceil_div(p.columns, kProductRun); }
index_t column_piece(const Pixels& p, index_t i) {
    const index_t pieces = column_pieces(p);
    return i == pieces ? p.columns : p.columns * i / pieces / 2 * 2;
}

}  // namespace

// Blocks of images sum apart, by shape alone, and are added in order at the end.
index_t weight_gradient_blocks(const ConvShape& s, index_t element_bytes) {
    const index_t afford =
        std::max<index_t>(1, kPartialBytes / std::max<index_t>(1, s.w_size() * element_bytes));
    return std::min({s.N, afford, index_t{8}});
}

template <class T>
void conv_weight_gradient(
    const ConvShape& s, ConvRoute route, const OutputGradient<T>& dy, const T* x, T* dw, T* db) {
    const Window& v = s.win;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t cg = s.group_in();
    const index_t og = s.group_out();
    const Frame frame = input_frame(s);
    const index_t out_pixels = v.OH * v.OW;
    const index_t size = s.w_size();
    if (s.N == 0) {
        std::fill_n(dw, size, T{0});
        if (db) std::fill_n(db, s.O, T{0});
        return;
    }
    const index_t bytes = (frame.image() + out_pixels * s.O) * static_cast<index_t>(sizeof(T));
    const index_t fit = std::clamp<index_t>(kPieceBytes / std::max<index_t>(1, bytes), 1, s.N);
    const index_t blocks = weight_gradient_blocks(s, sizeof(T));

    std::vector<index_t>& rows = table(0);
    for (index_t kh = 0; kh < v.KH; ++kh)
        for (index_t kw = 0; kw < v.KW; ++kw)
            for (index_t c = 0; c < cg; ++c)
                rows.push_back(kh * v.dilation_h * frame.row() + kw * v.dilation_w * s.C + c);
    std::vector<index_t>& segments = table(1);
    for (index_t i = 0; i < fit; ++i)
        for (index_t oh = 0; oh < v.OH; ++oh)
            segments.push_back(i * frame.image() + oh * v.stride_h * frame.row());

    // The sums for the bias read dy while it is in the cache for those of the weights.
    if (db && blocks == 1) sum_rows(dy.dy, s.N * out_pixels, s.O, db);
    T* const partial = blocks > 1 ? scratch<T>(Scratch::partial, blocks * (size + s.O)) : dw;
    T* const partial_bias = db && blocks > 1 ? partial + blocks * size : nullptr;
    const index_t depth = s.taps() * cg;
    // Where one block must do, threads share its rows instead, each with its own framed copy.
    trace<T>(s, ConvPass::weight_gradient, route);
    const bool rows_kernel = route != ConvRoute::tiles;
    const ConvRowsKernels<T>& row_kernels = *kernels<T>().conv_rows;
    const auto rows_weights =
        route == ConvRoute::pairs ? row_kernels.pairs_weights : row_kernels.weights;
    const index_t shares = blocks > 1 ? 1 : std::min<index_t>(depth, 16);
    const bool packs = !rows_kernel && s.O > kernel.tile_cols &&
                       depth / shares >= kWorthPacking * kernel.tile_rows;
    const index_t in_block = ceil_div(s.N, blocks) * out_pixels;
    const bool is_long = in_block > kStretch;
    // The sums over some pixels of framed images at `from`, to rows [m0, m1) of dw.
    const auto sum_rows_kernel = [&](const Pixels& p, bool whole, const T* from, const T* gradient,
                                     T* to, bool accumulate) {
        for (index_t i = 0; i < column_pieces(p); ++i) {
            const index_t begin = column_piece(p, i);
            const index_t column = p.column + begin;
            auto r = windows<ConvRowsWeightsArgs<T>>(v, frame, v.stride_h, p.row * v.stride_h,
                                                     column, whole);
            r.images = p.images;
            r.OH = p.rows;
            r.OW = column_piece(p, i + 1) - begin;
            r.channels = cg;
            r.dy_pixel = s.O;
            r.dy_row = v.OW * s.O;
            r.dw_row = s.O;
            r.accumulate = accumulate || i > 0;
            const T* const x_at =
                from + p.image * frame.image() + p.row * r.row + column * v.stride_w * s.C;
            const T* const dy_at = gradient + ((p.image * v.OH + p.row) * v.OW + column) * s.O;
            for (index_t g = 0; g < s.groups; ++g)
                each_columns<T>(og, [&](index_t o, int columns) {
                    r.x = x_at + g * cg;
                    r.dy = dy_at + g * og + o;
                    r.dw = to + g * og + o;
                    r.n = columns;
                    rows_weights(r);
                });
        }
    };
    const auto sum_tiles = [&](const Pixels& p, const T* from, const T* gradient, T* to,
                               bool accumulate, index_t m0, index_t m1) {
        const index_t count = p.count();
        const index_t cols = kernel.tile_cols;
        T* const panels =
            packs ? scratch<T>(Scratch::packed_b, ceil_div(og, cols) * cols * count) : nullptr;
        GemmArgs<T> a;
        a.a_row_offset = rows.data();
        a.a_step = v.stride_w * s.C;
        a.segments = p.images * p.rows;
        a.segment_length = p.columns;
        a.a_segment_offset = segments.data() + p.image * v.OH + p.row;
        a.b_padded = packs;
        a.b_row_stride = packs ? cols : s.O;
        a.b_panel_stride = packs ? cols * count : cols;
        a.c_row_stride = s.O;
        a.accumulate = accumulate;
        a.run = in_block > kOneRun ? kProductRun : 0;
        for (index_t g = 0; g < s.groups; ++g) {
            a.a = from + g * cg + p.column * a.a_step;
            a.b = gradient + ((p.image * v.OH + p.row) * v.OW + p.column) * s.O + g * og;
            if (packs) {
                kernel.pack(a.b, s.O, og, count, panels);
                a.b = panels;
            }
            a.c = to + g * og;
            kernel.gemm(a, m0, m1, 0, og);
        }
    };
    const auto sum = [&](bool whole) {
        parallel_for(blocks * shares, s.flops(), [&](index_t begin, index_t end) {
            for (index_t block = begin / shares; block < ceil_div(end, shares); ++block) {
                const index_t m0 = depth * std::max(begin - block * shares, index_t{0}) / shares;
                const index_t m1 = depth * std::min(end - block * shares, shares) / shares;
                const index_t last = s.N * (block + 1) / blocks;
                const Totals<T> totals(is_long ? (m1 - m0) * s.O : 0);
                T* const to = is_long ? totals.part() - m0 * s.O : partial + block * size;
                auto* const bias = scratch<double>(Scratch::bias, 2 * s.O);
                T* const bias_part = reinterpret_cast<T*>(bias + s.O);
                if (partial_bias) std::fill_n(bias, s.O, 0.0);
                index_t summed = 0;
                for (index_t first = s.N * block / blocks; first < last; first += fit) {
                    const index_t images = std::min(fit, last - first);
                    const T* from = framed(frame, x, first, images);
                    const T* const gradient = dy.images(s, first, images);
                    if (partial_bias) {
                        kernels<T>().reduce->sum_rows(gradient, images * out_pixels, s.O, s.O,
                                                      bias_part);
                        for (index_t o = 0; o < s.O; ++o)
                            bias[o] += static_cast<double>(bias_part[o]);
                    }
                    each_stretch(v, images, packs ? kTilePixels : kStretch, [&](const Pixels& p) {
                        if (is_long && summed > 0 && summed + p.count() > kStretch) {
                            totals.add();
                            summed = 0;
                        }
                        if (rows_kernel)
                            sum_rows_kernel(p, whole, from, gradient, to, summed > 0);
                        else
                            sum_tiles(p, from, gradient, to, summed > 0, m0, m1);
                        summed += p.count();
                    });
                }
                if (partial_bias)
                    for (index_t o = 0; o < s.O; ++o)
                        partial_bias[block * s.O + o] = static_cast<T>(bias[o]);
                if (!is_long) continue;
                totals.add();
                totals.write(0, (m1 - m0) * s.O, partial + block * size + m0 * s.O);
            }
        });
        if (blocks == 1) return;
        if (db) kernels<T>().reduce->sum_rows(partial_bias, blocks, s.O, s.O, db);
        parallel_for(ceil_div(size, 1024), 8.0 * static_cast<double>(blocks * size) * sizeof(T),
                     [&](index_t begin, index_t end) {
                         const index_t first = begin * 1024;
                         const index_t n = std::min(end * 1024, size) - first;
                         kernels<T>().reduce->sum_rows(partial + first, blocks, size, n,
                                                       dw + first);
                     });
    };
    // The zeros of the frame are left out. Where dy was infinite they would have made NaN; but then
    // dw is not finite either, and is summed again.
    const bool leave_out = rows_kernel && !frame.plain() && !windows_in_padding(v);
    sum(!leave_out);
    if (leave_out && !all_finite(dw, size)) sum(true);
}

#define HOTLOOP_INSTANTIATE(T)                                                                   \
    template void conv_weight_gradient<T>(const ConvShape&, ConvRoute, const OutputGradient<T>&, \
                                          const T*, T*, T*);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
