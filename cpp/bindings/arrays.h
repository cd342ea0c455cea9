// Between NumPy and the ops: conversion of inputs, outputs given or made, and their errors.
//
// A binding reads:
//     const Inputs in("matmul", {{"a", a}, {"b", b}});  // a third brace, true: may be None
//     const Shape shape = matmul_shape(in.shape(0), in.shape(1), transpose_a, transpose_b);
//     Output c(in, "out", out, shape, Alias::none);
//     dispatch(in.dtype(), [&]<class T>() {
//         submit<MatmulArgs<T>>({in.data<T>(0), ...}, &matmul<T>, cost);
//     });
//     return c.result();
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "hotloop/scalar.h"
#include "hotloop/shape.h"
#include "hotloop/strided.h"
#include "plan.h"

namespace hotloop::bind {

namespace py = pybind11;

enum class DType { f32, f64 };
// May `out` be exactly one of the inputs?
enum class Alias { none, elementwise };

// How arrays are converted for kernels. Without the last flag NumPy leaves an array where it lies,
// between the addresses that its type may have.
constexpr int kPlain =
    py::array::c_style | py::array::forcecast | py::detail::npy_api::NPY_ARRAY_ALIGNED_;

// str(h), for messages.
std::string text(py::handle h);
Shape shape_of(const py::array& a);
// numpy.asarray; NumPy's refusal of ragged or foreign data becomes a TypeError that names op and
// argument, with NumPy's own as its cause. Masked values are a ValueError, and items behind an
// index without an iterator a TypeError.
py::array as_array(const char* op, const char* name, py::handle value);
// A C-contiguous, native array of T. Not array_t::ensure, which swallows the reason of a failure:
// there may be no memory for it.
template <class T>
py::array_t<T, kPlain> converted(const py::array& a) {
    return py::array_t<T, kPlain>(py::reinterpret_borrow<py::object>(a));
}
// C-contiguous, aligned and in this machine's byte order: as kernels read it.
bool is_native_contiguous(const py::array& a);
// Whether two arrays have a byte in common.
bool overlap(const py::array& a, const py::array& b);
// Whether two elements may share bytes, as in a view with strides of 0: no place for results.
bool overlaps_itself(const py::array& a);
// Throws, with op and argument in the text, where an array has more axes than a Shape.
void check_axes(const char* op, const char* name, const py::array& a);
const char* name_of(DType dtype);

struct Named {
    const char* name;
    py::handle value;
    bool optional = false;
};

// At most kMost of something, without a visit to the heap: three of those cost a small op a third
// of its call.
template <class V>
class SmallVector {
  public:
    static constexpr std::size_t kMost = 9;
    void push_back(V v) { items_[count_++] = std::move(v); }
    std::size_t size() const { return count_; }
    V& operator[](std::size_t i) { return items_[i]; }
    const V& operator[](std::size_t i) const { return items_[i]; }
    const V* begin() const { return items_; }
    const V* end() const { return items_ + count_; }

  private:
    V items_[kMost] = {};
    std::size_t count_ = 0;
};

// How inputs may lie in memory.
enum class Lying { contiguous, strided };

// The floating inputs of an op, at most SmallVector::kMost, promoted together to float32 or
// float64, native and C-contiguous, or with the strides that they have. A plan records what makes
// them contiguous.
class Inputs {
  public:
    Inputs(const char* op, std::initializer_list<Named> named, Lying lying = Lying::contiguous);

    const char* op() const { return op_; }
    DType dtype() const { return dtype_; }
    bool has(int i) const { return !values_[at(i)].is_none(); }
    Shape shape(int i) const { return shape_of(array(i)); }
    py::array array(int i) const;  // TypeError for an input that is None
    template <class T>
    const T* data(int i) const {
        return has(i) ? static_cast<const T*>(array(i).data()) : nullptr;
    }
    // What the caller passed, before conversion, as an array: aliasing is judged on it.
    const SmallVector<py::object>& originals() const { return originals_; }
    // One more array that outputs may not overlap.
    void keep_apart(const py::array& a) { originals_.push_back(a); }

  private:
    static std::size_t at(int i) { return static_cast<std::size_t>(i); }

    const char* op_;
    DType dtype_ = DType::f64;
    SmallVector<const char*> names_;
    SmallVector<py::object> values_;
    SmallVector<py::object> originals_;
};

// One output array: the one given as `out`, or a new one.
class Output {
  public:
    Output() = default;  // not wanted: data() is null, result() is None
    Output(const Inputs& in, const char* name, py::handle given, const Shape& shape, Alias alias);
    // The same for other element types, with the dtype by name ("int64", "uint8", ...).
    Output(const Inputs& in,
           const char* name,
           py::handle given,
           const Shape& shape,
           const py::dtype& dtype);

    template <class T>
    T* data() {
        return work_ ? static_cast<T*>(py::reinterpret_borrow<py::array>(work_).mutable_data())
                     : nullptr;
    }
    // The array to return; a strided `out` is filled here, so call it after the op has run.
    py::object result();

  private:
    void make(const Inputs& in,
              const char* name,
              py::handle given,
              const Shape& shape,
              const py::dtype& dtype,
              Alias alias);
    py::object given_ = py::none();
    py::object work_;  // what the op writes
};

// Parts of `out` where an op has several outputs: None, or a tuple of `count`.
std::vector<py::object> split_out(const char* op, py::handle out, std::size_t count);

// Integers of any width as a C-contiguous int64 array. TypeError for any other dtype.
py::array_t<std::int64_t> integer_array(const char* op, const char* name, py::handle value);

// A new array, aligned to 64 bytes where it will live long (in a plan).
py::array new_array(const char* op, const char* name, const py::dtype& dtype, const Shape& shape);

DType dtype_of(const char* op, const char* name, const py::array& a);
py::dtype numpy_dtype(DType dtype);

// None, "relu", "sigmoid" or "tanh".
Activation parse_activation(const char* op, py::handle name);

// A Python number, or a 1-element array that a recorded step reads at each run.
Scalar<double> live_scalar(const char* op, const char* name, py::handle value);
Scalar<std::int64_t> live_integer(const char* op, const char* name, py::handle value);

// Appends the axes of `shape`, to which arrays (or null) are broadcast, to a pass over them; the
// last `inner` axes of the arrays are left out.
template <int N>
void push_axes(StridedAxes<N>& axes,
               const Shape& shape,
               const py::array* const (&arrays)[N],
               int inner = 0) {
    for (int k = 0; k < shape.rank(); ++k) {
        index_t by[N] = {};
        for (int i = 0; i < N; ++i) {
            if (!arrays[i]) continue;
            const auto axis =
                static_cast<py::ssize_t>(k) - shape.rank() + arrays[i]->ndim() - inner;
            if (axis >= 0 && arrays[i]->shape(axis) != 1) by[i] = arrays[i]->strides(axis);
        }
        axes.push(shape[k], by);
    }
}

// A C-contiguous copy of an array of native elements of 1, 2, 4 or 8 bytes; a plan records it.
py::array contiguous_copy(const char* op, const char* name, const py::array& a);
// Are the elements native, and where their type may lie?
bool is_native(const py::array& a);

// Raises RuntimeError: conversions cannot be recorded.
void refuse_in_plan(const char* op, const char* name);

template <class F>
void dispatch(DType dtype, F&& f) {
    if (dtype == DType::f32)
        f.template operator()<float>();
    else
        f.template operator()<double>();
}

}  // namespace hotloop::bind
