#include <string>

#include "bind.h"
#include "changed.h"
#include "hotloop/ops/gather.h"

namespace hotloop::bind {
namespace {

constexpr const char* kOp = "gather_rows";

Element element_of(const py::array& src) {
    const char kind = src.dtype().kind();
    const auto size = src.itemsize();
    if (kind == 'b') return Element::u8;
    if (kind == 'f' && size == 4) return Element::f32;
    if (kind == 'f' && size == 8) return Element::f64;
    const bool sign = kind == 'i';
    if (sign || kind == 'u') {
        if (size == 1) return sign ? Element::i8 : Element::u8;
        if (size == 2) return sign ? Element::i16 : Element::u16;
        if (size == 4) return sign ? Element::i32 : Element::u32;
        if (size == 8) return sign ? Element::i64 : Element::u64;
    }
    throw py::type_error(std::string(kOp) +
                         ": src must be integers, bools, float32 or float64, got " +
                         py::str(src.dtype()).cast<std::string>());
}

// Are the elements of one row side by side, whatever the distance of the rows?
bool rows_contiguous(const py::array& a) {
    if (a.dtype().byteorder() == '>' || !(a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
        return false;
    py::ssize_t expected = a.itemsize();
    for (py::ssize_t i = a.ndim() - 1; i > 0; --i) {
        if (a.shape(i) != 1 && a.strides(i) != expected) return false;
        expected *= a.shape(i);
    }
    return true;
}

py::array as_rows(py::handle src) {
    py::array a = as_array(kOp, "src", src);
    element_of(a);
    if (a.ndim() == 0) fail(kOp, "src must have a first axis to pick from, got ()");
    if (rows_contiguous(a)) return a;
    if (Plan::recording()) refuse_in_plan(kOp, "src");
    return py::array::ensure(
        a.attr("astype")(a.dtype().attr("newbyteorder")("="), py::arg("order") = "C"),
        py::array::c_style);
}

template <class T>
void run(const py::array& src,
         const py::array& indices,
         bool indexed,
         py::array& out,
         py::handle scale,
         py::handle offset) {
    const Shape shape = shape_of(src);
    GatherArgs<T> args{};
    args.src = src.data();
    args.indices = indexed ? static_cast<const std::int64_t*>(indices.data()) : nullptr;
    args.out = static_cast<T*>(out.mutable_data());
    args.element = element_of(src);
    args.src_rows = shape[0];
    args.row_stride = src.strides(0);
    args.count = out.shape(0);
    args.row = 1;
    for (int i = 1; i < shape.rank(); ++i) args.row *= shape[i];
    args.scale = live_scalar(kOp, "scale", scale);
    args.offset = live_scalar(kOp, "offset", offset);
    submit<GatherArgs<T>>(args, &gather_rows<T>, 4.0 * static_cast<double>(args.count * args.row));
}

py::object gather(
    py::handle src, py::handle indices, py::handle out, py::handle scale, py::handle offset) {
    const py::array from = as_rows(src);
    const bool indexed = !indices.is_none();
    const py::array ids = indexed ? py::array(integer_array(kOp, "indices", indices)) : py::array();
    if (indexed && ids.ndim() != 1) fail(kOp, "indices must be (N,), got ", shape_of(ids));
    Shape shape = shape_of(from);
    if (indexed) shape[0] = ids.shape(0);

    py::array result;
    if (out.is_none()) {
        result = new_array(kOp, "out", numpy_dtype(dtype_of(kOp, "src", from)), shape);
    } else {
        if (!py::isinstance<py::array>(out))
            throw py::type_error(std::string(kOp) + ": out must be a numpy array");
        result = py::reinterpret_borrow<py::array>(out);
        const Shape got = shape_of(result);
        if (!indexed && got.rank() == shape.rank()) shape[0] = got[0];
        if (got != shape)
            fail(kOp, "out must have shape ", shape, ", got ", got, " (src: ", shape_of(from), ")");
        if (!result.writeable()) fail(kOp, "out is read-only (shape ", shape, ")");
        if (!(result.flags() & py::array::c_style))
            fail(kOp, "out must be C-contiguous (shape ", shape, ")");
        if (overlap(result, from) || (indexed && overlap(result, ids)))
            fail(kOp, "out overlaps an input in memory (out: ", shape, ", src: ", shape_of(from),
                 ")");
    }
    const auto type = result.dtype();
    if (type.equal(py::dtype::of<float>()))
        run<float>(from, ids, indexed, result, scale, offset);
    else if (type.equal(py::dtype::of<double>()))
        run<double>(from, ids, indexed, result, scale, offset);
    else if (type.equal(py::dtype::of<std::int64_t>()) && from.dtype().kind() != 'f')
        run<std::int64_t>(from, ids, indexed, result, scale, offset);
    else
        throw py::type_error(std::string(kOp) +
                             ": out must be float32 or float64 (or int64 for integers), got " +
                             py::str(type).cast<std::string>());
    if (Plan* plan = Plan::recording()) {
        plan->hold(from);
        plan->hold(ids);
        plan->hold(result);
    }
    return result;
}

}  // namespace

void bind_gather(py::module_& m) {
    using py::arg;
    m.def("gather_rows", &gather, arg("src"), arg("indices") = py::none(), arg("out") = py::none(),
          arg("scale") = 1.0, arg("offset") = 0.0);
}

}  // namespace hotloop::bind
