#include "hotloop/ops/dropout.h"

#include <algorithm>
#include <cmath>

#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

constexpr index_t kBlock =
    4096;  // elements, a multiple of 64: mask and data stay in the first-level cache

template <class T>
T scale_of(double rate) {
    return static_cast<T>(1 / (1 - rate));
}

}  // namespace

template <class T>
void dropout(const DropoutArgs<T>& s) {
    const DropoutKernels<T>& kernel = *kernels<T>().dropout;
    DropoutStream stream;
    stream.seed = static_cast<std::uint64_t>(s.seed.get());
    stream.offset = static_cast<std::uint64_t>(s.offset.get());
    stream.threshold = static_cast<std::uint32_t>(std::ceil(s.rate * 16777216.0));
    const T scale = scale_of<T>(s.rate);
    const bool past_caches = worth_streaming<T>(s.n) && s.x != s.y;
    parallel_for(
        ceil_div(s.n, kBlock), 64.0 * static_cast<double>(s.n), [&](index_t begin, index_t end) {
            for (index_t b = begin; b < end; ++b) {
                const index_t first = b * kBlock;
                const index_t n = std::min(kBlock, s.n - first);
                kernel.mask(stream, first, n, s.mask + first);
                kernel.apply(s.x + first, s.mask + first, n, scale, s.y + first, past_caches);
            }
        });
}

template <class T>
void dropout_backward(const DropoutBackwardArgs<T>& s) {
    const T scale = scale_of<T>(s.rate);
    const double cost = 8.0 * static_cast<double>(s.n) * (2 * sizeof(T) + 1);
    const bool stream = worth_streaming<T>(s.n) && s.dy != s.dx;
    parallel_for(ceil_div(s.n, kBlock), cost, [&](index_t begin, index_t end) {
        const index_t first = begin * kBlock;
        const index_t n = std::min(end * kBlock, s.n) - first;
        kernels<T>().dropout->apply(s.dy + first, s.mask + first, n, scale, s.dx + first, stream);
    });
}

#define HOTLOOP_INSTANTIATE(T)                       \
    template void dropout<T>(const DropoutArgs<T>&); \
    template void dropout_backward<T>(const DropoutBackwardArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
