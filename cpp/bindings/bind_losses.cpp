#include "arrays.h"
#include "bind.h"
#include "hotloop/ops/losses.h"
#include "hotloop/ops/pointwise.h"
#include "labels.h"

namespace hotloop::bind {
namespace {

// A loss comes back as a Python float, which no later run could change.
void refuse_recording(const char* op) {
    if (Plan::recording())
        throw std::runtime_error(std::string(op) +
                                 ": returns a Python float, which a plan cannot record");
}

// f() without the GIL when it is worth that: f may not touch a Python object.
template <class F>
void run(double cost, F&& f) {
    if (cost >= 1e6) {
        const ReleasedGil unlocked;
        f();
    } else {
        f();
    }
}

template <class T>
SoftmaxCrossEntropyArgs<T> cross_entropy_args(const Labelled& in) {
    return {in.scores<T>(), in.ids(), in.rows<T>(), in.weights<T>(), nullptr,
            nullptr,        nullptr,  nullptr,      in.N(),          in.K()};
}

py::tuple softmax_cross_entropy_(py::handle logits,
                                 py::handle labels,
                                 py::handle sample_weight,
                                 py::handle out) {
    const char* const op = "softmax_cross_entropy";
    refuse_recording(op);
    const Labelled in(op, "logits", logits, labels, sample_weight);
    mean_check(op, "logits", in.shape());
    in.check_ids();
    Output probs = in.output("out", out);
    double loss = 0;
    dispatch(in.inputs().dtype(), [&]<class T>() {
        auto args = cross_entropy_args<T>(in);
        args.loss = &loss;
        args.probs = probs.data<T>();
        submit(args, &softmax_cross_entropy<T>, loss_cost<T>(in.N() * in.K()));
    });
    return py::make_tuple(loss, probs.result());
}

py::object softmax_cross_entropy_backward_(py::handle probs,
                                           py::handle labels,
                                           py::handle sample_weight,
                                           py::handle out) {
    const Labelled in("softmax_cross_entropy_backward", "probs", probs, labels, sample_weight);
    in.check_ids();
    Output dx = in.output("out", out);
    dispatch(in.inputs().dtype(), [&]<class T>() {
        submit<SoftmaxCrossEntropyBackwardArgs<T>>(
            {in.scores<T>(), in.ids(), in.rows<T>(), in.weights<T>(), dx.data<T>(), in.N(), in.K()},
            &softmax_cross_entropy_backward<T>, loss_cost<T>(in.N() * in.K()));
    });
    return dx.result();
}

void softmax_cross_entropy_train(py::handle logits,
                                 py::handle labels,
                                 py::handle sample_weight,
                                 py::handle loss,
                                 py::handle correct,
                                 py::handle probs,
                                 py::handle dlogits,
                                 double factor) {
    const Labelled in("softmax_cross_entropy_train", "logits", logits, labels, sample_weight);
    const auto number = [&](const char* name, py::handle given, const py::dtype& dtype) {
        return given.is_none() ? Output() : Output(in.inputs(), name, given, Shape{1}, dtype);
    };
    const auto like_logits = [&](const char* name, py::handle given) {
        return given.is_none() ? Output() : in.output(name, given);
    };
    Output l = number("loss", loss, py::dtype::of<double>());
    Output c = number("correct", correct, py::dtype::of<std::int64_t>());
    Output p = like_logits("probs", probs);
    Output d = like_logits("dlogits", dlogits);
    dispatch(in.inputs().dtype(), [&]<class T>() {
        auto args = cross_entropy_args<T>(in);
        args.loss = l.data<double>();
        args.correct = c.data<std::int64_t>();
        args.probs = p.data<T>();
        args.dlogits = d.data<T>();
        args.factor = factor;
        submit(args, &softmax_cross_entropy<T>, loss_cost<T>(in.N() * in.K()));
    });
    for (Output* const output : {&l, &c, &p, &d}) output->result();
}

// Losses of (scores, labels[, eps]) and their gradients; nll has no eps.
template <class Loss>
double labelled_loss(
    const char* op, const char* name, py::handle x, py::handle labels, double eps, Loss loss) {
    refuse_recording(op);
    const Labelled in(op, name, x, labels);
    mean_check(op, name, in.shape());
    in.check_ids();
    double value = 0;
    dispatch(in.inputs().dtype(), [&]<class T>() {
        const LabelledArgs<T> args{in.scores<T>(), in.ids(), in.rows<T>(),       nullptr,
                                   in.N(),         in.K(),   static_cast<T>(eps)};
        run(loss_cost<T>(in.N() * in.K()), [&] { value = loss(args); });
    });
    return value;
}

template <class Backward>
py::object labelled_backward(const char* op,
                             const char* name,
                             py::handle x,
                             py::handle labels,
                             double eps,
                             py::handle out,
                             Backward backward) {
    const Labelled in(op, name, x, labels);
    in.check_ids();
    Output dx = in.output("out", out);
    dispatch(in.inputs().dtype(), [&]<class T>() {
        submit<LabelledArgs<T>>({in.scores<T>(), in.ids(), in.rows<T>(), dx.data<T>(), in.N(),
                                 in.K(), static_cast<T>(eps)},
                                backward.template operator()<T>(), loss_cost<T>(in.N() * in.K()));
    });
    return dx.result();
}

double cross_entropy_(py::handle probs, py::handle labels, py::handle eps) {
    const double shift = live_scalar("cross_entropy", "eps", eps).get();
    return labelled_loss("cross_entropy", "probs", probs, labels, shift,
                         [](const auto& args) { return cross_entropy(args); });
}

py::object cross_entropy_backward_(py::handle probs,
                                   py::handle labels,
                                   py::handle eps,
                                   py::handle out) {
    const char* const op = "cross_entropy_backward";
    const double shift = live_scalar(op, "eps", eps).get();
    return labelled_backward(op, "probs", probs, labels, shift, out,
                             []<class T>() { return &cross_entropy_backward<T>; });
}

double nll_(py::handle log_probs, py::handle labels) {
    return labelled_loss("nll", "log_probs", log_probs, labels, 0,
                         [](const auto& args) { return nll(args); });
}

py::object nll_backward_(py::handle log_probs, py::handle labels, py::handle out) {
    return labelled_backward("nll_backward", "log_probs", log_probs, labels, 0, out,
                             []<class T>() { return &nll_backward<T>; });
}

double element_cost(ElementLoss kind, index_t n) {
    return kind == ElementLoss::binary_cross_entropy ? loss_cost<float>(n)
                                                     : 8.0 * static_cast<double>(n);
}

// The mean of a loss over the elements of (y, t).
double mean_loss(const char* op,
                 ElementLoss kind,
                 const char* y_name,
                 py::handle y,
                 const char* t_name,
                 py::handle t) {
    refuse_recording(op);
    const Inputs in(op, {{y_name, y}, {t_name, t}});
    const Shape shape = in.shape(0);
    same_shape_check(op, y_name, shape, t_name, in.shape(1));
    mean_check(op, y_name, shape);
    double loss = 0;
    dispatch(in.dtype(), [&]<class T>() {
        const ElementLossArgs<T> args{in.data<T>(0), in.data<T>(1), nullptr, &loss,
                                      nullptr,       shape.size(),  kind};
        run(element_cost(kind, shape.size()), [&] { element_loss(args); });
    });
    return loss;
}

double binary_cross_entropy_(py::handle logits, py::handle targets) {
    return mean_loss("binary_cross_entropy", ElementLoss::binary_cross_entropy, "logits", logits,
                     "targets", targets);
}

double mean_squared_error_(py::handle y, py::handle t) {
    return mean_loss("mean_squared_error", ElementLoss::squared_error, "y", y, "t", t);
}

ElementLoss element_loss_of(const char* op, const std::string& kind) {
    if (kind == "squared_error") return ElementLoss::squared_error;
    if (kind == "absolute_error") return ElementLoss::absolute_error;
    if (kind == "huber") return ElementLoss::huber;
    if (kind == "binary_cross_entropy") return ElementLoss::binary_cross_entropy;
    fail(op, "kind must be squared_error, absolute_error, huber or binary_cross_entropy, got ",
         kind);
}

void element_loss_train(const std::string& kind,
                        py::handle y,
                        py::handle t,
                        py::handle sample_weight,
                        py::handle loss,
                        py::handle dy,
                        double parameter,
                        double factor) {
    const char* const op = "element_loss_train";
    const ElementLoss wanted = element_loss_of(op, kind);
    const Inputs in(op, {{"y", y}, {"t", t}, {"sample_weight", sample_weight, true}});
    const Shape shape = in.shape(0);
    same_shape_check(op, "y", shape, "t", in.shape(1));
    if (in.has(2)) same_shape_check(op, "y", shape, "sample_weight", in.shape(2));
    Output l =
        loss.is_none() ? Output() : Output(in, "loss", loss, Shape{1}, py::dtype::of<double>());
    Output d = dy.is_none() ? Output() : Output(in, "dy", dy, shape, Alias::elementwise);
    dispatch(in.dtype(), [&]<class T>() {
        submit<ElementLossArgs<T>>(
            {in.data<T>(0), in.data<T>(1), in.data<T>(2), l.data<double>(), d.data<T>(),
             shape.size(), wanted, static_cast<T>(parameter), factor},
            &element_loss<T>, element_cost(wanted, shape.size()));
    });
    l.result();
    d.result();
}

// factor / size * (f(a) - b), elementwise.
py::object difference(const char* op,
                      Binary kind,
                      double factor,
                      const char* a_name,
                      py::handle a,
                      const char* b_name,
                      py::handle b,
                      py::handle out) {
    const Inputs in(op, {{a_name, a}, {b_name, b}});
    const Shape shape = in.shape(0);
    same_shape_check(op, a_name, shape, b_name, in.shape(1));
    Output d(in, "out", out, shape, Alias::elementwise);
    const double scale = factor / static_cast<double>(shape.size() > 0 ? shape.size() : 1);
    dispatch(in.dtype(), [&]<class T>() {
        submit<BinaryArgs<T>>(
            {in.data<T>(0), in.data<T>(1), d.data<T>(), shape.size(), kind, static_cast<T>(scale)},
            &binary<T>, binary_cost<T>(kind, shape.size()));
    });
    return d.result();
}

py::object binary_cross_entropy_backward_(py::handle logits, py::handle targets, py::handle out) {
    return difference("binary_cross_entropy_backward", Binary::scaled_sigmoid_difference, 1,
                      "logits", logits, "targets", targets, out);
}

py::object mean_squared_error_backward_(py::handle y, py::handle t, py::handle out) {
    return difference("mean_squared_error_backward", Binary::scaled_difference, 2, "y", y, "t", t,
                      out);
}

py::object one_hot_(py::handle labels, py::handle num_classes, const py::object& dtype) {
    const char* const op = "one_hot";
    const py::array given = as_array(op, "labels", labels);
    const index_t K = static_cast<index_t>(live_integer(op, "num_classes", num_classes).get());
    if (K < 0) fail(op, "num_classes must not be negative, got ", K);
    check_axes(op, "labels", given);
    if (given.ndim() > 1)
        fail(op, "labels must be class ids (N,) or one id, got ", shape_of(given));
    const py::object ids = class_ids(op, given);
    const auto* const numbers =
        static_cast<const std::int64_t*>(py::reinterpret_borrow<py::array>(ids).data());
    ids_check(op, numbers, given.size(), K);
    const py::dtype type = [&] {
        try {
            return py::dtype::from_args(dtype);
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_Exception)) throw;
            // NumPy quotes what it cannot read, at any length.
            throw py::type_error(std::string(op) + ": dtype must be float32 or float64, got " +
                                 text(dtype));
        }
    }();
    if (!type.equal(numpy_dtype(DType::f32)) && !type.equal(numpy_dtype(DType::f64)))
        throw py::type_error(std::string(op) + ": dtype must be float32 or float64, got " +
                             py::str(type).cast<std::string>());
    Shape shape = shape_of(given);
    shape.push_back(K);
    Output y(Inputs(op, {}), "y", py::none(), shape, type);
    dispatch(dtype_of(op, "dtype", py::array(type, std::vector<py::ssize_t>{0})), [&]<class T>() {
        submit<OneHotArgs<T>>({numbers, y.data<T>(), given.size(), K}, &one_hot<T>,
                              8.0 * static_cast<double>(shape.size()) * sizeof(T));
    });
    return y.result();
}

}  // namespace

