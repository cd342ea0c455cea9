#include "moving.h"

#include <string>

#include "hotloop/ops/softmax.h"

namespace hotloop::bind {
namespace {

bool is_list(py::handle value) { return PyList_Check(value.ptr()) || PyTuple_Check(value.ptr()); }

void append(const char* op, const char* name, py::handle value, std::vector<index_t>& to) {
    constexpr std::size_t kMost = 64;
    if (to.size() > kMost) fail(op, name, " holds too many numbers");
    to.push_back(static_cast<index_t>(live_integer(op, name, value).get()));
}

// The numbers of a list, or of a list of lists.
void append_all(const char* op, const char* name, py::handle value, std::vector<index_t>& to) {
    for (const py::handle one : value) {
        if (is_list(one)) {
            for (const py::handle inner : one) append(op, name, inner, to);
        } else {
            append(op, name, one, to);
        }
    }
}

unsigned with_axis(const char* op, const Shape& shape, py::handle axis, unsigned before) {
    const auto given = static_cast<index_t>(live_integer(op, "axis", axis).get());
    const unsigned bit = 1U << static_cast<unsigned>(checked_axis(op, shape, given));
    if (before & bit) fail(op, "axis names axis ", given, " twice (x: ", shape, ")");
    return before | bit;
}

}  // namespace

py::array movable(const char* op, const char* name, py::handle value) {
    if (value.is_none())
        throw py::type_error(std::string(op) + ": " + name + " must be an array, got None");
    py::array a = as_array(op, name, value);
    check_axes(op, name, a);
    const char kind = a.dtype().kind();
    if ((kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') || a.itemsize() > 8)
        throw py::type_error(std::string(op) + ": " + name +
                             " must be floats, integers or bools of at most 8 bytes, got " +
                             text(a.dtype()));
    if (is_native(a)) return a;
    if (Plan::recording()) refuse_in_plan(op, name);
    return a.attr("astype")(a.dtype().attr("newbyteorder")("="), py::arg("order") = "C");
}

std::vector<index_t> integers(const char* op, const char* name, py::handle value) {
    std::vector<index_t> found;
    if (is_list(value))
        append_all(op, name, value, found);
    else
        append(op, name, value, found);
    return found;
}

unsigned axis_bits(const char* op, const Shape& shape, py::handle axis) {
    if (axis.is_none()) return (1U << static_cast<unsigned>(shape.rank())) - 1;
    if (!is_list(axis)) return with_axis(op, shape, axis, 0);
    unsigned bits = 0;
    for (const py::handle one : axis) bits = with_axis(op, shape, one, bits);
    return bits;
}

}  // namespace hotloop::bind
