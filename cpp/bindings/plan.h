// The recorded step: a list of op calls on fixed buffers, run without Python.
//
// While a Plan records (per thread), `submit` appends the call instead of running it.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gil.h"
#include "hotloop/common.h"

namespace hotloop::bind {

namespace py = pybind11;

// One recorded call.
struct Step {
    virtual ~Step() = default;
    virtual void run() const = 0;
    // Reads `now` wherever the call reads `old`, an array of so many bytes, or a part of it.
    virtual void rebind(const void* old, const void* now, std::size_t bytes) = 0;
    // Nothing reads `array` but this call itself, which may leave it unwritten.
    virtual bool forget(const void* array) = 0;
};

// Args lists the pointers that it reads: `template <class F> void inputs(F f) { f(x); f(w); }`.
template <class Args>
struct Call final : Step {
    Call(const Args& a, void (*f)(const Args&)) : args(a), op(f) {}
    void run() const override { op(args); }
    void rebind(const void* old, const void* now, std::size_t bytes) override {
        const auto from = reinterpret_cast<std::uintptr_t>(old);
        args.inputs([=](auto*& p) {
            const auto at = reinterpret_cast<std::uintptr_t>(p) - from;
            if (p == old || at < bytes)
                p = reinterpret_cast<std::remove_reference_t<decltype(p)>>(
                    static_cast<const char*>(now) + at);
        });
    }
    bool forget(const void* array) override {
        if constexpr (requires { args.forget(array); })
            return args.forget(array);
        else
            return false;
    }
    Args args;
    void (*op)(const Args&);
};

class Plan {
  public:
    // An exact plan keeps subnormal numbers, as functions called one by one do.
    explicit Plan(bool exact = false) : exact_(exact) {}
    // The plan that records in this thread, or null.
    // Null too for a call from code that Python runs in between, as of a signal handler: it is
    // computed at once.
    static Plan* recording();

    void append(std::unique_ptr<Step> step) { steps_.push_back(std::move(step)); }
    // Keeps an array alive for as long as the plan; `made` when the recorded call made it.
    void hold(py::object array, bool made = false) { held_.push_back({std::move(array), made}); }
    // Whether an array starts where one of the plan's does.
    bool holds(const py::array& array) const;
    // The arrays that calls read or write, and whether they were made by them.
    py::list held() const;
    // The call appended last, to fold another into it; null when there is none of this kind.
    template <class Args>
    Call<Args>* last() {
        return steps_.empty() ? nullptr : dynamic_cast<Call<Args>*>(steps_.back().get());
    }

    // Puts a call in the place of the last one, which it does the work of too.
    template <class Args>
    void replace_last(const Args& args, void (*op)(const Args&)) {
        steps_.back() = std::make_unique<Call<Args>>(args, op);
    }

    void run() const;
    // Lets calls that can leave `array` unwritten: nothing else reads it. False when none can.
    bool forget(const py::array& array);
    void rebind(const py::array& old, const py::array& now);
    std::size_t size() const { return steps_.size(); }

  private:
    std::vector<std::unique_ptr<Step>> steps_;
    struct Held {
        py::object array;
        bool made;
    };
    std::vector<Held> held_;
    bool exact_;
};

// Runs op(args) now, without the GIL when it is worth about 10 us, or appends it to the recording
// plan. `cost` in floating-point operations.
template <class Args>
void submit(const Args& args, void (*op)(const Args&), double cost) {
    constexpr double kWorthReleasing = 1e6;
    if (Plan* plan = Plan::recording()) {
        plan->append(std::make_unique<Call<Args>>(args, op));
    } else if (cost >= kWorthReleasing) {
        const ReleasedGil unlocked;
        op(args);
    } else {
        op(args);
    }
}

void bind_plan(py::module_& m);

}  // namespace hotloop::bind
