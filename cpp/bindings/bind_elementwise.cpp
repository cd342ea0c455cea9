#include "arrays.h"
#include "bind.h"
#include "hotloop/ops/elementwise.h"

namespace hotloop::bind {
namespace {

// Where the operands lie over the shape that they are broadcast to.
StridedAxes<kMostOperands> axes_of(const Shape& shape,
                                   const py::array* a,
                                   const py::array* b = nullptr,
                                   const py::array* c = nullptr) {
    StridedAxes<kMostOperands> axes;
    push_axes<kMostOperands>(axes, shape, {a, b, c});
    return axes;
}

py::object apply(const char* op, Function kind, py::handle x, py::handle out) {
    const Inputs in(op, {{"x", x}}, Lying::strided);
    const py::array from = in.array(0);
    const Shape shape = shape_of(from);
    Output y(in, "out", out, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        submit<FunctionArgs<T>>({in.data<T>(0), y.data<T>(), axes_of(shape, &from), kind},
                                &function<T>, function_cost<T>(kind, shape.size()));
    });
    return y.result();
}

py::object combine(const char* op, Arithmetic kind, py::handle a, py::handle b, py::handle out) {
    const Inputs in(op, {{"a", a}, {"b", b}}, Lying::strided);
    const py::array left = in.array(0);
    const py::array right = in.array(1);
    const Shape shape = broadcast_shape(op, "a", shape_of(left), "b", shape_of(right));
    Output z(in, "out", out, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        submit<ArithmeticArgs<T>>(
            {in.data<T>(0), in.data<T>(1), z.data<T>(), axes_of(shape, &left, &right), kind},
            &arithmetic<T>, arithmetic_cost<T>(kind, shape.size()));
    });
    return z.result();
}

// With `swap`, b is compared with a.
py::object compare(const char* op, Comparison kind, bool swap, py::handle a, py::handle b) {
    const Inputs in(op, {{"a", a}, {"b", b}}, Lying::strided);
    const int first = swap ? 1 : 0;
    const py::array left = in.array(first);
    const py::array right = in.array(1 - first);
    const Shape shape = broadcast_shape(op, "a", in.shape(0), "b", in.shape(1));
    py::array z = new_array(op, "out", py::dtype::of<bool>(), shape);
    dispatch(in.dtype(), [&]<class T>() {
        submit<ComparisonArgs<T>>(
            {in.data<T>(first), in.data<T>(1 - first), static_cast<std::uint8_t*>(z.mutable_data()),
             axes_of(shape, &left, &right), kind},
            &comparison<T>, arithmetic_cost<T>(Arithmetic::add, shape.size()));
    });
    return z;
}

// A condition as an array of one byte an element.
py::array truth(const char* op, py::handle value) {
    if (value.is_none())
        throw py::type_error(std::string(op) + ": condition must be an array, got None");
    py::array a = as_array(op, "condition", value);
    check_axes(op, "condition", a);
    const char kind = a.dtype().kind();
    if (kind != 'b' && kind != 'i' && kind != 'u' && kind != 'f')
        throw py::type_error(std::string(op) +
                             ": condition must be bools, integers or floats, got " +
                             text(a.dtype()));
    if (a.itemsize() == 1) {
        if (Plan* plan = Plan::recording()) plan->hold(a);
        return a;
    }
    if (Plan::recording()) refuse_in_plan(op, "condition");
    return a.attr("astype")(py::dtype::of<bool>());
}

py::object where_(py::handle condition, py::handle a, py::handle b, py::handle out) {
    const char* op = "where";
    const py::array mask = truth(op, condition);
    Inputs in(op, {{"a", a}, {"b", b}}, Lying::strided);
    const py::array left = in.array(0);
    const py::array right = in.array(1);
    const Shape pair = broadcast_shape(op, "a", shape_of(left), "b", shape_of(right));
    const Shape shape = broadcast_shape(op, "condition", shape_of(mask), "a and b", pair);
    in.keep_apart(mask);
    Output z(in, "out", out, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        submit<WhereArgs<T>>({static_cast<const std::uint8_t*>(mask.data()), in.data<T>(0),
                              in.data<T>(1), z.data<T>(), axes_of(shape, &mask, &left, &right)},
                             &where<T>, arithmetic_cost<T>(Arithmetic::add, shape.size()));
    });
    return z.result();
}

void def_function(py::module_& m, const char* op, Function kind) {
    m.def(
        op, [op, kind](py::handle x, py::handle out) { return apply(op, kind, x, out); },
        py::arg("x"), py::arg("out") = py::none());
}

void def_arithmetic(py::module_& m, const char* op, Arithmetic kind) {
    m.def(
        op,
        [op, kind](py::handle a, py::handle b, py::handle out) {
            return combine(op, kind, a, b, out);
        },
        py::arg("a"), py::arg("b"), py::arg("out") = py::none());
}

void def_comparison(py::module_& m, const char* op, Comparison kind, bool swap = false) {
    m.def(
        op, [op, kind, swap](py::handle a, py::handle b) { return compare(op, kind, swap, a, b); },
        py::arg("a"), py::arg("b"));
}

}  // namespace

void bind_elementwise(py::module_& m) {
    const std::pair<const char*, Function> functions[] = {
        {"absolute", Function::absolute}, {"negative", Function::negative},
        {"square", Function::square},     {"reciprocal", Function::reciprocal},
        {"sqrt", Function::sqrt},         {"rsqrt", Function::rsqrt},
        {"sign", Function::sign},         {"floor", Function::floor},
        {"ceil", Function::ceil},         {"rint", Function::rint},
        {"exp", Function::exp},           {"expm1", Function::expm1},
        {"log", Function::log},           {"log1p", Function::log1p},
        {"erf", Function::erf},           {"softplus", Function::softplus},
        {"silu", Function::silu},         {"sin", Function::sin},
        {"cos", Function::cos},
    };
    for (const auto& [name, kind] : functions) def_function(m, name, kind);
    const std::pair<const char*, Arithmetic> pairs[] = {
        {"add", Arithmetic::add},           {"subtract", Arithmetic::subtract},
        {"multiply", Arithmetic::multiply}, {"divide", Arithmetic::divide},
        {"maximum", Arithmetic::maximum},   {"minimum", Arithmetic::minimum},
        {"power", Arithmetic::power},
    };
    for (const auto& [name, kind] : pairs) def_arithmetic(m, name, kind);
    def_comparison(m, "equal", Comparison::equal);
    def_comparison(m, "not_equal", Comparison::not_equal);
    def_comparison(m, "less", Comparison::less);
    def_comparison(m, "less_equal", Comparison::less_equal);
    def_comparison(m, "greater", Comparison::less, true);
    def_comparison(m, "greater_equal", Comparison::less_equal, true);
    m.def("where", &where_, py::arg("condition"), py::arg("a"), py::arg("b"),
          py::arg("out") = py::none());
}

}  // namespace hotloop::bind
