// Optimizer steps, one vector of every array at a time.
#include "kernels.h"
#include "simd/tiny.h"
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

// One vector of everything that a step with slots reads and writes.
template <class T>
struct Lanes {
    Vec<T> grad, param, first, second;
};

// The step computed on lifted numbers; lanes that are too large for that, and NaN, plainly.
template <class T, class Step>
__attribute__((noinline)) Lanes<T> lifted(const Step& step, const Lanes<T>& x) {
    using V = Vec<T>;
    const V one = V::set(T{1});
    const simd::Ints<T> fits =
        (simd::abs(x.grad) < one) & (simd::abs(x.first) < one) & (simd::abs(x.second) < one);
    Lanes<T> y = step(simd::Lifted<T>{}, x);
    if (simd::any(~fits)) {
        const Lanes<T> plain = step(simd::Plain<T>{}, x);
        y.param = simd::select<T>(fits, y.param, plain.param);
        y.first = simd::select<T>(fits, y.first, plain.first);
        y.second = simd::select<T>(fits, y.second, plain.second);
    }
    return y;
}

// step(numbers, lanes) -> lanes, for each vector; `second` may be null.
template <class T, class Step>
HOTLOOP_INLINE void each_step(const UpdateNumbers<T>& u,
                              index_t n,
                              const T* grad,
                              T* param,
                              T* first,
                              T* second,
                              const Step& step) {
    using V = Vec<T>;
    const V tiny = V::set(simd::Lifted<T>::kTiny);
    const V tiny_root = V::set(simd::Lifted<T>::kTinyRoot);
    const auto below = [](V x, V limit)
                           HOTLOOP_LAMBDA { return (simd::abs(x) < limit) & (x.v != V::zero().v); };
    each_vector<T>(n, [&](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const Lanes<T> x = {load(grad), decayed(load(param), u.decay), load(first),
                            second ? load(second) : V::zero()};
        const bool lift =
            simd::any(below(x.grad, tiny_root) | below(x.first, tiny) | below(x.second, tiny));
        const Lanes<T> y = lift ? lifted<T>(step, x) : step(simd::Plain<T>{}, x);
        store(param, y.param);
        store(first, y.first);
        if (second) store(second, y.second);
    });
}

template <class T>
void momentum(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param, T* velocity) {
    using V = Vec<T>;
    const V mu = V::set(u.momentum);
    const V lr = V::set(u.lr);
    const bool nesterov = u.nesterov;
    each_step<T>(u, n, grad, param, velocity, nullptr, [=](auto as, Lanes<T> x) HOTLOOP_LAMBDA {
        const V step = lr * as.read(x.grad);
        const V v = simd::fma(mu, as.read(x.first), -step);
        const V move = nesterov ? simd::fma(mu, v, -step) : v;
        return Lanes<T>{x.grad, as.subtract(x.param, -move), as.write(v), x.second};
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
    const V rho = V::set(u.momentum);
    const V rest = V::set(u.rest1);
    const T eps = u.eps;
    each_step<T>(u, n, grad, param, square, nullptr, [=](auto as, Lanes<T> x) HOTLOOP_LAMBDA {
        const V g = as.read(x.grad);
        const V s = simd::fma(rho, as.read(x.first), rest * as.square(g));
        const V move = lr * g / as.root(s + V::set(eps * as.kUp));
        return Lanes<T>{x.grad, as.subtract(x.param, move), as.write(s), x.second};
    });
}

template <class T>
void adam(const UpdateNumbers<T>& u, index_t n, const T* grad, T* param, T* m, T* v) {
    using V = Vec<T>;
    const V alpha = V::set(u.lr);
    const V eps = V::set(u.eps);
    const V beta1 = V::set(u.momentum);
    const V beta2 = V::set(u.beta2);
    const V rest1 = V::set(u.rest1);
    const V rest2 = V::set(u.rest2);
    each_step<T>(u, n, grad, param, m, v, [=](auto as, Lanes<T> x) HOTLOOP_LAMBDA {
        const V g = as.read(x.grad);
        // Not v + rest2 (g^2 - v): once a square was too large for T that would be inf - inf.
        const V new_m = simd::fma(rest1, g, beta1 * as.read(x.first));
        const V new_v = simd::fma(rest2, as.square(g), beta2 * as.read(x.second));
        const V move = alpha * new_m / (as.root(new_v) + eps);
        return Lanes<T>{x.grad, as.subtract(x.param, move), as.write(new_m), as.write(new_v)};
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
