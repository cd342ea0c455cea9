#include "plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "arrays.h"
#include "hotloop/subnormals.h"

namespace hotloop::bind {
namespace {

// What this thread records, and the frame of the package's own code that does; no frame where
// other code records, such as a test.
struct Current {
    Plan* plan = nullptr;
    PyFrameObject* frame = nullptr;
};

thread_local Current current;

bool of_the_package(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
    const auto globals = py::reinterpret_steal<py::object>(PyFrame_GetGlobals(frame));
#else
    const py::object globals = py::handle(reinterpret_cast<PyObject*>(frame)).attr("f_globals");
#endif
    static PyObject* const key = PyUnicode_InternFromString("__name__");
    PyObject* const name = PyDict_GetItemWithError(globals.ptr(), key);
    if (!name || !PyUnicode_Check(name)) return false;
    const char* const text = PyUnicode_AsUTF8(name);
    if (!text) PyErr_Clear();
    if (!text) return false;
    const std::string_view module = text;
    const auto within = [module](std::string_view package) {
        return module.starts_with(package) &&
               (module.size() == package.size() || module[package.size()] == '.');
    };
    // NumPy's decorators, such as errstate, stand between functions of the package; a handler that
    // is the user's has a frame of its own above.
    return within("hotloop") || within("numpy");
}

// Does other code run between the recording frame and this call: a signal handler or a destructor,
// which Python may call anywhere? Asked by every recorded call, so without Python between.
bool from_outside() {
    if (!current.frame) return false;
    PyFrameObject* at = PyEval_GetFrame();
    py::object held;
    while (at && at != current.frame) {
        if (!of_the_package(at)) return true;
        at = PyFrame_GetBack(at);
        held = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(at));
    }
    return false;
}

// `with plan.recording():`. The recording ends at the latest with this object, which the frame that
// runs the block alone holds: an exception between two instructions of the `with` ends it too.
class Recording {
  public:
    Recording(py::object plan, bool anyone) : plan_(std::move(plan)), anyone_(anyone) {}
    Recording(Recording&&) = default;
    Recording& operator=(Recording&&) = delete;
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording() { stop(); }
    void start() {
        if (Plan::recording())
            throw std::runtime_error("Plan.recording: another plan records in this thread");
        PyFrameObject* const frame = PyEval_GetFrame();
        outer_ = current;
        active_ = &plan_.cast<Plan&>();
        // Borrowed: the frame outlives the block that records in it.
        const bool guarded = !anyone_ && frame && of_the_package(frame);
        current = {active_, guarded ? frame : nullptr};
    }
    void stop() noexcept {
        if (active_ && current.plan == active_) current = outer_;
        active_ = nullptr;
    }

  private:
    py::object plan_;
    Plan* active_ = nullptr;  // set while it records; the object is held by `plan_`
    Current outer_;
    bool anyone_;
};

}  // namespace

Plan* Plan::recording() { return current.plan && !from_outside() ? current.plan : nullptr; }

void Plan::run() const {
    const ArithmeticMode now = arithmetic_mode();
    const ScopedArithmeticMode scope{exact_ ? now : without_subnormals(now)};
    for (const std::unique_ptr<Step>& step : steps_) step->run();
}

py::list Plan::held() const {
    py::list arrays;
    for (const Held& held : held_) arrays.append(py::make_tuple(held.array, held.made));
    return arrays;
}

bool Plan::holds(const py::array& array) const {
    // From the end: what is asked for is what was made last.
    for (std::size_t i = held_.size(); i-- > 0;)
        if (py::reinterpret_borrow<py::array>(held_[i].array).data() == array.data()) return true;
    return false;
}

void Plan::rebind(const py::array& old, const py::array& now) {
    if (old.is(now)) return;
    const bool same = old.dtype().equal(now.dtype()) && shape_of(old) == shape_of(now) &&
                      (now.flags() & py::array::c_style) != 0;
    if (!same)
        fail("Plan.rebind",
             "the new array must be C-contiguous of the same dtype and shape as the old: ",
             shape_of(old), " and ", shape_of(now));
    const auto bytes = static_cast<std::size_t>(old.nbytes());
    for (const std::unique_ptr<Step>& step : steps_) step->rebind(old.data(), now.data(), bytes);
}

bool Plan::forget(const py::array& array) {
    bool any = false;
    for (const std::unique_ptr<Step>& step : steps_) any = step->forget(array.data()) || any;
    return any;
}

void bind_plan(py::module_& m) {
    py::class_<Recording>(m, "_Recording")
        .def("__enter__", &Recording::start)
        .def("__exit__", [](Recording& recording, const py::args&) { recording.stop(); });
    py::class_<Plan>(m, "Plan")
        .def(py::init<bool>(), py::arg("exact") = false)
        .def(
            "recording",
            [](py::object self, bool anyone) { return Recording(std::move(self), anyone); },
            py::arg("anyone") = false)
        .def("run",
             [](const Plan& plan) {
                 const ReleasedGil unlocked;
                 plan.run();
             })
        .def("held", &Plan::held)
        .def("holds", &Plan::holds, py::arg("array"))
        .def("rebind", &Plan::rebind, py::arg("old"), py::arg("new"))
        .def("forget", &Plan::forget, py::arg("array"))
        .def("__len__", &Plan::size);
}

}  // namespace hotloop::bind
