// Normalisation: sums and squares of blocks that stay in the first-level cache, and the affine
// maps.
//
// A variance is taken around the mean of its block, in a second pass over the cached block, and the
// op merges blocks by the formula of Chan, Golub and LeVeque (1983): memory is read once, and
// nothing cancels however far the data lie from zero. The second pass also sums what the mean left
// over, whose rounding would be all that is left of equal numbers.
#include "kernels.h"
#include "long_sum.h"
#include "simd/vec.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::Vec;

// Columns that are summed together, in vectors: as many as the sums have registers for, so that
// memory is read in runs and not a vector a row.
#if defined(HOTLOOP_ISA_AVX512)
constexpr int kWide = 4;
#else
constexpr int kWide = 2;
#endif

// body(c, load) for kWide vectors of columns at a time, then for one: load(p, j) is vector j of p +
// c. The last argument says how many there are, as a type.
template <int N>
struct Count {
    static constexpr int value = N;
};
template <class T, class Body>
HOTLOOP_INLINE void each_columns(index_t cols, Body body) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    index_t c = 0;
    for (; c + kWide * W <= cols; c += kWide * W)
        body([c](const T* p, int j) HOTLOOP_LAMBDA { return V::load(p + c + j * W); },
             [c](T* p, int j, V v) HOTLOOP_LAMBDA { v.store(p + c + j * W); }, Count<kWide>{});
    for (; c + W <= cols; c += W)
        body([c](const T* p, int) HOTLOOP_LAMBDA { return V::load(p + c); },
             [c](T* p, int, V v) HOTLOOP_LAMBDA { v.store(p + c); }, Count<1>{});
    if (const int tail = static_cast<int>(cols - c))
        body([c, tail](const T* p, int) HOTLOOP_LAMBDA { return V::load(p + c, tail); },
             [c, tail](T* p, int, V v) HOTLOOP_LAMBDA { v.store(p + c, tail); }, Count<1>{});
}

// Into the second-level cache, for the next pass over memory.
HOTLOOP_INLINE void fetch(const void* p) { __builtin_prefetch(p, 0, 2); }

// The mean of n numbers as T has it, and the sums of x - mean and of its square.
template <class T>
struct Around {
    T mean, rest, squares;
};
template <class T>
HOTLOOP_INLINE Around<T> moments(const T* x, index_t n) {
    using V = Vec<T>;
    Around<T> a;
    a.mean = sum_of<T>(n, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(x + i); }) /
             static_cast<T>(n);
    const V m = V::set(a.mean);
    T sums[2];
    sums_of<2>(n, sums, [=](index_t i, auto load) HOTLOOP_LAMBDA {
        const V d = load(x + i, m) - m;
        return Terms<T, 2>{{d, d * d}};
    });
    a.rest = sums[0];
    a.squares = sums[1];
    return a;
}

