#include "bind.h"
#include "geometry.h"
#include "hotloop/ops/reduce.h"
#include "moving.h"

namespace hotloop::bind {
namespace {

Shape left_of(const Shape& shape, unsigned axes, bool keepdims) {
    Shape out;
    for (int i = 0; i < shape.rank(); ++i) {
        const bool gone = (axes >> i & 1U) != 0;
        if (!gone || keepdims) out.push_back(gone ? 1 : shape[i]);
    }
    return out;
}

py::object reduce_(const char* op,
                   Reduction kind,
                   bool mean,
                   py::handle x,
                   py::handle axis,
                   py::handle keepdims,
                   py::handle out) {
    const Inputs in(op, {{"x", x}});
    const bool kept = parse_flag(op, "keepdims", keepdims);
    const Shape shape = in.shape(0);
    const unsigned axes = axis_bits(op, shape, axis);
    if (kind == Reduction::max || kind == Reduction::min)
        for (int i = 0; i < shape.rank(); ++i)
            if ((axes >> i & 1U) && shape[i] == 0)
                fail(op, "an empty array has no ", op, ", got ", shape);
    Output y(in, "out", out, left_of(shape, axes, kept), Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<ReduceArgs<T>>({in.data<T>(0), y.data<T>(), shape, axes, kind, mean}, &reduce<T>,
                              8.0 * static_cast<double>(shape.size() * sizeof(T)));
    });
    return y.result();
}

py::object place(
    const char* op, bool smallest, py::handle x, py::handle axis, py::handle keepdims) {
    const Inputs in(op, {{"x", x}});
    const bool kept = parse_flag(op, "keepdims", keepdims);
    const Shape shape = in.shape(0);
    if (!axis.is_none()) live_integer(op, "axis", axis);  // one alone
    const unsigned axes = axis_bits(op, shape, axis);
    index_t sizes[3] = {1, 1, 1};  // before, along and behind the axis
    for (int i = 0; i < shape.rank(); ++i)
        sizes[axes >> i & 1U ? 1 : (axes >> i) ? 0 : 2] *= shape[i];
    if (sizes[1] == 0) fail(op, "an empty array has no ", op, ", got ", shape);
    py::array y = new_array(op, "out", py::dtype::of<std::int64_t>(), left_of(shape, axes, kept));
    dispatch(in.dtype(), [&]<class T>() {
        submit<ArgReduceArgs<T>>({in.data<T>(0), static_cast<std::int64_t*>(y.mutable_data()),
                                  sizes[0], sizes[1], sizes[2], smallest},
                                 &arg_reduce<T>,
                                 8.0 * static_cast<double>(shape.size() * sizeof(T)));
    });
    return y;
}

void def_reduction(py::module_& m, const char* op, Reduction kind, bool mean = false) {
    m.def(
        op,
        [op, kind, mean](py::handle x, py::handle axis, py::handle keepdims, py::handle out) {
            return reduce_(op, kind, mean, x, axis, keepdims, out);
        },
        py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
        py::arg("out") = py::none());
}

void def_place(py::module_& m, const char* op, bool smallest) {
    m.def(
        op,
        [op, smallest](py::handle x, py::handle axis, py::handle keepdims) {
            return place(op, smallest, x, axis, keepdims);
        },
        py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false);
}

}  // namespace

void bind_reductions(py::module_& m) {
    def_reduction(m, "sum", Reduction::sum);
    def_reduction(m, "mean", Reduction::sum, true);
    def_reduction(m, "prod", Reduction::prod);
    def_reduction(m, "max", Reduction::max);
    def_reduction(m, "min", Reduction::min);
    def_place(m, "argmax", false);
    def_place(m, "argmin", true);
}

}  // namespace hotloop::bind
