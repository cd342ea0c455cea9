// What is set for the length of a `with` block: in C, where no interrupt comes between.
#include <pybind11/pybind11.h>

#include <memory>
#include <utility>

#include "bind.h"

namespace hotloop::bind {

namespace py = pybind11;

namespace {

// `with Scope(variable, value):` sets a context variable, `with Scope(owner, name=value, ...):`
// attributes. Ends at the latest with the object, which the frame that runs the block alone holds:
// a generator of contextlib's stays open after an exception between two instructions of the `with`,
// for as long as the traceback lives.
class Scope {
  public:
    Scope(py::object owner, py::object value, bool attributes)
        : owner_(std::move(owner)), value_(std::move(value)), attributes_(attributes) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    Scope(Scope&&) = delete;
    Scope& operator=(Scope&&) = delete;
    ~Scope() { stop(); }

    py::object start() {
        stop();
        if (attributes_) {
            const py::dict before;
            for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(value_))
                before[name] = owner_.attr(name);
            before_ = py::object(before);
            assign(value_);
            return py::none();
        }
        before_ = py::reinterpret_steal<py::object>(PyContextVar_Set(owner_.ptr(), value_.ptr()));
        if (!before_) throw py::error_already_set();
        return value_;
    }
    void stop() noexcept {
        if (!before_) return;
        const py::error_scope kept;
        const py::object before = std::exchange(before_, py::object());
        // Fails in another context than the block's alone, which has nothing to reset.
        if (!attributes_ && PyContextVar_Reset(owner_.ptr(), before.ptr()) != 0) PyErr_Clear();
        if (attributes_) assign(before);
    }

  private:
    void assign(const py::object& values) const noexcept {
        PyObject* name = nullptr;
        PyObject* value = nullptr;
        for (Py_ssize_t at = 0; PyDict_Next(values.ptr(), &at, &name, &value) != 0;)
            if (PyObject_SetAttr(owner_.ptr(), name, value) != 0) PyErr_Clear();
    }

    py::object owner_;
    py::object value_;
    py::object before_;  // set inside of the block
    bool attributes_;
};

// Base of what stands in a tuple, an attribute of `owner`, while its block runs. Leaves it alone,
// in whatever order blocks end.
class Member {
  public:
    Member(py::object owner, py::str name) : owner_(std::move(owner)), name_(std::move(name)) {}

    static py::object start(py::object self) {
        const auto& member = self.cast<const Member&>();
        py::list members(member.owner_.attr(member.name_));
        members.append(self);
        member.owner_.attr(member.name_) = py::tuple(members);
        return self;
    }
    static void stop(const py::object& self) {
        const auto& member = self.cast<const Member&>();
        py::list left;
        for (const py::handle other : member.owner_.attr(member.name_))
            if (!other.is(self)) left.append(other);
        member.owner_.attr(member.name_) = py::tuple(left);
    }

  private:
    py::object owner_;
    py::str name_;
};

}  // namespace

void bind_scope(py::module_& m) {
    py::class_<Scope>(m, "Scope")
        .def(py::init([](py::object variable, py::object value) {
                 return std::make_unique<Scope>(std::move(variable), std::move(value), false);
             }),
             py::arg("variable"), py::arg("value"), py::pos_only())
        .def(py::init([](py::object owner, py::kwargs attributes) {
                 return std::make_unique<Scope>(std::move(owner), std::move(attributes), true);
             }),
             py::arg("owner"), py::pos_only())
        .def("__enter__", &Scope::start)
        .def("__exit__", [](Scope& scope, const py::args&) { scope.stop(); });
    py::class_<Member>(m, "Member")
        .def(py::init<py::object, py::str>(), py::arg("owner"), py::arg("name"))
        .def("__enter__", &Member::start)
        .def("__exit__", [](const py::object& self, const py::args&) { Member::stop(self); });
}

}  // namespace hotloop::bind
