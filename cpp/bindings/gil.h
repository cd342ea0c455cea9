// The GIL, and what becomes of threads that want it back while the interpreter ends.
#pragma once

#include <pybind11/pybind11.h>

#if defined(__GLIBC__)
#include <cxxabi.h>
#endif

#include <chrono>
#include <thread>

namespace hotloop::bind {

// Calls f, which may take the GIL. Up to Python 3.13 a daemon thread that takes it while the
// interpreter ends is ended by pthread_exit, which unwinds the stack; C++ frames would turn that
// into an abort of the process. Here the thread waits for the end instead, as in Python 3.14.
template <class F>
auto outlasting_exit(F f) {
#if defined(__GLIBC__)
    try {
        return f();
    } catch (const abi::__forced_unwind&) {
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
#else
    return f();
#endif
}

// Lets other Python threads run for as long as it lives.
class ReleasedGil {
  public:
    ReleasedGil() : state_(PyEval_SaveThread()) {}
    ~ReleasedGil() {
        outlasting_exit([this] { PyEval_RestoreThread(state_); });
    }
    ReleasedGil(const ReleasedGil&) = delete;
    ReleasedGil& operator=(const ReleasedGil&) = delete;
    ReleasedGil(ReleasedGil&&) = delete;
    ReleasedGil& operator=(ReleasedGil&&) = delete;

  private:
    PyThreadState* state_;
};

}  // namespace hotloop::bind
