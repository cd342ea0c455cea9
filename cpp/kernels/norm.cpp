// Normalisation: sums and squares of blocks that stay in the first-level cache, and the affine
// maps.
//
// A variance is taken around the mean of its block, in a second pass over the cached block, and the
// op merges blocks by the formula of Chan, Golub and LeVeque (1983): memory is read once, and
// nothing cancels however far the data lie from zero.
#include "kernels.h"
#include "simd/vec.h"

namespace hotloop {
namespace {

using simd::Vec;

// body(i, load, store) for the vectors of [0, n), the partial one last.
template <class T, class Body>
HOTLOOP_INLINE void each_vector(index_t n, Body body) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    index_t i = 0;
    for (; i + W <= n; i += W)
        body(
            i, [](const T* p) HOTLOOP_LAMBDA { return V::load(p); },
            [](T* p, V v) HOTLOOP_LAMBDA { v.store(p); });
    if (const int tail = static_cast<int>(n - i))
        body(
            i, [tail](const T* p) HOTLOOP_LAMBDA { return V::load(p, tail); },
            [tail](T* p, V v) HOTLOOP_LAMBDA { v.store(p, tail); });
}

// Four vectors of n numbers at a time into four sums. Lanes behind n are left alone by `masked`.
template <class T>
struct Sums {
    Vec<T> acc[4] = {Vec<T>::zero(), Vec<T>::zero(), Vec<T>::zero(), Vec<T>::zero()};
    HOTLOOP_INLINE T total() const {
        return simd::reduce_add((acc[0] + acc[1]) + (acc[2] + acc[3]));
    }
};

// term(i, load) is added up over the vectors of [0, n); it must be zero where load gives zeros.
template <class T, class Term>
HOTLOOP_INLINE T sum_of(index_t n, Term term) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    const auto whole = [](const T* p) HOTLOOP_LAMBDA { return V::load(p); };
    Sums<T> s;
    index_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) s.acc[j] = s.acc[j] + term(i + j * W, whole);
    for (; i + W <= n; i += W) s.acc[0] = s.acc[0] + term(i, whole);
    if (const int tail = static_cast<int>(n - i))
        s.acc[1] =
            s.acc[1] + term(i, [tail](const T* p) HOTLOOP_LAMBDA { return V::load(p, tail); });
    return s.total();
}

// sum of (x - mean)^2: the lanes behind the end hold (0 - mean)^2 and are taken off by masking.
template <class T>
HOTLOOP_INLINE T squares_around(const T* x, index_t n, T mean) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    const V m = V::set(mean);
    const index_t whole = n / W * W;
    const T sum = sum_of<T>(whole, [=](index_t i, auto load) HOTLOOP_LAMBDA {
        const V d = load(x + i) - m;
        return d * d;
    });
    T rest = 0;
    for (index_t i = whole; i < n; ++i) rest += (x[i] - mean) * (x[i] - mean);
    return sum + rest;
}

// Rows: per column the sum, and the sum of squares around the block's own mean.
template <class T>
void moments_rows(const T* x, index_t rows, index_t stride, index_t cols, T* sum, T* squares) {
    using V = Vec<T>;
    const V count = V::set(static_cast<T>(rows));
    each_vector<T>(cols, [=](index_t c, auto load, auto store) HOTLOOP_LAMBDA {
        V even = V::zero();
        V odd = V::zero();
        index_t r = 0;
        for (; r + 1 < rows; r += 2) {
            even = even + load(x + r * stride + c);
            odd = odd + load(x + (r + 1) * stride + c);
        }
        if (r < rows) even = even + load(x + r * stride + c);
        const V total = even + odd;
        const V mean = total / count;
        even = odd = V::zero();
        for (r = 0; r + 1 < rows; r += 2) {
            const V d = load(x + r * stride + c) - mean;
            const V e = load(x + (r + 1) * stride + c) - mean;
            even = simd::fma(d, d, even);
            odd = simd::fma(e, e, odd);
        }
        if (r < rows) {
            const V d = load(x + r * stride + c) - mean;
            even = simd::fma(d, d, even);
        }
        store(sum + c, total);
        store(squares + c, even + odd);
    });
}

template <class T>
void moments_plane(const T* x, index_t n, T* sum, T* squares) {
    const T total = sum_of<T>(n, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(x + i); });
    *sum = total;
    *squares = squares_around(x, n, total / static_cast<T>(n));
}

template <class T>
void map_rows(
    const T* x, index_t rows, index_t C, const T* mean, const T* scale, const T* shift, T* y) {
    for (index_t r = 0; r < rows; ++r)
        each_vector<T>(C, [=](index_t c, auto load, auto store) HOTLOOP_LAMBDA {
            store(y + r * C + c, simd::fma(load(x + r * C + c) - load(mean + c), load(scale + c),
                                           load(shift + c)));
        });
}

template <class T>
void map_plane(const T* x, index_t n, T mean, T scale, T shift, T* y) {
    using V = Vec<T>;
    const V m = V::set(mean);
    const V a = V::set(scale);
    const V b = V::set(shift);
    each_vector<T>(n, [=](index_t i, auto load, auto store)
                          HOTLOOP_LAMBDA { store(y + i, simd::fma(load(x + i) - m, a, b)); });
}