template <class T>
void moments_rows(
    const T* x, index_t rows, index_t stride, index_t cols, T* means, T* rests, T* squares) {
    using V = Vec<T>;
    const V count = V::set(static_cast<T>(rows));
    each_columns<T>(cols, [=](auto load, auto store, auto n) HOTLOOP_LAMBDA {
        constexpr int N = decltype(n)::value;
        V even[N];
        V odd[N];
        V mean[N];
        V rest[N];
        for (int j = 0; j < N; ++j) even[j] = odd[j] = V::zero();
        index_t r = 0;
        for (; r + 1 < rows; r += 2) {
#pragma GCC unroll 4
            for (int j = 0; j < N; ++j) {
                even[j] = even[j] + load(x + r * stride, j);
                odd[j] = odd[j] + load(x + (r + 1) * stride, j);
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) {
            if (r < rows) even[j] = even[j] + load(x + r * stride, j);
            mean[j] = (even[j] + odd[j]) / count;
            store(means, j, mean[j]);
            even[j] = odd[j] = rest[j] = V::zero();
        }
        // This pass is inside the first-level cache, and memory is idle.
        const T* const next = x + rows * stride;
        for (r = 0; r + 1 < rows; r += 2) {
#pragma GCC unroll 4
            for (int j = 0; j < N; ++j) {
                const V d = load(x + r * stride, j) - mean[j];
                const V e = load(x + (r + 1) * stride, j) - mean[j];
                even[j] = simd::fma(d, d, even[j]);
                odd[j] = simd::fma(e, e, odd[j]);
                rest[j] = rest[j] + (d + e);
                fetch(next + r * stride + j * V::size);
                fetch(next + (r + 1) * stride + j * V::size);
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) {
            if (r < rows) {
                const V d = load(x + r * stride, j) - mean[j];
                even[j] = simd::fma(d, d, even[j]);
                rest[j] = rest[j] + d;
            }
            store(rests, j, rest[j]);
            store(squares, j, even[j] + odd[j]);
        }
    });
}

template <class T>
void moments_plane(const T* x, index_t n, T* mean, T* rest, T* squares) {
    const Around<T> a = moments(x, n);
    *mean = a.mean;
    *rest = a.rest;
    *squares = a.squares;
}

// y[i] = f(c, load) for vectors that begin at element i and channel c = i % C. What f reads at c
// repeats with C for one vector more.
template <class T, class F>
HOTLOOP_INLINE void write_channels(T* y, index_t n, index_t C, bool stream, F f) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    const index_t step = W % C;
    const int head = stream ? head_of(y, n) : 0;
    if (head)
        f(index_t{0}, [head](const T* p) HOTLOOP_LAMBDA {
            return V::load(p, head);
        }).store(y, head);
    index_t i = head;
    index_t c = i % C;
    const auto whole = [&](auto put) HOTLOOP_LAMBDA {
        for (; i + W <= n; i += W) {
            put(y + i, f(c, [i](const T* p) HOTLOOP_LAMBDA { return V::load(p + i); }));
            c += step;
            if (c >= C) c -= C;
        }
    };
    if (stream)
        whole([](T* p, V v) HOTLOOP_LAMBDA { v.stream(p); });
    else
        whole([](T* p, V v) HOTLOOP_LAMBDA { v.store(p); });
    if (const int tail = static_cast<int>(n - i))
        f(c, [i, tail](const T* p) HOTLOOP_LAMBDA {
            return V::load(p + i, tail);
        }).store(y + i, tail);
    if (stream) simd::native_stream_end();
}

template <class T>
void map_rows(const T* x,
              index_t n,
              index_t C,
              const T* mean,
              const T* scale,
              const T* shift,
              T* y,
              bool stream) {
    using V = Vec<T>;
    write_channels(y, n, C, stream, [=](index_t c, auto load) HOTLOOP_LAMBDA {
        return simd::fma(load(x) - V::load(mean + c), V::load(scale + c), V::load(shift + c));
    });
}

template <class T>
void map_plane(const T* x, index_t n, T mean, T scale, T shift, T* y, bool stream) {
    using V = Vec<T>;
    const V m = V::set(mean);
    const V a = V::set(scale);
    const V b = V::set(shift);
    write_vectors(y, n, stream,
                  [=](index_t, auto load) HOTLOOP_LAMBDA { return simd::fma(load(x) - m, a, b); });
    if (stream) simd::native_stream_end();
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
    each_columns<T>(cols, [=](auto load, auto store, auto n) HOTLOOP_LAMBDA {
        constexpr int N = decltype(n)::value;
        V m[N];
        V s[2][N];
        V d[2][N];
        for (int j = 0; j < N; ++j) {
            m[j] = load(mean, j);
            s[0][j] = s[1][j] = d[0][j] = d[1][j] = V::zero();
        }
        const auto add = [&](index_t r, int k, int j) HOTLOOP_LAMBDA {
            const V g = load(dy + r * stride, j);
            s[k][j] = s[k][j] + g;
            d[k][j] = simd::fma(g, load(x + r * stride, j) - m[j], d[k][j]);
        };
        index_t r = 0;
        for (; r + 1 < rows; r += 2) {
#pragma GCC unroll 4
            for (int j = 0; j < N; ++j) {
                add(r, 0, j);
                add(r + 1, 1, j);
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) {
            if (r < rows) add(r, 0, j);
            store(sum, j, s[0][j] + s[1][j]);
            store(dot, j, d[0][j] + d[1][j]);
        }
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
               index_t n,
               index_t C,
               const T* mean,
               const T* a,
               const T* b,
               const T* c,
               T* dx,
               bool stream) {
    using V = Vec<T>;
    write_channels(dx, n, C, stream, [=](index_t k, auto load) HOTLOOP_LAMBDA {
        const V from_x = simd::fma(load(x) - V::load(mean + k), V::load(b + k), V::load(c + k));
        return simd::fma(load(dy), V::load(a + k), from_x);
    });
}

template <class T>
void back_plane(const T* dy, const T* x, index_t n, T mean, T a, T b, T c, T* dx, bool stream) {
    using V = Vec<T>;
    const V m = V::set(mean);
    const V va = V::set(a);
    const V vb = V::set(b);
    const V vc = V::set(c);
    write_vectors(dx, n, stream, [=](index_t, auto load) HOTLOOP_LAMBDA {
        return simd::fma(load(dy), va, simd::fma(load(x) - m, vb, vc));
    });
    if (stream) simd::native_stream_end();
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
           T* inv_std,
           bool stream) {
    using V = Vec<T>;
    const double share = 1 / static_cast<double>(K);
    for (index_t r = 0; r < rows; ++r, x += K, y += K) {
        const Around<T> a = moments(x, K);
        // An infinite mean leaves NaN over.
        const double rest = __builtin_isfinite(a.rest) ? static_cast<double>(a.rest) * share : 0.0;
        const double var = static_cast<double>(a.squares) * share - rest * rest;
        const T m = static_cast<T>(static_cast<double>(a.mean) + rest);
        const T inv = static_cast<T>(1 / __builtin_sqrt((var < 0 ? 0 : var) + eps));
        mean[r] = m;
        inv_std[r] = inv;
        const V vm = V::set(m);
        const V vi = V::set(inv);
        write_vectors(y, K, stream, [=](index_t i, auto load) HOTLOOP_LAMBDA {
            if (stream) fetch(x + K + i);
            return simd::fma((load(x) - vm) * vi, load(gamma), load(beta));
        });
    }
    if (stream) simd::native_stream_end();
}

// R rows at a time: dgamma and dbeta are read and written once for all of them.
template <class T, int R>
HOTLOOP_INLINE void layer_backward_rows(const T* dy,
                                        const T* x,
                                        index_t K,
                                        const T* gamma,
                                        const T* mean,
                                        const T* inv_std,
                                        T* dx,
                                        T* dgamma,
                                        T* dbeta,
                                        bool stream) {
    using V = Vec<T>;
    V m[R];
    V inv[R];
    V mean_g[R];
    V mean_gx[R];
    const auto count = static_cast<T>(K);
    for (int r = 0; r < R; ++r) {
        m[r] = V::set(mean[r]);
        inv[r] = V::set(inv_std[r]);
        const T* const d = dy + r * K;
        const T* const at = x + r * K;
        const T g = sum_of<T>(
            K, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(d + i) * load(gamma + i); });
        const T gx = sum_of<T>(K, [=](index_t i, auto load) HOTLOOP_LAMBDA {
            return load(d + i) * load(gamma + i) * ((load(at + i) - m[r]) * inv[r]);
        });
        mean_g[r] = V::set(g / count);
        mean_gx[r] = V::set(gx / count);
    }
    const auto put = [&](index_t i, auto load, auto store, auto keep) HOTLOOP_LAMBDA {
        V dg = load(dgamma);
        V db = load(dbeta);
        const V ga = load(gamma);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
            if (stream) {
                fetch(dy + (r + R) * K + i);
                fetch(x + (r + R) * K + i);
            }
            const V d = load(dy + r * K);
            const V xhat = (load(x + r * K) - m[r]) * inv[r];
            dg = simd::fma(d, xhat, dg);
            db = db + d;
            store(dx + r * K, inv[r] * (simd::fma(d, ga, -mean_g[r]) - xhat * mean_gx[r]));
        }
        keep(dgamma, dg);
        keep(dbeta, db);
    };
    constexpr index_t W = V::size;
    // Rows of whole cache lines lie alike on them, and may go past the caches.
    if (!stream || K % W != 0) {
        each_vector<T>(K, [&](index_t i, auto load, auto store)
                              HOTLOOP_LAMBDA { put(i, load, store, store); });
        return;
    }
    const auto part = [&](index_t i, int lanes) HOTLOOP_LAMBDA {
        const auto keep = [=](T* p, V v) HOTLOOP_LAMBDA { v.store(p + i, lanes); };
        put(i, [=](const T* p) HOTLOOP_LAMBDA { return V::load(p + i, lanes); }, keep, keep);
    };
    index_t i = head_of(dx, K);
    if (i > 0) part(0, static_cast<int>(i));
    for (; i + W <= K; i += W)
        put(
            i, [i](const T* p) HOTLOOP_LAMBDA { return V::load(p + i); },
            [i](T* p, V v) HOTLOOP_LAMBDA { v.stream(p + i); },
            [i](T* p, V v) HOTLOOP_LAMBDA { v.store(p + i); });
    if (i < K) part(i, static_cast<int>(K - i));
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
                    T* dbeta,
                    bool stream) {
    each_vector<T>(K, [=](index_t, auto, auto store) HOTLOOP_LAMBDA {
        store(dgamma, Vec<T>::zero());
        store(dbeta, Vec<T>::zero());
    });
    index_t r = 0;
    for (; r + kWide <= rows; r += kWide)
        layer_backward_rows<T, kWide>(dy + r * K, x + r * K, K, gamma, mean + r, inv_std + r,
                                      dx + r * K, dgamma, dbeta, stream);
    for (; r < rows; ++r)
        layer_backward_rows<T, 1>(dy + r * K, x + r * K, K, gamma, mean + r, inv_std + r,
                                  dx + r * K, dgamma, dbeta, stream);
    if (stream) simd::native_stream_end();
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
