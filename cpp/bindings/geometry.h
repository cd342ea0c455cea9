// Strides, paddings and image layouts as Python writes them.
#pragma once

#include <pybind11/pybind11.h>

#include "hotloop/ops/window.h"
#include "hotloop/shape.h"

namespace hotloop::bind {

namespace py = pybind11;

// int or (h, w). TypeError for other types, ValueError for another count.
Pair parse_pair(const char* op, const char* name, py::handle value);

// int | (h, w) | ((top, bottom), (left, right)) | "valid" | "same".
Padding parse_padding(const char* op, py::handle value);

// "channels_first" -> false, "channels_last" -> true.
bool parse_channels_last(const char* op, py::handle data_format);

// True or False, or what Python takes for one; a text or a list is a TypeError.
bool parse_flag(const char* op, const char* name, py::handle value);

// A shape given as a sequence of integers, none negative.
Shape parse_shape(const char* op, const char* name, py::handle value);

}  // namespace hotloop::bind
