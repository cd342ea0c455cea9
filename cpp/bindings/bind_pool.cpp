#include <string>

#include "bind.h"
#include "changed.h"
#include "geometry.h"
#include "hotloop/ops/conv_pool.h"
#include "hotloop/ops/pool2d.h"

namespace hotloop::bind {
namespace {

// Places of maxima are 32 bits wide.
constexpr index_t kMostPixels = (index_t{1} << 31) - 1;

// What every pooling call names, parsed and checked against the shape of the images.
struct Pool {
    bool channels_last;
    Images in;
    Window win;

    Pool(const char* op,
         const char* name,
         const Shape& shape,
         py::handle pool_size,
         py::handle stride,
         py::handle padding,
         py::handle dilation,
         py::handle ceil_mode,
         py::handle data_format)
        : channels_last(parse_channels_last(op, data_format)),
          in(images_of(op, name, shape, channels_last)) {
        const Pair size = parse_pair(op, "pool_size", pool_size);
        const Pair step = stride.is_none() ? size : parse_pair(op, "stride", stride);
        win = make_window(op, {in.H, in.W}, size, step, parse_padding(op, padding),
                          parse_pair(op, "dilation", dilation),
                          parse_flag(op, "ceil_mode", ceil_mode));
        if (in.H * in.W > kMostPixels)
            fail(op, "planes of more than ", kMostPixels, " pixels are not supported (", name, ": ",
                 shape, ")");
    }

