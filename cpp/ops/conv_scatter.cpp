// The input gradient by rows of the kernel. With few input channels a product with a column for
// each of them would leave most of a vector idle; and with wide kernels on small planes most
// windows of the gradient's frame would reach only its border. But one row of the kernel reaches KW
// * C numbers side by side in the image: those are the columns here. Pixel (oh, ow) of dy times row
// kh of the kernel is added to the run of the image that starts at row oh * stride + kh * dilation,
// column ow * stride. Pixels whose runs overlap must not meet in one tile: pixels ceil(KW / stride)
// apart take turns. It is col2im without columns.
#include "conv_scatter.h"

#include "conv_frame.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/ops/pointwise.h"
#include "hotloop/parallel.h"

namespace hotloop {

// Vectors that the two ways multiply. This one meets each pixel of dy once, with whole rows of the
// kernel, and pays some sums' worth for loading and storing the image; the other meets each pixel
// of x once, with a vector for its channels, which may be more pixels than dy has.
template <class T>
bool scatters(const ConvShape& s) {
    const Window& v = s.win;
    if (s.groups != 1 || v.dilation_w != 1 || s.y_size() == 0) return false;
    const index_t width = kernels<T>().gemm->vector_size;
    const index_t here = v.OH * v.OW * ceil_div(v.KW * s.C, width) * (s.O + 6);
    const index_t there = v.H * v.W * v.KW * ceil_div(s.C, width) * s.O / (v.stride_h * v.stride_w);
    return 10 * here < 9 * there;
}

template <class T>
void conv_scatter_gradient(const ConvShape& s,
                           const OutputGradient<T>& dy,
                           const T* w,
                           T* dx,
                           const T* gate,
                           Activation gate_kind) {
    const Window& v = s.win;
    const GemmKernels<T>& kernel = *kernels<T>().gemm;
    const Frame frame = input_frame(s);
    const index_t in_image = v.H * v.W * s.C;
    const index_t columns = v.KW * s.C;
    const index_t kernel_row = ceil_div(columns, kernel.tile_cols) * kernel.tile_cols * s.O;
    T* const packed = scratch<T>(Scratch::packed_b, v.KH * kernel_row);
    for (index_t kh = 0; kh < v.KH; ++kh)
        kernel.pack_transposed(w + kh * columns * s.O, s.O, columns, s.O, packed + kh * kernel_row);

    const index_t bytes = (frame.image() + v.OH * v.OW * s.O) * static_cast<index_t>(sizeof(T));
    // Whole images: pieces of one would overlap.
    const Pieces pieces = cut(s.N, bytes, 1);
    const index_t turns = std::min(ceil_div(v.KW, v.stride_w), v.OW);
    // The pixels of each turn, and where their runs begin.
    std::vector<std::vector<index_t>> pixel(static_cast<std::size_t>(turns));
    std::vector<std::vector<index_t>> target(static_cast<std::size_t>(turns));
    for (index_t i = 0; i < pieces.most(); ++i)
        for (index_t oh = 0; oh < v.OH; ++oh)
            for (index_t ow = 0; ow < v.OW; ++ow) {
                const auto turn = static_cast<std::size_t>(ow % turns);
                pixel[turn].push_back(((i * v.OH + oh) * v.OW + ow) * s.O);
                target[turn].push_back(i * frame.image() + oh * v.stride_h * frame.row() +
                                       ow * v.stride_w * s.C);
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
            a.b_panel_stride = kernel.tile_cols * s.O;
            a.b_padded = true;
            a.accumulate = true;
            for (index_t kh = 0; kh < v.KH; ++kh) {
                a.b = packed + kh * kernel_row;
                a.c = sums + kh * v.dilation_h * frame.row();
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
            if (gate)
                binary(BinaryArgs<T>{images_dx, gate + first * in_image, images_dx,
                                     images * in_image, backward_of(gate_kind)});
        }
    });
}

#define HOTLOOP_INSTANTIATE(T)                                                                   \
    template bool scatters<T>(const ConvShape&);                                                 \
    template void conv_scatter_gradient<T>(const ConvShape&, const OutputGradient<T>&, const T*, \
                                           T*, const T*, Activation);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
