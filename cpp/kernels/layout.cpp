// Transposes matrices a block of registers at a time.
#include "kernels.h"
#include "simd/transpose.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// A block at the edge: `rows` x `cols`, either less than a vector.
template <class T>
void transpose_part(const T* x, index_t x_stride, int rows, int cols, T* y, index_t y_stride) {
    using V = Vec<T>;
    constexpr int W = V::size;
    typename V::native row[W];
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) row[i] = i < rows ? V::load(x + i * x_stride, cols).v : V::zero().v;
    simd::exchange<T, 1>(row, std::make_integer_sequence<int, W>{});
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i)
        if (i < cols) V{row[i]}.store(y + i * y_stride, rows);
}

// A few rows, as images with three channels have them: nothing to gain from blocks.
template <class T, int kRows>
void interleave(const T* x, index_t x_stride, index_t cols, T* y, index_t y_stride) {
    for (index_t c = 0; c < cols; ++c)
        for (int r = 0; r < kRows; ++r) y[c * y_stride + r] = x[r * x_stride + c];
}

template <class T, int kCols>
void deinterleave(const T* x, index_t x_stride, index_t rows, T* y, index_t y_stride) {
    for (int c = 0; c < kCols; ++c)
        for (index_t r = 0; r < rows; ++r) y[c * y_stride + r] = x[r * x_stride + c];
}

// y[c * y_stride + r] = x[r * x_stride + c]. The longer axis is the outer loop: the shorter one,
// the channels of an image, then stays within a few cache lines of its side.
template <class T>
void transpose(const T* x, index_t x_stride, index_t rows, index_t cols, T* y, index_t y_stride) {
    constexpr index_t W = Vec<T>::size;
    if (rows == 2) return interleave<T, 2>(x, x_stride, cols, y, y_stride);
    if (rows == 3) return interleave<T, 3>(x, x_stride, cols, y, y_stride);
    if (cols == 2) return deinterleave<T, 2>(x, x_stride, rows, y, y_stride);
    if (cols == 3) return deinterleave<T, 3>(x, x_stride, rows, y, y_stride);
    const auto block = [=](index_t r, index_t c) HOTLOOP_LAMBDA {
        const T* from = x + r * x_stride + c;
        T* to = y + c * y_stride + r;
        if (rows - r >= W && cols - c >= W)
            simd::transpose<T>(from, x_stride, to, y_stride);
        else
            transpose_part<T>(from, x_stride, static_cast<int>(rows - r < W ? rows - r : W),
                              static_cast<int>(cols - c < W ? cols - c : W), to, y_stride);
    };
    if (rows > cols) {
        for (index_t r = 0; r < rows; r += W)
            for (index_t c = 0; c < cols; c += W) block(r, c);
    } else {
        for (index_t c = 0; c < cols; c += W)
            for (index_t r = 0; r < rows; r += W) block(r, c);
    }
}

template <class T>
constexpr LayoutKernels<T> make() {
    return {&transpose<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::LayoutKernels> HOTLOOP_KERNEL_TABLE(layout) = {
    hotloop::make<float>(), hotloop::make<double>()};
