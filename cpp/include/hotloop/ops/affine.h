// matmul and affine: shapes checked here, products done by ops/product.h.
#pragma once

#include "hotloop/common.h"
#include "hotloop/shape.h"
#include "hotloop/strided.h"

namespace hotloop {

// c = a b for each pair of matrices of a batch. Strides in elements.
template <class T>
struct MatmulArgs {
    const T* a;  // (m, k)
    const T* b;  // (k, n), its row or its column stride 1
    T* c;        // (m, n), contiguous and side by side, overwritten; apart from a and b
    index_t m, n, k;
    index_t a_row_stride, a_col_stride, b_row_stride, b_col_stride;
    StridedAxes<2> batch;  // where the matrices of a and b lie
    template <class F>
    void inputs(F f) {
        f(a);
        f(b);
    }
};

// y = act(x w + b). x (N, I), w (I, O), b (O) or null, y (N, O) overwritten; y apart from the
// others.
template <class T>
struct AffineArgs {
    const T* x;
    const T* w;
    const T* b;
    T* y;
    index_t N, I, O;
    Activation activation;
    template <class F>
    void inputs(F f) {
        f(x);
        f(w);
        f(b);
    }
};

// dx = dy w^T [* act'(gate)], dw = x^T dy, db = sum of the rows of dy. Null outputs are not
// computed; the others are overwritten and apart from the inputs.
template <class T>
struct AffineBackwardArgs {
    const T* dy;  // (N, O)
    const T* x;   // (N, I)
    const T* w;   // (I, O)
    T* dx;        // (N, I)
    T* dw;        // (I, O)
    T* db;        // (O)
    index_t N, I, O;
    const T* gate = nullptr;  // (N, I): the output of the activation that made x
    Activation gate_kind = Activation::none;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(x);
        f(w);
        f(gate);
    }
};

// The shape of the result; throws std::invalid_argument with op, rule and shapes.
Shape matmul_shape(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b);
Shape affine_shape(const Shape& x, const Shape& w, const Shape* b);
void affine_backward_check(const Shape& dy, const Shape& x, const Shape& w);

template <class T>
void matmul(const MatmulArgs<T>& args);
template <class T>
void affine(const AffineArgs<T>& args);
template <class T>
void affine_backward(const AffineBackwardArgs<T>& args);

}  // namespace hotloop
