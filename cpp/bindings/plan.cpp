#include "plan.h"

#include "arrays.h"
#include "hotloop/subnormals.h"

namespace hotloop::bind {
namespace {

thread_local Plan* current = nullptr;

// `with plan.recording():`. The recording ends at the latest with this object, which the frame that
// runs the block alone holds: an exception between two instructions of the `with` ends it too.
class Recording {
  public:
    explicit Recording(py::object plan) : plan_(std::move(plan)) {}
    Recording(Recording&&) = default;
    Recording& operator=(Recording&&) = delete;
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording() { stop(); }
    void start() {
        Plan& plan = plan_.cast<Plan&>();
        plan.start();
        active_ = &plan;
    }
    void stop() noexcept {
        if (active_) active_->stop();
        active_ = nullptr;
    }

  private:
    py::object plan_;
    Plan* active_ = nullptr;  // set while it records; the object is held by `plan_`
};

}  // namespace

Plan* Plan::recording() { return current; }

void Plan::start() {
    if (current) throw std::runtime_error("Plan.recording: another plan records in this thread");
    current = this;
}

void Plan::stop() const {
    if (current == this) current = nullptr;
}

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
        .def("recording", [](py::object self) { return Recording(std::move(self)); })
        .def("run",
             [](const Plan& plan) {
                 const ReleasedGil unlocked;
                 plan.run();
             })
        .def("held", &Plan::held)
        .def("rebind", &Plan::rebind, py::arg("old"), py::arg("new"))
        .def("forget", &Plan::forget, py::arg("array"))
        .def("__len__", &Plan::size);
}

}  // namespace hotloop::bind