    Shape input() const { return images_shape(in, channels_last); }
    Shape output() const { return images_shape({in.N, in.C, win.OH, win.OW}, channels_last); }
    double cost() const { return 8.0 * static_cast<double>(in.N * in.C * in.H * in.W); }
    // The smallest type that numbers the taps of the window; all ones stay free for "none".
    PlaceKind places(const char* op) const {
        if (win.KH * win.KW > kMostPixels)
            fail(op, "windows of more than ", kMostPixels, " cells are not supported, got ",
                 Shape{win.KH, win.KW});
        return win.KH * win.KW <= 255 ? PlaceKind::cell8 : PlaceKind::cell32;
    }
};

py::dtype dtype_of_places(PlaceKind kind) {
    if (kind == PlaceKind::cell8) return py::dtype::of<std::uint8_t>();
    if (kind == PlaceKind::cell32) return py::dtype::of<std::int32_t>();
    return py::dtype::of<std::int64_t>();
}

// While a plan records, the pool of what the call before it convolved becomes a part of that call.
template <class T>
bool fold_into_conv(const MaxPoolArgs<T>& pool) {
    Plan* const plan = Plan::recording();
    const auto* const conv = plan ? plan->last<Conv2dArgs<T>>() : nullptr;
    if (!conv || conv->args.y != pool.x) return false;
    plan->replace_last<ConvPoolArgs<T>>({conv->args, pool}, &conv_pool<T>);
    return true;
}

py::tuple max_pool(const char* op,
                   const Inputs& in,
                   const Pool& pool,
                   PlaceKind kind,
                   const char* place_name,
                   py::handle y_out,
                   py::handle place_out) {
    Output y(in, "y", y_out, pool.output(), Alias::none);
    Output place(in, place_name, place_out, pool.output(), dtype_of_places(kind));
    if (!y_out.is_none() && !place_out.is_none() &&
        overlap(py::reinterpret_borrow<py::array>(y_out),
                py::reinterpret_borrow<py::array>(place_out)))
        fail(op, place_name, " overlaps y in memory (both ", pool.output(), ")");
    dispatch(in.dtype(), [&]<class T>() {
        const MaxPoolArgs<T> args{in.data<T>(0), y.data<T>(), place.data<void>(), kind,
                                  pool.in.N,     pool.in.C,   pool.channels_last, pool.win};
        if (!fold_into_conv(args)) submit<MaxPoolArgs<T>>(args, &max_pool2d<T>, pool.cost());
    });
    return py::make_tuple(y.result(), place.result());
}

py::tuple max_pool2d_(py::handle x,
                      py::handle pool_size,
                      py::handle stride,
                      py::handle padding,
                      py::handle dilation,
                      py::handle ceil_mode,
                      py::handle data_format,
                      py::handle out) {
    constexpr const char* kOp = "max_pool2d";
    const Inputs in(kOp, {{"x", x}});
    const Pool pool(kOp, "x", in.shape(0), pool_size, stride, padding, dilation, ceil_mode,
                    data_format);
    const auto given = split_out(kOp, out, 2);
    return max_pool(kOp, in, pool, PlaceKind::plane64, "argmax", given[0], given[1]);
}

py::tuple max_pool2d_train_(py::handle x,
                            py::handle pool_size,
                            py::handle stride,
                            py::handle padding,
                            py::handle dilation,
                            py::handle ceil_mode,
                            py::handle data_format,
                            py::handle y,
                            py::handle index) {
    constexpr const char* kOp = "max_pool2d_train";
    const Inputs in(kOp, {{"x", x}});
    const Pool pool(kOp, "x", in.shape(0), pool_size, stride, padding, dilation, ceil_mode,
                    data_format);
    return max_pool(kOp, in, pool, pool.places(kOp), "index", y, index);
}

py::object max_pool2d_backward_(py::handle dy,
                                py::handle argmax,
                                py::handle input_shape,
                                py::handle data_format,
                                py::handle out) {
    constexpr const char* kOp = "max_pool2d_backward";
    const Inputs in(kOp, {{"dy", dy}});
    const bool last = parse_channels_last(kOp, data_format);
    const Shape shape = parse_shape(kOp, "input_shape", input_shape);
    const Images x = images_of(kOp, "input_shape", shape, last);
    const Images y = images_of(kOp, "dy", in.shape(0), last);
    const auto places = integer_array(kOp, "argmax", argmax);
    check_axes(kOp, "argmax", places);
    if (shape_of(places) != in.shape(0))
        fail(kOp, "argmax must have the shape of dy, ", in.shape(0), ", got ", shape_of(places));
    if (x.N != y.N || x.C != y.C)
        fail(kOp, "dy has ", y.N, " images of ", y.C, " channels but input_shape ", x.N, " of ",
             x.C, " (dy: ", in.shape(0), ", input_shape: ", shape, ")");
    Output dx(in, "out", out, shape, Alias::none);
    if (!out.is_none() && overlap(py::reinterpret_borrow<py::array>(out), places))
        fail(kOp, "out overlaps argmax in memory (out: ", shape, ")");
    dispatch(in.dtype(), [&]<class T>() {
        submit<MaxPoolScatterArgs<T>>(
            {in.data<T>(0), places.data(), dx.data<T>(), x.N, x.C, x.H * x.W, y.H * y.W, last},
            &max_pool2d_scatter<T>, 16.0 * static_cast<double>(shape.size()));
    });
    return dx.result();
}

py::object max_pool2d_train_backward_(py::handle dy,
                                      py::handle index,
                                      py::handle input_shape,
                                      py::handle pool_size,
                                      py::handle stride,
                                      py::handle padding,
                                      py::handle dilation,
                                      py::handle ceil_mode,
                                      py::handle data_format,
                                      py::handle gate,
                                      py::handle gate_activation,
                                      py::handle out) {
    constexpr const char* kOp = "max_pool2d_train_backward";
    const Inputs in(kOp, {{"dy", dy}, {"gate", gate, true}});
    const Pool pool(kOp, "input_shape", parse_shape(kOp, "input_shape", input_shape), pool_size,
                    stride, padding, dilation, ceil_mode, data_format);
    const Shape shape = pool.output();
    if (in.shape(0) != shape)
        fail(kOp, "dy must be ", shape, ", the shape of y, got ", in.shape(0),
             " (input_shape: ", pool.input(), ")");
    if (in.has(1) && in.shape(1) != shape)
        fail(kOp, "gate must be ", shape, ", the shape of y, got ", in.shape(1));
    const py::dtype type = dtype_of_places(pool.places(kOp));
    const bool usable = py::isinstance<py::array>(index) &&
                        py::reinterpret_borrow<py::array>(index).dtype().equal(type) &&
                        (py::reinterpret_borrow<py::array>(index).flags() & py::array::c_style);
    if (!usable)
        throw py::type_error(std::string(kOp) + ": index must be the contiguous " +
                             py::str(type).cast<std::string>() +
                             " array that max_pool2d_train returned");
    const auto places = py::reinterpret_borrow<py::array>(index);
    if (shape_of(places) != shape) fail(kOp, "index must be ", shape, ", got ", shape_of(places));
    if (Plan* plan = Plan::recording()) plan->hold(places);
    const Activation kind = in.has(1) ? parse_activation(kOp, gate_activation) : Activation::none;
    Output dx(in, "out", out, pool.input(), Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<MaxPoolBackwardArgs<T>>(
            {in.data<T>(0), places.data(), kind == Activation::none ? nullptr : in.data<T>(1),
             dx.data<T>(), pool.places(kOp), kind, pool.in.N, pool.in.C, pool.channels_last,
             pool.win},
            &max_pool2d_backward<T>, pool.cost());
    });
    return dx.result();
}

py::object avg_pool2d_(py::handle x,
                       py::handle pool_size,
                       py::handle stride,
                       py::handle padding,
                       py::handle ceil_mode,
                       py::handle count_include_pad,
                       py::handle data_format,
                       py::handle out) {
    constexpr const char* kOp = "avg_pool2d";
    const Inputs in(kOp, {{"x", x}});
    const Pool pool(kOp, "x", in.shape(0), pool_size, stride, padding, py::int_(1), ceil_mode,
                    data_format);
    Output y(in, "out", out, pool.output(), Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<AvgPoolArgs<T>>(
            {in.data<T>(0), y.data<T>(), pool.in.N, pool.in.C, pool.channels_last,
             parse_flag(kOp, "count_include_pad", count_include_pad), pool.win},
            &avg_pool2d<T>, pool.cost());
    });
    return y.result();
}

