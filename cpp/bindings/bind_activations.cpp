#include "arrays.h"
#include "bind.h"
#include "hotloop/ops/affine.h"
#include "hotloop/ops/pointwise.h"

namespace hotloop::bind {
namespace {

py::object apply(const char* op, Unary kind, py::handle x, py::handle out, double alpha = 0) {
    const Inputs in(op, {{"x", x}});
    const Shape shape = in.shape(0);
    Output y(in, "out", out, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        submit<UnaryArgs<T>>(
            {in.data<T>(0), y.data<T>(), shape.size(), kind, static_cast<T>(alpha)},
            &unary<T>,
            unary_cost<T>(kind, shape.size()));
    });
    return y.result();
}

// While a plan records, a backward that overwrites the dx of the affine_backward just before it
// becomes a part of that call, which applies it before it stores dx.
template <class T>
bool fold_into_affine(Binary kind, const T* dy, const T* y, const T* dx, index_t n) {
    Plan* const plan = Plan::recording();
    if (!plan || dx != dy) return false;
    auto* const call = plan->last<AffineBackwardArgs<T>>();
    if (!call || call->args.dx != dy || call->args.gate || call->args.N * call->args.I != n) return false;
    if (kind == Binary::relu_backward)
        call->args.gate_kind = Activation::relu;
    else if (kind == Binary::sigmoid_backward)
        call->args.gate_kind = Activation::sigmoid;
    else if (kind == Binary::tanh_backward)
        call->args.gate_kind = Activation::tanh;
    else
        return false;
    call->args.gate = y;
    return true;
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
        if (fold_into_affine<T>(kind, in.data<T>(0), in.data<T>(1), z.data<T>(), shape.size())) return;
        submit<BinaryArgs<T>>(
            {in.data<T>(0), in.data<T>(1), z.data<T>(), shape.size(), kind, static_cast<T>(alpha)},
            &binary<T>,
            binary_cost<T>(kind, shape.size()));
    });
    return z.result();
}

void def_unary(py::module_& m, const char* op, Unary kind) {
    m.def(
        op,
        [op, kind](py::handle x, py::handle out) { return apply(op, kind, x, out); },
        py::arg("x"),
        py::arg("out") = py::none());
}

void def_unary(py::module_& m, const char* op, Unary kind, double alpha) {
    m.def(
        op,
        [op, kind](py::handle x, py::handle alpha, py::handle out) {
            return apply(op, kind, x, out, live_scalar(op, "alpha", alpha).get());
        },
        py::arg("x"),
        py::arg("alpha") = alpha,
        py::arg("out") = py::none());
}

void def_binary(py::module_& m, const char* op, Binary kind, Names names) {
    m.def(
        op,
        [op, kind, names](py::handle a, py::handle b, py::handle out) {
            return combine(op, kind, names, a, b, out);
        },
        py::arg(names.a),
        py::arg(names.b),
        py::arg("out") = py::none());
}

void def_binary(py::module_& m, const char* op, Binary kind, Names names, double alpha) {
    m.def(
        op,
        [op, kind, names](py::handle a, py::handle b, py::handle alpha, py::handle out) {
            return combine(op, kind, names, a, b, out, live_scalar(op, "alpha", alpha).get());
        },
        py::arg(names.a),
        py::arg(names.b),
        py::arg("alpha") = alpha,
        py::arg("out") = py::none());
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

    def_binary(m, "add", Binary::add, {"a", "b"});
    def_binary(m, "relu_backward", Binary::relu_backward, {"dy", "y"});
    def_binary(m, "leaky_relu_backward", Binary::leaky_relu_backward, {"dy", "y"}, 0.01);
    def_binary(m, "elu_backward", Binary::elu_backward, {"dy", "y"}, 1.0);
    def_binary(m, "gelu_backward", Binary::gelu_backward, {"dy", "x"});
    def_binary(m, "sigmoid_backward", Binary::sigmoid_backward, {"dy", "y"});
    def_binary(m, "tanh_backward", Binary::tanh_backward, {"dy", "y"});
}

}  // namespace hotloop::bind
