// Arguments of what moves elements or reduces axes: arrays of any type, axes, lists of integers.
#pragma once

#include <vector>

#include "arrays.h"

namespace hotloop::bind {

// An array of elements that are moved as they are: floats, integers or bools of at most 8 bytes,
// native, of any strides. TypeError / ValueError otherwise.
py::array movable(const char* op, const char* name, py::handle value);

// An integer, or a list or tuple of integers or of such lists, in a row.
std::vector<index_t> integers(const char* op, const char* name, py::handle value);

// One bit for each axis that is named: None for all of them, an axis, or a list or tuple of axes,
// each once.
unsigned axis_bits(const char* op, const Shape& shape, py::handle axis);

}  // namespace hotloop::bind
