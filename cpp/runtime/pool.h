// The threads behind parallel_for.
//
// A region is cut into as many parts as it has threads. Worker i prefers part i, so that a training
// step finds its data in the caches where the last one left it; but a part whose worker has not
// come yet is taken by the caller, who never waits for a thread that has not begun. That is what
// sets this pool apart from a team with a barrier: beside another pool in the process (NumPy's
// OpenBLAS spins for milliseconds after each product) or another process on the machine, a region
// takes at most the time of one thread, where a barrier waited for whole time slices: 24 ms for a
// convolution of 0.24 ms.
#pragma once

#include <atomic>
#include <exception>

#include "hotloop/common.h"

namespace hotloop {

class Pool {
  public:
    using Task = void (*)(void* context, index_t begin, index_t end);
    static constexpr int kMost = 4096;

    // The one pool of this process; a child of fork gets one of its own.
    static Pool& instance();

    // Covers [0, tasks) in `parts` parts. False, and nothing done, when a region is running
    // already: then the caller does the work alone. Rethrows what a part threw.
    bool run(index_t tasks, int parts, Task task, void* context);

  private:
    void grow(int workers);
    void work(int part);
    void take(int part);
    bool claim(int part, std::uint64_t region);

    std::atomic<bool> busy_{false};
    std::atomic<std::uint32_t> region_{0};  // what sleeping workers wait on
    std::atomic<int> left_{0};              // parts that are not done
    int workers_ = 0;                       // changed by the holder of busy_ alone
    // 2 * region while part i is free, one more once somebody has it. A worker that comes late
    // finds neither its region's number nor a free part, and so never reads a finished region.
    std::atomic<std::uint64_t> parts_[kMost] = {};

    Task task_ = nullptr;
    void* context_ = nullptr;
    index_t tasks_ = 0;
    int count_ = 0;
    std::exception_ptr error_;
    std::atomic<bool> failed_{false};
};

}  // namespace hotloop
