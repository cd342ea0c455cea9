// What the row kernels of convolution work on: channels-last images in their frame, windows one
// pixel apart along a row, as many vectors of output channels as the kernel table says.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// Taps of a kernel that the row kernels take in pairs of pixels.
constexpr index_t kMostPairTaps = 64;

// The windows of framed images: number c of tap (kh, kw) of window (i, oh, ow) lies at
//     i * image + oh * row + kh * tap_row + (ow + kw * dilation_w) * pixel + c
// A tap whose row oh * stride_h + kh * dilation_h is not in [top, bottom), or whose column
// ow + kw * dilation_w is not in [left, right), lies in the padding and may be left out.
struct RowWindows {
    index_t images, OH, OW;
    index_t KH, KW, channels;
    index_t image, row, tap_row, pixel;
    index_t stride_h, dilation_h, dilation_w;
    index_t top, bottom, left, right;
};

// y[i][oh][ow][n] = sum over kh, kw, c of
//     x[(i, oh, ow), (kh, kw), c] * w[((kh * KW + kw) * channels + c) * w_row + n]
template <class T>
struct ConvRowsArgs : RowWindows {
    const T* x;
    const T* w;  // rows may be read to whole vectors
    index_t w_row;
    T* y;  // the pixels of all images one after another, y_pixel apart
    index_t y_pixel;
    int n;          // columns
    const T* bias;  // (n), or none
    bool relu = false;
};

// dw[((kh * KW + kw) * channels + c) * dw_row + n] = [itself +] sum over i, oh, ow of
//     x[(i, oh, ow), (kh, kw), c] * dy[(i, oh, ow)][n]
template <class T>
struct ConvRowsWeightsArgs : RowWindows {
    const T* x;
    const T* dy;
    index_t dy_pixel, dy_row;  // from pixel to pixel, from row to row
    T* dw;
    index_t dw_row;
    int n;
    bool accumulate;
};

}  // namespace hotloop
