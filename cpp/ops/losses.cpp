#include "hotloop/ops/losses.h"

#include <algorithm>
#include <limits>

#include "hotloop/buffer.h"
#include "hotloop/cross_entropy_rows.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

// Elements a block of a sum.
constexpr index_t kBlock = 8192;

// Sum over blocks of `block` tasks of part(first, count), added in their order.
template <class Part>
double sum_in_blocks(index_t n, index_t block, double cost, const Part& part) {
    const index_t blocks = ceil_div(n, block);
    if (blocks <= 1) return n > 0 ? part(index_t{0}, n) : 0.0;
    auto* const partial = scratch<double>(Scratch::partial, blocks);
    parallel_for(blocks, cost, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i)
            partial[i] = part(i * block, std::min(block, n - i * block));
    });
    double sum = 0;
    for (index_t i = 0; i < blocks; ++i) sum += partial[i];
    return sum;
}

// Rows a block, by shape alone: some 8192 elements; short rows in multiples that fill the
// transposed tiles; sixteen at least of many, since each that goes past the caches is written while
// the next is computed.
index_t rows_a_block(index_t N, index_t K) {
    const index_t least = N >= 256 ? 16 : 1;
    const index_t rows = std::max(least, kBlock / std::max<index_t>(1, K));
    return rows < 64 ? rows : rows / 64 * 64;
}

template <class T>
T inverse(index_t n, double factor = 1) {
    return static_cast<T>(factor / static_cast<double>(std::max<index_t>(n, 1)));
}

// dx of ids: zeros but for value(x at the label), at the label.
template <class T, class Value>
void scatter(const LabelledArgs<T>& s, const Value& value) {
    const double cost = 8.0 * static_cast<double>(s.N * s.K) * sizeof(T);
    parallel_for(s.N, cost, [&](index_t begin, index_t end) {
        std::fill(s.dx + begin * s.K, s.dx + end * s.K, T{0});
        for (index_t i = begin; i < end; ++i) {
            const std::int64_t id = s.ids[i];
            if (id >= 0 && id < s.K)
                s.dx[i * s.K + id] = value(s.x[i * s.K + id]);
            else
                std::fill_n(s.dx + i * s.K, s.K, std::numeric_limits<T>::quiet_NaN());
        }
    });
}

template <class T>
T at_label(const LabelledArgs<T>& s, index_t i) {
    const std::int64_t id = s.ids[i];
    return id >= 0 && id < s.K ? s.x[i * s.K + id] : std::numeric_limits<T>::quiet_NaN();
}

}  // namespace

template <class T>
void one_hot(const OneHotArgs<T>& s) {
    parallel_for(s.N, 8.0 * static_cast<double>(s.N * s.K) * sizeof(T),
                 [&](index_t begin, index_t end) {
                     std::fill(s.y + begin * s.K, s.y + end * s.K, T{0});
                     for (index_t i = begin; i < end; ++i)
                         if (s.ids[i] >= 0 && s.ids[i] < s.K) s.y[i * s.K + s.ids[i]] = T{1};
                 });
}

template <class T>
double loss_cost(index_t n) {
    return static_cast<double>(n) * (sizeof(T) == 4 ? 200 : 400);
}

template <class T>
void softmax_cross_entropy(const SoftmaxCrossEntropyArgs<T>& s) {
    const auto forward = kernels<T>().cross_entropy->forward;
    CrossEntropyRows<T> rows;
    rows.logits = s.logits;
    rows.ids = s.ids;
    rows.rows = s.rows;
    rows.weights = s.weights;
    rows.probs = s.probs;
    rows.dlogits = s.dlogits;
    rows.K = s.K;
    rows.scale = inverse<T>(s.N, s.factor);
    rows.count_correct = s.correct != nullptr;
    rows.stream = rows_worth_streaming<T>(s.N, s.K) && s.probs != s.logits && s.dlogits != s.logits;

    const index_t block = rows_a_block(s.N, s.K);
    const index_t blocks = s.K > 0 ? ceil_div(s.N, block) : 0;
    double loss = 0;
    std::int64_t correct = 0;
    if (blocks == 1) {
        forward(rows, 0, s.N, &loss, &correct);
    } else if (blocks > 1) {
        // Counts of up to 8192 are exact in double.
        auto* const partial = scratch<double>(Scratch::partial, 2 * blocks);
        parallel_for(blocks, loss_cost<T>(s.N * s.K), [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                std::int64_t count = 0;
                forward(rows, i * block, std::min((i + 1) * block, s.N), partial + 2 * i, &count);
                partial[2 * i + 1] = static_cast<double>(count);
            }
        });
        for (index_t i = 0; i < blocks; ++i) {
            loss += partial[2 * i];
            correct += static_cast<std::int64_t>(partial[2 * i + 1]);
        }
    }
    if (s.loss) *s.loss = loss / static_cast<double>(s.N);
    if (s.correct) *s.correct = correct;
}

template <class T>
void softmax_cross_entropy_backward(const SoftmaxCrossEntropyBackwardArgs<T>& s) {
    if (s.K == 0) return;
    CrossEntropyRows<T> rows;
    rows.probs = const_cast<T*>(s.probs);  // read alone
    rows.ids = s.ids;
    rows.rows = s.rows;
    rows.weights = s.weights;
    rows.dlogits = s.dx;
    rows.K = s.K;
    rows.scale = inverse<T>(s.N);
    rows.stream = rows_worth_streaming<T>(s.N, s.K) && s.dx != s.probs;
    const auto backward = kernels<T>().cross_entropy->backward;
    const double cost = 16.0 * static_cast<double>(s.N * s.K) * sizeof(T);
    parallel_for(s.N, cost, [&](index_t begin, index_t end) { backward(rows, begin, end); });
}

