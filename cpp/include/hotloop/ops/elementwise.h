// Elementwise functions of operands of any strides, which are broadcast. The output is contiguous
// and overwritten; it may be exactly an operand of its shape and is otherwise apart from them.
#pragma once

#include "hotloop/elementwise_kind.h"
#include "hotloop/strided.h"

namespace hotloop {

template <class T>
struct FunctionArgs {
    const T* x;
    T* y;
    StridedAxes<kMostOperands> axes;
    Function kind;
    template <class F>
    void inputs(F f) {
        f(x);
    }
};

template <class T>
struct ArithmeticArgs {
    const T* a;
    const T* b;
    T* z;
    StridedAxes<kMostOperands> axes;
    Arithmetic kind;
    template <class F>
    void inputs(F f) {
        f(a);
        f(b);
    }
};

template <class T>
struct ComparisonArgs {
    const T* a;
    const T* b;
    std::uint8_t* z;  // 0 or 1
    StridedAxes<kMostOperands> axes;
    Comparison kind;
    template <class F>
    void inputs(F f) {
        f(a);
        f(b);
    }
};

// z = condition ? a : b, where every condition but 0 counts.
template <class T>
struct WhereArgs {
    const std::uint8_t* condition;
    const T* a;
    const T* b;
    T* z;
    StridedAxes<kMostOperands> axes;
    template <class F>
    void inputs(F f) {
        f(condition);
        f(a);
        f(b);
    }
};

template <class T>
void function(const FunctionArgs<T>& args);
template <class T>
void arithmetic(const ArithmeticArgs<T>& args);
template <class T>
void comparison(const ComparisonArgs<T>& args);
template <class T>
void where(const WhereArgs<T>& args);

// The work of n elements in floating-point operations, memory traffic included.
template <class T>
double function_cost(Function kind, index_t n);
template <class T>
double arithmetic_cost(Arithmetic kind, index_t n);

// The shape that operands are broadcast to. Throws std::invalid_argument where they do not fit.
Shape broadcast_shape(
    const char* op, const char* a_name, const Shape& a, const char* b_name, const Shape& b);

}  // namespace hotloop
