// The only door to threads.
#pragma once

#include <type_traits>

#include "hotloop/common.h"

namespace hotloop {

// Thread count: what was set last, HOTLOOP_NUM_THREADS, else OMP_NUM_THREADS, as given; else the
// smaller of the processors this process may use and its cgroup quota. No more than
// omp_set_num_threads allows the calling thread, which is how threadpoolctl and joblib set limits.
int num_threads();
void set_num_threads(int n);  // n >= 1
// Throws where HOTLOOP_NUM_THREADS is set to what is no number of threads. OMP_NUM_THREADS is
// OpenMP's, whose runtime reports what it cannot read.
void select_num_threads();

// Regions that this process has run on more than one thread so far, and the parts that they were
// cut into. Each ends with one wait for all its slices, the only barrier that there is.
struct RegionCount {
    std::uint64_t regions, parts;
};
RegionCount region_count();

namespace detail {
using Task = void (*)(void* context, index_t begin, index_t end);
void run_parallel(index_t tasks, int threads, bool sliced, Task task, void* context);
bool worth_slices(int threads, double cost);
int threads_for(index_t tasks, double cost);
}  // namespace detail

// How often a thread calls the body. In slices, threads even out what one is slower than another;
// a body that prepares something for its whole stretch first is better called once.
enum class Stretches { sliced, whole };

// Calls body(begin, end) so that [0, tasks) is covered once, on as many threads as the work is
// worth; `cost` is the whole work in floating-point operations (8 a byte moved is a fair rate). The
// split is by thread and may differ between runs, so body's result must not depend on it. A
// reduction is split into blocks fixed by its shape, one task a block, summed in order afterwards.
// A caller that finds the team busy runs on its own thread alone.
template <class Body>
void parallel_for(index_t tasks, double cost, Body&& body, Stretches how = Stretches::sliced) {
    const int threads = detail::threads_for(tasks, cost);
    if (threads <= 1) {
        if (tasks > 0) body(index_t{0}, tasks);
        return;
    }
    using Plain = std::remove_reference_t<Body>;
    detail::run_parallel(
        tasks, threads, how == Stretches::sliced && detail::worth_slices(threads, cost),
        [](void* context, index_t begin, index_t end) {
            (*static_cast<Plain*>(context))(begin, end);
        },
        const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace hotloop
