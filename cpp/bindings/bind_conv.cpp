#include "arrays.h"
#include "bind.h"
#include "geometry.h"
#include "hotloop/ops/conv_pool.h"
#include "hotloop/ops/conv_route.h"

namespace hotloop::bind {
namespace {

ConvAlgorithm parse_algorithm(const char* op, py::handle name) {
    if (name.is_none()) return ConvAlgorithm::implicit_gemm;
    const auto text = py::str(name).cast<std::string>();
    if (text == "implicit_gemm") return ConvAlgorithm::implicit_gemm;
    if (text == "im2col") return ConvAlgorithm::im2col;
    fail(op, "algorithm must be None, 'implicit_gemm' or 'im2col', got '", text, "'");
}

py::object conv2d_(py::handle x,
                   py::handle w,
                   py::handle b,
                   py::handle stride,
                   py::handle padding,
                   py::handle dilation,
                   py::handle groups,
                   py::handle activation,
                   py::handle data_format,
                   py::handle algorithm,
                   py::handle out) {
    constexpr const char* op = "conv2d";
    const Inputs in(op, {{"x", x}, {"w", w}, {"b", b, true}});
    const Shape sb = in.has(2) ? in.shape(2) : Shape{};
    const ConvShape s = make_conv_shape(
        op, in.shape(0), in.shape(1), in.has(2) ? &sb : nullptr, parse_pair(op, "stride", stride),
        parse_padding(op, padding), parse_pair(op, "dilation", dilation),
        live_integer(op, "groups", groups).value, parse_channels_last(op, data_format),
        parse_algorithm(op, algorithm));
    const Activation act = parse_activation(op, activation);
    Output y(in, "out", out, conv_output_shape(s), Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<Conv2dArgs<T>>({in.data<T>(0), in.data<T>(1), in.data<T>(2), y.data<T>(), s, act},
                              &conv2d<T>, s.flops());
    });
    return y.result();
}

// While a plan records, a backward of what the call before it sent back through a pool takes that
// call in, and the gradient between the two is never written out. Where something else reads it,
// Pass.backward (program.py) ends the plan between them.
template <class T>
bool fold_pool(const Conv2dBackwardArgs<T>& conv) {
    Plan* const plan = Plan::recording();
    const auto* const pool = plan ? plan->last<MaxPoolBackwardArgs<T>>() : nullptr;
    if (!pool || pool->args.dx != conv.dy) return false;
    plan->replace_last<ConvPoolBackwardArgs<T>>({pool->args, conv}, &conv_pool_backward<T>);
    return true;
}

py::tuple conv2d_backward_(py::handle dy,
                           py::handle x,
                           py::handle w,
                           py::handle stride,
                           py::handle padding,
                           py::handle dilation,
                           py::handle groups,
                           py::handle need_dx,
                           py::handle need_db,
                           py::handle data_format,
                           py::handle algorithm,
                           py::handle out) {
    constexpr const char* op = "conv2d_backward";
    const Inputs in(op, {{"dy", dy}, {"x", x}, {"w", w}});
    const ConvShape s =
        make_conv_shape(op, in.shape(1), in.shape(2), nullptr, parse_pair(op, "stride", stride),
                        parse_padding(op, padding), parse_pair(op, "dilation", dilation),
                        live_integer(op, "groups", groups).value,
                        parse_channels_last(op, data_format), parse_algorithm(op, algorithm));
    if (in.shape(0) != conv_output_shape(s))
        fail(op, "dy must be ", conv_output_shape(s), ", the shape of y, got ", in.shape(0),
             " (x: ", in.shape(1), ", w: ", in.shape(2), ")");
    const auto given = split_out(op, out, 3);
    Output dx;
    if (parse_flag(op, "need_dx", need_dx))
        dx = Output(in, "dx", given[0], in.shape(1), Alias::none);
    Output dw(in, "dw", given[1], in.shape(2), Alias::none);
    Output db;
    if (parse_flag(op, "need_db", need_db))
        db = Output(in, "db", given[2], Shape{s.O}, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        const Conv2dBackwardArgs<T> args{in.data<T>(0),
                                         in.data<T>(1),
                                         in.data<T>(2),
                                         dx.data<T>(),
                                         dw.data<T>(),
                                         db.data<T>(),
                                         s};
        if (!fold_pool<T>(args))
            submit<Conv2dBackwardArgs<T>>(args, &conv2d_backward<T>, 2 * s.flops());
    });
    return py::make_tuple(dx.result(), dw.result(), db.result());
}

// The route of each pass, by shapes alone.
py::dict conv2d_routes_(py::handle x,
                        py::handle w,
                        py::handle stride,
                        py::handle padding,
                        py::handle dilation,
                        py::handle groups,
                        py::handle data_format,
                        py::handle algorithm,
                        const std::string& dtype) {
    constexpr const char* op = "explain_conv2d";
    if (dtype != "float32" && dtype != "float64")
        fail(op, "dtype must be 'float32' or 'float64', got '", dtype.substr(0, 40), "'");
    const ConvShape s = make_conv_shape(
        op, parse_shape(op, "x_shape", x), parse_shape(op, "w_shape", w), nullptr,
        parse_pair(op, "stride", stride), parse_padding(op, padding),
        parse_pair(op, "dilation", dilation), live_integer(op, "groups", groups).value,
        parse_channels_last(op, data_format), parse_algorithm(op, algorithm));
    py::dict routes;
    for (const ConvPass pass :
         {ConvPass::forward, ConvPass::input_gradient, ConvPass::weight_gradient})
        routes[name_of(pass)] =
            name_of(dtype == "float32" ? choose<float>(s, pass) : choose<double>(s, pass));
    return routes;
}

}  // namespace

void bind_conv(py::module_& m) {
    using py::arg;
    const auto none = py::none();
    m.def("conv2d", &conv2d_, arg("x"), arg("w"), arg("b") = none, arg("stride") = 1,
          arg("padding") = 0, arg("dilation") = 1, arg("groups") = 1, arg("activation") = none,
          arg("data_format") = "channels_first", arg("algorithm") = none, arg("out") = none);
    m.def("conv2d_backward", &conv2d_backward_, arg("dy"), arg("x"), arg("w"), arg("stride") = 1,
          arg("padding") = 0, arg("dilation") = 1, arg("groups") = 1, arg("need_dx") = true,
          arg("need_db") = true, arg("data_format") = "channels_first", arg("algorithm") = none,
          arg("out") = none);
    m.def("conv2d_routes", &conv2d_routes_, arg("x_shape"), arg("w_shape"), arg("stride") = 1,
          arg("padding") = 0, arg("dilation") = 1, arg("groups") = 1,
          arg("data_format") = "channels_first", arg("algorithm") = none, arg("dtype") = "float32");
}

}  // namespace hotloop::bind
