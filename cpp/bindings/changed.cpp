#include "changed.h"

#include <string>

namespace hotloop::bind {
py::array changeable(const char* op, const char* name, py::handle value) {
    if (!py::isinstance<py::array>(value))
        throw py::type_error(std::string(op) + ": " + name +
                             " is changed in place and must be a numpy array, got " +
                             text(py::type::of(value).attr("__name__")));
    const py::array a = as_array(op, name, value);
    const bool floating = a.dtype().kind() == 'f' && (a.itemsize() == 4 || a.itemsize() == 8);
    if (!floating || a.dtype().byteorder() == '>')
        throw py::type_error(std::string(op) + ": " + name +
                             " must be a native float32 or float64 array, got " + text(a.dtype()));
    check_axes(op, name, a);
    if (!a.writeable())
        fail(op, name, " is changed in place but is read-only (shape ", shape_of(a), ")");
    return a;
}

py::array in_place(const char* op, const char* name, py::handle value) {
    const py::array a = changeable(op, name, value);
    if (!is_native_contiguous(a))
        fail(op, name, " is changed in place and must be C-contiguous (shape ", shape_of(a), ")");
    if (Plan* plan = Plan::recording()) plan->hold(a);
    return a;
}

Changed::Changed(const char* op, std::initializer_list<Named> named) : op_(op) {
    for (const Named& n : named) {
        const py::array a = changeable(op, n.name, n.value);
        const DType dtype = a.itemsize() == 4 ? DType::f32 : DType::f64;
        if (given_.empty()) {
            dtype_ = dtype;
            shape_ = shape_of(a);
        }
        const char* first = names_.empty() ? n.name : names_.front();
        if (dtype != dtype_)
            throw py::type_error(std::string(op) + ": " + n.name + " must have the dtype of " +
                                 first + ", " + name_of(dtype_) + ", got " + name_of(dtype));
        if (shape_of(a) != shape_)
            fail(op, n.name, " must have the shape of ", first, ", ", shape_, ", got ",
                 shape_of(a));
        if (overlaps_itself(a)) fail(op, n.name, " overlaps itself in memory (shape ", shape_, ")");
        for (std::size_t i = 0; i < given_.size(); ++i)
            if (overlap(a, given_[i]))
                fail(op, n.name, " overlaps ", names_[i], " in memory (both ", shape_, ")");
        names_.push_back(n.name);
        given_.push_back(a);
        Plan* plan = Plan::recording();
        if (is_native_contiguous(a)) {
            if (plan) plan->hold(a);
            work_.push_back(a);
        } else {
            if (plan) refuse_in_plan(op, n.name);
            work_.push_back(py::reinterpret_steal<py::array>(
                py::detail::npy_api::get().PyArray_NewCopy_(a.ptr(), 0 /* C order */)));
        }
    }
}

void Changed::check_apart(const char* name, const py::array& other) const {
    for (std::size_t i = 0; i < given_.size(); ++i)
        if (overlap(given_[i], other))
            fail(op_, name, " overlaps ", names_[i], ", which is changed in place (", names_[i],
                 ": ", shape_, ", ", name, ": ", shape_of(other), ")");
}

void Changed::write_back() {
    for (std::size_t i = 0; i < given_.size(); ++i)
        if (!given_[i].is(work_[i])) given_[i][py::ellipsis()] = work_[i];
}

}  // namespace hotloop::bind
