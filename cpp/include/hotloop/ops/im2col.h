// Patches written out, channels first, in the order of the book: one row a window, and in a row
// the channels, each with its KH * KW taps.
#pragma once

#include "hotloop/common.h"
#include "hotloop/ops/window.h"

namespace hotloop {

// cols[(n * OH + oh) * OW + ow][(c * KH + kh) * KW + kw] = x[n][c][...], zero in the padding.
// cols (N * OH * OW, C * KH * KW) is overwritten and apart from x (N, C, H, W).
template <class T>
struct Im2colArgs {
    const T* x;
    T* cols;
    index_t N, C;
    Window win;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

// The transpose of im2col: every number of cols is added to the pixel that it was read from, in
// window order. x is overwritten and apart from cols.
template <class T>
struct Col2imArgs {
    const T* cols;
    T* x;
    index_t N, C;
    Window win;
    template <class F>
    void inputs(F f) {
        f(cols);
    }
};

template <class T>
void im2col(const Im2colArgs<T>& args);
template <class T>
void col2im(const Col2imArgs<T>& args);

}  // namespace hotloop
