#include "geometry.h"

#include <string>
#include <vector>

namespace hotloop::bind {
namespace {

std::string type_name(py::handle value) {
    return py::str(py::type::of(value).attr("__name__")).cast<std::string>();
}

bool is_text(py::handle value) { return py::isinstance<py::str>(value); }

bool is_integer(py::handle value) { return PyIndex_Check(value.ptr()) != 0; }

// Sequences and arrays, but no text: their elements.
bool elements(py::handle value, std::vector<py::object>& parts) {
    if (is_text(value) || PySequence_Check(value.ptr()) == 0) return false;
    const auto list = py::reinterpret_steal<py::object>(PySequence_List(value.ptr()));
    if (!list) {
        PyErr_Clear();
        return false;
    }
    for (const py::handle part : list) parts.push_back(py::reinterpret_borrow<py::object>(part));
    return true;
}

[[noreturn]] void refuse(const char* op, const char* name, const char* wanted, py::handle value) {
    throw py::type_error(std::string(op) + ": " + name + " must be " + wanted + ", got " +
                         type_name(value));
}

index_t integer(const char* op, const char* name, py::handle value) {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!index) {
        PyErr_Clear();
        refuse(op, name, "an integer", value);
    }
    const Py_ssize_t number = PyLong_AsSsize_t(index.ptr());
    if (number == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        fail(op, name, " must fit into 64 bits, got ", py::str(value).cast<std::string>());
    }
    return number;
}

}  // namespace

Pair parse_pair(const char* op, const char* name, py::handle value) {
    constexpr const char* kForms = "an integer or a pair (h, w) of integers";
    std::vector<py::object> parts;
    // An array of one element has __index__ too: it must not pass for a number where it is a list.
    if (elements(value, parts)) {
        if (parts.size() != 2)
            fail(op, name, " must be an integer or a pair (h, w), got ", parts.size(), " numbers");
        for (const py::object& part : parts)
            if (!is_integer(part)) refuse(op, name, kForms, part);
        return {integer(op, name, parts[0]), integer(op, name, parts[1])};
    }
    if (!is_integer(value)) refuse(op, name, kForms, value);
    const index_t both = integer(op, name, value);
    return {both, both};
}

Padding parse_padding(const char* op, py::handle value) {
    constexpr const char* kForms =
        "an integer, (h, w), ((top, bottom), (left, right)), 'valid' or 'same'";
    if (is_text(value)) {
        const auto text = value.cast<std::string>();
        if (text == "valid") return {Padding::Kind::valid};
        if (text == "same") return {Padding::Kind::same};
        fail(op, "padding must be numbers, 'valid' or 'same', got '", text, "'");
    }
    std::vector<py::object> parts;
    if (!elements(value, parts)) {
        if (!is_integer(value)) refuse(op, "padding", kForms, value);
        const index_t all = integer(op, "padding", value);
        return {Padding::Kind::numbers, all, all, all, all};
    }
    if (parts.size() != 2) fail(op, "padding must be ", kForms, ", got ", parts.size(), " parts");
    std::vector<py::object> rows;
    std::vector<py::object> columns;
    const bool nested = elements(parts[0], rows);
    if (elements(parts[1], columns) != nested) refuse(op, "padding", kForms, parts[nested ? 1 : 0]);
    if (!nested) {
        const Pair p = parse_pair(op, "padding", value);
        return {Padding::Kind::numbers, p.h, p.h, p.w, p.w};
    }
    const Pair p = parse_pair(op, "padding (top, bottom)", parts[0]);
    const Pair q = parse_pair(op, "padding (left, right)", parts[1]);
    return {Padding::Kind::numbers, p.h, p.w, q.h, q.w};
}

bool parse_channels_last(const char* op, py::handle data_format) {
    if (!is_text(data_format)) refuse(op, "data_format", "a string", data_format);
    const auto text = data_format.cast<std::string>();
    if (text != "channels_first" && text != "channels_last")
        fail(op, "data_format must be 'channels_first' or 'channels_last', got '", text, "'");
    return text == "channels_last";
}

bool parse_flag(const char* op, const char* name, py::handle value) {
    if (value.ptr() == Py_True || value.ptr() == Py_False) return value.ptr() == Py_True;
    const PyNumberMethods* const number = Py_TYPE(value.ptr())->tp_as_number;
    int truth = -1;
    if (value.is_none())
        truth = 0;
    else if (number && number->nb_bool)
        truth = number->nb_bool(value.ptr());
    PyErr_Clear();
    if (truth < 0) refuse(op, name, "True or False", value);
    return truth == 1;
}

Shape parse_shape(const char* op, const char* name, py::handle value) {
    std::vector<py::object> parts;
    if (!elements(value, parts)) refuse(op, name, "a tuple of integers", value);
    if (parts.size() > static_cast<std::size_t>(Shape::kMaxRank))
        fail(op, name, " has ", parts.size(), " axes; at most ", Shape::kMaxRank, " are supported");
    Shape shape;
    for (const py::object& part : parts) {
        if (!is_integer(part)) refuse(op, name, "a tuple of integers", part);
        shape.push_back(integer(op, name, part));
    }
    for (const index_t d : shape)
        if (d < 0) fail(op, name, " must not be negative, got ", shape);
    return shape;
}

}  // namespace hotloop::bind
