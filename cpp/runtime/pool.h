// The threads behind parallel_for.
//
// A region is cut into as many parts as it has threads, and a large part into slices of 1/2, 1/4,
// 1/8 and 1/8 of it. Worker i takes the slices of part i, so that a training step finds its data in
// the caches where the last one left it, and then what is left of the others' parts; so does the
// caller. Nobody waits for a thread that has not begun, and a thread that is slow, since another
// process or another virtual machine shares its core, leaves its last slices to the rest. That is
// what sets this pool apart from a team with a barrier: beside another pool in the process (NumPy's
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

    // Covers [0, tasks) in `parts` parts, each whole or in slices. False, and nothing done, when a
    // region is running already: then the caller does the work alone. Rethrows what a slice threw.
    bool run(index_t tasks, int parts, bool sliced, Task task, void* context);

  private:
    void grow(int workers);
    void work(int part);
    void take(int part, int left);
    int claim(int part, std::uint64_t region);
    void drain(int first, std::uint64_t region);

    std::atomic<bool> busy_{false};
    std::atomic<std::uint32_t> region_{0};  // what sleeping workers wait on
    std::atomic<int> left_{0};              // slices that are not done
    int workers_ = 0;                       // changed by the holder of busy_ alone
    // The region's number times kSlots, plus the slices of part i that nobody has taken. A worker
    // that comes late finds another number or no slice, and so never reads a finished region.
    static constexpr std::uint64_t kSlots = 8;
    static constexpr int kSlices = 4;
    std::atomic<std::uint64_t> parts_[kMost] = {};

    Task task_ = nullptr;
    void* context_ = nullptr;
    index_t tasks_ = 0;
    std::atomic<int> count_{0};  // parts
    int slices_ = 1;             // of a part
    std::exception_ptr error_;
    std::atomic<bool> failed_{false};
};

}  // namespace hotloop
