#include "hotloop/ops/update.h"

#include <cmath>

#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"

namespace hotloop {
namespace {

// Blocks are whole cache lines and a fair share of work.
constexpr index_t kBlock = 4096;

// body(first, count) over [0, n). Steps on small arrays run in the second-level cache at several
// times the rate of memory, so a byte counts as 3 operations, not 8.
template <class T, class Body>
void over_blocks(index_t n, int arrays, const Body& body) {
    const double cost = 3.0 * arrays * static_cast<double>(n) * sizeof(T);
    parallel_for(ceil_div(n, kBlock), cost, [&](index_t begin, index_t end) {
        const index_t first = begin * kBlock;
        const index_t last = end * kBlock < n ? end * kBlock : n;
        body(first, last - first);
    });
}

template <class T>
UpdateNumbers<T> numbers(const UpdateArgs<T>& s) {
    const double lr = s.lr.get();
    UpdateNumbers<T> u;
    u.lr = static_cast<T>(lr);
    u.decay = static_cast<T>(lr * s.weight_decay);
    u.momentum = static_cast<T>(s.momentum);
    u.rest1 = static_cast<T>(1 - s.momentum);
    u.beta2 = static_cast<T>(s.beta2);
    u.rest2 = static_cast<T>(1 - s.beta2);
    u.eps = static_cast<T>(s.eps);
    u.nesterov = s.nesterov;
    return u;
}

}  // namespace

template <class T>
void sgd_update(const UpdateArgs<T>& s) {
    const auto u = numbers(s);
    over_blocks<T>(s.n, 2, [&](index_t i, index_t n) {
        kernels<T>().update->sgd(u, n, s.grad + i, s.param + i);
    });
}

template <class T>
void momentum_update(const UpdateArgs<T>& s) {
    const auto u = numbers(s);
    over_blocks<T>(s.n, 5, [&](index_t i, index_t n) {
        kernels<T>().update->momentum(u, n, s.grad + i, s.param + i, s.first + i);
    });
}

template <class T>
void adagrad_update(const UpdateArgs<T>& s) {
    const auto u = numbers(s);
    over_blocks<T>(s.n, 8, [&](index_t i, index_t n) {
        kernels<T>().update->adagrad(u, n, s.grad + i, s.param + i, s.first + i);
    });
}

template <class T>
void rmsprop_update(const UpdateArgs<T>& s) {
    const auto u = numbers(s);
    over_blocks<T>(s.n, 8, [&](index_t i, index_t n) {
        kernels<T>().update->rmsprop(u, n, s.grad + i, s.param + i, s.first + i);
    });
}

template <class T>
void adam_update(const UpdateArgs<T>& s) {
    auto u = numbers(s);
    const double step = s.step.get();
    u.lr = static_cast<T>(s.lr.get() * std::sqrt(1 - std::pow(s.beta2, step)) /
                          (1 - std::pow(s.momentum, step)));
    over_blocks<T>(s.n, 10, [&](index_t i, index_t n) {
        kernels<T>().update->adam(u, n, s.grad + i, s.param + i, s.first + i, s.second + i);
    });
}

#define HOTLOOP_INSTANTIATE(T)                              \
    template void sgd_update<T>(const UpdateArgs<T>&);      \
    template void momentum_update<T>(const UpdateArgs<T>&); \
    template void adagrad_update<T>(const UpdateArgs<T>&);  \
    template void rmsprop_update<T>(const UpdateArgs<T>&);  \
    template void adam_update<T>(const UpdateArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
