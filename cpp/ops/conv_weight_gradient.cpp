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

namespace hotloop {

// Blocks of images sum apart, by shape alone, and are added in order at the end.
index_t weight_gradient_blocks(const ConvShape& s, index_t element_bytes) {
    const index_t afford =
        std::max<index_t>(1, kPartialBytes / std::max<index_t>(1, s.w_size() * element_bytes));
    return std::min({s.N, afford, index_t{8}});
}

template <class T>
void conv_weight_gradient(
    const ConvShape& s, const OutputGradient<T>& dy, const T* x, T* dw, T* db) {
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
    const bool rows_kernel = blocks > 1 && by_rows<T>(og, v.OW, v.KW, v.stride_w, v.dilation_w);
    const index_t shares = blocks > 1 ? 1 : std::min<index_t>(depth, 16);
    const auto sum = [&](bool whole) {
        parallel_for(blocks * shares, s.flops(), [&](index_t begin, index_t end) {
            for (index_t block = begin / shares; block < ceil_div(end, shares); ++block) {
                const index_t m0 = depth * std::max(begin - block * shares, index_t{0}) / shares;
                const index_t m1 = depth * std::min(end - block * shares, shares) / shares;
                const index_t last = s.N * (block + 1) / blocks;
                GemmArgs<T> a;
                a.a_row_offset = rows.data();
                a.a_step = v.stride_w * s.C;
                a.segment_length = v.OW;
                a.a_segment_offset = segments.data();
                a.b_row_stride = s.O;
                a.b_panel_stride = kernel.tile_cols;
                a.c_row_stride = s.O;
                for (index_t first = s.N * block / blocks; first < last; first += fit) {
                    const index_t images = std::min(fit, last - first);
                    const T* from = framed(frame, x, first, images);
                    const T* const gradient = dy.images(s, first, images);
                    a.segments = images * v.OH;
                    if (partial_bias) {
                        T* const total = partial_bias + block * s.O;
                        T* const part = scratch<T>(Scratch::bias, s.O);
                        kernels<T>().reduce->sum_rows(gradient, images * out_pixels, s.O, s.O,
                                                      a.accumulate ? part : total);
                        if (a.accumulate)
                            for (index_t o = 0; o < s.O; ++o) total[o] += part[o];
                    }
                    if (rows_kernel) {
                        auto r = windows<ConvRowsWeightsArgs<T>>(v, frame, v.stride_h, 0, 0, whole);
                        r.images = images;
                        r.OH = v.OH;
                        r.OW = v.OW;
                        r.channels = cg;
                        r.dy_pixel = s.O;
                        r.dw_row = s.O;
                        r.accumulate = a.accumulate;
                        for (index_t g = 0; g < s.groups; ++g)
                            each_panel<T>(og, [&](index_t o, int columns) {
                                r.x = from + g * cg;
                                r.dy = gradient + g * og + o;
                                r.dw = partial + block * size + g * og + o;
                                r.n = columns;
                                kernels<T>().conv_rows->weights(r);
                            });
                        a.accumulate = true;
                        continue;
                    }
                    for (index_t g = 0; g < s.groups; ++g) {
                        a.a = from + g * cg;
                        a.b = gradient + g * og;
                        a.c = partial + block * size + g * og;
                        kernel.gemm(a, m0, m1, 0, og);
                    }
                    a.accumulate = true;
                }
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

#define HOTLOOP_INSTANTIATE(T)                                                                  \
    template void conv_weight_gradient<T>(const ConvShape&, const OutputGradient<T>&, const T*, \
                                          T*, T*);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
