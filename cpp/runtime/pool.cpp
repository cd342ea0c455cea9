#include "pool.h"

#include <chrono>
#include <system_error>
#include <thread>

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif

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

// True when `done()` came to hold.
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

std::atomic<Pool*> the_pool{nullptr};

}  // namespace

Pool& Pool::instance() {
    Pool* pool = the_pool.load(std::memory_order_acquire);
    if (pool) return *pool;
    // Never destroyed: its threads may outlive every static object.
    Pool* const fresh = new Pool;
    if (!the_pool.compare_exchange_strong(pool, fresh)) {
        delete fresh;
        return *pool;
    }
#if defined(__linux__) || defined(__APPLE__)
    // The child of a fork has none of the threads: it begins with a new pool, when it needs one.
    static const int registered = pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr); });
    (void)registered;
#endif
    return *fresh;
}

void Pool::grow(int workers) {
    while (workers_ < workers) {
        try {
            std::thread([this, part = workers_ + 1] { work(part); }).detach();
        } catch (const std::system_error&) {
            return;  // the caller takes the parts that have no worker
        }
        ++workers_;
    }
}

bool Pool::claim(int part, std::uint64_t region) {
    std::uint64_t free = 2 * region;
    return parts_[part].compare_exchange_strong(free, free + 1, std::memory_order_acq_rel);
}

void Pool::take(int part) {
    try {
        const index_t begin = tasks_ * part / count_;
        const index_t end = tasks_ * (part + 1) / count_;
        if (begin < end) task_(context_, begin, end);
    } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_all();
}

void Pool::work(int part) {
    std::uint32_t seen = 0;
    for (;;) {
        if (!spin(kWorkerPatience, [&] { return region_.load(std::memory_order_acquire) != seen; }))
            region_.wait(seen, std::memory_order_acquire);
        seen = region_.load(std::memory_order_acquire);
        if (claim(part, seen)) take(part);
    }
}

bool Pool::run(index_t tasks, int parts, Task task, void* context) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    parts = parts < kMost ? parts : kMost;
    grow(parts - 1);
    task_ = task;
    context_ = context;
    tasks_ = tasks;
    count_ = parts;
    error_ = nullptr;
    failed_.store(false, std::memory_order_relaxed);
    left_.store(parts, std::memory_order_relaxed);
    const std::uint32_t region = region_.load(std::memory_order_relaxed) + 1;
    for (int i = 0; i < parts; ++i)
        parts_[i].store(2 * std::uint64_t{region}, std::memory_order_release);
    region_.store(region, std::memory_order_release);
    region_.notify_all();
    for (int i = 0; i < parts; ++i)
        if (claim(i, region)) take(i);
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
