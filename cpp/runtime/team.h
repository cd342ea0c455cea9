// A team of threads behind parallel_for: OpenMP's or a pool of our own.
//
// A region is cut into as many parts as it has threads, and a large part into slices of 1/2, 1/4,
// 1/8 and 1/8 of it. Worker i takes the slices of part i, so that a training step finds its data in
// the caches where the last one left it, and then what is left of the others' parts; so does the
// caller. Nobody waits for a thread that has not begun, and a thread that is slow, since another
// process or another virtual machine shares its core, leaves its last slices to the rest: beside
// other threads in the process (NumPy's OpenBLAS polls for milliseconds after each product) or
// another process on the machine, a region takes at most the time of one thread.
//
// OpenMP's threads keep to the same rules. The barrier that ends each of its own regions would wait
// for a thread that has no processor, and its threads poll for milliseconds between regions. So
// they come once, into one region that lasts, whose first thread only holds it open, and wait in
// there for work as the pool's do.
#pragma once

#include <atomic>
#include <exception>
#include <thread>

#include "hotloop/common.h"
#include "hotloop/subnormals.h"
#include "hotloop/threading.h"

namespace hotloop {

class Team {
  public:
    using Task = void (*)(void* context, index_t begin, index_t end);
    static constexpr int kMost = 4096;

    // The one team of each kind in this process; the child of a fork gets a pool of its own.
    static Team& instance(Threading kind);
    // Whether this process is the child of a fork that came after watch_forks().
    static bool forked();
    static void watch_forks();

    // Covers [0, tasks) in `parts` parts, each whole or in slices. False, and nothing done, when a
    // region is running already: then the caller does the work alone. Rethrows what a slice threw.
    bool run(index_t tasks, int parts, bool sliced, Task task, void* context);

  private:
    explicit Team(Threading kind) : kind_(kind) {}
    void grow(int workers);
    void open_region(int workers);
    void work(int part);
    void take(int part, int left);
    int claim(int part, std::uint64_t region);
    void drain(int first, std::uint64_t region);

    // What a region costs at least is cache lines that go from core to core, some 0.1 us each. So
    // the number that idle workers poll lies on one line with all that they then need to know, the
    // slices of each part on a line of their own, and the count of slices to do apart from both.
    struct alignas(64) Region {
        std::atomic<std::uint32_t> number{0};  // what sleeping workers wait on
        std::atomic<int> parts{0};
        int slices = 1;  // of a part
        Task task = nullptr;
        void* context = nullptr;
        index_t tasks = 0;
        ArithmeticMode mode{};  // of the caller
    };
    struct alignas(64) Part {
        // The region's number times kSlots, plus the slices that nobody has taken. A worker that
        // comes late finds another number or no slice, and so never reads a finished region.
        std::atomic<std::uint64_t> state{0};
    };
    static constexpr std::uint64_t kSlots = 8;
    static constexpr int kSlices = 4;

    Region region_;
    Part parts_[kMost];
    alignas(64) std::atomic<int> left_{0};  // slices that are not done
    alignas(64) std::atomic<bool> busy_{false};
    // Changed by the holder of busy_ alone.
    const Threading kind_;
    int workers_ = 0;
    std::thread host_;  // opens OpenMP's region and waits in it
    std::atomic<bool> closing_{false};
    std::exception_ptr error_;
    std::atomic<bool> failed_{false};
};

}  // namespace hotloop
