#include "arrays.h"
#include "bind.h"
#include "hotloop/ops/affine.h"

namespace hotloop::bind {
namespace {

py::object matmul_(py::handle a, py::handle b, bool transpose_a, bool transpose_b, py::handle out) {
    const Inputs in("matmul", {{"a", a}, {"b", b}});
    const Shape sa = in.shape(0);
    const Shape shape = matmul_shape(sa, in.shape(1), transpose_a, transpose_b);
    const index_t k = sa[transpose_a ? 0 : 1];
    Output c(in, "out", out, shape, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<MatmulArgs<T>>({in.data<T>(0), in.data<T>(1), c.data<T>(), shape[0], shape[1], k,
                               transpose_a, transpose_b},
                              &matmul<T>, 2.0 * static_cast<double>(shape.size() * k));
    });
    return c.result();
}

py::object affine_(
    py::handle x, py::handle w, py::handle b, py::handle activation, py::handle out) {
    const Inputs in("affine", {{"x", x}, {"w", w}, {"b", b, true}});
    const Activation act = parse_activation("affine", activation);
    const Shape sw = in.shape(1);
    const Shape sb = in.has(2) ? in.shape(2) : Shape{};
    const Shape shape = affine_shape(in.shape(0), sw, in.has(2) ? &sb : nullptr);
    const index_t rows = shape.rank() == 1 ? 1 : shape[0];
    Output y(in, "out", out, shape, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<AffineArgs<T>>(
            {in.data<T>(0), in.data<T>(1), in.data<T>(2), y.data<T>(), rows, sw[0], sw[1], act},
            &affine<T>, 2.0 * static_cast<double>(rows * sw.size()));
    });
    return y.result();
}

py::tuple affine_backward_(
    py::handle dy, py::handle x, py::handle w, bool need_dx, bool need_db, py::handle out) {
    const Inputs in("affine_backward", {{"dy", dy}, {"x", x}, {"w", w}});
    const Shape sx = in.shape(1);
    const Shape sw = in.shape(2);
    affine_backward_check(in.shape(0), sx, sw);
    const index_t rows = sx.rank() == 1 ? 1 : sx[0];
    const auto given = split_out("affine_backward", out, 3);
    Output dx;
    if (need_dx) dx = Output(in, "dx", given[0], sx, Alias::none);
    Output dw(in, "dw", given[1], sw, Alias::none);
    Output db;
    if (need_db) db = Output(in, "db", given[2], Shape{sw[1]}, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<AffineBackwardArgs<T>>({in.data<T>(0), in.data<T>(1), in.data<T>(2), dx.data<T>(),
                                       dw.data<T>(), db.data<T>(), rows, sw[0], sw[1]},
                                      &affine_backward<T>,
                                      4.0 * static_cast<double>(rows * sw.size()));
    });
    return py::make_tuple(dx.result(), dw.result(), db.result());
}

}  // namespace

void bind_affine(py::module_& m) {
    using py::arg;
    const auto none = py::none();
    m.def("matmul", &matmul_, arg("a"), arg("b"), arg("transpose_a") = false,
          arg("transpose_b") = false, arg("out") = none);
    m.def("affine", &affine_, arg("x"), arg("w"), arg("b") = none, arg("activation") = none,
          arg("out") = none);
    m.def("affine_backward", &affine_backward_, arg("dy"), arg("x"), arg("w"),
          arg("need_dx") = true, arg("need_db") = true, arg("out") = none);
}

}  // namespace hotloop::bind
