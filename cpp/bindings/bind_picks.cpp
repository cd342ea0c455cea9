#include <string>

#include "bind.h"
#include "geometry.h"
#include "hotloop/ops/pick.h"
#include "hotloop/ops/softmax.h"
#include "moving.h"

namespace hotloop::bind {
namespace {

// (outer, n, inner) around one axis; without an axis all is one row.
struct Around {
    int axis = 0;
    index_t outer = 1, n = 1, inner = 1;
};

Around around(const char* op, const Shape& shape, py::handle axis) {
    Around a;
    if (axis.is_none()) {
        a.n = shape.size();
        return a;
    }
    a.axis = checked_axis(op, shape, static_cast<index_t>(live_integer(op, "axis", axis).get()));
    a.n = shape[a.axis];
    for (int i = 0; i < a.axis; ++i) a.outer *= shape[i];
    for (int i = a.axis + 1; i < shape.rank(); ++i) a.inner *= shape[i];
    return a;
}

// Contiguous int32 or int64; other integers become int64.
py::array places(const char* op, py::handle value) {
    if (value.is_none())
        throw py::type_error(std::string(op) + ": indices must be an array, got None");
    py::array a = as_array(op, "indices", value);
    check_axes(op, "indices", a);
    const char kind = a.dtype().kind();
    if (kind != 'i' && kind != 'u' && kind != 'b' && a.size() > 0)
        throw py::type_error(std::string(op) + ": indices must be whole numbers, got dtype " +
                             text(a.dtype()));
    if (kind == 'i' && a.itemsize() >= 4 && is_native(a)) {
        if (!(a.flags() & py::array::c_style)) return contiguous_copy(op, "indices", a);
        if (Plan* plan = Plan::recording()) plan->hold(a);
        return a;
    }
    if (Plan::recording()) refuse_in_plan(op, "indices");
    return converted<std::int64_t>(a);
}

Places places_in(const py::array& a) { return {a.data(), a.itemsize() == 8}; }

py::array contiguous(const char* op, const char* name, const py::array& a) {
    if (!(a.flags() & py::array::c_style)) return contiguous_copy(op, name, a);
    if (Plan* plan = Plan::recording()) plan->hold(a);
    return a;
}

// The shape of `indices` has the size of x along every axis but one.
void check_along(
    const char* op, const Shape& x, const Shape& indices, const Around& at, bool flat) {
    Shape expected = x;
    if (!flat && indices.rank() == x.rank()) expected[at.axis] = indices[at.axis];
    if (flat ? indices.rank() != 1 : indices != expected)
        fail(op, "indices must have the sizes of x but along the axis (x: ", x,
             ", indices: ", indices, ")");
}

py::array take_(py::handle x, py::handle indices, py::handle axis) {
    const char* op = "take";
    const py::array from = contiguous(op, "x", movable(op, "x", x));
    const py::array at = places(op, indices);
    const Shape shape = shape_of(from);
    const Around a = around(op, shape, axis);
    Shape out;
    if (!axis.is_none())
        for (int i = 0; i < a.axis; ++i) out.push_back(shape[i]);
    const int behind = axis.is_none() ? 0 : shape.rank() - a.axis - 1;
    if (out.rank() + at.ndim() + behind > Shape::kMaxRank)
        fail(op, "the answer would have more than ", Shape::kMaxRank, " axes (x: ", shape,
             ", indices: ", shape_of(at), ")");
    for (const index_t n : shape_of(at)) out.push_back(n);
    for (int i = shape.rank() - behind; i < shape.rank(); ++i) out.push_back(shape[i]);
    py::array y = new_array(op, "out", from.dtype(), out);
    submit<PickArgs>({op, from.data(), y.mutable_data(), places_in(at), a.outer, a.n, at.size(),
                      a.inner, static_cast<int>(from.itemsize()), false},
                     &pick, 8.0 * static_cast<double>(y.nbytes()));
    return y;
}

py::array take_along_axis_(py::handle x, py::handle indices, py::handle axis) {
    const char* op = "take_along_axis";
    const py::array from = contiguous(op, "x", movable(op, "x", x));
    const py::array at = places(op, indices);
    const Shape shape = shape_of(from);
    const Around a = around(op, shape, axis);
    check_along(op, shape, shape_of(at), a, axis.is_none());
    py::array y = new_array(op, "out", from.dtype(), shape_of(at));
    const index_t count = axis.is_none() ? at.size() : at.shape(a.axis);
    submit<PickArgs>({op, from.data(), y.mutable_data(), places_in(at), a.outer, a.n, count,
                      a.inner, static_cast<int>(from.itemsize()), true},
                     &pick, 8.0 * static_cast<double>(y.nbytes()));
    return y;
}

py::object scatter(const char* op,
                   bool along,
                   py::handle x,
                   py::handle indices,
                   py::handle size,
                   py::handle axis,
                   py::handle out) {
    Inputs in(op, {{"x", x}});
    const py::array at = places(op, indices);
    in.keep_apart(at);
    const Shape shape = in.shape(0);
    Around a = around(op, shape, axis);
    const index_t count = a.n;
    if (along) {
        check_along(op, shape, shape_of(at), a, false);
        if (at.shape(a.axis) != count)
            fail(op, "indices must have the shape of x (x: ", shape, ", indices: ", shape_of(at),
                 ")");
    } else if (at.ndim() != 1 || at.shape(0) != count) {
        fail(op, "indices must be (", count, ",), one for each along the axis, got ", shape_of(at),
             " (x: ", shape, ")");
    }
    a.n = static_cast<index_t>(live_integer(op, "size", size).get());
    if (a.n < 0) fail(op, "size must not be negative, got ", a.n);
    Shape larger = shape;
    larger[a.axis] = a.n;
    Output y(in, "out", out, larger, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<ScatterAddArgs<T>>(
            {op, in.data<T>(0), y.data<T>(), places_in(at), a.outer, a.n, count, a.inner, along},
            &scatter_add<T>, 16.0 * static_cast<double>(shape.size() + larger.size()));
    });
    return y.result();
}

py::object cumsum_(py::handle x, py::handle axis, py::handle reverse, py::handle out) {
    const char* op = "cumsum";
    const Inputs in(op, {{"x", x}});
    const Shape shape = in.shape(0);
    const Around a = around(op, shape, axis);
    const Shape flat{shape.size()};
    Output y(in, "out", out, axis.is_none() ? flat : shape, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<CumsumArgs<T>>(
            {in.data<T>(0), y.data<T>(), a.outer, a.n, a.inner, parse_flag(op, "reverse", reverse)},
            &cumsum<T>, 8.0 * static_cast<double>(shape.size()));
    });
    return y.result();
}

