// The input gradient by rows of the kernel. With few input channels a product with a column for
// each of them would leave most of a vector idle; and with wide kernels on small planes most
// windows of the gradient's frame would reach only its border. But one row of the kernel reaches KW
// * C numbers side by side in the image: those are the columns here. Row h of the image takes from
// each row oh = (h - kh * dilation) / stride of dy the product with row kh of the kernel: all these
// are one sum, which pixel (oh, ow) of each adds to the run that starts at column ow * stride.
// Pixels whose runs overlap must not meet in one tile: pixels ceil(KW / stride) apart take turns.
// It is col2im without columns.
#include "conv_scatter.h"

#include "conv_frame.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/long_sums.h"
#include "hotloop/ops/conv_route.h"
#include "hotloop/parallel.h"

namespace hotloop {

template <class T>
void conv_scatter_gradient(const ConvShape& s,
                           const OutputGradient<T>& dy,
                           const T* w,
                           T* dx,
                           const T* gate,
                           Activation gate_kind) {
    trace<T>(s, ConvPass::input_gradient, ConvRoute::scatter);
    const Window& v = s.win;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const Frame frame = input_frame(s);
    const index_t in_image = v.H * v.W * s.C;
    const index_t columns = v.KW * s.C;
    const index_t panels = ceil_div(columns, kernel.tile_cols);
    const index_t block = kernel.tile_cols * s.O;
    // What one row of the image takes: rows of the kernel, packed from `first` on, each with the
    // row of dy whose offset stands in `source`.
    struct Meeting {
        const T* first;
        index_t stride;  // from panel to panel
        std::vector<index_t> source;
    };
    std::vector<Meeting> meeting(static_cast<std::size_t>(frame.height));
    T* packed = scratch<T>(Scratch::packed_b, v.KH * panels * block);
    // Rows of the kernel with the same remainder by the stride meet the same rows of the image.
    std::vector<std::vector<index_t>> phases(
        static_cast<std::size_t>(std::min(v.stride_h, frame.height)));
    for (index_t kh = 0; kh < v.KH; ++kh)
        phases[static_cast<std::size_t>(kh * v.dilation_h % v.stride_h)].push_back(kh);
    for (std::size_t at = 0; at < phases.size(); ++at) {
        const auto phase = static_cast<index_t>(at);
        const std::vector<index_t>& taps = phases[at];
        const auto count = static_cast<index_t>(taps.size());
        for (index_t p = 0; p < panels; ++p)
            for (index_t i = 0; i < count; ++i) {
                const index_t c0 = p * kernel.tile_cols;
                kernel.pack_transposed(w + (taps[static_cast<std::size_t>(i)] * columns + c0) * s.O,
                                       s.O, std::min<index_t>(kernel.tile_cols, columns - c0), s.O,
                                       packed + (p * count + i) * block);
            }
        for (index_t h = phase; h < frame.height; h += v.stride_h) {
            Meeting& m = meeting[static_cast<std::size_t>(h)];
            m.stride = count * block;
            // The taps whose row of dy, h - kh * dilation, is one of the OH rows.
            const auto first = std::ranges::partition_point(
                taps, [&](index_t kh) { return (h - kh * v.dilation_h) / v.stride_h >= v.OH; });
            for (auto i = first - taps.begin(); i < count; ++i) {
                const index_t below = h - taps[static_cast<std::size_t>(i)] * v.dilation_h;
                if (below < 0) break;
                if (m.source.empty()) m.first = packed + i * block;
                m.source.push_back(below / v.stride_h * v.OW * s.O);
            }
        }
        packed += panels * count * block;
    }

    const index_t bytes = (frame.image() + v.OH * v.OW * s.O) * static_cast<index_t>(sizeof(T));
    const index_t turns = std::min(ceil_div(v.KW, v.stride_w), v.OW);
    // Whole images, as pieces of one would overlap, and enough of them to fill a tile.
    const index_t least = ceil_div(kernel.tile_rows * turns, v.OW);
    Pieces pieces = cut(s.N, bytes, 1);
    pieces.count = std::min(pieces.count, std::max(index_t{1}, s.N / least));
    // The pixels of each turn in a row of dy, and where their runs begin.
    std::vector<std::vector<index_t>> pixel(static_cast<std::size_t>(turns));
    std::vector<std::vector<index_t>> target(static_cast<std::size_t>(turns));
    for (index_t i = 0; i < pieces.most(); ++i)
        for (index_t ow = 0; ow < v.OW; ++ow) {
            const auto turn = static_cast<std::size_t>(ow % turns);
            pixel[turn].push_back((i * v.OH * v.OW + ow) * s.O);
            target[turn].push_back(i * frame.image() + ow * v.stride_w * s.C);
        }

    parallel_for(pieces.tasks(), s.flops(), [&](index_t begin, index_t end) {
        for (index_t piece = begin; piece < end; ++piece) {
            const index_t first = pieces.begin(piece);
            const index_t images = pieces.begin(piece + 1) - first;
            T* const images_dx = dx + first * in_image;
            T* const sums =
                frame.plain() ? images_dx : scratch<T>(Scratch::padded, images * frame.image());
            std::fill_n(sums, images * frame.image(), T{0});
            GemmArgs<T> a;
            a.a = dy.images(s, first, images);
            a.segment_length = s.O;
            a.b_row_stride = kernel.tile_cols;
            a.b_padded = true;
            a.accumulate = true;
            a.run = s.taps() * s.O > kOneRun ? kProductRun : 0;
            for (index_t h = 0; h < frame.height; ++h) {
                const Meeting& m = meeting[static_cast<std::size_t>(h)];
                if (m.source.empty()) continue;
                a.segments = static_cast<index_t>(m.source.size());
                a.a_segment_offset = m.source.data();
                a.b = m.first;
                a.b_panel_stride = m.stride;
                a.c = sums + h * frame.row();
                for (std::size_t turn = 0; turn < pixel.size(); ++turn) {
                    a.a_row_offset = pixel[turn].data();
                    a.c_row_offset = target[turn].data();
                    const auto all = static_cast<index_t>(pixel[turn].size());
                    kernel.gemm(a, 0, all / pieces.most() * images, 0, columns);
                }
            }
            if (!frame.plain())
                for (index_t i = 0; i < images; ++i)
                    copy_unframed(frame, sums + i * frame.image(), images_dx + i * in_image);
            apply_gate(gate_kind, gate ? gate + first * in_image : nullptr, images_dx,
                       images * in_image);
        }
    });
}

#define HOTLOOP_INSTANTIATE(T)                                                                   \
    template void conv_scatter_gradient<T>(const ConvShape&, const OutputGradient<T>&, const T*, \
                                           T*, const T*, Activation);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