template <class T>
double cross_entropy(const LabelledArgs<T>& s) {
    const auto sum = kernels<T>().loss->cross_entropy;
    const auto n = static_cast<double>(s.N);
    if (s.rows)
        return sum_in_blocks(s.N * s.K, kBlock, loss_cost<T>(s.N * s.K),
                             [&](index_t first, index_t count) {
                                 return sum(s.x + first, s.rows + first, count, s.eps);
                             }) /
               n;
    constexpr index_t kGathered = 256;
    return sum_in_blocks(s.N, kGathered, loss_cost<T>(s.N),
                         [&](index_t first, index_t count) {
                             T probs[kGathered];
                             T ones[kGathered];
                             for (index_t i = 0; i < count; ++i) probs[i] = at_label(s, first + i);
                             std::fill_n(ones, count, T{1});
                             return sum(probs, ones, count, s.eps);
                         }) /
           n;
}

template <class T>
void cross_entropy_backward(const LabelledArgs<T>& s) {
    const T scale = inverse<T>(s.N);
    if (!s.rows) {
        scatter(s, [&](T p) { return T{-1} / (p + s.eps) * scale; });
        return;
    }
    const auto kernel = kernels<T>().loss->cross_entropy_backward;
    parallel_for(ceil_div(s.N * s.K, kBlock), loss_cost<T>(s.N * s.K),
                 [&](index_t begin, index_t end) {
                     const index_t first = begin * kBlock;
                     kernel(s.x + first, s.rows + first, s.dx + first,
                            std::min(end * kBlock, s.N * s.K) - first, s.eps, scale);
                 });
}

template <class T>
double nll(const LabelledArgs<T>& s) {
    const auto dot = kernels<T>().loss->dot;
    const auto n = static_cast<double>(s.N);
    if (s.rows)
        return -sum_in_blocks(s.N * s.K, kBlock, loss_cost<T>(s.N * s.K),
                              [&](index_t first, index_t count) {
                                  return dot(s.x + first, s.rows + first, count);
                              }) /
               n;
    return -sum_in_blocks(s.N, kBlock, loss_cost<T>(s.N), [&](index_t first, index_t count) {
        double sum = 0;
        for (index_t i = first; i < first + count; ++i) sum += static_cast<double>(at_label(s, i));
        return sum;
    }) / n;
}

template <class T>
void nll_backward(const LabelledArgs<T>& s) {
    const T scale = -inverse<T>(s.N);
    if (!s.rows) {
        scatter(s, [&](T) { return scale; });
        return;
    }
    const auto scaled = kernels<T>().loss->scaled;
    const double cost = 16.0 * static_cast<double>(s.N * s.K) * sizeof(T);
    parallel_for(ceil_div(s.N * s.K, kBlock), cost, [&](index_t begin, index_t end) {
        const index_t first = begin * kBlock;
        scaled(s.rows + first, s.dx + first, std::min(end * kBlock, s.N * s.K) - first, scale);
    });
}

template <class T>
void element_loss(const ElementLossArgs<T>& s) {
    const auto elements = kernels<T>().loss->elements;
    // The kernel's slope of a square is half of the derivative.
    const double slope = s.kind == ElementLoss::squared_error ? 2 : 1;
    const T scale = inverse<T>(s.n, slope * s.factor);
    const double cost = s.kind == ElementLoss::binary_cross_entropy
                            ? loss_cost<T>(s.n)
                            : 8.0 * (s.dy ? 3 : 2) * static_cast<double>(s.n) * sizeof(T);
    const double sum = sum_in_blocks(s.n, kBlock, cost, [&](index_t first, index_t count) {
        return elements(s.kind, {s.y + first, s.t + first, s.weights ? s.weights + first : nullptr,
                                 s.dy ? s.dy + first : nullptr, count, s.parameter, scale});
    });
    if (s.loss) *s.loss = sum / static_cast<double>(s.n);
}

void mean_check(const char* op, const char* name, const Shape& x) {
    if (x.size() == 0)
        fail(op, "the mean loss of an empty batch is undefined (", name, ": ", x, ")");
}

void ids_check(const char* op, const std::int64_t* ids, index_t n, index_t K) {
    for (index_t i = 0; i < n; ++i)
        if (ids[i] < 0 || ids[i] >= K)
            fail(op, "labels must be class ids in [0, ", K, "), got ", ids[i], " at index ", i);
}

#define HOTLOOP_INSTANTIATE(T)                                                                  \
    template void one_hot<T>(const OneHotArgs<T>&);                                             \
    template double loss_cost<T>(index_t);                                                      \
    template void softmax_cross_entropy<T>(const SoftmaxCrossEntropyArgs<T>&);                  \
    template void softmax_cross_entropy_backward<T>(const SoftmaxCrossEntropyBackwardArgs<T>&); \
    template double cross_entropy<T>(const LabelledArgs<T>&);                                   \
    template void cross_entropy_backward<T>(const LabelledArgs<T>&);                            \
    template double nll<T>(const LabelledArgs<T>&);                                             \
    template void nll_backward<T>(const LabelledArgs<T>&);                                      \
    template void element_loss<T>(const ElementLossArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
