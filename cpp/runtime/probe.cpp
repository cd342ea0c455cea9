#include "hotloop/probe.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"

namespace hotloop {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Runs `body` over exactly `threads` tasks, whatever the setting in force.
template <class Body>
void on_threads(int threads, Body&& body) {
    detail::run_parallel(
        threads, threads, false,
        [](void* context, index_t begin, index_t end) {
            (*static_cast<std::remove_reference_t<Body>*>(context))(begin, end);
        },
        &body);
}

struct Free {
    void operator()(float* p) const { std::free(p); }
};

// n floats on huge pages: on small ones the triad would measure the look-up of addresses too.
std::unique_ptr<float, Free> large_array(index_t n) {
    std::size_t bytes = static_cast<std::size_t>(n) * sizeof(float);
    std::unique_ptr<float, Free> a(static_cast<float*>(allocate(bytes)));
    std::fill_n(a.get(), n, 1.0f);
    return a;
}

}  // namespace

template <class T>
double fma_peak(int threads, double seconds) {
    const ProbeKernels<T>& probe = *kernels<T>().probe;
    constexpr index_t kRounds = 1 << 18;
    std::vector<T> sink(static_cast<std::size_t>(threads));
    double best = 0;
    const auto start = Clock::now();
    do {
        const auto from = Clock::now();
        on_threads(threads, [&](index_t begin, index_t end) {
            for (index_t t = begin; t < end; ++t)
                sink[static_cast<std::size_t>(t)] = probe.fma_chain(kRounds);
        });
        const double flops =
            static_cast<double>(threads) * static_cast<double>(kRounds) * probe.flops_a_round;
        best = std::max(best, flops / seconds_since(from) / 1e9);
    } while (seconds_since(start) < seconds);
    return best;
}

double triad(index_t n_bytes, int threads) {
    const ProbeKernels<float>& probe = *kernels<float>().probe;
    const index_t n =
        std::max<index_t>(1, n_bytes / 3 / static_cast<index_t>(sizeof(float)) / 64) * 64;
    const auto a = large_array(n);
    const auto b = large_array(n);
    const auto c = large_array(n);
    double best = 0;
    for (int repeat = 0; repeat < 8; ++repeat) {
        const auto from = Clock::now();
        on_threads(threads, [&](index_t begin, index_t end) {
            const index_t first = n / 64 * begin / threads * 64;
            const index_t last = n / 64 * end / threads * 64;
            probe.triad(b.get() + first, c.get() + first, a.get() + first, last - first);
        });
        best = std::max(best,
                        3.0 * sizeof(float) * static_cast<double>(n) / seconds_since(from) / 1e9);
    }
    return best;
}

template double fma_peak<float>(int, double);
template double fma_peak<double>(int, double);

}  // namespace hotloop
