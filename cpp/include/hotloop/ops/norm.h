// Batch and layer normalisation, forward and backward.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// How the channels of a batch lie: x is N times C planes of `inner` contiguous pixels, or, channels
// last and (N, F), N * inner rows of C (then inner may be 1).
struct Channels {
    index_t N, C, inner;
    bool planes;
    index_t count() const { return N * inner; }  // elements a channel
    index_t size() const { return N * C * inner; }
};

// y = gamma * (x - mean) * inv_std + beta, each of the four by channel. Training takes mean and
// biased variance from the batch, writes mean and inv_std = 1 / sqrt(var + eps), and moves the
// running arrays: running = momentum * running + (1 - momentum) * batch. An empty batch leaves
// them alone, with mean 0 and variance 0. Inference uses the running arrays and may have y == x.
template <class T>
struct BatchNormArgs {
    const T* x;
    const T* gamma;
    const T* beta;
    T* running_mean;  // changed in training only
    T* running_var;
    T* y;
    T* mean;     // (C), training only
    T* inv_std;  // (C), training only
    Channels s;
    bool training;
    double momentum;
    double eps;
    template <class F>
    void inputs(F f) {
        f(x);
        f(gamma);
        f(beta);
    }
};

// With xhat = (x - mean) * inv_std and M elements a channel:
// dgamma = sum of dy * xhat, dbeta = sum of dy,
// dx = gamma * inv_std * (dy - dbeta / M - xhat * dgamma / M). All overwritten; dx may be dy.
template <class T>
struct BatchNormBackwardArgs {
    const T* dy;
    const T* x;
    const T* gamma;
    const T* mean;
    const T* inv_std;
    T* dx;
    T* dgamma;
    T* dbeta;
    Channels s;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(x);
        f(gamma);
        f(mean);
        f(inv_std);
    }
};

// The same over each of `rows` rows of K features: mean and inv_std (rows), gamma and beta (K).
template <class T>
struct LayerNormArgs {
    const T* x;
    const T* gamma;
    const T* beta;
    T* y;
    T* mean;
    T* inv_std;
    index_t rows, K;
    double eps;
    template <class F>
    void inputs(F f) {
        f(x);
        f(gamma);
        f(beta);
    }
};

// With g = dy * gamma: dx = inv_std * (g - mean(g) - xhat * mean(g * xhat)); dgamma and dbeta are
// sums over the rows.
template <class T>
struct LayerNormBackwardArgs {
    const T* dy;
    const T* x;
    const T* gamma;
    const T* mean;
    const T* inv_std;
    T* dx;
    T* dgamma;
    T* dbeta;
    index_t rows, K;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(x);
        f(gamma);
        f(mean);
        f(inv_std);
    }
};

template <class T>
void batch_norm(const BatchNormArgs<T>& args);
template <class T>
void batch_norm_backward(const BatchNormBackwardArgs<T>& args);
template <class T>
void layer_norm(const LayerNormArgs<T>& args);
template <class T>
void layer_norm_backward(const LayerNormBackwardArgs<T>& args);

}  // namespace hotloop
