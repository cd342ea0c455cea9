#include "hotloop/ops/norm.h"

#include <algorithm>
#include <cmath>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/long_sums.h"
#include "hotloop/parallel.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

constexpr index_t kColumns = 64;     // channels of one block of rows
constexpr index_t kElements = 8192;  // of a block: 32 KB of float, inside the first-level cache

constexpr index_t kMostRows = 2 * kRun;  // even and odd rows are summed apart

// A batch cut into blocks by its shape alone. Block b holds part of every channel.
struct Blocks {
    Channels s;
    index_t length;  // rows, or pixels of a plane, in a whole block
    index_t pieces;  // blocks of a plane; by rows, all blocks
    index_t count;   // all blocks

    explicit Blocks(const Channels& channels) : s(channels) {
        if (s.planes) {
            length = kElements;
            pieces = ceil_div(s.inner, length);
            count = s.N * pieces;
        } else {
            length = std::clamp<index_t>(kElements / std::max<index_t>(s.C, 1),
                                         kElements / kColumns, kMostRows);
            pieces = count = ceil_div(s.count(), length);
        }
    }
    // Elements of one channel in block b.
    index_t elements(index_t b) const {
        const index_t whole = s.planes ? s.inner : s.count();
        return std::min(length, whole - b % pieces * length);
    }
    // Where the part of channel c in block b begins.
    index_t start(index_t b, index_t c) const {
        if (s.planes) return (b / pieces * s.C + c) * s.inner + b % pieces * length;
        return b * length * s.C + c;
    }
    // Channels that one task takes of a block.
    index_t group() const { return s.planes ? 1 : kColumns; }
};

// task(block, first channel, last channel) over everything.
template <class T, class Task>
void over_blocks(const Blocks& blocks, int arrays, const Task& task) {
    const index_t group = blocks.group();
    const index_t groups = ceil_div(blocks.s.C, group);
    const double cost = 8.0 * arrays * static_cast<double>(blocks.s.size()) * sizeof(T);
    parallel_for(blocks.count * groups, cost, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const index_t c = i % groups * group;
            task(i / groups, c, std::min(c + group, blocks.s.C));
        }
    });
}

// The same for maps, where a task may take whole rows.
template <class T, class Task>
void over_rows(const Channels& s, int arrays, const Task& task) {
    const index_t rows = std::max<index_t>(1, kElements / std::max<index_t>(s.C, 1));
    const double cost = 8.0 * arrays * static_cast<double>(s.size()) * sizeof(T);
    parallel_for(ceil_div(s.count(), rows), cost, [&](index_t begin, index_t end) {
        task(begin * rows, std::min(end * rows, s.count()));
    });
}

// Some channels at a time, added up over the blocks in double.
constexpr index_t kLanes = 16;

// first[b * C + c] and second[...] summed over b, then done(c, total of first, total of second).
template <class T, class Done>
void add_blocks(const T* first, const T* second, index_t blocks, index_t C, const Done& done) {
    for (index_t c0 = 0; c0 < C; c0 += kLanes) {
        const index_t n = std::min(kLanes, C - c0);
        double a[kLanes] = {};
        double b[kLanes] = {};
        for (index_t i = 0; i < blocks; ++i)
            for (index_t j = 0; j < n; ++j) {
                a[j] += static_cast<double>(first[i * C + c0 + j]);
                b[j] += static_cast<double>(second[i * C + c0 + j]);
            }
        for (index_t j = 0; j < n; ++j) done(c0 + j, a[j], b[j]);
    }
}

// mean and biased variance of each channel, from those of the blocks: means, what they left over,
// and squares around them.
template <class T, class Done>
void merge_moments(
    const Blocks& blocks, const T* mean, const T* rest, const T* squares, const Done& done) {
    const index_t C = blocks.s.C;
    const auto M = static_cast<double>(blocks.s.count());
    for (index_t c0 = 0; c0 < C; c0 += kLanes) {
        const index_t n = std::min(kLanes, C - c0);
        double total[kLanes] = {};
        double square[kLanes] = {};
        const auto each = [&](const auto& body) {
            for (index_t b = 0; b < blocks.count; ++b) {
                const auto elements = static_cast<double>(blocks.elements(b));
                for (index_t j = 0; j < n; ++j) {
                    const index_t i = b * C + c0 + j;
                    // An infinite mean leaves NaN over.
                    const double left =
                        std::isfinite(rest[i]) ? static_cast<double>(rest[i]) / elements : 0.0;
                    body(i, j, elements, left, static_cast<double>(mean[i]) + left);
                }
            }
        };
        each([&](index_t, index_t j, double elements, double, double of_block) {
            total[j] += elements * of_block;
        });
        for (double& m : total) m /= M;
        each([&](index_t i, index_t j, double elements, double left, double of_block) {
            const double off = of_block - total[j];
            square[j] += static_cast<double>(squares[i]) + elements * (off * off - left * left);
        });
        for (index_t j = 0; j < n; ++j) done(c0 + j, total[j], std::max(square[j], 0.0) / M);
    }
}

