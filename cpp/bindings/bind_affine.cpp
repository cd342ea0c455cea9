#include <utility>

#include "arrays.h"
#include "bind.h"
#include "geometry.h"
#include "hotloop/ops/affine.h"

namespace hotloop::bind {
namespace {

// A batch of matrices as the product reads them.
struct Matrices {
    py::array array;
    index_t row, col;  // strides in elements
};

Matrices matrices(const char* name, const py::array& a, bool transposed, bool as_it_lies) {
    const auto at = [&](const py::array& from) {
        const py::ssize_t rows = from.ndim() - 2;
        const auto stride = [&](py::ssize_t axis, py::ssize_t natural) {
            return from.shape(axis) == 1 ? natural : from.strides(axis) / from.itemsize();
        };
        const py::ssize_t col = stride(rows + 1, 1);
        return Matrices{from, stride(rows, col == 1 ? from.shape(rows + 1) : 1), col};
    };
    Matrices m = at(a);
    const bool straight = m.col == 1 && m.row >= a.shape(a.ndim() - 1);
    const bool turned = m.row == 1 && m.col >= a.shape(a.ndim() - 2);
    if (!straight && !(turned && as_it_lies)) m = at(contiguous_copy("matmul", name, a));
    if (transposed) std::swap(m.row, m.col);
    return m;
}

py::object matmul_(
    py::handle a, py::handle b, py::handle transpose_a, py::handle transpose_b, py::handle out) {
    const Inputs in("matmul", {{"a", a}, {"b", b}}, Lying::strided);
    const bool ta = parse_flag("matmul", "transpose_a", transpose_a);
    const bool tb = parse_flag("matmul", "transpose_b", transpose_b);
    const Shape sa = in.shape(0);
    const Shape shape = matmul_shape(sa, in.shape(1), ta, tb);
    const int rank = shape.rank();
    const index_t k = sa[sa.rank() - (ta ? 2 : 1)];
    Output c(in, "out", out, shape, Alias::none);
    const double cost = 2.0 * static_cast<double>(shape.size()) * static_cast<double>(k);
    // From here on a product may sum the halves of k apart, and one of a vector always sums as the
    // matrix lies: so that bits do not depend on strides, their factors lie as written.
    constexpr double kLarge = 5e5;
    const bool as_it_lies = cost < kLarge && shape[rank - 2] > 1 && shape[rank - 1] > 1;
    const Matrices left = matrices("a", in.array(0), ta, as_it_lies);
    const Matrices right = matrices("b", in.array(1), tb, as_it_lies);
    StridedAxes<2> batch;
    Shape lead;
    for (int i = 0; i < rank - 2; ++i) lead.push_back(shape[i]);
    push_axes<2>(batch, lead, {&left.array, &right.array}, 2);
    if (shape.size() == 0) return c.result();
    dispatch(in.dtype(), [&]<class T>() {
        submit<MatmulArgs<T>>(
            {static_cast<const T*>(left.array.data()), static_cast<const T*>(right.array.data()),
             c.data<T>(), shape[rank - 2], shape[rank - 1], k, left.row, left.col, right.row,
             right.col, batch},
            &matmul<T>, cost);
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

py::tuple affine_backward_(py::handle dy,
                           py::handle x,
                           py::handle w,
                           py::handle need_dx,
                           py::handle need_db,
                           py::handle out) {
    const Inputs in("affine_backward", {{"dy", dy}, {"x", x}, {"w", w}});
    const Shape sx = in.shape(1);
    const Shape sw = in.shape(2);
    affine_backward_check(in.shape(0), sx, sw);
    const index_t rows = sx.rank() == 1 ? 1 : sx[0];
    const auto given = split_out("affine_backward", out, 3);
    Output dx;
    if (parse_flag("affine_backward", "need_dx", need_dx))
        dx = Output(in, "dx", given[0], sx, Alias::none);
    Output dw(in, "dw", given[1], sw, Alias::none);
    Output db;
    if (parse_flag("affine_backward", "need_db", need_db))
        db = Output(in, "db", given[2], Shape{sw[1]}, Alias::none);
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
