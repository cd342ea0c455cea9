#include "bind.h"
#include "changed.h"
#include "geometry.h"
#include "hotloop/ops/update.h"

namespace hotloop::bind {
namespace {

// The gradient in the dtype and shape of the parameter.
template <class T>
py::array gradient(const char* op, const Changed& changed, py::handle grad) {
    const Inputs in(op, {{"grad", grad}});
    if (in.shape(0) != changed.shape())
        fail(op, "grad must have the shape of param, ", changed.shape(), ", got ", in.shape(0));
    const auto a = py::reinterpret_borrow<py::array>(in.originals()[0]);
    changed.check_apart("grad", a);
    if (Plan::recording() && in.dtype() != changed.dtype()) refuse_in_plan(op, "grad");
    return converted<T>(a);
}

double number(const char* op, const char* name, py::handle value) {
    return live_scalar(op, name, value).get();
}

// Fills what all steps share, runs the one that `pick` names, and puts strided arrays back.
template <class Pick>
void update(
    const char* op, Changed& changed, py::handle grad, bool two_slots, bool slot, Pick pick) {
    dispatch(changed.dtype(), [&]<class T>() {
        const py::array g = gradient<T>(op, changed, grad);
        UpdateArgs<T> args{};
        args.param = changed.data<T>(0);
        args.grad = static_cast<const T*>(g.data());
        args.first = slot ? changed.data<T>(1) : nullptr;
        args.second = two_slots ? changed.data<T>(2) : nullptr;
        args.n = changed.shape().size();
        void (*const step)(const UpdateArgs<T>&) = pick(args);
        submit<UpdateArgs<T>>(args, step, 32.0 * static_cast<double>(args.n));
    });
    changed.write_back();
}

void sgd(py::handle param, py::handle grad, py::handle lr, py::handle weight_decay) {
    constexpr const char* kOp = "sgd_update";
    Changed changed(kOp, {{"param", param}});
    update(kOp, changed, grad, false, false, [&]<class T>(UpdateArgs<T>& a) {
        a.lr = live_scalar(kOp, "lr", lr);
        a.weight_decay = number(kOp, "weight_decay", weight_decay);
        return &sgd_update<T>;
    });
}

void momentum(py::handle param,
              py::handle grad,
              py::handle velocity,
              py::handle lr,
              py::handle factor,
              py::handle nesterov,
              py::handle weight_decay) {
    constexpr const char* kOp = "momentum_update";
    Changed changed(kOp, {{"param", param}, {"velocity", velocity}});
    update(kOp, changed, grad, false, true, [&]<class T>(UpdateArgs<T>& a) {
        a.lr = live_scalar(kOp, "lr", lr);
        a.momentum = number(kOp, "momentum", factor);
        a.nesterov = parse_flag(kOp, "nesterov", nesterov);
        a.weight_decay = number(kOp, "weight_decay", weight_decay);
        return &momentum_update<T>;
    });
}

void adagrad(py::handle param,
             py::handle grad,
             py::handle accumulator,
             py::handle lr,
             py::handle eps,
             py::handle weight_decay) {
    constexpr const char* kOp = "adagrad_update";
    Changed changed(kOp, {{"param", param}, {"accumulator", accumulator}});
    update(kOp, changed, grad, false, true, [&]<class T>(UpdateArgs<T>& a) {
        a.lr = live_scalar(kOp, "lr", lr);
        a.eps = number(kOp, "eps", eps);
        a.weight_decay = number(kOp, "weight_decay", weight_decay);
        return &adagrad_update<T>;
    });
}

void rmsprop(py::handle param,
             py::handle grad,
             py::handle square,
             py::handle lr,
             py::handle rho,
             py::handle eps,
             py::handle weight_decay) {
    constexpr const char* kOp = "rmsprop_update";
    Changed changed(kOp, {{"param", param}, {"square", square}});
    update(kOp, changed, grad, false, true, [&]<class T>(UpdateArgs<T>& a) {
        a.lr = live_scalar(kOp, "lr", lr);
        a.momentum = number(kOp, "rho", rho);
        a.eps = number(kOp, "eps", eps);
        a.weight_decay = number(kOp, "weight_decay", weight_decay);
        return &rmsprop_update<T>;
    });
}

void adam(py::handle param,
          py::handle grad,
          py::handle m,
          py::handle v,
          py::handle lr,
          py::handle step,
          py::handle beta1,
          py::handle beta2,
          py::handle eps,
          py::handle weight_decay) {
    constexpr const char* kOp = "adam_update";
    Changed changed(kOp, {{"param", param}, {"m", m}, {"v", v}});
    const Scalar<double> steps = live_scalar(kOp, "step", step);
    if (!steps.live && !(steps.value >= 1)) fail(kOp, "step counts from 1, got ", steps.value);
    update(kOp, changed, grad, true, true, [&]<class T>(UpdateArgs<T>& a) {
        a.lr = live_scalar(kOp, "lr", lr);
        a.step = steps;
        a.momentum = number(kOp, "beta1", beta1);
        a.beta2 = number(kOp, "beta2", beta2);
        a.eps = number(kOp, "eps", eps);
        a.weight_decay = number(kOp, "weight_decay", weight_decay);
        return &adam_update<T>;
    });
}

}  // namespace

void bind_updates(py::module_& m) {
    using py::arg;
    const auto decay = arg("weight_decay") = 0.0;
    const auto eps = arg("eps") = 1e-7;
    m.def("sgd_update", &sgd, arg("param"), arg("grad"), arg("lr"), decay);
    m.def("momentum_update", &momentum, arg("param"), arg("grad"), arg("velocity"), arg("lr"),
          arg("momentum") = 0.9, arg("nesterov") = false, decay);
    m.def("adagrad_update", &adagrad, arg("param"), arg("grad"), arg("accumulator"), arg("lr"), eps,
          decay);
    m.def("rmsprop_update", &rmsprop, arg("param"), arg("grad"), arg("square"), arg("lr"),
          arg("rho") = 0.9, eps, decay);
    m.def("adam_update", &adam, arg("param"), arg("grad"), arg("m"), arg("v"), arg("lr"),
          arg("step"), arg("beta1") = 0.9, arg("beta2") = 0.999, eps, decay);
}

}  // namespace hotloop::bind