template <class T>
void dots_rows(const T* dy,
               const T* x,
               index_t rows,
               index_t stride,
               index_t cols,
               const T* mean,
               T* sum,
               T* dot) {
    using V = Vec<T>;
    each_vector<T>(cols, [=](index_t c, auto load, auto store) HOTLOOP_LAMBDA {
        const V m = load(mean + c);
        V s[2] = {V::zero(), V::zero()};
        V d[2] = {V::zero(), V::zero()};
        const auto add = [&](index_t r, int k) HOTLOOP_LAMBDA {
            const V g = load(dy + r * stride + c);
            s[k] = s[k] + g;
            d[k] = simd::fma(g, load(x + r * stride + c) - m, d[k]);
        };
        index_t r = 0;
        for (; r + 1 < rows; r += 2) {
            add(r, 0);
            add(r + 1, 1);
        }
        if (r < rows) add(r, 0);
        store(sum + c, s[0] + s[1]);
        store(dot + c, d[0] + d[1]);
    });
}

template <class T>
void dots_plane(const T* dy, const T* x, index_t n, T mean, T* sum, T* dot) {
    const Vec<T> m = Vec<T>::set(mean);
    *sum = sum_of<T>(n, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(dy + i); });
    *dot = sum_of<T>(
        n, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(dy + i) * (load(x + i) - m); });
}

template <class T>
void back_rows(const T* dy,
               const T* x,
               index_t rows,
               index_t C,
               const T* mean,
               const T* a,
               const T* b,
               const T* c,
               T* dx) {
    for (index_t r = 0; r < rows; ++r)
        each_vector<T>(C, [=](index_t i, auto load, auto store) HOTLOOP_LAMBDA {
            const auto from_x =
                simd::fma(load(x + r * C + i) - load(mean + i), load(b + i), load(c + i));
            store(dx + r * C + i, simd::fma(load(dy + r * C + i), load(a + i), from_x));
        });
}

template <class T>
void back_plane(const T* dy, const T* x, index_t n, T mean, T a, T b, T c, T* dx) {
    using V = Vec<T>;
    const V m = V::set(mean);
    const V va = V::set(a);
    const V vb = V::set(b);
    const V vc = V::set(c);
    each_vector<T>(n, [=](index_t i, auto load, auto store) HOTLOOP_LAMBDA {
        store(dx + i, simd::fma(load(dy + i), va, simd::fma(load(x + i) - m, vb, vc)));
    });
}

template <class T>
void layer(const T* x,
           index_t rows,
           index_t K,
           const T* gamma,
           const T* beta,
           double eps,
           T* y,
           T* mean,
           T* inv_std) {
    using V = Vec<T>;
    for (index_t r = 0; r < rows; ++r, x += K, y += K) {
        const T total =
            sum_of<T>(K, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(x + i); });
        const T m = total / static_cast<T>(K);
        const T var = squares_around(x, K, m) / static_cast<T>(K);
        const T inv = static_cast<T>(1 / __builtin_sqrt(static_cast<double>(var) + eps));
        mean[r] = m;
        inv_std[r] = inv;
        const V vm = V::set(m);
        const V vi = V::set(inv);
        each_vector<T>(K, [=](index_t i, auto load, auto store) HOTLOOP_LAMBDA {
            store(y + i, simd::fma((load(x + i) - vm) * vi, load(gamma + i), load(beta + i)));
        });
    }
}

template <class T>
void layer_backward(const T* dy,
                    const T* x,
                    index_t rows,
                    index_t K,
                    const T* gamma,
                    const T* mean,
                    const T* inv_std,
                    T* dx,
                    T* dgamma,
                    T* dbeta) {
    using V = Vec<T>;
    each_vector<T>(K, [=](index_t i, auto, auto store) HOTLOOP_LAMBDA {
        store(dgamma + i, V::zero());
        store(dbeta + i, V::zero());
    });
    for (index_t r = 0; r < rows; ++r, x += K, dy += K, dx += K) {
        const V m = V::set(mean[r]);
        const V inv = V::set(inv_std[r]);
        const auto count = static_cast<T>(K);
        const T g = sum_of<T>(
            K, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(dy + i) * load(gamma + i); });
        const T gx = sum_of<T>(K, [=](index_t i, auto load) HOTLOOP_LAMBDA {
            return load(dy + i) * load(gamma + i) * ((load(x + i) - m) * inv);
        });
        const V mean_g = V::set(g / count);
        const V mean_gx = V::set(gx / count);
        each_vector<T>(K, [=](index_t i, auto load, auto store) HOTLOOP_LAMBDA {
            const V d = load(dy + i);
            const V xhat = (load(x + i) - m) * inv;
            store(dgamma + i, simd::fma(d, xhat, load(dgamma + i)));
            store(dbeta + i, load(dbeta + i) + d);
            store(dx + i, inv * (simd::fma(d, load(gamma + i), -mean_g) - xhat * mean_gx));
        });
    }
}

template <class T>
constexpr NormKernels<T> make() {
    return {&moments_rows<T>, &moments_plane<T>, &map_rows<T>,   &map_plane<T>, &dots_rows<T>,
            &dots_plane<T>,   &back_rows<T>,     &back_plane<T>, &layer<T>,     &layer_backward<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::NormKernels> HOTLOOP_KERNEL_TABLE(norm) = {
    hotloop::make<float>(), hotloop::make<double>()};
