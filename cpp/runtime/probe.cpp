#include "hotloop/probe.h"

#include <algorithm>
#include <chrono>
#include <vector>

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
    const int before = num_threads();
    set_num_threads(threads);
    parallel_for(threads, 1e12, body);
    set_num_threads(before);
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
    std::vector<float> a(static_cast<std::size_t>(n), 1.0f);
    std::vector<float> b(a);
    std::vector<float> c(a);
    double best = 0;
    for (int repeat = 0; repeat < 8; ++repeat) {
        const auto from = Clock::now();
        on_threads(threads, [&](index_t begin, index_t end) {
            const index_t first = n / 64 * begin / threads * 64;
            const index_t last = n / 64 * end / threads * 64;
            probe.triad(b.data() + first, c.data() + first, a.data() + first, last - first);
        });
        best = std::max(best,
                        3.0 * sizeof(float) * static_cast<double>(n) / seconds_since(from) / 1e9);
    }
    return best;
}

template double fma_peak<float>(int, double);
template double fma_peak<double>(int, double);

}  // namespace hotloop
