#include "hotloop/ops/pick.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "hotloop/parallel.h"
#include "hotloop/shape.h"

namespace hotloop {
namespace {

void check(const char* op, const Places& places, index_t count, index_t n) {
    for (index_t i = 0; i < count; ++i) {
        const index_t at = places.at(i);
        if (at < -n || at >= n) fail(op, "index ", at, " lies outside an axis of ", n);
    }
}

index_t from_start(index_t at, index_t n) { return at < 0 ? at + n : at; }

template <class E>
void pick_along(const PickArgs& s, index_t o) {
    const E* x = static_cast<const E*>(s.x) + o * s.n * s.inner;
    const index_t first = o * s.count * s.inner;
    E* y = static_cast<E*>(s.y) + first;
    for (index_t j = 0; j < s.count * s.inner; ++j)
        y[j] = x[from_start(s.places.at(first + j), s.n) * s.inner + j % s.inner];
}

template <class E>
void pick_elements(const PickArgs& s, index_t o, index_t begin, index_t end) {
    const E* x = static_cast<const E*>(s.x) + o * s.n;
    E* y = static_cast<E*>(s.y) + o * s.count;
    for (index_t j = begin; j < end; ++j) y[j] = x[from_start(s.places.at(j), s.n)];
}

void pick_rows(const PickArgs& s, index_t o, index_t begin, index_t end) {
    const index_t row = s.inner * s.bytes;
    if (s.inner == 1 && s.bytes == 4) return pick_elements<std::uint32_t>(s, o, begin, end);
    if (s.inner == 1 && s.bytes == 8) return pick_elements<std::uint64_t>(s, o, begin, end);
    const char* x = static_cast<const char*>(s.x) + o * s.n * row;
    char* y = static_cast<char*>(s.y) + o * s.count * row;
    for (index_t j = begin; j < end; ++j)
        std::memcpy(y + j * row, x + from_start(s.places.at(j), s.n) * row,
                    static_cast<std::size_t>(row));
}

}  // namespace

void pick(const PickArgs& s) {
    const index_t total = s.outer * s.count * s.inner;
    check(s.op, s.places, s.along ? total : s.count, s.n);
    if (total == 0) return;
    const double cost = 32.0 * static_cast<double>(total * s.bytes);
    if (s.along) {
        const auto f = s.bytes == 4   ? &pick_along<std::uint32_t>
                       : s.bytes == 8 ? &pick_along<std::uint64_t>
                       : s.bytes == 2 ? &pick_along<std::uint16_t>
                                      : &pick_along<std::uint8_t>;
        parallel_for(s.outer, cost, [&](index_t begin, index_t end) {
            for (index_t o = begin; o < end; ++o) f(s, o);
        });
        return;
    }
    parallel_for(s.outer * s.count, cost, [&](index_t begin, index_t end) {
        while (begin < end) {
            const index_t o = begin / s.count;
            const index_t stop = std::min(end, (o + 1) * s.count);
            pick_rows(s, o, begin - o * s.count, stop - o * s.count);
            begin = stop;
        }
    });
}

namespace {

// What goes to rows [begin, end) of y, one of the outer parts.
template <class T>
void add_rows(const ScatterAddArgs<T>& s, index_t o, index_t begin, index_t end) {
    T* y = s.y + o * s.n * s.inner;
    const T* x = s.x + o * s.count * s.inner;
    std::fill(y + begin * s.inner, y + end * s.inner, T{0});
    if (s.along) {
        const index_t first = o * s.count * s.inner;
        for (index_t j = 0; j < s.count; ++j)
            for (index_t i = 0; i < s.inner; ++i) {
                const index_t at = from_start(s.places.at(first + j * s.inner + i), s.n);
                if (at >= begin && at < end) y[at * s.inner + i] += x[j * s.inner + i];
            }
        return;
    }
    for (index_t j = 0; j < s.count; ++j) {
        const index_t at = from_start(s.places.at(j), s.n);
        if (at < begin || at >= end) continue;
        T* row = y + at * s.inner;
        const T* from = x + j * s.inner;
        for (index_t i = 0; i < s.inner; ++i) row[i] += from[i];
    }
}

}  // namespace

template <class T>
void scatter_add(const ScatterAddArgs<T>& s) {
    const index_t read = s.outer * s.count * s.inner;
    check(s.op, s.places, s.along ? read : s.count, s.n);
    if (s.outer * s.n * s.inner == 0) return;
    const double cost =
        16.0 * sizeof(T) * static_cast<double>(read + s.outer * s.n * s.inner) / 2.0;
    if (s.outer >= 2 * num_threads()) {
        parallel_for(s.outer, cost, [&](index_t begin, index_t end) {
            for (index_t o = begin; o < end; ++o) add_rows(s, o, 0, s.n);
        });
        return;
    }
    // Every thread goes through all places for the rows that are its own.
    for (index_t o = 0; o < s.outer; ++o)
        parallel_for(
            s.n, cost / static_cast<double>(s.outer),
            [&](index_t begin, index_t end) { add_rows(s, o, begin, end); }, Stretches::whole);
}

template <class T>
void cumsum(const CumsumArgs<T>& s) {
    if (s.outer * s.n * s.inner == 0) return;
    constexpr index_t kColumns = 256;  // a task
    const index_t blocks = (s.inner + kColumns - 1) / kColumns;
    const double cost = 32.0 * static_cast<double>(s.outer * s.n * s.inner);
    parallel_for(s.outer * blocks, cost, [&](index_t begin, index_t end) {
        for (index_t task = begin; task < end; ++task) {
            const index_t column = task % blocks * kColumns;
            const index_t columns = std::min(kColumns, s.inner - column);
            const index_t start = task / blocks * s.n * s.inner + column;
            double sum[kColumns] = {};
            for (index_t j = 0; j < s.n; ++j) {
                const index_t row = start + (s.reverse ? s.n - 1 - j : j) * s.inner;
                for (index_t i = 0; i < columns; ++i) {
                    sum[i] += static_cast<double>(s.x[row + i]);
                    s.y[row + i] = static_cast<T>(sum[i]);
                }
            }
        }
    });
}

template <class T>
void top_k(const TopKArgs<T>& s) {
    const double cost = 100.0 * static_cast<double>(s.rows * s.n);
    parallel_for(s.rows, cost, [&](index_t begin, index_t end) {
        std::vector<std::int64_t> order(static_cast<std::size_t>(s.n));
        for (index_t r = begin; r < end; ++r) {
            const T* x = s.x + r * s.n;
            const auto before = [x](std::int64_t i, std::int64_t j) {
                const T a = x[i];
                const T b = x[j];
                if (a > b || a < b) return a > b;
                const bool none = a != a;  // NaN
                return none == (b != b) ? i < j : none;
            };
            std::iota(order.begin(), order.end(), 0);
            std::partial_sort(order.begin(), order.begin() + s.k, order.end(), before);
            if (!s.largest_first) std::sort(order.begin(), order.begin() + s.k);
            for (index_t j = 0; j < s.k; ++j) {
                s.places[r * s.k + j] = order[static_cast<std::size_t>(j)];
                s.values[r * s.k + j] = x[order[static_cast<std::size_t>(j)]];
            }
        }
    });
}

#define HOTLOOP_INSTANTIATE(T)                              \
    template void scatter_add<T>(const ScatterAddArgs<T>&); \
    template void cumsum<T>(const CumsumArgs<T>&);          \
    template void top_k<T>(const TopKArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
