#include "arrays.h"
#include "bind.h"
#include "hotloop/ops/affine.h"
#include "hotloop/ops/conv_pool.h"
#include "hotloop/ops/pointwise.h"

namespace hotloop::bind {
namespace {

py::object apply(const char* op, Unary kind, py::handle x, py::handle out, double alpha = 0) {
    const Inputs in(op, {{"x", x}});
    const Shape shape = in.shape(0);
    Output y(in, "out", out, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        submit<UnaryArgs<T>>(
            {in.data<T>(0), y.data<T>(), shape.size(), kind, static_cast<T>(alpha)}, &unary<T>,
            unary_cost<T>(kind, shape.size()));
    });
    return y.result();
}

Activation activation_of(Binary kind) {
    switch (kind) {
        case Binary::relu_backward:
            return Activation::relu;
        case Binary::sigmoid_backward:
            return Activation::sigmoid;
        case Binary::tanh_backward:
            return Activation::tanh;
        default:
            return Activation::none;
    }
}

template <class Args>
Args& own_backward(Args& args) {
    return args;
}
template <class T>
Conv2dBackwardArgs<T>& own_backward(ConvPoolBackwardArgs<T>& args) {
    return args.conv;
}

// While a plan records, a backward that overwrites the dx of the call of kind Args just before it
// becomes a part of that call, which applies it before it stores dx.
template <class Args, class T>
bool fold_into(Activation kind, const T* dy, const T* y) {
    auto* const call = Plan::recording()->last<Args>();
    if (!call) return false;
    auto& backward = own_backward(call->args);
    if (backward.dx != dy || backward.gate) return false;
    backward.gate_kind = kind;
    backward.gate = y;
    return true;
}

template <class T>
bool fold(Binary kind, const T* dy, const T* y, const T* dx) {
    const Activation activation = activation_of(kind);
    if (!Plan::recording() || dx != dy || activation == Activation::none) return false;
    return fold_into<AffineBackwardArgs<T>>(activation, dy, y) ||
           fold_into<Conv2dBackwardArgs<T>>(activation, dy, y) ||
           fold_into<ConvPoolBackwardArgs<T>>(activation, dy, y);
}

struct Names {
    const char* a;
    const char* b;
};

py::object combine(const char* op,
                   Binary kind,
                   Names names,
                   py::handle a,
                   py::handle b,
                   py::handle out,
                   double alpha = 0) {
    const Inputs in(op, {{names.a, a}, {names.b, b}});
    const Shape shape = in.shape(0);
    same_shape_check(op, names.a, shape, names.b, in.shape(1));
    Output z(in, "out", out, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        if (fold<T>(kind, in.data<T>(0), in.data<T>(1), z.data<T>())) return;
        submit<BinaryArgs<T>>(
            {in.data<T>(0), in.data<T>(1), z.data<T>(), shape.size(), kind, static_cast<T>(alpha)},
            &binary<T>, binary_cost<T>(kind, shape.size()));
    });
    return z.result();
}

void def_unary(py::module_& m, const char* op, Unary kind) {
    m.def(
        op, [op, kind](py::handle x, py::handle out) { return apply(op, kind, x, out); },
        py::arg("x"), py::arg("out") = py::none());
}

void def_unary(py::module_& m, const char* op, Unary kind, double alpha) {
    m.def(
        op,
        [op, kind](py::handle x, py::handle alpha, py::handle out) {
            return apply(op, kind, x, out, live_scalar(op, "alpha", alpha).get());
        },
        py::arg("x"), py::arg("alpha") = alpha, py::arg("out") = py::none());
}

void def_binary(py::module_& m, const char* op, Binary kind, Names names) {
    m.def(
        op,
        [op, kind, names](py::handle a, py::handle b, py::handle out) {
            return combine(op, kind, names, a, b, out);
        },
        py::arg(names.a), py::arg(names.b), py::arg("out") = py::none());
}

void def_binary(py::module_& m, const char* op, Binary kind, Names names, double alpha) {
    m.def(
        op,
        [op, kind, names](py::handle a, py::handle b, py::handle alpha, py::handle out) {
            return combine(op, kind, names, a, b, out, live_scalar(op, "alpha", alpha).get());
        },
        py::arg(names.a), py::arg(names.b), py::arg("alpha") = alpha, py::arg("out") = py::none());
}

}  // namespace

void bind_activations(py::module_& m) {
    def_unary(m, "identity", Unary::identity);
    def_unary(m, "step", Unary::step);
    def_unary(m, "relu", Unary::relu);
    def_unary(m, "leaky_relu", Unary::leaky_relu, 0.01);
    def_unary(m, "elu", Unary::elu, 1.0);
    def_unary(m, "gelu", Unary::gelu);
    def_unary(m, "sigmoid", Unary::sigmoid);
    def_unary(m, "tanh", Unary::tanh);

    def_binary(m, "relu_backward", Binary::relu_backward, {"dy", "y"});
    def_binary(m, "leaky_relu_backward", Binary::leaky_relu_backward, {"dy", "y"}, 0.01);
    def_binary(m, "elu_backward", Binary::elu_backward, {"dy", "y"}, 1.0);
    def_binary(m, "gelu_backward", Binary::gelu_backward, {"dy", "x"});
    def_binary(m, "sigmoid_backward", Binary::sigmoid_backward, {"dy", "y"});
    def_binary(m, "tanh_backward", Binary::tanh_backward, {"dy", "y"});
}

}  // namespace hotloop::bind