py::object avg_pool2d_backward_(py::handle dy,
                                py::handle input_shape,
                                py::handle pool_size,
                                py::handle stride,
                                py::handle padding,
                                py::handle ceil_mode,
                                py::handle count_include_pad,
                                py::handle data_format,
                                py::handle out) {
    constexpr const char* kOp = "avg_pool2d_backward";
    const Inputs in(kOp, {{"dy", dy}});
    const Pool pool(kOp, "input_shape", parse_shape(kOp, "input_shape", input_shape), pool_size,
                    stride, padding, py::int_(1), ceil_mode, data_format);
    if (in.shape(0) != pool.output())
        fail(kOp, "dy must be ", pool.output(), ", the shape of y, got ", in.shape(0),
             " (input_shape: ", pool.input(), ")");
    Output dx(in, "out", out, pool.input(), Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<AvgPoolArgs<T>>(
            {in.data<T>(0), dx.data<T>(), pool.in.N, pool.in.C, pool.channels_last,
             parse_flag(kOp, "count_include_pad", count_include_pad), pool.win},
            &avg_pool2d_backward<T>, pool.cost());
    });
    return dx.result();
}

py::object global_avg_pool2d_(py::handle x, py::handle data_format, py::handle out) {
    constexpr const char* kOp = "global_avg_pool2d";
    const Inputs in(kOp, {{"x", x}});
    const bool last = parse_channels_last(kOp, data_format);
    const Images s = images_of(kOp, "x", in.shape(0), last);
    if (s.H * s.W == 0) fail(kOp, "a plane without pixels has no mean (x: ", in.shape(0), ")");
    Output y(in, "out", out, Shape{s.N, s.C}, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<GlobalPoolArgs<T>>({in.data<T>(0), y.data<T>(), s.N, s.C, s.H * s.W, last},
                                  &global_avg_pool2d<T>, static_cast<double>(in.shape(0).size()));
    });
    return y.result();
}

py::object global_avg_pool2d_backward_(py::handle dy,
                                       py::handle input_shape,
                                       py::handle data_format,
                                       py::handle out) {
    constexpr const char* kOp = "global_avg_pool2d_backward";
    const Inputs in(kOp, {{"dy", dy}});
    const bool last = parse_channels_last(kOp, data_format);
    const Shape shape = parse_shape(kOp, "input_shape", input_shape);
    const Images s = images_of(kOp, "input_shape", shape, last);
    if (s.H * s.W == 0) fail(kOp, "a plane without pixels has no mean (input_shape: ", shape, ")");
    if (in.shape(0) != Shape{s.N, s.C})
        fail(kOp, "dy must be ", Shape{s.N, s.C}, ", got ", in.shape(0), " (input_shape: ", shape,
             ")");
    Output dx(in, "out", out, shape, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<GlobalPoolArgs<T>>({in.data<T>(0), dx.data<T>(), s.N, s.C, s.H * s.W, last},
                                  &global_avg_pool2d_backward<T>,
                                  4.0 * static_cast<double>(shape.size()));
    });
    return dx.result();
}

}  // namespace

void bind_pool(py::module_& m) {
    using py::arg;
    const auto none = py::none();
    const auto stride = arg("stride") = none;
    const auto padding = arg("padding") = 0;
    const auto dilation = arg("dilation") = 1;
    const auto ceil_mode = arg("ceil_mode") = false;
    const auto include = arg("count_include_pad") = true;
    const auto format = arg("data_format") = "channels_first";
    const auto out = arg("out") = none;
    m.def("max_pool2d", &max_pool2d_, arg("x"), arg("pool_size"), stride, padding, dilation,
          ceil_mode, format, out);
    m.def("max_pool2d_backward", &max_pool2d_backward_, arg("dy"), arg("argmax"),
          arg("input_shape"), format, out);
    m.def("max_pool2d_train", &max_pool2d_train_, arg("x"), arg("pool_size"), stride, padding,
          dilation, ceil_mode, format, arg("y") = none, arg("index") = none);
    m.def("max_pool2d_train_backward", &max_pool2d_train_backward_, arg("dy"), arg("index"),
          arg("input_shape"), arg("pool_size"), stride, padding, dilation, ceil_mode, format,
          arg("gate") = none, arg("gate_activation") = "relu", out);
    m.def("avg_pool2d", &avg_pool2d_, arg("x"), arg("pool_size"), stride, padding, ceil_mode,
          include, format, out);
    m.def("avg_pool2d_backward", &avg_pool2d_backward_, arg("dy"), arg("input_shape"),
          arg("pool_size"), stride, padding, ceil_mode, include, format, out);
    m.def("global_avg_pool2d", &global_avg_pool2d_, arg("x"), format, out);
    m.def("global_avg_pool2d_backward", &global_avg_pool2d_backward_, arg("dy"), arg("input_shape"),
          format, out);
}

}  // namespace hotloop::bind
