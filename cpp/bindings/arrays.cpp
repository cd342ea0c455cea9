#include "arrays.h"

#include "hotloop/ops/copy.h"
#include "hotloop/size.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace hotloop::bind {

std::string text(py::handle h) { return shortened(py::str(h).cast<std::string>(), 160); }

bool is_native_contiguous(const py::array& a) {
    return (a.flags() & py::array::c_style) && is_native(a);
}

namespace {

// Bytes from the first to behind the last element.
std::pair<std::uintptr_t, std::uintptr_t> extent(const py::array& a) {
    auto low = reinterpret_cast<std::uintptr_t>(a.data());
    auto high = low + static_cast<std::uintptr_t>(a.itemsize());
    for (py::ssize_t i = 0; i < a.ndim(); ++i) {
        const py::ssize_t span = (a.shape(i) - 1) * a.strides(i);
        if (span < 0)
            low -= static_cast<std::uintptr_t>(-span);
        else
            high += static_cast<std::uintptr_t>(span);
    }
    return {low, high};
}

}  // namespace

bool overlap(const py::array& a, const py::array& b) {
    if (a.size() == 0 || b.size() == 0) return false;
    const auto [a0, a1] = extent(a);
    const auto [b0, b1] = extent(b);
    if (a0 >= b1 || b0 >= a1) return false;
    if ((a.flags() & py::array::c_style) && (b.flags() & py::array::c_style)) return true;
    return py::module_::import("numpy").attr("shares_memory")(a, b).cast<bool>();
}

namespace {

bool same_array(const py::array& a, const py::array& b) {
    if (a.data() != b.data() || a.itemsize() != b.itemsize() || shape_of(a) != shape_of(b))
        return false;
    for (py::ssize_t i = 0; i < a.ndim(); ++i)
        if (a.shape(i) > 1 && a.strides(i) != b.strides(i)) return false;
    return true;
}

bool is_exact_array(PyObject* value) {
    return Py_TYPE(value) == py::detail::npy_api::get().PyArray_Type_;
}

// Is `value` a numpy.ma array with a masked element?
bool is_masked(PyObject* value) {
    if (is_exact_array(value) || !py::isinstance<py::array>(value)) return false;
    return py::module_::import("numpy.ma").attr("is_masked")(py::handle(value)).cast<bool>();
}

// An array would show what lies under the mask.
void refuse_masked(const char* op, const char* name, PyObject* value) {
    bool found = is_masked(value);
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        PyObject** items = PySequence_Fast_ITEMS(value);
        const Py_ssize_t n = PySequence_Fast_GET_SIZE(value);
        found = std::any_of(items, items + n, is_masked);
    }
    if (found)
        fail(op, name,
             " has masked values, which cannot be left out; fill them, as in a.filled(0.0), or "
             "take the rows without any");
}

// NumPy would ask such an object for items until it raises an IndexError, which may be never.
void refuse_index_without_iterator(const char* op, const char* name, py::handle value) {
    PyObject* raw = value.ptr();
    if (Py_TYPE(raw)->tp_iter || !PySequence_Check(raw) || PyObject_CheckBuffer(raw)) return;
    for (const char* protocol : {"__array__", "__array_interface__", "__array_struct__"})
        if (py::hasattr(value, protocol)) return;
    throw py::type_error(std::string(op) + ": " + name + " must be an array, got " +
                         text(py::type::of(value).attr("__name__")) +
                         ", which has items behind an index");
}

}  // namespace

