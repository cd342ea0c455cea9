// Rows of recurrent cells: n numbers of one sample, the gates beside each other.
#include "epilogue.h"
#include "kernels.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::Vec;

// dy * act'(y), also for no activation.
template <class T>
HOTLOOP_INLINE Vec<T> slope(Vec<T> dy, Vec<T> y, Activation kind) {
    return kind == Activation::none ? dy : apply_gate(dy, y, kind);
}

template <class T>
void add_product(const T* a, const T* b, T* out, index_t n) {
    each_vector<T>(n, [=](index_t, auto load, auto store)
                          HOTLOOP_LAMBDA { store(out, simd::fma(load(a), load(b), load(out))); });
}

template <class T>
void mix(const T* z, const T* a, const T* b, T* out, index_t n) {
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const auto weight = load(z);
        store(out, simd::fma(weight, load(a), (Vec<T>::set(T{1}) - weight) * load(b)));
    });
}

template <class T>
void gradient(Activation kind, const T* dy, const T* y, T* out, index_t n) {
    each_vector<T>(n, [=](index_t, auto load, auto store)
                          HOTLOOP_LAMBDA { store(out, slope(load(dy), load(y), kind)); });
}

template <class T>
void lstm_backward(Activation act,
                   Activation gates,
                   const T* dh,
                   const T* row,
                   const T* c_before,
                   T* dz,
                   T* dc,
                   index_t n) {
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const auto i = load(row);
        const auto f = load(row + n);
        const auto g = load(row + 2 * n);
        const auto o = load(row + 3 * n);
        const auto a = load(row + 5 * n);
        const auto d = load(dh);
        const auto dcell = load(dc) + slope(d * o, a, act);
        store(dz, slope(dcell * g, i, gates));
        store(dz + n, slope(dcell * load(c_before), f, gates));
        store(dz + 2 * n, slope(dcell * i, g, act));
        store(dz + 3 * n, slope(d * a, o, gates));
        store(dc, dcell * f);
    });
}

template <class T>
void gru_backward(
    Activation act, Activation gates, const T* row, const T* h_before, T* dz, T* dh, index_t n) {
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const auto z = load(row);
        const auto g = load(row + 2 * n);
        const auto d = load(dh);
        store(dz, slope(d * (load(h_before) - g), z, gates));
        store(dz + 2 * n, slope(d - d * z, g, act));
        store(dh, d * z);
    });
}

template <class T>
void gru_reset(
    Activation gates, const T* d, const T* r, const T* other, T* dr, T* out, bool add, index_t n) {
    each_vector<T>(n, [=](index_t, auto load, auto store) HOTLOOP_LAMBDA {
        const auto v = load(d);
        const auto reset = load(r);
        store(dr, slope(v * load(other), reset, gates));
        store(out, simd::fma(v, reset, add ? load(out) : Vec<T>::zero()));
    });
}

template <class T>
constexpr RecurrentKernels<T> make() {
    return {&add_product<T>,   &mix<T>,          &gradient<T>,
            &lstm_backward<T>, &gru_backward<T>, &gru_reset<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::RecurrentKernels> HOTLOOP_KERNEL_TABLE(recurrent) = {
    hotloop::make<float>(), hotloop::make<double>()};