void bind_losses(py::module_& m) {
    using py::arg;
    const auto none = py::none();
    m.def("softmax_cross_entropy", &softmax_cross_entropy_, arg("logits"), arg("labels"),
          arg("sample_weight") = none, arg("out") = none);
    m.def("softmax_cross_entropy_backward", &softmax_cross_entropy_backward_, arg("probs"),
          arg("labels"), arg("sample_weight") = none, arg("out") = none);
    m.def("softmax_cross_entropy_train", &softmax_cross_entropy_train, arg("logits"), arg("labels"),
          arg("sample_weight"), arg("loss"), arg("correct"), arg("probs") = none,
          arg("dlogits") = none, arg("factor") = 1.0);
    m.def("one_hot", &one_hot_, arg("labels"), arg("num_classes"), arg("dtype") = "float32");
    m.def("cross_entropy", &cross_entropy_, arg("probs"), arg("labels"), arg("eps") = 0.0);
    m.def("cross_entropy_backward", &cross_entropy_backward_, arg("probs"), arg("labels"),
          arg("eps") = 0.0, arg("out") = none);
    m.def("nll", &nll_, arg("log_probs"), arg("labels"));
    m.def("nll_backward", &nll_backward_, arg("log_probs"), arg("labels"), arg("out") = none);
    m.def("binary_cross_entropy", &binary_cross_entropy_, arg("logits"), arg("targets"));
    m.def("binary_cross_entropy_backward", &binary_cross_entropy_backward_, arg("logits"),
          arg("targets"), arg("out") = none);
    m.def("mean_squared_error", &mean_squared_error_, arg("y"), arg("t"));
    m.def("mean_squared_error_backward", &mean_squared_error_backward_, arg("y"), arg("t"),
          arg("out") = none);
    m.def("element_loss_train", &element_loss_train, arg("kind"), arg("y"), arg("t"),
          arg("sample_weight"), arg("loss"), arg("dy") = none, arg("parameter") = 0.0,
          arg("factor") = 1.0);
}

}  // namespace hotloop::bind