py::array as_array(const char* op, const char* name, py::handle value) {
    if (is_exact_array(value.ptr())) return py::reinterpret_borrow<py::array>(value);
    refuse_masked(op, name, value.ptr());
    if (py::isinstance<py::array>(value)) return py::reinterpret_borrow<py::array>(value);
    refuse_index_without_iterator(op, name, value);
    PyObject* raw =
        py::detail::npy_api::get().PyArray_FromAny_(value.ptr(), nullptr, 0, 0, 0, nullptr);
    if (raw) return py::reinterpret_steal<py::array>(raw);
    if (PyErr_ExceptionMatches(PyExc_MemoryError) || !PyErr_ExceptionMatches(PyExc_Exception))
        throw py::error_already_set();
    py::error_already_set reason;
    const std::string message = std::string(op) + ": " + name +
                                " cannot be read as an array (got " +
                                text(py::type::of(value).attr("__name__")) + ")";
    py::raise_from(reason, PyExc_TypeError, message.c_str());
    throw py::error_already_set();
}

bool overlaps_itself(const py::array& a) {
    std::vector<std::pair<py::ssize_t, py::ssize_t>> axes;
    for (py::ssize_t i = 0; i < a.ndim(); ++i) {
        if (a.shape(i) == 0) return false;
        if (a.shape(i) > 1) axes.emplace_back(std::abs(a.strides(i)), a.shape(i));
    }
    std::ranges::sort(axes);
    py::ssize_t span = a.itemsize();
    for (const auto& [stride, count] : axes) {
        if (stride < span) return true;
        span += (count - 1) * stride;
    }
    return false;
}

Shape shape_of(const py::array& a) {
    if (a.ndim() > Shape::kMaxRank)
        throw std::invalid_argument("arrays of more than " + std::to_string(Shape::kMaxRank) +
                                    " axes are not supported (got " + std::to_string(a.ndim()) +
                                    ")");
    Shape s;
    for (py::ssize_t i = 0; i < a.ndim(); ++i) s.push_back(a.shape(i));
    return s;
}

void check_axes(const char* op, const char* name, const py::array& a) {
    if (a.ndim() > Shape::kMaxRank)
        fail(op, name, " has ", a.ndim(), " axes; at most ", Shape::kMaxRank, " are supported");
}

const char* name_of(DType dtype) { return dtype == DType::f32 ? "float32" : "float64"; }

py::dtype numpy_dtype(DType dtype) {
    return dtype == DType::f32 ? py::dtype::of<float>() : py::dtype::of<double>();
}

DType dtype_of(const char* op, const char* name, const py::array& a) {
    const char kind = a.dtype().kind();
    const auto size = a.itemsize();
    if (kind == 'f' && size == 4) return DType::f32;
    if (kind == 'f' && size == 8) return DType::f64;
    if (kind == 'i' || kind == 'u' || kind == 'b') return DType::f64;
    throw py::type_error(std::string(op) + ": " + name +
                         " must be float32 or float64 (or integers or bools, " +
                         "which become float64), got " + text(a.dtype()));
}

void refuse_in_plan(const char* op, const char* name) {
    throw std::runtime_error(std::string(op) + ": " + name +
                             " would have to be converted, which a plan cannot record");
}

bool is_native(const py::array& a) {
    return (a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) && a.dtype().byteorder() != '>';
}

py::array contiguous_copy(const char* op, const char* name, const py::array& a) {
    const Shape shape = shape_of(a);
    py::array made = new_array(op, name, a.dtype(), shape);
    if (Plan* plan = Plan::recording()) plan->hold(a);
    StridedAxes<2> axes;
    push_axes<2>(axes, shape, {&a, &made});
    submit<CopyArgs>({a.data(), made.mutable_data(), axes, static_cast<int>(a.itemsize())}, &copy,
                     8.0 * static_cast<double>(a.nbytes()));
    return made;
}

