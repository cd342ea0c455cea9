// Calls that Python cannot interrupt half way: signal handlers and exceptions sent from other
// threads run between instructions of Python, and there are none between two calls made here.
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "arrays.h"
#include "bind.h"
#include "changed.h"

namespace hotloop::bind {
namespace {

// The bytes of some arrays, to be put back.
class Saved {
  public:
    explicit Saved(const py::tuple& arrays) {
        std::size_t total = 0;
        for (const py::handle item : arrays) {
            py::array a = in_place("run_whole", "saved", item);
            const Place place{a.mutable_data(), static_cast<std::size_t>(a.nbytes())};
            places_.push_back(place);
            total += place.size;
        }
        bytes_.resize(total);
        std::size_t at = 0;
        for (const Place& place : places_) {
            std::memcpy(bytes_.data() + at, place.data, place.size);
            at += place.size;
        }
    }
    void put_back() const {
        std::size_t at = 0;
        for (const Place& place : places_) {
            std::memcpy(place.data, bytes_.data() + at, place.size);
            at += place.size;
        }
    }

  private:
    struct Place {
        void* data;
        std::size_t size;
    };
    std::vector<Place> places_;
    std::vector<char> bytes_;
};

// A plan, or a function that is called; with `value`, only when that is NaN.
struct Part {
    const Plan* plan = nullptr;
    py::handle function;
    const double* value = nullptr;
};

Part part_of(py::handle given) {
    static const PyObject* const kPlan = py::type::of<Plan>().ptr();
    if (reinterpret_cast<PyObject*>(Py_TYPE(given.ptr())) == kPlan)
        return {&given.cast<const Plan&>(), {}, nullptr};
    if (!PyTuple_CheckExact(given.ptr())) return {nullptr, given, nullptr};
    const py::handle first = PyTuple_GetItem(given.ptr(), 0);
    const py::handle second = PyTuple_GetItem(given.ptr(), 1);
    // By its number, as comparing dtypes takes longer than the rest of a small step's overhead.
    static const int kDouble = py::dtype::of<double>().num();
    if (!second || !py::isinstance<py::array>(first) ||
        py::reinterpret_borrow<py::array>(first).dtype().num() != kDouble)
        throw py::type_error("run_whole: a tuple must be an array of float64 and a function");
    return {nullptr, second,
            static_cast<const double*>(py::reinterpret_borrow<py::array>(first).data())};
}

void call(py::handle function) {
    PyObject* answer = outlasting_exit([=] { return PyObject_CallNoArgs(function.ptr()); });
    if (!answer) throw py::error_already_set();
    Py_DECREF(answer);
}

// The counts of objects, and what they will be after the step.
class Counts {
  public:
    // None, an object, or a tuple of objects, in which one that counts twice stands twice.
    explicit Counts(py::handle counted) {
        if (counted.is_none()) return;
        if (!PyTuple_CheckExact(counted.ptr())) {
            add(counted);
            return;
        }
        for (const py::handle owner : py::reinterpret_borrow<py::tuple>(counted)) add(owner);
    }
    void set() const {
        for (const auto& [owner, next] : owners_)
            // Not through a __setattr__ of Python's, which could be interrupted.
            if (PyObject_GenericSetAttr(owner.ptr(), name(), next.ptr()) != 0)
                throw py::error_already_set();
    }

  private:
    static PyObject* name() {
        static PyObject* const kIterations = PyUnicode_InternFromString("iterations");
        return kIterations;
    }
    void add(py::handle owner) {
        for (auto& [known, next] : owners_)
            if (known.is(owner)) {
                next = next + py::int_(1);
                return;
            }
        const auto now =
            py::reinterpret_steal<py::object>(PyObject_GenericGetAttr(owner.ptr(), name()));
        if (!now) throw py::error_already_set();
        owners_.emplace_back(owner, now + py::int_(1));
    }
    std::vector<std::pair<py::handle, py::object>> owners_;
};

// Runs parts in order, each a Plan, a function, or (value, function): a function that is called
// when the array `value` holds NaN. An exception leaves the arrays `saved` as they were before;
// else, at the end, `iterations` of each object in `counted` is one more.
void run_whole(const py::tuple& parts, const py::tuple& saved, py::handle counted) {
    // Read first: without the GIL no object of Python's may be touched.
    std::vector<Part> steps;
    steps.reserve(parts.size());
    for (const py::handle given : parts) steps.push_back(part_of(given));
    const Saved before(saved);
    const Counts counts(counted);
    try {
        std::optional<ReleasedGil> unlocked;
        for (const Part& part : steps) {
            if (part.plan) {
                if (!unlocked) unlocked.emplace();
                part.plan->run();
            } else if (!part.value || std::isnan(*part.value)) {
                unlocked.reset();
                call(part.function);
            }
        }
        unlocked.reset();
        counts.set();
    } catch (...) {
        before.put_back();
        throw;
    }
}

// Lets plans read `array` for the one in attribute `name` of `owner`, and sets the attribute.
void rebind(py::handle owner, py::handle name, const py::iterable& plans, const py::array& array) {
    const auto old =
        py::reinterpret_steal<py::object>(PyObject_GenericGetAttr(owner.ptr(), name.ptr()));
    if (!old) throw py::error_already_set();
    for (const py::handle plan : plans)
        plan.cast<Plan&>().rebind(py::reinterpret_borrow<py::array>(old), array);
    if (PyObject_GenericSetAttr(owner.ptr(), name.ptr(), array.ptr()) != 0)
        throw py::error_already_set();
}

// Copies each of `values` into the array at its place in `targets`, all or none.
void assign(const py::sequence& targets, const py::sequence& values) {
    const char* const op = "assign";
    if (targets.size() != values.size())
        fail(op, "as many values as targets are needed, got ", values.size(), " for ",
             targets.size());
    std::vector<py::array> to;
    std::vector<py::array> from;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        to.push_back(in_place(op, "a target", targets[i]));
        const py::array value = as_array(op, "a value", values[i]);
        if (shape_of(value) != shape_of(to[i]))
            fail(op, "a value must have the shape of its target, ", shape_of(to[i]), ", got ",
                 shape_of(value));
        if (to[i].itemsize() == 4)
            from.push_back(converted<float>(value));
        else
            from.push_back(converted<double>(value));
    }
    for (std::size_t i = 0; i < to.size(); ++i)
        std::memmove(to[i].mutable_data(), from[i].data(),
                     static_cast<std::size_t>(to[i].nbytes()));
}

}  // namespace

void bind_whole(py::module_& m) {
    m.def("run_whole", &run_whole, py::arg("parts"), py::arg("saved"),
          py::arg("counted") = py::none());
    m.def("rebind", &rebind, py::arg("owner"), py::arg("name"), py::arg("plans"), py::arg("array"));
    m.def("assign", &assign, py::arg("targets"), py::arg("values"));
}

}  // namespace hotloop::bind
