// Losses and their gradients. A loss is a mean over the batch, added up in double in blocks fixed
// by the shape; gradients are overwritten.
#pragma once

#include "hotloop/common.h"
#include "hotloop/dispatch.h"
#include "hotloop/shape.h"

namespace hotloop {

// The softmax cross entropy of N rows of K logits with its by-products: each output may be null.
// Labels are ids (N) or rows (N, K); an id that is no class makes the loss and the row's gradient
// NaN. The loss of an empty batch is NaN. probs and dlogits are apart from all inputs.
template <class T>
struct SoftmaxCrossEntropyArgs {
    const T* logits;
    const std::int64_t* ids;
    const T* rows;
    const T* weights;       // (N), or null for ones
    double* loss;           // sum_i w_i * -sum_k t_ik log softmax(logits)_ik / N
    std::int64_t* correct;  // rows whose largest logit stands at the label
    T* probs;               // (N, K)
    T* dlogits;             // (N, K), of factor * loss
    index_t N, K;
    double factor = 1;
    template <class F>
    void inputs(F f) {
        f(logits);
        f(ids);
        f(rows);
        f(weights);
    }
};

// dx = w_i / N (probs sum(t) - t); dx apart from the inputs.
template <class T>
struct SoftmaxCrossEntropyBackwardArgs {
    const T* probs;
    const std::int64_t* ids;
    const T* rows;
    const T* weights;
    T* dx;
    index_t N, K;
    template <class F>
    void inputs(F f) {
        f(probs);
        f(ids);
        f(rows);
        f(weights);
    }
};

// Cross entropy of probabilities, and of log-probabilities (nll).
template <class T>
struct LabelledArgs {
    const T* x;
    const std::int64_t* ids;
    const T* rows;
    T* dx;  // null where the loss alone is wanted; else (N, K), apart from the inputs
    index_t N, K;
    T eps = T{0};
    template <class F>
    void inputs(F f) {
        f(x);
        f(ids);
        f(rows);
    }
};

// The mean loss of n elements (dispatch.h: ElementLoss), and the gradient of factor * loss; each
// may be null. dy may be exactly y, t or weights.
template <class T>
struct ElementLossArgs {
    const T* y;
    const T* t;
    const T* weights;  // (n), or null for ones
    double* loss;      // sum_i w_i loss(y_i, t_i) / n
    T* dy;
    index_t n;
    ElementLoss kind;
    T parameter = T{0};
    double factor = 1;
    template <class F>
    void inputs(F f) {
        f(y);
        f(t);
        f(weights);
    }
};

// y (N, K): 1 at each label, else 0; a row of zeros for an id that is no class.
template <class T>
struct OneHotArgs {
    const std::int64_t* ids;
    T* y;
    index_t N, K;
    template <class F>
    void inputs(F f) {
        f(ids);
    }
};
template <class T>
void one_hot(const OneHotArgs<T>& args);

template <class T>
void softmax_cross_entropy(const SoftmaxCrossEntropyArgs<T>& args);
template <class T>
void softmax_cross_entropy_backward(const SoftmaxCrossEntropyBackwardArgs<T>& args);

template <class T>
double cross_entropy(const LabelledArgs<T>& args);
template <class T>
void cross_entropy_backward(const LabelledArgs<T>& args);
template <class T>
double nll(const LabelledArgs<T>& args);
template <class T>
void nll_backward(const LabelledArgs<T>& args);

template <class T>
void element_loss(const ElementLossArgs<T>& args);

// The work in floating-point operations of a loss over n elements.
template <class T>
double loss_cost(index_t n);

// Throws std::invalid_argument where a mean would divide by zero.
void mean_check(const char* op, const char* name, const Shape& x);
// Throws std::invalid_argument unless every id lies in [0, K).
void ids_check(const char* op, const std::int64_t* ids, index_t n, index_t K);

}  // namespace hotloop
