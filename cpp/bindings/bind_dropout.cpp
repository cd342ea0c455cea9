#include <string>

#include "bind.h"
#include "changed.h"
#include "hotloop/ops/dropout.h"

namespace hotloop::bind {
namespace {

double rate_of(const char* op, py::handle value) {
    const double rate = live_scalar(op, "rate", value).get();
    if (!(rate >= 0 && rate < 1)) fail(op, "rate must lie in [0, 1), got ", rate);
    return rate;
}

// A 64-bit word: of a larger or negative Python integer the lower bits, as Python's & gives them.
Scalar<std::int64_t> word(const char* op, const char* name, py::handle value) {
    if (PyLong_Check(value.ptr())) {
        const unsigned long long bits = PyLong_AsUnsignedLongLongMask(value.ptr());
        return {static_cast<std::int64_t>(bits), nullptr};
    }
    return live_integer(op, name, value);
}

py::tuple dropout_(
    py::handle x, py::handle rate, py::handle seed, py::handle offset, py::handle out) {
    constexpr const char* kOp = "dropout";
    const Inputs in(kOp, {{"x", x}});
    const double p = rate_of(kOp, rate);
    const Shape shape = in.shape(0);
    const auto given = split_out(kOp, out, 2);
    Output y(in, "y", given[0], shape, Alias::elementwise);
    Output mask(in, "mask", given[1], shape, py::dtype::of<std::uint8_t>());
    const auto key = word(kOp, "seed", seed);
    const auto counter = word(kOp, "offset", offset);
    dispatch(in.dtype(), [&]<class T>() {
        submit<DropoutArgs<T>>(
            {in.data<T>(0), y.data<T>(), mask.data<std::uint8_t>(), shape.size(), p, key, counter},
            &dropout<T>, 16.0 * static_cast<double>(shape.size()));
    });
    return py::make_tuple(y.result(), mask.result());
}

// The mask that dropout returned, or any array of integers or bools: not 0 is kept.
py::array mask_of(const char* op, py::handle mask, const Shape& shape) {
    py::array a = as_array(op, "mask", mask);
    const char kind = a.dtype().kind();
    if (kind != 'u' && kind != 'i' && kind != 'b')
        throw py::type_error(std::string(op) + ": mask must be uint8, got " +
                             py::str(a.dtype()).cast<std::string>());
    check_axes(op, "mask", a);
    if (shape_of(a) != shape)
        fail(op, "mask must have the shape of dy, ", shape, ", got ", shape_of(a));
    const bool usable = a.itemsize() == 1 && (a.flags() & py::array::c_style);
    Plan* plan = Plan::recording();
    if (plan && !usable) refuse_in_plan(op, "mask");
    if (!usable)
        a = py::array_t<std::uint8_t, py::array::c_style>(
            py::array(a.attr("__ne__")(0)).attr("astype")("uint8"));
    if (plan) plan->hold(a);
    return a;
}

py::object dropout_backward_(py::handle dy, py::handle mask, py::handle rate, py::handle out) {
    constexpr const char* kOp = "dropout_backward";
    const Inputs in(kOp, {{"dy", dy}});
    const double p = rate_of(kOp, rate);
    const Shape shape = in.shape(0);
    const py::array kept = mask_of(kOp, mask, shape);
    Output dx(in, "out", out, shape, Alias::elementwise);
    if (!out.is_none() && overlap(py::reinterpret_borrow<py::array>(out), kept))
        fail(kOp, "out overlaps mask in memory (out: ", shape, ")");
    dispatch(in.dtype(), [&]<class T>() {
        submit<DropoutBackwardArgs<T>>(
            {in.data<T>(0), static_cast<const std::uint8_t*>(kept.data()), dx.data<T>(),
             shape.size(), p},
            &dropout_backward<T>, 8.0 * static_cast<double>(shape.size()));
    });
    return dx.result();
}

}  // namespace

void bind_dropout(py::module_& m) {
    using py::arg;
    const auto out = arg("out") = py::none();
    m.def("dropout", &dropout_, arg("x"), arg("rate"), arg("seed"), arg("offset") = 0, out);
    m.def("dropout_backward", &dropout_backward_, arg("dy"), arg("mask"), arg("rate"), out);
}

}  // namespace hotloop::bind
