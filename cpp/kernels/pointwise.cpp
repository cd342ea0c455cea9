// Elementwise functions: one pass, the last vector partial.
#include "kernels.h"
#include "simd/math.h"
#include "simd/vec.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::constant;
using simd::select;
using simd::Vec;

// Vectors an iteration. Functions of a few instructions need several to keep the load and store
// ports busy; the others fill the pipeline by themselves.
constexpr int kCheap = 4;
constexpr int kCostly = 1;

// y[i] = f(i) for vectors that begin at element i, f(i, n) for the first n lanes of one.
template <int kUnroll, class T, class F>
HOTLOOP_INLINE void each(T* y, index_t n, bool stream, F f) {
    constexpr index_t W = Vec<T>::size;
    index_t i = 0;
    if (stream || n >= kManyVectors * W) {
        i = head_of(y, n);
        if (const int head = static_cast<int>(i)) f(0, head).store(y, head);
    }
    if (stream) {
        for (; i + W <= n; i += W) f(i).stream(y + i);
        simd::native_stream_end();
    }
    for (; i + kUnroll * W <= n; i += kUnroll * W) {
        Vec<T> v[kUnroll];
#pragma GCC unroll 4
        for (int j = 0; j < kUnroll; ++j) v[j] = f(i + j * W);
#pragma GCC unroll 4
        for (int j = 0; j < kUnroll; ++j) v[j].store(y + i + j * W);
    }
    for (; i + W <= n; i += W) f(i).store(y + i);
    if (i < n) {
        const int rest = static_cast<int>(n - i);
        f(i, rest).store(y + i, rest);
    }
}

template <class T, Vec<T> (*f)(Vec<T>, Vec<T>), int kUnroll = kCheap>
void unary(const T* x, T* y, index_t n, T alpha, bool stream) {
    using V = Vec<T>;
    const V s = constant(alpha);
    each<kUnroll>(y, n, stream, [=](index_t i, auto... lanes) HOTLOOP_LAMBDA {
        return f(V::load(x + i, lanes...), s);
    });
}

template <class T, Vec<T> (*f)(Vec<T>, Vec<T>, Vec<T>), int kUnroll = kCheap>
void binary(const T* a, const T* b, T* z, index_t n, T alpha, bool stream) {
    using V = Vec<T>;
    const V s = constant(alpha);
    each<kUnroll>(z, n, stream, [=](index_t i, auto... lanes) HOTLOOP_LAMBDA {
        return f(V::load(a + i, lanes...), V::load(b + i, lanes...), s);
    });
}

template <class T>
HOTLOOP_INLINE Vec<T> identity(Vec<T> x, Vec<T>) {
    return x;
}
template <class T>
HOTLOOP_INLINE Vec<T> step(Vec<T> x, Vec<T>) {
    return select<T>(x > Vec<T>::zero(), constant(T{1}), Vec<T>::zero());
}

template <class T>
HOTLOOP_INLINE Vec<T> relu(Vec<T> x, Vec<T>) {
    return max(Vec<T>::zero(), x);
}
// This backward and those of sigmoid and tanh have the bits of the tile kernel's gates (gemm.cpp).
template <class T>
HOTLOOP_INLINE Vec<T> relu_backward(Vec<T> dy, Vec<T> y, Vec<T>) {
    return select<T>(y > Vec<T>::zero(), dy, Vec<T>::zero());
}

template <class T>
HOTLOOP_INLINE Vec<T> leaky_relu(Vec<T> x, Vec<T> alpha) {
    return select<T>(x > Vec<T>::zero(), x, alpha * x);
}
template <class T>
HOTLOOP_INLINE Vec<T> leaky_relu_backward(Vec<T> dy, Vec<T> y, Vec<T> alpha) {
    return select<T>(y > Vec<T>::zero(), dy, alpha * dy);
}

