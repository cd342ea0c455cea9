// What the row kernels of convolution work on: channels-last images in their frame, windows one
// pixel apart along a row, at most row_vectors vectors of output channels.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// Vectors of columns that the row kernels take: two where there are 32 registers of 64 bytes, so
// that a number of x meets twice as many weights.
constexpr int row_vectors(index_t vector_bytes) { return vector_bytes == 64 ? 2 : 1; }

// y[i][oh][ow][n] = sum over kh, kw, c of
//     x[i * image + oh * row + kh * tap_row + (ow + kw) * pixel + c] *
//     w[((kh * KW + kw) * channels + c) * w_row + n]
template <class T>
struct ConvRowsArgs {
    const T* x;
    index_t images, OH, OW;
    index_t KH, KW, channels;
    index_t image, row, tap_row, pixel;
    const T* w;  // rows may be read to whole vectors
    index_t w_row;
    T* y;  // the pixels of all images one after another, y_pixel apart
    index_t y_pixel;
    int n;          // columns
    const T* bias;  // (n), or none
    Activation activation = Activation::none;
    const T* gate = nullptr;  // laid out as y: y *= act'(gate)
    Activation gate_kind = Activation::none;
};

// dw[((kh * KW + kw) * channels + c) * dw_row + n] = [itself +] sum over i, oh, ow of
//     x[i * image + oh * row + kh * tap_row + (ow + kw) * pixel + c] * dy[pixel (i, oh, ow)][n]
template <class T>
struct ConvRowsWeightsArgs {
    const T* x;
    index_t images, OH, OW;
    index_t KH, KW, channels;
    index_t image, row, tap_row, pixel;
    const T* dy;
    index_t dy_pixel;
    T* dw;
    index_t dw_row;
    int n;
    bool accumulate;
};

}  // namespace hotloop
