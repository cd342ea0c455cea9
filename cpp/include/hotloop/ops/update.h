// Optimizer steps: one pass over parameter, gradient and slots, with Keras 3's equations.
#pragma once

#include "hotloop/common.h"
#include "hotloop/scalar.h"

namespace hotloop {

// All arrays have n elements and are apart from each other; grad is read, the others are changed.
// With a weight decay d the parameter shrinks first, param -= lr * d * param, apart from the
// gradient (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019).
template <class T>
struct UpdateArgs {
    T* param;
    const T* grad;
    T* first;   // velocity, accumulator, square or m
    T* second;  // v of adam
    index_t n;
    Scalar<double> lr;
    double weight_decay = 0;
    double momentum = 0;  // also rho and beta1
    double beta2 = 0;
    double eps = 0;
    Scalar<double> step = {1.0};  // adam's, from 1
    bool nesterov = false;
    template <class F>
    void inputs(F f) {
        f(grad);
    }
};

// param -= lr g
template <class T>
void sgd_update(const UpdateArgs<T>& args);
// v = momentum v - lr g; param += v, or momentum v - lr g with nesterov
template <class T>
void momentum_update(const UpdateArgs<T>& args);
// a += g^2; param -= lr g / sqrt(a + eps)
template <class T>
void adagrad_update(const UpdateArgs<T>& args);
// s += (1 - rho) (g^2 - s) as rho s + (1 - rho) g^2; param -= lr g / sqrt(s + eps)
template <class T>
void rmsprop_update(const UpdateArgs<T>& args);
// m += (1 - beta1) (g - m); v += (1 - beta2) (g^2 - v);
// param -= lr sqrt(1 - beta2^step) / (1 - beta1^step) m / (sqrt(v) + eps)
template <class T>
void adam_update(const UpdateArgs<T>& args);

}  // namespace hotloop
