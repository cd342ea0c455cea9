#include <string>

#include "bind.h"
#include "changed.h"
#include "geometry.h"
#include "hotloop/ops/norm.h"

namespace hotloop::bind {
namespace {

// (N, F), or images in either layout.
Channels channels_of(const char* op, const Shape& x, py::handle data_format) {
    const bool last = parse_channels_last(op, data_format);
    if (x.rank() == 2 && x[1] == 1) return {1, 1, x[0], true};  // one channel is one plane
    if (x.rank() == 2) return {x[0], x[1], 1, false};
    if (x.rank() != 4) fail(op, "x must be (N, F) or a batch of images with 4 axes, got ", x);
    const Images s = images_of(op, "x", x, last);
    if (s.C == 1) return {1, 1, s.N * s.H * s.W, true};
    return {s.N, s.C, s.H * s.W, !last};
}

void check_vector(
    const char* op, const Inputs& in, int i, const char* name, index_t C, const Shape& x) {
    if (in.shape(i) != Shape{C})
        fail(op, name, " must be (", C, ",), one number a channel, got ", in.shape(i), " (x: ", x,
             ")");
}

// A running statistic in the dtype of the op: the array itself, or a copy that goes back.
class Running {
  public:
    Running(
        const char* op, const char* name, py::handle value, DType dtype, index_t C, bool training) {
        if (training) {
            const Changed check(op, {{name, value}});
            given_ = py::reinterpret_borrow<py::array>(value);
        } else {
            const Inputs in(op, {{name, value}});
            given_ = py::reinterpret_borrow<py::array>(in.originals()[0]);
        }
        check_axes(op, name, given_);
        if (shape_of(given_) != Shape{C})
            fail(op, name, " must be (", C, ",), one number a channel, got ", shape_of(given_));
        const bool usable = given_.dtype().equal(numpy_dtype(dtype)) &&
                            (given_.flags() & py::array::c_style) &&
                            (given_.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_);
        Plan* plan = Plan::recording();
        if (plan && !usable) refuse_in_plan(op, name);
        work_ = usable ? given_ : py::array(given_.attr("astype")(numpy_dtype(dtype)));
        if (plan) plan->hold(work_);
    }

    const py::array& given() const { return given_; }
    template <class T>
    T* data() {
        return const_cast<T*>(static_cast<const T*>(work_.data()));
    }
    void write_back() {
        if (!given_.is(work_)) given_[py::ellipsis()] = work_;
    }

