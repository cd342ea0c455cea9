// Elementwise functions of one or two arrays of n elements. The output is overwritten; it may be
// exactly an input and is otherwise apart from them.
#pragma once

#include "hotloop/common.h"
#include "hotloop/pointwise_kind.h"
#include "hotloop/shape.h"

namespace hotloop {

template <class T>
struct UnaryArgs {
    const T* x;
    T* y;
    index_t n;
    Unary kind;
    T alpha = T{0};
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

template <class T>
struct BinaryArgs {
    const T* a;
    const T* b;
    T* z;
    index_t n;
    Binary kind;
    T alpha = T{0};
    template <class F>
    void inputs(F f) {
        f(a);
        f(b);
    }
};

template <class T>
void unary(const UnaryArgs<T>& args);
template <class T>
void binary(const BinaryArgs<T>& args);

// The work in floating-point operations, memory traffic included.
template <class T>
double unary_cost(Unary kind, index_t n);
template <class T>
double binary_cost(Binary kind, index_t n);

// Throws std::invalid_argument unless both have one shape.
void same_shape_check(
    const char* op, const char* a_name, const Shape& a, const char* b_name, const Shape& b);

}  // namespace hotloop
