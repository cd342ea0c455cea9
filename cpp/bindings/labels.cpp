#include "labels.h"

#include <cmath>
#include <string>

#include "hotloop/ops/losses.h"

namespace hotloop::bind {
namespace {

py::object array_or_none(const char* op, const char* name, py::handle value) {
    return value.is_none() ? py::object(py::none()) : py::object(as_array(op, name, value));
}

bool same_shape(const py::object& a, const py::object& b) {
    if (!py::isinstance<py::array>(a) || !py::isinstance<py::array>(b)) return true;
    const auto x = py::reinterpret_borrow<py::array>(a);
    const auto y = py::reinterpret_borrow<py::array>(b);
    if (x.ndim() != y.ndim()) return false;
    for (py::ssize_t i = 0; i < x.ndim(); ++i)
        if (x.shape(i) != y.shape(i)) return false;
    return true;
}

}  // namespace

py::object class_ids(const char* op, const py::array& labels) {
    const char kind = labels.dtype().kind();
    if (kind == 'i' || kind == 'u') return integer_array(op, "labels", labels);
    if (labels.size() == 0)
        return py::array_t<std::int64_t>(
            std::vector<py::ssize_t>(labels.shape(), labels.shape() + labels.ndim()));
    const auto dtype = py::str(labels.dtype()).cast<std::string>();
    if (kind != 'f' && kind != 'b')
        throw py::type_error(std::string(op) + ": labels must be integer class ids, got " + dtype);
    const auto numbers = converted<double>(labels);
    py::ssize_t at = 0;
    for (py::ssize_t i = numbers.size(); i-- > 0;)
        if (numbers.data()[i] != std::floor(numbers.data()[i])) at = i;
    fail(op, "labels must be integer class ids, got ", dtype, " with ", numbers.data()[at],
         " at index ", at);
}

void ids_apart_check(const char* op, py::handle out, const py::object& ids) {
    if (!ids || !py::isinstance<py::array>(out)) return;
    if (py::module_::import("numpy").attr("shares_memory")(out, ids).cast<bool>())
        fail(op, "out overlaps the labels in memory");
}

Labelled::Labelled(const char* op,
                   const char* scores_name,
                   py::handle scores,
                   py::handle labels,
                   py::handle sample_weight)
    : labels_(array_or_none(op, "labels", labels)), inputs_([&] {
          if (scores.is_none() || labels.is_none())
              throw py::type_error(std::string(op) + ": " +
                                   (scores.is_none() ? scores_name : "labels") +
                                   " must be an array, got None");
          const py::object x = array_or_none(op, scores_name, scores);
          return Inputs(
              op, {{scores_name, x},
                   {"labels", same_shape(x, labels_) ? labels_ : py::object(py::none()), true},
                   {"sample_weight", sample_weight, true}});
      }()) {
    const Shape x = shape();
    if (x.rank() != 1 && x.rank() != 2)
        fail(op, scores_name, " must be a batch (N, K) or one sample (K,), got ", x);
    const Shape batch = x.rank() == 1 ? Shape{} : Shape{x[0]};
    if (!inputs_.has(1)) {
        const auto given = py::reinterpret_borrow<py::array>(labels_);
        check_axes(op, "labels", given);
        if (shape_of(given) != batch)
            fail(op, "labels must be class ids ", batch, " or rows ", x, ", got ", shape_of(given),
                 " (", scores_name, ": ", x, ")");
        ids_ = class_ids(op, given);
    }
    if (inputs_.has(2) && inputs_.shape(2) != batch)
        fail(op, "sample_weight must be ", batch, ", one a sample, got ", inputs_.shape(2), " (",
             scores_name, ": ", x, ")");
}

void Labelled::check_ids() const {
    if (const std::int64_t* const numbers = ids()) ids_check(inputs_.op(), numbers, N(), K());
}

Output Labelled::output(const char* name, py::handle given) const {
    ids_apart_check(inputs_.op(), given, labels_);
    return {inputs_, name, given, shape(), Alias::none};
}

}  // namespace hotloop::bind