template <class T>
void batch_statistics(const BatchNormArgs<T>& a) {
    const NormKernels<T>& kernel = *kernels<T>().norm;
    const index_t C = a.s.C;
    const auto keep = [&](index_t c, double mean, double var) {
        a.mean[c] = static_cast<T>(mean);
        a.inv_std[c] = static_cast<T>(1 / std::sqrt(var + a.eps));
    };
    if (a.s.count() == 0) {
        for (index_t c = 0; c < C; ++c) keep(c, 0, 0);
        return;
    }
    const Blocks blocks(a.s);
    T* const means = scratch<T>(Scratch::partial, 3 * blocks.count * C);
    T* const rests = means + blocks.count * C;
    T* const squares = rests + blocks.count * C;
    over_blocks<T>(blocks, 1, [&](index_t b, index_t c, index_t end) {
        const T* x = a.x + blocks.start(b, c);
        const index_t at = b * C + c;
        if (a.s.planes)
            kernel.moments_plane(x, blocks.elements(b), means + at, rests + at, squares + at);
        else
            kernel.moments_rows(x, blocks.elements(b), C, end - c, means + at, rests + at,
                                squares + at);
    });
    merge_moments(blocks, means, rests, squares, [&](index_t c, double mean, double var) {
        keep(c, mean, var);
        const auto move = [&](T& running, double batch) {
            running = static_cast<T>(a.momentum * static_cast<double>(running) +
                                     (1 - a.momentum) * batch);
        };
        move(a.running_mean[c], mean);
        move(a.running_var[c], var);
    });
}

// Kernels read one number a channel in whole vectors: kRepeated numbers behind the last, the first
// ones again.
constexpr index_t kRepeated = 16;

// The copy of `from` at `to`, (C + kRepeated).
template <class T>
const T* repeat(const T* from, index_t C, T* to) {
    for (index_t c = 0; c < C + kRepeated; ++c) to[c] = from[c % C];
    return to;
}

}  // namespace

template <class T>
void batch_norm(const BatchNormArgs<T>& a) {
    const NormKernels<T>& kernel = *kernels<T>().norm;
    const index_t C = a.s.C;
    if (C == 0) return;
    if (a.training) batch_statistics(a);
    const T* const mean = a.training ? a.mean : a.running_mean;
    const index_t length = C + kRepeated;
    T* const space = scratch<T>(Scratch::partial, 3 * length + C);
    T* const scale = space + 3 * length;
    for (index_t c = 0; c < C; ++c) {
        const double inv = a.training
                               ? static_cast<double>(a.inv_std[c])
                               : 1 / std::sqrt(static_cast<double>(a.running_var[c]) + a.eps);
        scale[c] = static_cast<T>(static_cast<double>(a.gamma[c]) * inv);
    }
    const bool stream = worth_streaming<T>(a.s.size()) && a.x != a.y;
    if (a.s.planes) {
        const Blocks blocks(a.s);
        over_blocks<T>(blocks, 2, [&](index_t b, index_t c, index_t) {
            const index_t at = blocks.start(b, c);
            kernel.map_plane(a.x + at, blocks.elements(b), mean[c], scale[c], a.beta[c], a.y + at,
                             stream);
        });
        return;
    }
    const T* const means = repeat(mean, C, space);
    const T* const scales = repeat(scale, C, space + length);
    const T* const shifts = repeat(a.beta, C, space + 2 * length);
    over_rows<T>(a.s, 2, [&](index_t begin, index_t end) {
        const index_t at = begin * C;
        kernel.map_rows(a.x + at, (end - begin) * C, C, means, scales, shifts, a.y + at, stream);
    });
}