Inputs::Inputs(const char* op, std::initializer_list<Named> named, Lying lying) : op_(op) {
    bool any = false;
    for (const Named& n : named) {
        names_.push_back(n.name);
        if (n.value.is_none()) {
            if (!n.optional)
                throw py::type_error(std::string(op) + ": " + n.name +
                                     " must be an array, got None");
            values_.push_back(py::none());
            continue;
        }
        py::array a = as_array(op, n.name, n.value);
        check_axes(op, n.name, a);
        const DType d = dtype_of(op, n.name, a);
        dtype_ = any && (dtype_ == DType::f64 || d == DType::f64) ? DType::f64 : d;
        any = true;
        originals_.push_back(a);
        values_.push_back(std::move(a));
    }
    std::size_t i = 0;
    for (const Named& n : named) {
        py::object& value = values_[i++];
        if (value.is_none()) continue;
        const auto a = py::reinterpret_borrow<py::array>(value);
        const bool right_type =
            a.dtype().kind() == 'f' && a.itemsize() == (dtype_ == DType::f32 ? 4 : 8);
        Plan* plan = Plan::recording();
        if (right_type && is_native(a)) {
            if (lying == Lying::strided || (a.flags() & py::array::c_style)) {
                if (plan) plan->hold(value);
            } else {
                value = contiguous_copy(op, n.name, a);
            }
            continue;
        }
        if (plan) refuse_in_plan(op, n.name);
        if (dtype_ == DType::f32)
            value = converted<float>(a);
        else
            value = converted<double>(a);
    }
}

py::array Inputs::array(int i) const {
    const py::object& value = values_[at(i)];
    if (value.is_none())
        throw py::type_error(std::string(op_) + ": " + names_[at(i)] +
                             " must be an array, got None");
    return py::reinterpret_borrow<py::array>(value);
}

py::array new_array(const char* op, const char* name, const py::dtype& dtype, const Shape& shape) {
    checked_size(op, name, shape);
    const std::vector<py::ssize_t> dims(shape.begin(), shape.end());
    Plan* plan = Plan::recording();
    if (!plan) return {dtype, dims};
    constexpr py::ssize_t kAlign = 64;
    const py::ssize_t bytes = shape.size() * dtype.itemsize();
    const py::array_t<std::uint8_t> block(bytes + kAlign);
    const auto address = reinterpret_cast<std::uintptr_t>(block.data());
    const auto shift = (kAlign - address % kAlign) % kAlign;
    py::array a(dtype, dims, static_cast<const std::uint8_t*>(block.data()) + shift, block);
    plan->hold(a, true);
    return a;
}

Output::Output(
    const Inputs& in, const char* name, py::handle given, const Shape& shape, Alias alias) {
    make(in, name, given, shape, numpy_dtype(in.dtype()), alias);
}

Output::Output(const Inputs& in,
               const char* name,
               py::handle given,
               const Shape& shape,
               const py::dtype& dtype) {
    make(in, name, given, shape, dtype, Alias::none);
}

void Output::make(const Inputs& in,
                  const char* name,
                  py::handle given,
                  const Shape& shape,
                  const py::dtype& dtype,
                  Alias alias) {
    const char* op = in.op();
    if (given.is_none()) {
        work_ = new_array(op, name, dtype, shape);
        given_ = work_;
        return;
    }
    if (!py::isinstance<py::array>(given))
        throw py::type_error(std::string(op) + ": " + name + " must be a numpy array, got " +
                             text(py::type::of(given).attr("__name__")));
    const auto a = py::reinterpret_borrow<py::array>(given);
    if (!a.dtype().equal(dtype))
        throw py::type_error(std::string(op) + ": " + name + " must have dtype " + text(dtype) +
                             ", got " + text(a.dtype()));
    check_axes(op, name, a);
    if (shape_of(a) != shape) fail(op, name, " must have shape ", shape, ", got ", shape_of(a));
    if (!a.writeable()) fail(op, name, " is read-only (shape ", shape, ")");
    if (overlaps_itself(a)) fail(op, name, " overlaps itself in memory (shape ", shape, ")");
    for (const py::object& other : in.originals()) {
        const auto b = py::reinterpret_borrow<py::array>(other);
        if (!overlap(a, b)) continue;
        if (alias == Alias::elementwise && same_array(a, b)) continue;
        fail(op, name, " overlaps an input in memory",
             alias == Alias::elementwise ? "; it may be exactly an input or apart from all of them"
                                         : "",
             " (", name, ": ", shape, ", input: ", shape_of(b), ")");
    }
    given_ = a;
    if (is_native_contiguous(a)) {
        work_ = a;
        if (Plan* plan = Plan::recording()) plan->hold(a);
    } else {
        if (Plan::recording()) refuse_in_plan(op, name);
        work_ = new_array(op, name, dtype, shape);
    }
}

