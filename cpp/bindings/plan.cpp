#include "plan.h"

#include <algorithm>
#include <ranges>
#include <string>
#include <utility>

#include "arrays.h"
#include "hotloop/subnormals.h"

namespace hotloop::bind {
namespace {

// What this thread records, and the frame of the package's own code that does; no frame where
// other code records, such as a test.
struct Current {
    Plan* plan = nullptr;
    PyObject* frame = nullptr;
};

thread_local Current current;

py::object frame_of_python() {
    return py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
}

bool of_the_package(py::handle frame) {
    const py::object globals = frame.attr("f_globals");
    PyObject* const name = PyDict_GetItemString(globals.ptr(), "__name__");
    if (!name || !PyUnicode_Check(name)) return false;
    const auto text = py::handle(name).cast<std::string>();
    return text == "hotloop" || text.starts_with("hotloop.");
}

// Does other code run between the recording frame and this call: a signal handler or a destructor,
// which Python may call anywhere?
bool from_outside() {
    if (!current.frame) return false;
    py::object frame = frame_of_python();
    while (frame.ptr() && !frame.is_none() && frame.ptr() != current.frame) {
        if (!of_the_package(frame)) return true;
        frame = frame.attr("f_back");
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
        const py::object frame = frame_of_python();
        outer_ = current;
        active_ = &plan_.cast<Plan&>();
        // Borrowed: the frame outlives the block that records in it.
        const bool guarded = !anyone_ && frame.ptr() && of_the_package(frame);
        current = {active_, guarded ? frame.ptr() : nullptr};
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
    return std::ranges::any_of(held_ | std::views::reverse, [&](const Held& held) {
        return py::reinterpret_borrow<py::array>(held.array).data() == array.data();
    });
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
