// Optimizer steps, one vector of every array at a time.
#include "kernels.h"
#include "simd/vec.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::Vec;

// The parameter after its decay. None must cost nothing: inf - 0 * inf would be NaN.
template <class T>
HOTLOOP_INLINE Vec<T> decayed(Vec<T> p, T rate) {
    return rate != T{0} ? simd::fma(Vec<T>::set(-rate), p, p) : p;
}

template <class T>
void sgd(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param) {
    using V = Vec<T>;
    const V minus_lr = V::set(-u.lr);
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        store(param, simd::fma(minus_lr, load(grad), decayed(load(param), u.decay)));
    });
}

template <class T>
void momentum(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param, T* velocity) {
    using V = Vec<T>;
    const V mu = V::set(u.momentum);
    const V lr = V::set(u.lr);
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const V step = lr * load(grad);
        const V v = simd::fma(mu, load(velocity), -step);
        store(velocity, v);
        const V move = u.nesterov ? simd::fma(mu, v, -step) : v;
        store(param, decayed(load(param), u.decay) + move);
    });
}

template <class T>
void adagrad(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param, T* accumulator) {
    using V = Vec<T>;
    const V lr = V::set(u.lr);
    const V eps = V::set(u.eps);
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const V g = load(grad);
        const V a = simd::fma(g, g, load(accumulator));
        store(accumulator, a);
        store(param, decayed(load(param), u.decay) - lr * g / simd::sqrt(a + eps));
    });
}

template <class T>
void rmsprop(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param, T* square) {
    using V = Vec<T>;
    const V lr = V::set(u.lr);
    const V eps = V::set(u.eps);
    const V rho = V::set(u.momentum);
    const V rest = V::set(u.rest1);
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const V g = load(grad);
        const V s = simd::fma(rho, load(square), rest * (g * g));
        store(square, s);
        store(param, decayed(load(param), u.decay) - lr * g / simd::sqrt(s + eps));
    });
}

template <class T>
void adam(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param, T* m, T* v) {
    using V = Vec<T>;
    const V alpha = V::set(u.lr);
    const V eps = V::set(u.eps);
    const V rest1 = V::set(u.rest1);
    const V rest2 = V::set(u.rest2);
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const V g = load(grad);
        const V old_m = load(m);
        const V old_v = load(v);
        const V new_m = simd::fma(rest1, g - old_m, old_m);
        const V new_v = simd::fma(rest2, g * g - old_v, old_v);
        store(m, new_m);
        store(v, new_v);
        store(param, decayed(load(param), u.decay) - alpha * new_m / (simd::sqrt(new_v) + eps));
    });
}

template <class T>
constexpr UpdateKernels<T> make() {
    return {&sgd<T>, &momentum<T>, &adagrad<T>, &rmsprop<T>, &adam<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::UpdateKernels> HOTLOOP_KERNEL_TABLE(update) = {
    hotloop::make<float>(), hotloop::make<double>()};
