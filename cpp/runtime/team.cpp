#include "team.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include "hotloop/parallel.h"
#include "openmp.h"

namespace hotloop {
namespace {

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

using std::chrono::microseconds;

// A worker polls this long for the next region before it sleeps: longer than the gap between the
// regions of a training step, and than a region itself. A worker that slept through each region's
// beginning would be woken on the caller's processor again and again, and never share the work.
constexpr microseconds kWorkerPatience{1000};
// The caller polls this long for the last parts to end.
constexpr microseconds kCallerPatience{100};

// True when `done()` came to hold. Without yielding: two threads that yield to each other on one
// processor are never moved apart (128 x 512 x 784 on two cores: 1.0 ms, as on one, in place of
// 0.5).
template <class Done>
bool spin(microseconds patience, Done done) {
    const auto start = std::chrono::steady_clock::now();
    do {
        for (int i = 0; i < 16; ++i) {
            if (done()) return true;
            pause();
        }
    } while (std::chrono::steady_clock::now() - start < patience);
    return false;
}

// How many of `threads` more the system grants: the runtime of OpenMP ends the process where it
// refuses one, so they are tried first, all at once.
int granted(int threads) {
    std::atomic<bool> over{false};
    std::vector<std::thread> tried;
    tried.reserve(static_cast<std::size_t>(threads));
    try {
        while (static_cast<int>(tried.size()) < threads)
            tried.emplace_back([&over] { over.wait(false); });
    } catch (const std::system_error&) {
        threads = static_cast<int>(tried.size());
    }
    over.store(true);
    over.notify_all();
    for (std::thread& thread : tried) thread.join();
    return threads;
}

// By kind.
std::atomic<Team*> teams[2];
std::atomic<bool> in_child{false};

}  // namespace

void Team::watch_forks() {
#if defined(__linux__) || defined(__APPLE__)
    // The child has none of the threads: it begins with a new pool, when it needs one.
    static const int registered = pthread_atfork(nullptr, nullptr, [] {
        in_child.store(true);
        for (std::atomic<Team*>& team : teams) team.store(nullptr);
    });
    (void)registered;
#endif
}

bool Team::forked() { return in_child.load(std::memory_order_relaxed); }

Team& Team::instance(Threading kind) {
    std::atomic<Team*>& slot = teams[static_cast<int>(kind)];
    Team* team = slot.load(std::memory_order_acquire);
    if (team) return *team;
    // Never destroyed: its threads may outlive every static object.
    Team* const fresh = new Team(kind);
    if (!slot.compare_exchange_strong(team, fresh)) {
        delete fresh;
        return *team;
    }
    return *fresh;
}

void Team::grow(int workers) {
    if (kind_ == Threading::openmp && workers > workers_) open_region(workers);
    while (kind_ == Threading::pool && workers_ < workers) {
        try {
            std::thread([this, part = workers_ + 1] { work(part); }).detach();
        } catch (const std::system_error&) {
            return;  // the caller takes the parts that have no worker
        }
        ++workers_;
    }
}

// A region of more threads in the place of the one there is: of all that may be asked for next.
void Team::open_region(int workers) {
    // One more holds the region open.
    workers = granted(std::max(workers, num_threads() - 1) + 1) - 1;
    if (workers <= workers_) return;
    if (host_.joinable()) {
        closing_.store(true, std::memory_order_relaxed);
        closing_.notify_all();
        region_.parts.store(0, std::memory_order_relaxed);
        region_.number.fetch_add(1, std::memory_order_release);
        region_.number.notify_all();
        host_.join();
        closing_.store(false, std::memory_order_relaxed);
    }
    try {
        host_ = std::thread([this, workers] {
            openmp::region(
                workers + 1,
                [](void* context, int part) {
                    Team* const team = static_cast<Team*>(context);
                    if (part == 0)
                        team->closing_.wait(false);
                    else
                        team->work(part);
                },
                this);
        });
    } catch (const std::system_error&) {
        workers = 0;
    }
    workers_ = workers;
}

// Takes the next slice of a part: how many were left with it, 0 when there is none.
int Team::claim(int part, std::uint64_t region) {
    std::uint64_t state = parts_[part].state.load(std::memory_order_acquire);
    while (state / kSlots == region && state % kSlots != 0)
        if (parts_[part].state.compare_exchange_weak(state, state - 1, std::memory_order_acq_rel,
                                                     std::memory_order_acquire))
            return static_cast<int>(state % kSlots);
    return 0;
}

void Team::take(int part, int left) {
    // Slices begin at 0, 4, 6 and 7 eighths of the part; a single one is the whole part.
    const auto eighths = [this](int behind) {
        return region_.slices == 1 ? 8 - 8 * behind : 8 - (1 << behind) / 2;
    };
    try {
        const int parts = region_.parts.load(std::memory_order_relaxed);
        const index_t first = region_.tasks * part / parts;
        const index_t size = region_.tasks * (part + 1) / parts - first;
        const index_t begin = first + size * eighths(left) / 8;
        const index_t end = first + size * eighths(left - 1) / 8;
        const ScopedArithmeticMode mode{region_.mode};
        if (begin < end) region_.task(region_.context, begin, end);
    } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_all();
}

// Takes slices until nobody has one: those of part `first`, then those of the parts after it.
void Team::drain(int first, std::uint64_t region) {
    const int count = region_.parts.load(std::memory_order_relaxed);
    for (int i = 0; i < count && first < count; ++i) {
        const int part = first + i < count ? first + i : first + i - count;
        while (const int left = claim(part, region)) take(part, left);
    }
}

void Team::work(int part) {
    std::uint32_t seen = 0;
    while (!closing_.load(std::memory_order_relaxed)) {
        const auto fresh = [&] { return region_.number.load(std::memory_order_acquire) != seen; };
        if (!spin(kWorkerPatience, fresh)) region_.number.wait(seen, std::memory_order_acquire);
        seen = region_.number.load(std::memory_order_acquire);
        drain(part, seen);
    }
}

bool Team::run(index_t tasks, int parts, bool sliced, Task task, void* context) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    parts = parts < kMost ? parts : kMost;
    grow(parts - 1);
    error_ = nullptr;
    failed_.store(false, std::memory_order_relaxed);
    region_.mode = arithmetic_mode();
    const int slices = sliced ? kSlices : 1;
    left_.store(parts * slices, std::memory_order_relaxed);
    const std::uint32_t region = region_.number.load(std::memory_order_relaxed) + 1;
    for (int i = 0; i < parts; ++i)
        parts_[i].state.store(kSlots * std::uint64_t{region} + static_cast<std::uint64_t>(slices),
                              std::memory_order_release);
    // The line that idle workers poll comes last, all at once.
    region_.task = task;
    region_.context = context;
    region_.tasks = tasks;
    region_.slices = slices;
    region_.parts.store(parts, std::memory_order_relaxed);
    region_.number.store(region, std::memory_order_release);
    region_.number.notify_all();
    drain(0, region);
    const auto done = [this] { return left_.load(std::memory_order_acquire) == 0; };
    while (!spin(kCallerPatience, done)) {
        const int left = left_.load(std::memory_order_acquire);
        if (left != 0) left_.wait(left, std::memory_order_acquire);
    }
    const std::exception_ptr error = error_;
    error_ = nullptr;
    busy_.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(error);
    return true;
}

}  // namespace hotloop
