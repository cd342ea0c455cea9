#include "conv_implicit.h"

#include "conv_frame.h"
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

// The taps of a kernel as runs of numbers that are contiguous in a framed image.
struct Runs {
    std::vector<index_t> offset;
    index_t length = 0;
};

// `taps` are offsets in pixel-channels, each followed by `channels` numbers. Neighbours join when
// all runs come out equally long.
Runs join(const std::vector<index_t>& taps, index_t channels) {
    Runs runs;
    index_t run = 1;
    while (run < static_cast<index_t>(taps.size()) &&
           taps[static_cast<std::size_t>(run)] == taps[0] + run * channels)
        ++run;
    bool joined = !taps.empty() && static_cast<index_t>(taps.size()) % run == 0;
    for (std::size_t t = 0; joined && t < taps.size(); ++t)
        if (static_cast<index_t>(t) % run != 0) joined = taps[t] == taps[t - 1] + channels;
    const index_t step = joined ? run : 1;
    runs.length = step * channels;
    for (std::size_t t = 0; t < taps.size(); t += static_cast<std::size_t>(step))
        runs.offset.push_back(taps[t]);
    return runs;
}

}  // namespace

template <class T>
const T* OutputGradient<T>::images(const ConvShape& s, index_t first, index_t images) const {
    const index_t image = s.win.OH * s.win.OW * s.O;
    if (!pool) return dy + first * image;
    T* const made = scratch<T>(Scratch::stage, images * image);
    max_pool2d_backward_images(*pool, first, images, made);
    return made;
}

template <class T>
void conv_forward(const ConvShape& s,
                  ConvRoute route,
                  const T* x,
                  const T* w,
                  const T* b,
                  T* y,
                  Activation activation,
                  const MaxPoolArgs<T>* pool,
                  bool keep) {
    const Window& v = s.win;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t cg = s.group_in();
    const index_t og = s.group_out();
    const Frame frame = input_frame(s);
    const index_t out_pixels = v.OH * v.OW;
    const Pieces pieces =
        cut(s.N, (frame.image() + out_pixels * s.O) * static_cast<index_t>(sizeof(T)), v.OH);

    std::vector<index_t>& taps = table(0);
    for (index_t kh = 0; kh < v.KH; ++kh)
        for (index_t kw = 0; kw < v.KW; ++kw)
            taps.push_back(kh * v.dilation_h * frame.row() + kw * v.dilation_w * s.C);
    const Runs runs = join(taps, cg);

    std::vector<index_t>& pixels = table(1);
    for (index_t i = 0; i < pieces.most(); ++i)
        for (index_t oh = 0; oh < v.OH; ++oh)
            for (index_t ow = 0; ow < v.OW; ++ow)
                pixels.push_back(i * frame.image() + oh * v.stride_h * frame.row() +
                                 ow * v.stride_w * s.C);

    // The weights of each group as whole panels: aligned rows, no masks in the inner loop.
    const index_t depth = s.taps() * cg;
    const index_t panels = ceil_div(og, kernel.tile_cols);
    const index_t panel = kernel.tile_cols * depth;
    T* const packed = scratch<T>(Scratch::packed_b, s.groups * panels * panel);
    for (index_t g = 0; g < s.groups; ++g)
        kernel.pack(w + g * og, s.O, og, depth, packed + g * panels * panel);

    trace<T>(s, ConvPass::forward, route);
    const bool rows_kernel = route != ConvRoute::tiles;
    const auto conv_rows = rows_forward<T>(route);
    const bool leave_out = rows_kernel && !frame.plain() && all_finite(w, s.w_size());
    const bool relu = activation == Activation::relu;
    // A pool needs whole images.
    const bool pooled = pool && pieces.stretches == 1;
    const auto convolve = [&](index_t begin, index_t end) {
        for (index_t task = begin; task < end; ++task) {
            const index_t first = pieces.begin(task / pieces.stretches);
            const index_t images = pieces.begin(task / pieces.stretches + 1) - first;
            const index_t row0 = task % pieces.stretches * pieces.rows_each;
            const index_t row1 = std::min(row0 + pieces.rows_each, v.OH);
            T* const out = pooled && !keep
                               ? scratch<T>(Scratch::stage, pieces.most() * out_pixels * s.O)
                               : y + (first * out_pixels + row0 * v.OW) * s.O;
            const auto finish = [&] {
                activate(activation, out, images * (row1 - row0) * v.OW * s.O);
                if (pooled) max_pool2d_images(*pool, out, first, images);
            };
            const T* from;
            if (pieces.stretches == 1 || frame.plain()) {
                from = framed(frame, x, first, images) + row0 * v.stride_h * frame.row();
            } else {
                const index_t top = row0 * v.stride_h;
                const index_t bottom = (row1 - 1) * v.stride_h + (v.KH - 1) * v.dilation_h + 1;
                T* part = scratch<T>(Scratch::padded, (bottom - top) * frame.row());
                copy_framed(frame, x + first * v.H * v.W * s.C, top, bottom, part);
                from = part;
            }
            if (rows_kernel) {
                auto r = windows<ConvRowsArgs<T>>(v, frame, v.stride_h, row0 * v.stride_h, 0,
                                                  !leave_out);
                r.x = from;
                r.images = images;
                r.OH = row1 - row0;
                r.OW = v.OW;
                r.channels = cg;
                r.w_row = kernel.tile_cols;
                r.y_pixel = s.O;
                r.relu = relu;
                for (index_t g = 0; g < s.groups; ++g, r.x += cg)
                    each_columns<T>(og, [&](index_t o, int columns) {
                        r.w = packed + g * panels * panel + packed_column<T>(o, depth);
                        r.y = out + g * og + o;
                        r.n = columns;
                        r.bias = b ? b + g * og + o : nullptr;
                        conv_rows(r);
                    });
                finish();
                continue;
            }
            GemmArgs<T> a;
            a.segments = static_cast<index_t>(runs.offset.size());
            a.segment_length = runs.length;
            a.a_segment_offset = runs.offset.data();
            a.b_row_stride = kernel.tile_cols;
            a.b_padded = true;
            a.b_panel_stride = panel;
            a.c_row_stride = s.O;
            a.activation = relu ? activation : Activation::none;
            const index_t lines = pieces.stretches == 1 ? images * v.OH : row1 - row0;
            // Pixels of one line lie equally far apart, which a tall tile, with more rows than
            // registers for pointers, likes better than a table, where they fill its tiles. Low
            // tiles take all lines at once: 8 pixels would be two tiles of 4 (84 to 93 % of the
            // peak for 8 x 8 planes with AVX2).
            const bool even = kernel.tile_rows > 8 &&
                              v.OW >= ceil_div(v.OW, kernel.tile_rows) * (kernel.tile_rows - 2);
            const index_t blocks = even ? lines : 1;
            const index_t rows = even ? v.OW : lines * v.OW;
            if (even)
                a.a_row_stride = v.stride_w * s.C;
            else
                a.a_row_offset = pixels.data();
            // Where the first-level cache holds all weights, each line meets all panels at once,
            // and y is written from its first number to its last (15 % for 1 x 1, 32 to 64
            // channels).
            const bool few = s.w_size() * static_cast<index_t>(sizeof(T)) <= 16 * 1024;
            const index_t columns = few ? og : kernel.tile_cols;
            for (index_t g = 0; g < s.groups; ++g) {
                a.b = packed + g * panels * panel;
                a.bias = b ? b + g * og : nullptr;
                for (index_t n = 0; n < og; n += columns)
                    for (index_t block = 0; block < blocks; ++block) {
                        a.a = from + g * cg +
                              (even ? pixels[static_cast<std::size_t>(block * v.OW)] : 0);
                        a.c = out + g * og + block * v.OW * s.O;
                        gemm_any_length(a, 0, rows, n, std::min(n + columns, og));
                    }
            }
            finish();
        }
    };
    parallel_for(pieces.tasks(), s.flops(), convolve);
    if (pool && !pooled) max_pool2d(*pool);
}

