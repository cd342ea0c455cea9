#include <string>

#include "arrays.h"
#include "bind.h"
#include "geometry.h"
#include "hotloop/ops/recurrent.h"
#include "hotloop/size.h"

namespace hotloop::bind {
namespace {

struct Options {
    std::string cell;
    py::object activation, gates;
    bool reset_after, go_backwards, sequences, zero_masked;
};

Cell cell_of(const Options& o) {
    if (o.cell == "lstm") return Cell::lstm;
    if (o.cell == "gru") return o.reset_after ? Cell::gru_after : Cell::gru;
    if (o.cell == "simple_rnn") return Cell::simple;
    fail("recurrent", "cell must be 'lstm', 'gru' or 'simple_rnn', got '", o.cell, "'");
}

RecurrentForm form_of(
    const char* op, const Options& o, const Shape& x, const Shape& kernel, const Shape& recurrent) {
    RecurrentForm s{};
    s.cell = cell_of(o);
    if (x.rank() != 3) fail(op, "x must be (N, T, I), got ", x);
    if (x[1] == 0) fail(op, "x must have at least 1 time step, got ", x);
    s.N = x[0], s.T = x[1], s.I = x[2];
    const index_t G = gates_of(s.cell);
    if (recurrent.rank() != 2 || recurrent[1] != G * recurrent[0] || recurrent[0] == 0)
        fail(op, "recurrent_kernel must be (U, ", G, " U) with at least 1 unit, got ", recurrent);
    s.U = recurrent[0];
    if (kernel != Shape{s.I, G * s.U})
        fail(op, "kernel must be ", Shape{s.I, G * s.U}, ", got ", kernel, " (x: ", x,
             ", recurrent_kernel: ", recurrent, ")");
    s.activation = parse_activation(op, o.activation);
    s.gates = parse_activation(op, o.gates);
    s.go_backwards = o.go_backwards;
    s.sequences = o.sequences;
    s.zero_masked = o.zero_masked;
    return s;
}

void check_shape(const Inputs& in, int i, const char* name, const Shape& want, const Shape& x) {
    if (in.has(i) && in.shape(i) != want)
        fail(in.op(), name, " must be ", want, ", got ", in.shape(i), " (x: ", x, ")");
}

// One byte a step, not 0 where it counts; empty for None.
py::object mask_of(Inputs& in, py::handle mask, const RecurrentForm& s) {
    if (mask.is_none()) return py::none();
    py::array a = as_array(in.op(), "mask", mask);
    const char kind = a.dtype().kind();
    if (kind != 'b' && kind != 'u' && kind != 'i')
        throw py::type_error(std::string(in.op()) + ": mask must be bool, got " + text(a.dtype()));
    check_axes(in.op(), "mask", a);
    if (shape_of(a) != Shape{s.N, s.T})
        fail(in.op(), "mask must be (N, T), ", Shape{s.N, s.T}, ", got ", shape_of(a));
    in.keep_apart(a);
    Plan* plan = Plan::recording();
    if (a.itemsize() != 1 || !(a.flags() & py::array::c_style)) {
        if (plan) refuse_in_plan(in.op(), "mask");
        a = py::array_t<std::uint8_t, py::array::c_style>(
            py::array(a.attr("__ne__")(0)).attr("astype")("uint8"));
    }
    if (plan) plan->hold(a);
    return a;
}

const std::uint8_t* bytes_of(const py::object& mask) {
    return mask.is_none()
               ? nullptr
               : static_cast<const std::uint8_t*>(py::reinterpret_borrow<py::array>(mask).data());
}

Shape bias_of(const RecurrentForm& s) {
    return s.cell == Cell::gru_after ? Shape{2, 3 * s.U} : Shape{s.G() * s.U};
}

Shape outputs_of(const RecurrentForm& s) {
    return s.sequences ? Shape{s.N, s.T, s.U} : Shape{s.N, s.U};
}

double cost_of(const RecurrentForm& s) {
    return 2.0 * static_cast<double>(s.N * s.T * s.G()) * static_cast<double>((s.I + s.U) * s.U);
}

py::tuple recurrent_(const std::string& cell,
                     py::handle x,
                     py::handle kernel,
                     py::handle recurrent_kernel,
                     py::handle bias,
                     py::handle h0,
                     py::handle c0,
                     py::handle mask,
                     py::handle dropout,
                     const py::object& activation,
                     const py::object& gates,
                     py::handle reset_after,
                     py::handle go_backwards,
                     py::handle sequences,
                     py::handle zero_masked,
                     py::handle out) {
    const char* op = cell.c_str();
    const Options o{cell,
                    activation,
                    gates,
                    parse_flag(op, "reset_after", reset_after),
                    parse_flag(op, "go_backwards", go_backwards),
                    parse_flag(op, "return_sequences", sequences),
                    parse_flag(op, "zero_output_for_mask", zero_masked)};
    Inputs in(op, {{"x", x},
                   {"kernel", kernel},
                   {"recurrent_kernel", recurrent_kernel},
                   {"bias", bias, true},
                   {"h0", h0, true},
                   {"c0", c0, true},
                   {"recurrent_dropout", dropout, true}});
    const Shape sx = in.shape(0);
    RecurrentForm s = form_of(op, o, sx, in.shape(1), in.shape(2));
    const Shape state{s.N, s.U};
    check_shape(in, 3, "bias", bias_of(s), sx);
    check_shape(in, 4, "h0", state, sx);
    check_shape(in, 5, "c0", state, sx);
    check_shape(in, 6, "recurrent_dropout", state, sx);
    s.drops = in.has(6);
    const py::object steps = mask_of(in, mask, s);
    checked_product(op, "the tape", {s.T + 1, s.N, s.S(), s.U});
    const auto given = split_out(op, out, 4);
    Output y(in, "y", given[0], outputs_of(s), Alias::none);
    Output h(in, "h", given[1], state, Alias::none);
    Output c;
    if (s.cell == Cell::lstm) c = Output(in, "c", given[2], state, Alias::none);
    Output tape(in, "tape", given[3], Shape{s.T + 1, s.N, s.S(), s.U}, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<RecurrentArgs<T>>({s, in.data<T>(0), in.data<T>(1), in.data<T>(2), in.data<T>(3),
                                  in.data<T>(4), in.data<T>(5), in.data<T>(6), bytes_of(steps),
                                  y.data<T>(), h.data<T>(), c.data<T>(), tape.data<T>()},
                                 &recurrent<T>, cost_of(s));
    });
    return py::make_tuple(y.result(), h.result(), c.result(), tape.result());
}

py::tuple recurrent_backward_(const std::string& cell,
                              py::handle dy,
                              py::handle x,
                              py::handle kernel,
                              py::handle recurrent_kernel,
                              py::handle tape,
                              py::handle dh,
                              py::handle dc,
                              py::handle mask,
                              py::handle dropout,
                              const py::object& activation,
                              const py::object& gates,
                              py::handle reset_after,
                              py::handle go_backwards,
                              py::handle sequences,
                              py::handle zero_masked,
                              py::handle need_dx,
                              py::handle need_db,
                              py::handle need_d0,
                              py::handle out) {
    const std::string name = cell + "_backward";
    const char* op = name.c_str();
    const Options o{cell,
                    activation,
                    gates,
                    parse_flag(op, "reset_after", reset_after),
                    parse_flag(op, "go_backwards", go_backwards),
                    parse_flag(op, "return_sequences", sequences),
                    parse_flag(op, "zero_output_for_mask", zero_masked)};
    Inputs in(op, {{"dy", dy},
                   {"x", x},
                   {"kernel", kernel},
                   {"recurrent_kernel", recurrent_kernel},
                   {"tape", tape},
                   {"dh", dh, true},
                   {"dc", dc, true},
                   {"recurrent_dropout", dropout, true}});
    const Shape sx = in.shape(1);
    RecurrentForm s = form_of(op, o, sx, in.shape(2), in.shape(3));
    s.drops = in.has(7);
    const Shape state{s.N, s.U};
    check_shape(in, 0, "dy", outputs_of(s), sx);
    check_shape(in, 4, "tape", Shape{s.T + 1, s.N, s.S(), s.U}, sx);
    check_shape(in, 5, "dh", state, sx);
    check_shape(in, 6, "dc", state, sx);
    check_shape(in, 7, "recurrent_dropout", state, sx);
    const py::object steps = mask_of(in, mask, s);
    const auto given = split_out(op, out, 6);
    Output dx;
    Output db;
    Output dh0;
    Output dc0;
    if (parse_flag(op, "need_dx", need_dx)) dx = Output(in, "dx", given[0], sx, Alias::none);
    Output dkernel(in, "dkernel", given[1], in.shape(2), Alias::none);
    Output drecurrent(in, "drecurrent_kernel", given[2], in.shape(3), Alias::none);
    if (parse_flag(op, "need_db", need_db))
        db = Output(in, "dbias", given[3], bias_of(s), Alias::none);
    const bool states = parse_flag(op, "need_d0", need_d0);
    if (states) dh0 = Output(in, "dh0", given[4], state, Alias::none);
    if (states && s.cell == Cell::lstm) dc0 = Output(in, "dc0", given[5], state, Alias::none);
    dispatch(in.dtype(), [&]<class T>() {
        submit<RecurrentBackwardArgs<T>>(
            {s, in.data<T>(0), in.data<T>(1), in.data<T>(2), in.data<T>(3), in.data<T>(4),
             in.data<T>(5), in.data<T>(6), in.data<T>(7), bytes_of(steps), dx.data<T>(),
             dkernel.data<T>(), drecurrent.data<T>(), db.data<T>(), dh0.data<T>(), dc0.data<T>()},
            &recurrent_backward<T>, 2 * cost_of(s));
    });
    return py::make_tuple(dx.result(), dkernel.result(), drecurrent.result(), db.result(),
                          dh0.result(), dc0.result());
}

}  // namespace

void bind_recurrent(py::module_& m) {
    using py::arg;
    const auto none = py::none();
    const auto act = arg("activation") = "tanh";
    const auto gates = arg("recurrent_activation") = "sigmoid";
    const auto after = arg("reset_after") = true;
    const auto back = arg("go_backwards") = false;
    const auto all = arg("return_sequences") = true;
    const auto zeros = arg("zero_output_for_mask") = false;
    m.def("recurrent", &recurrent_, arg("cell"), arg("x"), arg("kernel"), arg("recurrent_kernel"),
          arg("bias") = none, arg("h0") = none, arg("c0") = none, arg("mask") = none,
          arg("recurrent_dropout") = none, act, gates, after, back, all, zeros, arg("out") = none);
    m.def("recurrent_backward", &recurrent_backward_, arg("cell"), arg("dy"), arg("x"),
          arg("kernel"), arg("recurrent_kernel"), arg("tape"), arg("dh") = none, arg("dc") = none,
          arg("mask") = none, arg("recurrent_dropout") = none, act, gates, after, back, all, zeros,
          arg("need_dx") = true, arg("need_db") = true, arg("need_d0") = true, arg("out") = none);
}

}  // namespace hotloop::bind
