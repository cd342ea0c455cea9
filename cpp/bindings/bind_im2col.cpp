#include "arrays.h"
#include "bind.h"
#include "geometry.h"
#include "hotloop/ops/im2col.h"
#include "hotloop/size.h"

namespace hotloop::bind {
namespace {

Window window_of(const char* op,
                 const Images& images,
                 py::handle kernel_size,
                 py::handle stride,
                 py::handle padding,
                 py::handle dilation) {
    return make_window(op, {images.H, images.W}, parse_pair(op, "kernel_size", kernel_size),
                       parse_pair(op, "stride", stride), parse_padding(op, padding),
                       parse_pair(op, "dilation", dilation), false);
}

Shape patches_shape(const char* op, const Images& s, const Window& w) {
    checked_product(op, "the patches", {s.N, w.OH, w.OW, s.C, w.KH, w.KW});
    return {s.N * w.OH * w.OW, s.C * w.KH * w.KW};
}

py::object im2col_(py::handle x,
                   py::handle kernel_size,
                   py::handle stride,
                   py::handle padding,
                   py::handle dilation,
                   py::handle out) {
    constexpr const char* kOp = "im2col";
    const Inputs in(kOp, {{"x", x}});
    const Images s = images_of(kOp, "x", in.shape(0), false);
    const Window w = window_of(kOp, s, kernel_size, stride, padding, dilation);
    Output cols(in, "out", out, patches_shape(kOp, s, w), Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<Im2colArgs<T>>({in.data<T>(0), cols.data<T>(), s.N, s.C, w}, &im2col<T>,
                              4.0 * static_cast<double>(patches_shape(kOp, s, w).size()));
    });
    return cols.result();
}

py::object col2im_(py::handle cols,
                   py::handle input_shape,
                   py::handle kernel_size,
                   py::handle stride,
                   py::handle padding,
                   py::handle dilation,
                   py::handle out) {
    constexpr const char* kOp = "col2im";
    const Inputs in(kOp, {{"cols", cols}});
    const Shape shape = parse_shape(kOp, "input_shape", input_shape);
    const Images s = images_of(kOp, "input_shape", shape, false);
    const Window w = window_of(kOp, s, kernel_size, stride, padding, dilation);
    if (in.shape(0) != patches_shape(kOp, s, w))
        fail(kOp, "cols must be ", patches_shape(kOp, s, w), ", got ", in.shape(0),
             " (input_shape: ", shape, ")");
    Output x(in, "out", out, shape, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<Col2imArgs<T>>({in.data<T>(0), x.data<T>(), s.N, s.C, w}, &col2im<T>,
                              4.0 * static_cast<double>(patches_shape(kOp, s, w).size()));
    });
    return x.result();
}

}  // namespace

void bind_im2col(py::module_& m) {
    using py::arg;
    const auto stride = arg("stride") = 1;
    const auto padding = arg("padding") = 0;
    const auto dilation = arg("dilation") = 1;
    const auto out = arg("out") = py::none();
    m.def("im2col", &im2col_, arg("x"), arg("kernel_size"), stride, padding, dilation, out);
    m.def("col2im", &col2im_, arg("cols"), arg("input_shape"), arg("kernel_size"), stride, padding,
          dilation, out);
}

}  // namespace hotloop::bind
