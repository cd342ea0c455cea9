#include <algorithm>
#include <string>
#include <vector>

#include "bind.h"
#include "hotloop/ops/copy.h"
#include "hotloop/ops/elementwise.h"
#include "hotloop/ops/softmax.h"
#include "hotloop/size.h"
#include "moving.h"

namespace hotloop::bind {
namespace {

void submit_copy(const void* x, void* y, const StridedAxes<2>& axes, const py::array& made) {
    submit<CopyArgs>({x, y, axes, static_cast<int>(made.itemsize())}, &copy,
                     8.0 * static_cast<double>(made.nbytes()));
}

py::array copy_(py::handle x) { return contiguous_copy("copy", "x", movable("copy", "x", x)); }

// A new array of the dtype of `like`. What a plan's calls do not write stays from run to run.
py::array filled_(const py::array& like, py::handle shape, double value) {
    Shape sizes;
    for (const index_t n : integers("filled", "shape", shape)) {
        if (sizes.rank() == Shape::kMaxRank)
            fail("filled", "shape must have at most ", Shape::kMaxRank, " axes");
        sizes.push_back(n);
    }
    py::array y = new_array("filled", "out", like.dtype(), sizes);
    y.attr("fill")(value);
    return y;
}

py::array transpose_(py::handle x, py::handle axes) {
    const char* op = "transpose";
    const py::array from = movable(op, "x", x);
    const Shape shape = shape_of(from);
    Shape order;
    if (axes.is_none()) {
        for (int i = shape.rank() - 1; i >= 0; --i) order.push_back(i);
    } else {
        const std::vector<index_t> given = integers(op, "axes", axes);
        if (static_cast<int>(given.size()) != shape.rank())
            fail(op, "axes must name each of the ", shape.rank(), " axes of x once (x: ", shape,
                 ")");
        for (const index_t axis : given) order.push_back(checked_axis(op, shape, axis));
    }
    Shape turned;
    for (const index_t axis : order) turned.push_back(shape[static_cast<int>(axis)]);
    for (int i = 0; i < shape.rank(); ++i)
        if (std::count(order.begin(), order.end(), i) != 1)
            fail(op, "axes must name each axis of x once (x: ", shape, ")");
    py::array y = new_array(op, "out", from.dtype(), turned);
    if (Plan* plan = Plan::recording()) plan->hold(from);
    StridedAxes<2> both;
    for (int i = 0; i < shape.rank(); ++i)
        both.push(turned[i], {from.strides(order[i]), y.strides(i)});
    submit_copy(from.data(), y.mutable_data(), both, y);
    return y;
}

py::array flip_(py::handle x, py::handle axis) {
    const char* op = "flip";
    const py::array from = movable(op, "x", x);
    const Shape shape = shape_of(from);
    const unsigned axes = axis_bits(op, shape, axis);
    py::array y = new_array(op, "out", from.dtype(), shape);
    if (Plan* plan = Plan::recording()) plan->hold(from);
    StridedAxes<2> both;
    index_t start = 0;
    for (int i = 0; i < shape.rank(); ++i) {
        const bool turns = (axes >> static_cast<unsigned>(i) & 1U) != 0;
        if (turns) start += (shape[i] - 1) * from.strides(i);
        both.push(shape[i], {turns ? -from.strides(i) : from.strides(i), y.strides(i)});
    }
    if (shape.size() > 0)
        submit_copy(static_cast<const char*>(from.data()) + start, y.mutable_data(), both, y);
    return y;
}

py::array pad_(py::handle x, py::handle width, py::handle value) {
    const char* op = "pad";
    const py::array from = movable(op, "x", x);
    const Shape shape = shape_of(from);
    const std::vector<index_t> flat = integers(op, "width", width);
    const double fill = live_scalar(op, "value", value).get();
    if (static_cast<int>(flat.size()) != 2 * shape.rank())
        fail(op, "width must be two numbers for each axis (x: ", shape, ")");
    Shape larger;
    for (int i = 0; i < shape.rank(); ++i) {
        const index_t before = flat[2 * static_cast<std::size_t>(i)];
        const index_t behind = flat[2 * static_cast<std::size_t>(i) + 1];
        if (before < 0 || behind < 0 || before > kMostElements || behind > kMostElements)
            fail(op, "width must not be negative, nor beyond 2^59 (x: ", shape, ")");
        larger.push_back(shape[i] + before + behind);
    }
    py::array y = new_array(op, "out", from.dtype(), larger);
    if (Plan* plan = Plan::recording()) plan->hold(from);
    // What is not written again stays.
    y.attr("fill")(fill);
    StridedAxes<2> both;
    index_t start = 0;
    for (int i = 0; i < shape.rank(); ++i) {
        start += flat[2 * static_cast<std::size_t>(i)] * y.strides(i);
        both.push(shape[i], {from.strides(i), y.strides(i)});
    }
    if (shape.size() > 0)
        submit_copy(from.data(), static_cast<char*>(y.mutable_data()) + start, both, y);
    return y;
}

std::vector<py::array> parts_of(const char* op, py::handle arrays) {
    const bool sequence = PyList_Check(arrays.ptr()) || PyTuple_Check(arrays.ptr());
    if (!sequence && !py::isinstance<py::array>(arrays))
        throw py::type_error(std::string(op) + ": arrays must be a list of arrays, got " +
                             text(py::type::of(arrays).attr("__name__")));
    std::vector<py::array> parts;
    if (!sequence) {
        const py::array whole = movable(op, "arrays", arrays);
        constexpr py::ssize_t kMost = 1 << 20;
        if (whole.ndim() == 0) fail(op, "arrays must be a list of arrays, got one number");
        if (whole.shape(0) > kMost)
            fail(op, "arrays must hold at most ", kMost, " arrays, got ", whole.shape(0));
    }
    bool same = true;
    for (const py::handle part : arrays) {
        parts.push_back(movable(op, "arrays", part));
        same = same && parts.back().dtype().equal(parts[0].dtype());
    }
    if (parts.empty()) fail(op, "arrays must hold at least one array, got none");
    if (!same) {
        if (Plan::recording()) refuse_in_plan(op, "arrays");
        py::list all;
        for (const py::array& part : parts) all.append(part);
        const py::object common = py::module_::import("numpy").attr("result_type")(*py::tuple(all));
        for (py::array& part : parts) part = part.attr("astype")(common);
    }
    return parts;
}

py::array concatenate_(py::handle arrays, py::handle axis) {
    const char* op = "concatenate";
    const std::vector<py::array> parts = parts_of(op, arrays);
    Shape shape = shape_of(parts[0]);
    const int along =
        checked_axis(op, shape, static_cast<index_t>(live_integer(op, "axis", axis).get()));
    shape[along] = 0;
    for (const py::array& part : parts) {
        Shape other = shape_of(part);
        const bool fits = other.rank() == shape.rank();
        const index_t n = fits ? other[along] : 0;
        if (fits) other[along] = shape[along];
        if (other != shape)
            fail(op, "arrays must have the same sizes but along axis ", along,
                 " (the first: ", shape_of(parts[0]), ", another: ", shape_of(part), ")");
        shape[along] += n;
    }
    py::array y = new_array(op, "out", parts[0].dtype(), shape);
    auto* to = static_cast<char*>(y.mutable_data());
    for (const py::array& part : parts) {
        if (Plan* plan = Plan::recording()) plan->hold(part);
        StridedAxes<2> both;
        for (int i = 0; i < shape.rank(); ++i)
            both.push(part.shape(i), {part.strides(i), y.strides(i)});
        if (part.size() > 0) submit_copy(part.data(), to, both, part);
        to += part.shape(along) * y.strides(along);
    }
    return y;
}

void copy_into_(py::handle target, py::handle x) {
    const char* op = "copy_into";
    if (!py::isinstance<py::array>(target))
        throw py::type_error(std::string(op) + ": target must be a numpy array, got " +
                             text(py::type::of(target).attr("__name__")));
    auto to = py::reinterpret_borrow<py::array>(target);
    check_axes(op, "target", to);
    const py::array from = movable(op, "x", x);
    const Shape shape = shape_of(to);
    if (!to.writeable()) fail(op, "target is read-only (shape ", shape, ")");
    if (!to.dtype().equal(from.dtype()) || !is_native(to))
        throw py::type_error(std::string(op) + ": target must have the dtype of x, " +
                             text(from.dtype()) + ", got " + text(to.dtype()));
    if (broadcast_shape(op, "target", shape, "x", shape_of(from)) != shape)
        fail(op, "x must have the shape of target, or be broadcast to it (target: ", shape,
             ", x: ", shape_of(from), ")");
    if (overlaps_itself(to)) fail(op, "target overlaps itself in memory (shape ", shape, ")");
    if (overlap(to, from))
        fail(op, "target overlaps x in memory (target: ", shape, ", x: ", shape_of(from), ")");
    if (Plan* plan = Plan::recording()) {
        plan->hold(from);
        plan->hold(to);
    }
    StridedAxes<2> both;
    push_axes<2>(both, shape, {&from, &to});
    if (shape.size() > 0) submit_copy(from.data(), to.mutable_data(), both, to);
}

}  // namespace

void bind_moves(py::module_& m) {
    using py::arg;
    m.def("copy", &copy_, arg("x"));
    m.def("filled", &filled_, arg("like"), arg("shape"), arg("value") = 0.0);
    m.def("transpose", &transpose_, arg("x"), arg("axes") = py::none());
    m.def("flip", &flip_, arg("x"), arg("axis") = py::none());
    m.def("pad", &pad_, arg("x"), arg("width"), arg("value") = 0.0);
    m.def("concatenate", &concatenate_, arg("arrays"), arg("axis") = 0);
    m.def("copy_into", &copy_into_, arg("target"), arg("x"));
}

}  // namespace hotloop::bind