  private:
    py::array given_;
    py::array work_;
};

py::object batch_norm_(py::handle x,
                       py::handle gamma,
                       py::handle beta,
                       py::handle running_mean,
                       py::handle running_var,
                       py::handle training_flag,
                       py::handle momentum,
                       py::handle eps,
                       py::handle data_format,
                       py::handle out) {
    constexpr const char* kOp = "batch_norm";
    const bool training = parse_flag(kOp, "training", training_flag);
    const Inputs in(kOp, {{"x", x}, {"gamma", gamma}, {"beta", beta}});
    const Shape shape = in.shape(0);
    const Channels s = channels_of(kOp, shape, data_format);
    check_vector(kOp, in, 1, "gamma", s.C, shape);
    check_vector(kOp, in, 2, "beta", s.C, shape);
    Running mean_array(kOp, "running_mean", running_mean, in.dtype(), s.C, training);
    Running var_array(kOp, "running_var", running_var, in.dtype(), s.C, training);
    if (training) {
        if (overlap(mean_array.given(), var_array.given()))
            fail(kOp, "running_mean overlaps running_var in memory");
        for (const py::object& other : in.originals()) {
            const auto a = py::reinterpret_borrow<py::array>(other);
            if (overlap(a, mean_array.given()) || overlap(a, var_array.given()))
                fail(kOp,
                     "a running array, which is changed in place, overlaps an input in memory (x: ",
                     shape, ")");
        }
    }
    const auto given = training ? split_out(kOp, out, 3)
                                : std::vector<py::object>{py::reinterpret_borrow<py::object>(out)};
    Output y(in, training ? "y" : "out", given[0], shape,
             training ? Alias::none : Alias::elementwise);
    Output mean;
    Output inv_std;
    if (training) {
        mean = Output(in, "mean", given[1], Shape{s.C}, Alias::none);
        inv_std = Output(in, "inv_std", given[2], Shape{s.C}, Alias::none);
    }
    for (const py::object& result : given) {
        if (result.is_none()) continue;
        const auto a = py::reinterpret_borrow<py::array>(result);
        if (overlap(a, mean_array.given()) || overlap(a, var_array.given()))
            fail(kOp, "out overlaps a running array in memory (x: ", shape, ")");
    }
    const double keep = live_scalar(kOp, "momentum", momentum).get();
    const double epsilon = live_scalar(kOp, "eps", eps).get();
    dispatch(in.dtype(), [&]<class T>() {
        submit<BatchNormArgs<T>>(
            {in.data<T>(0), in.data<T>(1), in.data<T>(2), mean_array.data<T>(), var_array.data<T>(),
             y.data<T>(), mean.data<T>(), inv_std.data<T>(), s, training, keep, epsilon},
            &batch_norm<T>, 16.0 * static_cast<double>(shape.size()));
    });
    if (!training) return y.result();
    mean_array.write_back();
    var_array.write_back();
    return py::make_tuple(y.result(), mean.result(), inv_std.result());
}

py::tuple batch_norm_backward_(py::handle dy,
                               py::handle x,
                               py::handle gamma,
                               py::handle mean,
                               py::handle inv_std,
                               py::handle data_format,
                               py::handle out) {
    constexpr const char* kOp = "batch_norm_backward";
    const Inputs in(kOp,
                    {{"dy", dy}, {"x", x}, {"gamma", gamma}, {"mean", mean}, {"inv_std", inv_std}});
    const Shape shape = in.shape(1);
    const Channels s = channels_of(kOp, shape, data_format);
    if (in.shape(0) != shape)
        fail(kOp, "dy must be ", shape, ", the shape of x, got ", in.shape(0));
    check_vector(kOp, in, 2, "gamma", s.C, shape);
    check_vector(kOp, in, 3, "mean", s.C, shape);
    check_vector(kOp, in, 4, "inv_std", s.C, shape);
    const auto given = split_out(kOp, out, 3);
    Output dx(in, "dx", given[0], shape, Alias::elementwise);
    Output dgamma(in, "dgamma", given[1], Shape{s.C}, Alias::none);
    Output dbeta(in, "dbeta", given[2], Shape{s.C}, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<BatchNormBackwardArgs<T>>(
            {in.data<T>(0), in.data<T>(1), in.data<T>(2), in.data<T>(3), in.data<T>(4),
             dx.data<T>(), dgamma.data<T>(), dbeta.data<T>(), s},
            &batch_norm_backward<T>, 24.0 * static_cast<double>(shape.size()));
    });
    return py::make_tuple(dx.result(), dgamma.result(), dbeta.result());
}

// x (..., K): its rows, and the shape of what there is one of a row.
struct Rows {
    index_t rows = 1;
    index_t K = 0;
    Shape lead;
    Rows(const char* op, const Shape& x) {
        if (x.rank() == 0) fail(op, "x must have at least 1 axis, got ()");
        for (int i = 0; i + 1 < x.rank(); ++i) {
            lead.push_back(x[i]);
            rows *= x[i];
        }
        K = x[x.rank() - 1];
        if (K == 0) fail(op, "the last axis must not be empty (x: ", x, ")");
    }
};

py::tuple layer_norm_(
    py::handle x, py::handle gamma, py::handle beta, py::handle eps, py::handle out) {
    constexpr const char* kOp = "layer_norm";
    const Inputs in(kOp, {{"x", x}, {"gamma", gamma}, {"beta", beta}});
    const Shape shape = in.shape(0);
    const Rows s(kOp, shape);
    for (const int i : {1, 2})
        if (in.shape(i) != Shape{s.K})
            fail(kOp, i == 1 ? "gamma" : "beta", " must be (", s.K, ",), the last axis of x, got ",
                 in.shape(i), " (x: ", shape, ")");
    const auto given = split_out(kOp, out, 3);
    Output y(in, "y", given[0], shape, Alias::none);
    Output mean(in, "mean", given[1], s.lead, Alias::none);
    Output inv_std(in, "inv_std", given[2], s.lead, Alias::none);
    const double epsilon = live_scalar(kOp, "eps", eps).get();
    dispatch(in.dtype(), [&]<class T>() {
        submit<LayerNormArgs<T>>({in.data<T>(0), in.data<T>(1), in.data<T>(2), y.data<T>(),
                                  mean.data<T>(), inv_std.data<T>(), s.rows, s.K, epsilon},
                                 &layer_norm<T>, 16.0 * static_cast<double>(shape.size()));
    });
    return py::make_tuple(y.result(), mean.result(), inv_std.result());
}

py::tuple layer_norm_backward_(py::handle dy,
                               py::handle x,
                               py::handle gamma,
                               py::handle mean,
                               py::handle inv_std,
                               py::handle out) {
    constexpr const char* kOp = "layer_norm_backward";
    const Inputs in(kOp,
                    {{"dy", dy}, {"x", x}, {"gamma", gamma}, {"mean", mean}, {"inv_std", inv_std}});
    const Shape shape = in.shape(1);
    const Rows s(kOp, shape);
    if (in.shape(0) != shape)
        fail(kOp, "dy must be ", shape, ", the shape of x, got ", in.shape(0));
    if (in.shape(2) != Shape{s.K})
        fail(kOp, "gamma must be (", s.K, ",), the last axis of x, got ", in.shape(2),
             " (x: ", shape, ")");
    for (const int i : {3, 4})
        if (in.shape(i) != s.lead)
            fail(kOp, i == 3 ? "mean" : "inv_std", " must be ", s.lead, ", one number a row, got ",
                 in.shape(i), " (x: ", shape, ")");
    const auto given = split_out(kOp, out, 3);
    Output dx(in, "dx", given[0], shape, Alias::none);
    Output dgamma(in, "dgamma", given[1], Shape{s.K}, Alias::none);
    Output dbeta(in, "dbeta", given[2], Shape{s.K}, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<LayerNormBackwardArgs<T>>(
            {in.data<T>(0), in.data<T>(1), in.data<T>(2), in.data<T>(3), in.data<T>(4),
             dx.data<T>(), dgamma.data<T>(), dbeta.data<T>(), s.rows, s.K},
            &layer_norm_backward<T>, 24.0 * static_cast<double>(shape.size()));
    });
    return py::make_tuple(dx.result(), dgamma.result(), dbeta.result());
}

}  // namespace

void bind_norm(py::module_& m) {
    using py::arg;
    const auto eps = arg("eps") = 1e-5;
    const auto format = arg("data_format") = "channels_first";
    const auto out = arg("out") = py::none();
    m.def("batch_norm", &batch_norm_, arg("x"), arg("gamma"), arg("beta"), arg("running_mean"),
          arg("running_var"), arg("training"), arg("momentum") = 0.9, eps, format, out);
    m.def("batch_norm_backward", &batch_norm_backward_, arg("dy"), arg("x"), arg("gamma"),
          arg("mean"), arg("inv_std"), format, out);
    m.def("layer_norm", &layer_norm_, arg("x"), arg("gamma"), arg("beta"), eps, out);
    m.def("layer_norm_backward", &layer_norm_backward_, arg("dy"), arg("x"), arg("gamma"),
          arg("mean"), arg("inv_std"), out);
}

}  // namespace hotloop::bind
