// Arrays that an op changes in place: parameters, optimizer slots, running statistics.
#pragma once

#include <vector>

#include "arrays.h"

namespace hotloop::bind {

// A native float32 or float64 array that an op may write to. TypeError / ValueError otherwise.
py::array changeable(const char* op, const char* name, py::handle value);
// The same where it must be C-contiguous too; a plan that records holds it.
py::array in_place(const char* op, const char* name, py::handle value);

// Writable native float32 or float64 arrays of one dtype and one shape, apart from each other. One
// that is not C-contiguous is worked on in a copy, which write_back() puts back; a plan refuses it.
class Changed {
  public:
    Changed(const char* op, std::initializer_list<Named> named);

    DType dtype() const { return dtype_; }
    const Shape& shape() const { return shape_; }
    template <class T>
    T* data(std::size_t i) {
        return static_cast<T*>(work_[i].mutable_data());
    }
    // Throws std::invalid_argument when `other`, an input of the op, overlaps one of the arrays.
    void check_apart(const char* name, const py::array& other) const;
    void write_back();

  private:
    const char* op_;
    DType dtype_ = DType::f64;
    Shape shape_;
    std::vector<const char*> names_;
    std::vector<py::array> given_;
    std::vector<py::array> work_;
};

}  // namespace hotloop::bind
