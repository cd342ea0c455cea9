// Labels of a loss: class ids, or rows of class weights beside the scores.
#pragma once

#include "arrays.h"

namespace hotloop::bind {

// The scores of a batch (N, K), or of one sample (K,), with their labels and optional weights.
class Labelled {
  public:
    // ValueError unless the labels are integer ids (N,) or rows (N, K), and sample_weight is (N,).
    // Ids may be outside [0, K) until check_ids() says otherwise.
    Labelled(const char* op,
             const char* scores_name,
             py::handle scores,
             py::handle labels,
             py::handle sample_weight = py::none());

    const Inputs& inputs() const { return inputs_; }
    Shape shape() const { return inputs_.shape(0); }
    index_t N() const { return shape().rank() == 1 ? 1 : shape()[0]; }
    index_t K() const { return shape()[shape().rank() - 1]; }
    template <class T>
    const T* scores() const {
        return inputs_.data<T>(0);
    }
    template <class T>
    const T* rows() const {
        return inputs_.data<T>(1);
    }
    template <class T>
    const T* weights() const {
        return inputs_.data<T>(2);
    }
    const std::int64_t* ids() const {
        return ids_ ? static_cast<const std::int64_t*>(
                          py::reinterpret_borrow<py::array>(ids_).data())
                    : nullptr;
    }
    void check_ids() const;

    // An output of the shape of the scores, apart from all inputs.
    Output output(const char* name, py::handle given) const;

  private:
    py::object labels_;
    Inputs inputs_;
    py::object ids_;
};

// Integer ids as int64; ValueError for other kinds of numbers, with the index and value of the
// first.
py::object class_ids(const char* op, const py::array& labels);

// ValueError when `out` is an array that shares memory with the ids.
void ids_apart_check(const char* op, py::handle out, const py::object& ids);

}  // namespace hotloop::bind
