#include "hotloop/ops/reduce.h"

#include <algorithm>
#include <limits>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"

namespace hotloop {

namespace {

// Groups of axes in turns: those that stay and those that go, outermost first.
struct Groups {
    int count = 0;
    index_t size[Shape::kMaxRank + 1];
    bool goes[Shape::kMaxRank + 1];

    Groups(const Shape& shape, unsigned axes) {
        for (int i = 0; i < shape.rank(); ++i) {
            if (shape[i] == 1) continue;
            const bool reduced = (axes >> i & 1) != 0;
            if (count > 0 && goes[count - 1] == reduced) {
                size[count - 1] *= shape[i];
            } else {
                size[count] = shape[i];
                goes[count++] = reduced;
            }
        }
    }
    index_t before(int end) const {
        index_t n = 1;
        for (int i = 0; i < end; ++i) n *= size[i];
        return n;
    }
};

// Elements of a block of a long row.
constexpr index_t kBlock = 32768;

template <class T>
double reading(index_t elements) {
    return 8.0 * static_cast<double>(elements) * sizeof(T);
}

// out[r] of x (rows, n): long rows in blocks, and what the blocks gave again.
template <class T>
void along_rows(Reduction kind, const T* x, index_t rows, index_t n, T* out) {
    const auto f = kernels<T>().reduce->along_rows;
    const index_t blocks = (n + kBlock - 1) / kBlock;
    if (blocks == 1) {
        parallel_for(rows, reading<T>(rows * n), [&](index_t begin, index_t end) {
            f(kind, x + begin * n, end - begin, n, out + begin);
        });
        return;
    }
    T* const partial = scratch<T>(Scratch::partial, rows * blocks);
    parallel_for(rows * blocks, reading<T>(rows * n), [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const index_t first = i % blocks * kBlock;
            f(kind, x + i / blocks * n + first, 1, std::min(kBlock, n - first), partial + i);
        }
    });
    f(kind, partial, rows, blocks, out);
}

// out (outer, cols) of x (outer, rows, cols): high ones in blocks of rows, and what the blocks gave
// again.
template <class T>
void down_rows(Reduction kind, const T* x, index_t outer, index_t rows, index_t cols, T* out) {
    const ReduceKernels<T>& kernel = *kernels<T>().reduce;
    const auto f = [&](const T* from, index_t n, T* to) {
        if (kind == Reduction::sum)
            kernel.sum_rows(from, n, cols, cols, to);
        else
            kernel.down_rows(kind, from, n, cols, cols, to);
    };
    const double cost = reading<T>(outer * rows * cols);
    const index_t blocks = outer >= 16 ? 1 : std::clamp<index_t>(rows * cols / 16384, 1, 16);
    if (blocks == 1 || rows < 2 * blocks) {
        parallel_for(outer, cost, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) f(x + i * rows * cols, rows, out + i * cols);
        });
        return;
    }
    T* const partial = scratch<T>(Scratch::partial, outer * blocks * cols);
    parallel_for(outer * blocks, cost, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const index_t first = rows * (i % blocks) / blocks;
            f(x + (i / blocks * rows + first) * cols, rows * (i % blocks + 1) / blocks - first,
              partial + i * cols);
        }
    });
    for (index_t i = 0; i < outer; ++i) f(partial + i * blocks * cols, blocks, out + i * cols);
}

template <class T>
T nothing(Reduction kind) {
    return kind == Reduction::prod ? T{1} : T{0};
}

}  // namespace

template <class T>
void sum_rows(const T* x, index_t rows, index_t cols, T* out) {
    down_rows(Reduction::sum, x, 1, rows, cols, out);
}

template <class T>
void reduce(const ReduceArgs<T>& s) {
    const Groups groups(s.shape, s.axes);
    index_t left = 1;
    index_t gone = 1;
    for (int i = 0; i < groups.count; ++i) (groups.goes[i] ? gone : left) *= groups.size[i];
    if (left == 0) return;
    if (gone == 0) {
        std::fill_n(s.out, left, s.mean ? std::numeric_limits<T>::quiet_NaN() : nothing<T>(s.kind));
        return;
    }
    // From the last group on: each pass takes one away, into memory that the pass after it reads.
    const T* from = s.x;
    index_t kept = 1;
    bool other = false;
    bool done = false;
    for (int g = groups.count - 1; g >= 0; --g) {
        const index_t n = groups.size[g];
        if (!groups.goes[g]) {
            kept *= n;
            continue;
        }
        const index_t outer = groups.before(g);
        const bool last = g < 2;
        T* const to =
            last ? s.out : scratch<T>(other ? Scratch::stage : Scratch::stretch, outer * kept);
        if (kept == 1)
            along_rows(s.kind, from, outer, n, to);
        else
            down_rows(s.kind, from, outer, n, kept, to);
        from = to;
        other = !other;
        done = true;
    }
    if (!done) std::copy_n(s.x, left, s.out);
    if (s.mean)
        for (index_t i = 0; i < left; ++i) s.out[i] /= static_cast<T>(gone);
}

namespace {

// NaN is the largest and the smallest of all.
template <class T>
index_t place_of(const T* x, index_t n, index_t step, bool smallest) {
    T best = x[0];
    index_t place = 0;
    for (index_t i = 1; i < n && best == best; ++i) {
        const T v = x[i * step];
        if ((smallest ? v < best : v > best) || v != v) {
            best = v;
            place = i;
        }
    }
    return place;
}

template <class T>
index_t place_in_row(const T* x, index_t n, bool smallest) {
    T best;
    kernels<T>().reduce->along_rows(smallest ? Reduction::min : Reduction::max, x, 1, n, &best);
    index_t i = 0;
    if (best == best)
        while (x[i] != best) ++i;
    else
        while (x[i] == x[i]) ++i;
    return i;
}

}  // namespace

template <class T>
void arg_reduce(const ArgReduceArgs<T>& s) {
    if (s.outer * s.inner == 0) return;
    parallel_for(s.outer, reading<T>(s.outer * s.n * s.inner), [&](index_t begin, index_t end) {
        for (index_t o = begin; o < end; ++o)
            for (index_t i = 0; i < s.inner; ++i) {
                const T* x = s.x + o * s.n * s.inner + i;
                s.out[o * s.inner + i] = s.inner == 1 && s.n >= 32
                                             ? place_in_row(x, s.n, s.smallest)
                                             : place_of(x, s.n, s.inner, s.smallest);
            }
    });
}

#define HOTLOOP_INSTANTIATE(T)                                 \
    template void sum_rows<T>(const T*, index_t, index_t, T*); \
    template void reduce<T>(const ReduceArgs<T>&);             \
    template void arg_reduce<T>(const ArgReduceArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