py::object Output::result() {
    if (!work_) return py::none();
    if (!given_.is(work_)) {
        given_[py::ellipsis()] = work_;
    }
    return given_;
}

std::vector<py::object> split_out(const char* op, py::handle out, std::size_t count) {
    if (out.is_none()) return std::vector<py::object>(count, py::none());
    if (!py::isinstance<py::tuple>(out) || py::len(out) != count)
        throw py::type_error(std::string(op) + ": out must be None or a tuple of " +
                             std::to_string(count));
    std::vector<py::object> parts;
    for (const py::handle part : out) parts.push_back(py::reinterpret_borrow<py::object>(part));
    return parts;
}

py::array_t<std::int64_t> integer_array(const char* op, const char* name, py::handle value) {
    const py::array a = as_array(op, name, value);
    const char kind = a.dtype().kind();
    if (kind != 'i' && kind != 'u')
        throw py::type_error(std::string(op) + ": " + name + " must be integers, got " +
                             text(a.dtype()));
    if (py::isinstance<py::array_t<std::int64_t>>(a) && is_native_contiguous(a)) {
        if (Plan* plan = Plan::recording()) plan->hold(a);
        return py::reinterpret_borrow<py::array_t<std::int64_t>>(a);
    }
    if (Plan::recording()) refuse_in_plan(op, name);
    return converted<std::int64_t>(a);
}

Activation parse_activation(const char* op, py::handle name) {
    if (name.is_none()) return Activation::none;
    const auto text = py::str(name).cast<std::string>();
    if (text == "relu") return Activation::relu;
    if (text == "sigmoid") return Activation::sigmoid;
    if (text == "tanh") return Activation::tanh;
    fail(op, "activation must be None, 'relu', 'sigmoid' or 'tanh', got '", text, "'");
}

Scalar<double> live_scalar(const char* op, const char* name, py::handle value) {
    if (Plan* plan = Plan::recording(); plan && py::isinstance<py::array_t<double>>(value)) {
        const auto a = py::reinterpret_borrow<py::array>(value);
        if (a.size() != 1)
            fail(op, name, " as an array must have one element, got shape ", shape_of(a));
        plan->hold(a);
        return {0.0, static_cast<const double*>(a.data())};
    }
    const double number = PyFloat_AsDouble(value.ptr());
    if (number == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        throw py::type_error(std::string(op) + ": " + name + " must be a number, got " +
                             text(py::type::of(value).attr("__name__")));
    }
    return {number, nullptr};
}

Scalar<std::int64_t> live_integer(const char* op, const char* name, py::handle value) {
    if (Plan* plan = Plan::recording(); plan && py::isinstance<py::array_t<std::int64_t>>(value)) {
        const auto a = py::reinterpret_borrow<py::array>(value);
        if (a.size() != 1)
            fail(op, name, " as an array must have one element, got shape ", shape_of(a));
        plan->hold(a);
        return {0, static_cast<const std::int64_t*>(a.data())};
    }
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!index) {
        PyErr_Clear();
        throw py::type_error(std::string(op) + ": " + name + " must be an integer, got " +
                             text(py::type::of(value).attr("__name__")));
    }
    const long long number = PyLong_AsLongLong(index.ptr());
    if (number == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        fail(op, name, " must fit into 64 bits, got ", text(value));
    }
    return {number, nullptr};
}

}  // namespace hotloop::bind