py::tuple top_k_(py::handle x, py::handle k, py::handle largest_first) {
    const char* op = "top_k";
    const Inputs in(op, {{"x", x}});
    Shape shape = in.shape(0);
    const int last = shape.rank() - 1;
    const index_t n = last < 0 ? 0 : shape[last];
    const auto most = static_cast<index_t>(live_integer(op, "k", k).get());
    if (most < 1 || most > n)
        fail(op, "k must lie in 1 to ", n, ", the size of the last axis, got ", most,
             " (x: ", shape, ")");
    const bool falling = parse_flag(op, "largest_first", largest_first);
    const index_t rows = shape.size() / n;
    shape[last] = most;
    py::array values = new_array(op, "values", numpy_dtype(in.dtype()), shape);
    py::array at = new_array(op, "places", py::dtype::of<std::int64_t>(), shape);
    dispatch(in.dtype(), [&]<class T>() {
        submit<TopKArgs<T>>({in.data<T>(0), static_cast<T*>(values.mutable_data()),
                             static_cast<std::int64_t*>(at.mutable_data()), rows, n, most, falling},
                            &top_k<T>, 32.0 * static_cast<double>(rows * n));
    });
    return py::make_tuple(values, at);
}

void def_scatter(py::module_& m, const char* op, bool along) {
    m.def(
        op,
        [op, along](py::handle x, py::handle indices, py::handle size, py::handle axis,
                    py::handle out) { return scatter(op, along, x, indices, size, axis, out); },
        py::arg("x"), py::arg("indices"), py::arg("size"), py::arg("axis") = 0,
        py::arg("out") = py::none());
}

}  // namespace

void bind_picks(py::module_& m) {
    using py::arg;
    m.def("take", &take_, arg("x"), arg("indices"), arg("axis") = py::none());
    m.def("take_along_axis", &take_along_axis_, arg("x"), arg("indices"), arg("axis") = -1);
    def_scatter(m, "scatter_add", false);
    def_scatter(m, "scatter_add_along_axis", true);
    m.def("cumsum", &cumsum_, arg("x"), arg("axis") = -1, arg("reverse") = false,
          arg("out") = py::none());
    m.def("top_k", &top_k_, arg("x"), arg("k"), arg("largest_first") = true);
}

}  // namespace hotloop::bind