template <class T>
void conv_input_gradient(const ConvShape& s,
                         ConvRoute route,
                         const OutputGradient<T>& dy,
                         const T* w,
                         T* dx,
                         const T* gate,
                         Activation gate_kind) {
    const Window& v = s.win;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const index_t cg = s.group_in();
    const index_t og = s.group_out();
    const Frame frame = gradient_frame(s);
    const index_t in_pixels = v.H * v.W;
    const index_t bytes = (frame.image() + in_pixels * s.C) * static_cast<index_t>(sizeof(T));
    const Pieces pieces = cut(s.N, bytes, v.H);

    struct Work {
        Runs runs;
        std::vector<index_t> pixel;   // base in the framed dy, over the images of a piece
        std::vector<index_t> target;  // row of dx
        index_t taps;
        const T* packed;
    };
    std::vector<Work> work;
    const index_t panels = ceil_div(cg, kernel.tile_cols);
    T* packed = scratch<T>(Scratch::packed_b, s.groups * panels * kernel.tile_cols * s.taps() * og);
    const std::vector<Axis> columns = axis_phases(columns_of(v));
    for (const Axis& h : axis_phases(rows_of(v)))
        for (const Axis& c : columns) {
            Work job;
            std::vector<index_t> offset;
            std::vector<index_t> taps;
            for (std::size_t i = 0; i < h.tap.size(); ++i)
                for (std::size_t j = 0; j < c.tap.size(); ++j) {
                    offset.push_back((h.shift[i] + frame.top) * frame.row() +
                                     (c.shift[j] + frame.left) * s.O);
                    taps.push_back(h.tap[i] * v.KW + c.tap[j]);
                }
            job.taps = static_cast<index_t>(taps.size());
            job.runs = join(offset, og);
            for (index_t n = 0; n < pieces.most(); ++n)
                for (std::size_t i = 0; i < h.input.size(); ++i)
                    for (std::size_t j = 0; j < c.input.size(); ++j) {
                        job.pixel.push_back(n * frame.image() + h.base[i] * frame.row() +
                                            c.base[j] * s.O);
                        job.target.push_back((n * in_pixels + h.input[i] * v.W + c.input[j]) * s.C);
                    }
            // The weights of these taps, turned: (tap, O / groups) rows, C / groups columns.
            job.packed = packed;
            for (index_t g = 0; g < s.groups; ++g)
                for (index_t p = 0; p < panels; ++p)
                    for (const index_t tap : taps) {
                        const index_t c0 = p * kernel.tile_cols;
                        kernel.pack_transposed(w + (tap * cg + c0) * s.O + g * og, s.O,
                                               std::min<index_t>(kernel.tile_cols, cg - c0), og,
                                               packed);
                        packed += kernel.tile_cols * og;
                    }
            work.push_back(std::move(job));
        }

    const auto run = [&](const Work& job, const T* from, index_t first, index_t m0, index_t m1) {
        GemmArgs<T> a;
        a.a = from;
        a.a_row_offset = job.pixel.data();
        a.segments = static_cast<index_t>(job.runs.offset.size());
        a.segment_length = job.runs.length;
        a.a_segment_offset = job.runs.offset.data();
        a.b_row_stride = kernel.tile_cols;
        a.b_padded = true;
        a.b_panel_stride = kernel.tile_cols * job.taps * og;
        a.c = dx + first * in_pixels * s.C;
        a.c_row_offset = job.target.data();
        a.gate_kind = gate_kind;
        for (index_t g = 0; g < s.groups; ++g, a.a += og, a.c += cg) {
            a.b = job.packed + g * panels * a.b_panel_stride;
            a.gate = gate ? gate + (a.c - dx) : nullptr;
            gemm_any_length(a, m0, m1, 0, cg);
        }
    };
    trace<T>(s, ConvPass::input_gradient, route);
    const bool rows_kernel = route != ConvRoute::tiles;
    const auto conv_rows = rows_forward<T>(route);
    const auto run_rows = [&](const Work& job, const T* from, index_t first, index_t images,
                              index_t row0, index_t row1) {
        const index_t start = job.pixel[0] + job.runs.offset[0];
        auto r = windows<ConvRowsArgs<T>>(v, frame, 1, start / frame.row() + row0,
                                          start % frame.row() / s.O, false);
        r.x = from + start + row0 * frame.row();
        r.images = images;
        r.OH = row1 - row0;
        r.OW = v.W;
        r.channels = og;
        r.w_row = kernel.tile_cols;
        r.y_pixel = s.C;
        T* const to = dx + (first * v.H + row0) * v.W * s.C;
        for (index_t g = 0; g < s.groups; ++g, r.x += og)
            each_columns<T>(cg, [&](index_t c, int columns) {
                r.w = job.packed + g * panels * kernel.tile_cols * job.taps * og +
                      packed_column<T>(c, job.taps * og);
                r.y = to + g * cg + c;
                r.n = columns;
                conv_rows(r);
            });
        apply_gate(gate_kind, gate ? gate + (to - dx) : nullptr, to,
                   images * (row1 - row0) * v.W * s.C);
    };
    parallel_for(pieces.tasks(), s.flops(), [&](index_t begin, index_t end) {
        for (index_t piece = begin / pieces.stretches; piece < ceil_div(end, pieces.stretches);
             ++piece) {
            // The share of this piece's rows that falls to this thread, in parts of `stretches`.
            const index_t part0 = std::max(begin - piece * pieces.stretches, index_t{0});
            const index_t part1 = std::min(end - piece * pieces.stretches, pieces.stretches);
            const index_t first = pieces.begin(piece);
            const index_t images = pieces.begin(piece + 1) - first;
            const T* from = framed(frame, dy.images(s, first, images), 0, images);
            if (rows_kernel) {
                // Several images are never cut into parts, so rows of one image suffice.
                run_rows(work[0], from, first, images, v.H * part0 / pieces.stretches,
                         v.H * part1 / pieces.stretches);
                continue;
            }
            for (const Work& job : work) {
                const index_t rows =
                    static_cast<index_t>(job.pixel.size()) / pieces.most() * images;
                run(job, from, first, rows * part0 / pieces.stretches,
                    rows * part1 / pieces.stretches);
            }
        }
    });
}

#define HOTLOOP_INSTANTIATE(T)                                                                   \
    template struct OutputGradient<T>;                                                           \
    template void conv_forward<T>(const ConvShape&, ConvRoute, const T*, const T*, const T*, T*, \
                                  Activation, const MaxPoolArgs<T>*, bool);                      \
    template void conv_input_gradient<T>(const ConvShape&, ConvRoute, const OutputGradient<T>&,  \
                                         const T*, T*, const T*, Activation);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
