#include "arrays.h"
#include "bind.h"
#include "hotloop/ops/pointwise.h"
#include "hotloop/ops/softmax.h"

namespace hotloop::bind {
namespace {

// b is None in the forwards.
py::object along_axis(
    const char* op, Softmax kind, py::handle a, py::handle b, py::handle axis, py::handle out) {
    const bool forward = kind == Softmax::softmax || kind == Softmax::log_softmax;
    const Inputs in(op, {{forward ? "x" : "dy", a}, {"y", b, forward}});
    const Shape shape = in.shape(0);
    if (in.has(1)) same_shape_check(op, "dy", shape, "y", in.shape(1));
    const int at =
        checked_axis(op, shape, static_cast<index_t>(live_integer(op, "axis", axis).get()));
    index_t outer = 1;
    index_t inner = 1;
    for (int i = 0; i < shape.rank(); ++i) {
        if (i < at) outer *= shape[i];
        if (i > at) inner *= shape[i];
    }
    Output y(in, "out", out, shape, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<SoftmaxArgs<T>>(
            {in.data<T>(0), in.data<T>(1), y.data<T>(), outer, shape[at], inner, kind}, &softmax<T>,
            softmax_cost<T>(kind, shape.size()));
    });
    return y.result();
}

void def_forward(py::module_& m, const char* op, Softmax kind) {
    m.def(
        op,
        [op, kind](py::handle x, py::handle axis, py::handle out) {
            return along_axis(op, kind, x, py::none(), axis, out);
        },
        py::arg("x"), py::arg("axis") = -1, py::arg("out") = py::none());
}

void def_backward(py::module_& m, const char* op, Softmax kind) {
    m.def(
        op,
        [op, kind](py::handle dy, py::handle y, py::handle axis, py::handle out) {
            if (y.is_none())
                throw py::type_error(std::string(op) + ": y must be an array, got None");
            return along_axis(op, kind, dy, y, axis, out);
        },
        py::arg("dy"), py::arg("y"), py::arg("axis") = -1, py::arg("out") = py::none());
}

}  // namespace

void bind_softmax(py::module_& m) {
    def_forward(m, "softmax", Softmax::softmax);
    def_forward(m, "log_softmax", Softmax::log_softmax);
    def_backward(m, "softmax_backward", Softmax::softmax_backward);
    def_backward(m, "log_softmax_backward", Softmax::log_softmax_backward);
}

}  // namespace hotloop::bind