template <class T>
void batch_norm_backward(const BatchNormBackwardArgs<T>& s) {
    const NormKernels<T>& kernel = *kernels<T>().norm;
    const index_t C = s.s.C;
    if (C == 0) return;
    const Blocks blocks(s.s);
    const index_t length = C + kRepeated;
    T* const sum = scratch<T>(Scratch::partial, 2 * blocks.count * C + 3 * C + 4 * length);
    T* const dot = sum + blocks.count * C;
    over_blocks<T>(blocks, 2, [&](index_t b, index_t c, index_t end) {
        const index_t from = blocks.start(b, c);
        const index_t at = b * C + c;
        if (s.s.planes)
            kernel.dots_plane(s.dy + from, s.x + from, blocks.elements(b), s.mean[c], sum + at,
                              dot + at);
        else
            kernel.dots_rows(s.dy + from, s.x + from, blocks.elements(b), C, end - c, s.mean + c,
                             sum + at, dot + at);
    });
    T* const of_dy = dot + blocks.count * C;  // dx = of_dy * dy + of_x * (x - mean) + rest
    T* const of_x = of_dy + C;
    T* const rest = of_x + C;
    const auto M = static_cast<double>(std::max<index_t>(s.s.count(), 1));
    add_blocks(sum, dot, blocks.count, C, [&](index_t c, double dbeta, double products) {
        const auto inv = static_cast<double>(s.inv_std[c]);
        const double a = static_cast<double>(s.gamma[c]) * inv;
        const double dgamma = s.s.count() > 0 ? products * inv : 0.0;
        s.dbeta[c] = static_cast<T>(dbeta);
        s.dgamma[c] = static_cast<T>(dgamma);
        of_dy[c] = static_cast<T>(a);
        of_x[c] = static_cast<T>(-a * inv * dgamma / M);
        rest[c] = static_cast<T>(-a * dbeta / M);
    });
    const bool stream = worth_streaming<T>(s.s.size()) && s.dx != s.dy && s.dx != s.x;
    if (s.s.planes) {
        over_blocks<T>(blocks, 3, [&](index_t b, index_t c, index_t) {
            const index_t at = blocks.start(b, c);
            kernel.back_plane(s.dy + at, s.x + at, blocks.elements(b), s.mean[c], of_dy[c], of_x[c],
                              rest[c], s.dx + at, stream);
        });
        return;
    }
    T* const space = rest + C;
    const T* const means = repeat(s.mean, C, space);
    const T* const a = repeat(of_dy, C, space + length);
    const T* const b = repeat(of_x, C, space + 2 * length);
    const T* const c = repeat(rest, C, space + 3 * length);
    over_rows<T>(s.s, 3, [&](index_t begin, index_t end) {
        const index_t at = begin * C;
        kernel.back_rows(s.dy + at, s.x + at, (end - begin) * C, C, means, a, b, c, s.dx + at,
                         stream);
    });
}

template <class T>
void layer_norm(const LayerNormArgs<T>& s) {
    const double cost = 16.0 * static_cast<double>(s.rows * s.K) * sizeof(T);
    const bool stream = rows_worth_streaming<T>(s.rows, s.K);
    parallel_for(s.rows, cost, [&](index_t begin, index_t end) {
        const index_t at = begin * s.K;
        kernels<T>().norm->layer(s.x + at, end - begin, s.K, s.gamma, s.beta, s.eps, s.y + at,
                                 s.mean + begin, s.inv_std + begin, stream);
    });
}

template <class T>
void layer_norm_backward(const LayerNormBackwardArgs<T>& s) {
    const index_t blocks =
        std::max(std::clamp<index_t>(s.rows * s.K / 16384, 1, 32), ceil_div(s.rows, kRun));
    T* const dgamma = scratch<T>(Scratch::partial, 2 * blocks * s.K);
    T* const dbeta = dgamma + blocks * s.K;
    const double cost = 24.0 * static_cast<double>(s.rows * s.K) * sizeof(T);
    const bool stream = rows_worth_streaming<T>(s.rows, s.K);
    parallel_for(blocks, cost, [&](index_t begin, index_t end) {
        for (index_t b = begin; b < end; ++b) {
            const index_t first = s.rows * b / blocks;
            const index_t rows = s.rows * (b + 1) / blocks - first;
            const index_t at = first * s.K;
            kernels<T>().norm->layer_backward(s.dy + at, s.x + at, rows, s.K, s.gamma,
                                              s.mean + first, s.inv_std + first, s.dx + at,
                                              dgamma + b * s.K, dbeta + b * s.K, stream);
        }
    });
    add_blocks(dgamma, dbeta, blocks, s.K, [&](index_t k, double g, double b) {
        s.dgamma[k] = static_cast<T>(g);
        s.dbeta[k] = static_cast<T>(b);
    });
}

#define HOTLOOP_INSTANTIATE(T)                                             \
    template void batch_norm<T>(const BatchNormArgs<T>&);                  \
    template void batch_norm_backward<T>(const BatchNormBackwardArgs<T>&); \
    template void layer_norm<T>(const LayerNormArgs<T>&);                  \
    template void layer_norm_backward<T>(const LayerNormBackwardArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
