#include "conv_depthwise.h"

#include <algorithm>
#include <vector>

#include "conv_frame.h"
#include "hotloop/depthwise_args.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"

namespace hotloop {
namespace {

// Window bases and taps of the forward pass, for one image.
struct Geometry {
    std::vector<index_t> pixel;
    std::vector<index_t> offset;
    std::vector<index_t> cell;
};

Geometry forward_geometry(const ConvShape& s, const Frame& frame) {
    const Window& v = s.win;
    Geometry g;
    for (index_t oh = 0; oh < v.OH; ++oh)
        for (index_t ow = 0; ow < v.OW; ++ow)
            g.pixel.push_back(oh * v.stride_h * frame.row() + ow * v.stride_w * s.C);
    for (index_t kh = 0; kh < v.KH; ++kh)
        for (index_t kw = 0; kw < v.KW; ++kw) {
            g.offset.push_back(kh * v.dilation_h * frame.row() + kw * v.dilation_w * s.C);
            g.cell.push_back(kh * v.KW + kw);
        }
    return g;
}

// Memory decides here more than arithmetic does: an honest cost counts the bytes.
template <class T>
double cost(const ConvShape& s) {
    return s.flops() + 8.0 * static_cast<double>(s.x_size() + s.y_size()) * sizeof(T);
}

}  // namespace

template <class T>
void depthwise_forward(
    const ConvShape& s, const T* x, const T* w, const T* b, T* y, Activation activation) {
    const Frame frame = input_frame(s);
    const Geometry g = forward_geometry(s, frame);
    const index_t out = s.win.OH * s.win.OW * s.O;
    parallel_for(s.N, cost<T>(s), [&](index_t begin, index_t end) {
        for (index_t n = begin; n < end; ++n) {
            DepthwiseArgs<T> a{};
            a.x = framed(frame, x, n, 1);
            a.pixel = g.pixel.data();
            a.pixels = static_cast<index_t>(g.pixel.size());
            a.tap_offset = g.offset.data();
            a.tap_cell = g.cell.data();
            a.taps = s.taps();
            a.channels = s.C;
            a.w = w;
            a.y = y + n * out;
            a.bias = b;
            a.activation = activation;
            kernels<T>().depthwise->forward(a);
        }
    });
}

template <class T>
void depthwise_input_gradient(
    const ConvShape& s, const T* dy, const T* w, T* dx, const T* gate, Activation gate_kind) {
    const Window& v = s.win;
    const Frame frame = gradient_frame(s);
    struct Work : Geometry {
        std::vector<index_t> target;
    };
    std::vector<Work> work;
    for (index_t ph = 0; ph < v.stride_h; ++ph)
        for (index_t pw = 0; pw < v.stride_w; ++pw) {
            const Axis h = axis_phase(ph, v.H, v.KH, v.stride_h, v.dilation_h, v.top);
            const Axis c = axis_phase(pw, v.W, v.KW, v.stride_w, v.dilation_w, v.left);
            Work job;
            for (std::size_t i = 0; i < h.cell.size(); ++i)
                for (std::size_t j = 0; j < c.cell.size(); ++j) {
                    job.offset.push_back((h.shift[i] + frame.top) * frame.row() +
                                         (c.shift[j] + frame.left) * s.O);
                    job.cell.push_back(h.cell[i] * v.KW + c.cell[j]);
                }
            for (std::size_t i = 0; i < h.input.size(); ++i)
                for (std::size_t j = 0; j < c.input.size(); ++j) {
                    job.pixel.push_back(h.base[i] * frame.row() + c.base[j] * s.O);
                    job.target.push_back((h.input[i] * v.W + c.input[j]) * s.C);
                }
            work.push_back(std::move(job));
        }
    const index_t image = v.H * v.W * s.C;
    parallel_for(s.N, cost<T>(s), [&](index_t begin, index_t end) {
        for (index_t n = begin; n < end; ++n) {
            const T* from = framed(frame, dy, n, 1);
            for (const Work& job : work) {
                DepthwiseArgs<T> a{};
                a.x = from;
                a.pixel = job.pixel.data();
                a.pixels = static_cast<index_t>(job.pixel.size());
                a.tap_offset = job.offset.data();
                a.tap_cell = job.cell.data();
                a.taps = static_cast<index_t>(job.cell.size());
                a.channels = s.C;
                a.w = w;
                a.y = dx + n * image;
                a.target = job.target.data();
                a.gate = gate ? gate + n * image : nullptr;
                a.gate_kind = gate_kind;
                kernels<T>().depthwise->forward(a);
            }
        }
    });
}

template <class T>
void depthwise_weight_gradient(const ConvShape& s, const T* dy, const T* x, T* dw) {
    const Frame frame = input_frame(s);
    const Geometry g = forward_geometry(s, frame);
    const index_t size = s.w_size();
    const index_t out = s.win.OH * s.win.OW * s.O;
    const index_t blocks = std::min(s.N, index_t{8});
    T* const partial = scratch<T>(Scratch::partial, blocks * size);
    parallel_for(blocks, cost<T>(s), [&](index_t begin, index_t end) {
        for (index_t block = begin; block < end; ++block) {
            T* sum = partial + block * size;
            std::fill_n(sum, size, T{0});
            for (index_t n = s.N * block / blocks; n < s.N * (block + 1) / blocks; ++n) {
                DepthwiseArgs<T> a{};
                a.x = framed(frame, x, n, 1);
                a.pixel = g.pixel.data();
                a.pixels = static_cast<index_t>(g.pixel.size());
                a.tap_offset = g.offset.data();
                a.taps = s.taps();
                a.channels = s.C;
                a.w = dy + n * out;
                a.y = sum;
                kernels<T>().depthwise->weights(a);
            }
        }
    });
    kernels<T>().reduce->sum_rows(partial, blocks, size, size, dw);
}

#define HOTLOOP_INSTANTIATE(T)                                                                    \
    template void depthwise_forward<T>(const ConvShape&, const T*, const T*, const T*, T*,        \
                                       Activation);                                               \
    template void depthwise_input_gradient<T>(const ConvShape&, const T*, const T*, T*, const T*, \
                                              Activation);                                        \
    template void depthwise_weight_gradient<T>(const ConvShape&, const T*, const T*, T*);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
