#include "hotloop/ops/im2col.h"

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/long_sums.h"
#include "hotloop/parallel.h"

namespace hotloop {
namespace {

// Calls tap(column, pixel) for every kernel tap of one window row that lies inside the image,
// and pad(column) for the others; columns and pixels within one channel.
template <class Tap, class Pad>
void walk_row(const Window& v, index_t kh, index_t oh, index_t ow, Tap tap, Pad pad) {
    const index_t h = oh * v.stride_h + kh * v.dilation_h - v.top;
    const index_t w0 = ow * v.stride_w - v.left;
    if (h < 0 || h >= v.H) {
        for (index_t kw = 0; kw < v.KW; ++kw) pad(kh * v.KW + kw);
        return;
    }
    for (index_t kw = 0; kw < v.KW; ++kw) {
        const index_t w = w0 + kw * v.dilation_w;
        if (w >= 0 && w < v.W)
            tap(kh * v.KW + kw, h * v.W + w);
        else
            pad(kh * v.KW + kw);
    }
}

double bytes(const Window& v, index_t N, index_t C, std::size_t item) {
    return static_cast<double>(N * C * v.OH * v.OW * v.KH * v.KW) * static_cast<double>(item);
}

}  // namespace

template <class T>
void im2col(const Im2colArgs<T>& a) {
    const Window& v = a.win;
    const index_t taps = v.KH * v.KW;
    const index_t plane = v.H * v.W;
    if (a.C == 0) return;
    parallel_for(a.N * v.OH, 16 * bytes(v, a.N, a.C, sizeof(T)), [&](index_t begin, index_t end) {
        for (index_t row = begin; row < end; ++row) {
            const T* image = a.x + row / v.OH * a.C * plane;
            T* out = a.cols + row * v.OW * a.C * taps;
            for (index_t ow = 0; ow < v.OW; ++ow)
                for (index_t c = 0; c < a.C; ++c, out += taps)
                    for (index_t kh = 0; kh < v.KH; ++kh)
                        walk_row(
                            v, kh, row % v.OH, ow,
                            [&](index_t col, index_t pixel) {
                                out[col] = image[c * plane + pixel];
                            },
                            [&](index_t col) { out[col] = T{0}; });
        }
    });
}

template <class T>
void col2im(const Col2imArgs<T>& a) {
    const Window& v = a.win;
    const index_t taps = v.KH * v.KW;
    const index_t plane = v.H * v.W;
    if (a.C * plane == 0) return;
    const auto add = [&](index_t n, index_t c, auto* image) {
        const T* from = a.cols + (n * v.OH * v.OW * a.C + c) * taps;
        for (index_t oh = 0; oh < v.OH; ++oh)
            for (index_t ow = 0; ow < v.OW; ++ow, from += a.C * taps)
                for (index_t kh = 0; kh < v.KH; ++kh)
                    walk_row(
                        v, kh, oh, ow,
                        [&](index_t col, index_t pixel) { image[pixel] += from[col]; },
                        [](index_t) {});
    };
    // Sums of so many windows are made in double, where one accumulator would round too often.
    const bool many = std::min(taps, v.OH * v.OW) > kOneRun;
    // Windows of one plane overlap, so a plane belongs to one thread.
    parallel_for(a.N * a.C, 16 * bytes(v, a.N, a.C, sizeof(T)), [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            T* const image = a.x + i * plane;
            if (many) {
                auto* const sums = scratch<double>(Scratch::totals, plane);
                std::fill_n(sums, plane, 0.0);
                add(i / a.C, i % a.C, sums);
                std::transform(sums, sums + plane, image,
                               [](double s) { return static_cast<T>(s); });
            } else {
                std::fill_n(image, plane, T{0});
                add(i / a.C, i % a.C, image);
            }
        }
    });
}

#define HOTLOOP_INSTANTIATE(T)                     \
    template void im2col<T>(const Im2colArgs<T>&); \
    template void col2im<T>(const Col2imArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