template <class T>
HOTLOOP_INLINE Vec<T> elu(Vec<T> x, Vec<T> alpha) {
    return select<T>(x > Vec<T>::zero(), x, alpha * simd::expm1(min(Vec<T>::zero(), x)));
}
template <class T>
HOTLOOP_INLINE Vec<T> elu_backward(Vec<T> dy, Vec<T> y, Vec<T> alpha) {
    return select<T>(y > Vec<T>::zero(), dy, dy * (y + alpha));
}

// At -inf the product x Phi(x) is -inf * 0, as in NumPy, and not its limit; so is x phi(x) in the
// backward at both infinities.
template <class T>
HOTLOOP_INLINE Vec<T> gelu(Vec<T> x, Vec<T>) {
    const Vec<T> zero = Vec<T>::zero();
    return simd::fma(min(zero, x), zero, simd::gelu(x));
}
template <class T>
HOTLOOP_INLINE Vec<T> gelu_backward(Vec<T> dy, Vec<T> x, Vec<T>) {
    return dy * simd::fma(x, Vec<T>::zero(), simd::gelu_derivative(x));
}

template <class T>
HOTLOOP_INLINE Vec<T> sigmoid(Vec<T> x, Vec<T>) {
    return simd::sigmoid(x);
}
template <class T>
HOTLOOP_INLINE Vec<T> sigmoid_backward(Vec<T> dy, Vec<T> y, Vec<T>) {
    return dy * (y * (constant(T{1}) - y));
}

template <class T>
HOTLOOP_INLINE Vec<T> tanh(Vec<T> x, Vec<T>) {
    return simd::tanh(x);
}
template <class T>
HOTLOOP_INLINE Vec<T> tanh_backward(Vec<T> dy, Vec<T> y, Vec<T>) {
    return dy * (constant(T{1}) - y * y);
}

template <class T>
HOTLOOP_INLINE Vec<T> scaled_difference(Vec<T> a, Vec<T> b, Vec<T> alpha) {
    return (a - b) * alpha;
}
template <class T>
HOTLOOP_INLINE Vec<T> scaled_sigmoid_difference(Vec<T> a, Vec<T> b, Vec<T> alpha) {
    return (simd::sigmoid(a) - b) * alpha;
}

template <class T>
constexpr PointwiseKernels<T> make() {
    PointwiseKernels<T> table{};
    const auto one = [&](Unary kind, auto f) { table.unary[static_cast<int>(kind)] = f; };
    one(Unary::identity, &unary<T, identity<T>>);
    one(Unary::step, &unary<T, step<T>>);
    one(Unary::relu, &unary<T, relu<T>>);
    one(Unary::leaky_relu, &unary<T, leaky_relu<T>>);
    one(Unary::elu, &unary<T, elu<T>, kCostly>);
    one(Unary::gelu, &unary<T, gelu<T>, kCostly>);
    one(Unary::sigmoid, &unary<T, sigmoid<T>, kCostly>);
    one(Unary::tanh, &unary<T, tanh<T>, kCostly>);
    const auto two = [&](Binary kind, auto f) { table.binary[static_cast<int>(kind)] = f; };
    two(Binary::relu_backward, &binary<T, relu_backward<T>>);
    two(Binary::leaky_relu_backward, &binary<T, leaky_relu_backward<T>>);
    two(Binary::elu_backward, &binary<T, elu_backward<T>>);
    two(Binary::gelu_backward, &binary<T, gelu_backward<T>, kCostly>);
    two(Binary::sigmoid_backward, &binary<T, sigmoid_backward<T>>);
    two(Binary::tanh_backward, &binary<T, tanh_backward<T>>);
    two(Binary::scaled_difference, &binary<T, scaled_difference<T>>);
    two(Binary::scaled_sigmoid_difference, &binary<T, scaled_sigmoid_difference<T>, kCostly>);
    return table;
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::PointwiseKernels> HOTLOOP_KERNEL_TABLE(pointwise) = {
    hotloop::make<float>(), hotloop::make<double>()};
