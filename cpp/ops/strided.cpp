#include "hotloop/strided.h"

#include <algorithm>
#include <cstring>

#include "hotloop/dispatch.h"

namespace hotloop {
namespace {

// Elements that are gathered at a time: three operands of 8 bytes stay in the first-level cache.
constexpr index_t kGathered = 512;
// From this length on a row of the innermost axis is a stretch of its own.
constexpr index_t kLongRow = 64;
// Elements of a task.
constexpr index_t kTask = 16384;

// The place of one element: its index along each axis, and each operand's offset in bytes.
template <int N>
struct Place {
    index_t at[Shape::kMaxRank] = {};
    index_t offset[N] = {};

    // Element number `index` of the first `rank` axes.
    Place(const StridedAxes<N>& axes, int rank, index_t index) {
        for (int k = rank - 1; k >= 0; --k) {
            at[k] = index % axes.size[k];
            index /= axes.size[k];
            for (int i = 0; i < N; ++i) offset[i] += at[k] * axes.stride[i][k];
        }
    }
    // The next one, axis rank - 1 the fastest.
    void next(const StridedAxes<N>& axes, int rank) {
        for (int k = rank - 1; k >= 0; --k) {
            for (int i = 0; i < N; ++i) offset[i] += axes.stride[i][k];
            if (++at[k] < axes.size[k]) return;
            for (int i = 0; i < N; ++i) offset[i] -= axes.size[k] * axes.stride[i][k];
            at[k] = 0;
        }
    }
};

template <class E>
void copy_row(const char* from, index_t from_stride, char* to, index_t to_stride, index_t n) {
    if (to_stride == sizeof(E) && from_stride == 0) {
        std::fill_n(reinterpret_cast<E*>(to), n, *reinterpret_cast<const E*>(from));
        return;
    }
    for (index_t i = 0; i < n; ++i)
        *reinterpret_cast<E*>(to + i * to_stride) =
            *reinterpret_cast<const E*>(from + i * from_stride);
}

void copy_row(
    int bytes, const char* from, index_t from_stride, char* to, index_t to_stride, index_t n) {
    if (from_stride == bytes && to_stride == bytes && n * bytes > 64) {
        std::memcpy(to, from, static_cast<std::size_t>(n * bytes));
        return;
    }
    if (bytes == 4) return copy_row<std::uint32_t>(from, from_stride, to, to_stride, n);
    if (bytes == 8) return copy_row<std::uint64_t>(from, from_stride, to, to_stride, n);
    if (bytes == 2) return copy_row<std::uint16_t>(from, from_stride, to, to_stride, n);
    copy_row<std::uint8_t>(from, from_stride, to, to_stride, n);
}

// Elements [first, first + n) of one operand, side by side.
void gather(const StridedAxes<kMostOperands>& axes,
            int operand,
            const void* data,
            int bytes,
            index_t first,
            index_t n,
            char* to) {
    StridedAxes<1> one;
    one.rank = axes.rank;
    std::copy_n(axes.size, axes.rank, one.size);
    std::copy_n(axes.stride[operand], axes.rank, one.stride[0]);
    const int inner = axes.rank - 1;
    const index_t length = one.size[inner];
    const index_t stride = one.stride[0][inner];
    Place<1> place(one, inner, first / length);
    index_t begin = first % length;
    while (n > 0) {
        const index_t part = std::min(n, length - begin);
        copy_row(bytes, static_cast<const char*>(data) + place.offset[0] + begin * stride, stride,
                 to, bytes, part);
        to += part * bytes;
        n -= part;
        begin = 0;
        place.next(one, inner);
    }
}

bool runs_on(const StridedAxes<kMostOperands>& axes, int operand, int bytes) {
    index_t expected = bytes;
    for (int k = axes.rank - 1; k >= 0; --k) {
        if (axes.stride[operand][k] != expected) return false;
        expected *= axes.size[k];
    }
    return true;
}

// Elements after which an operand repeats.
index_t period(const StridedAxes<kMostOperands>& axes, int operand) {
    int outer = 0;
    while (outer < axes.rank && axes.stride[operand][outer] == 0) ++outer;
    index_t n = 1;
    for (int k = outer; k < axes.rank; ++k) n *= axes.size[k];
    return outer == 0 ? 0 : n;
}

// Rows of the innermost axis are stretches, in pieces where they are long.
void by_rows(const StridedAxes<kMostOperands>& axes,
             const Operands& operands,
             double cost,
             StretchBody body,
             void* context) {
    const int inner = axes.rank - 1;
    const index_t length = inner < 0 ? 1 : axes.size[inner];
    const index_t rows = axes.count() / std::max<index_t>(length, 1);
    const index_t pieces = std::max<index_t>(1, length / kTask);
    parallel_for(rows * pieces, cost, [&](index_t begin, index_t end) {
        Place<kMostOperands> row(axes, std::max(inner, 0), begin / pieces);
        Stretch s{};
        for (int i = 0; i < operands.count; ++i)
            s.step[i] = inner >= 0 && axes.stride[i][inner] != 0;
        for (index_t task = begin; task < end;) {
            // Pieces of one row that this call has are one stretch; they meet at cache lines.
            const index_t in_row = task / pieces * pieces;
            const index_t stop = std::min(end, in_row + pieces);
            const index_t from = length * (task - in_row) / pieces / 64 * 64;
            const index_t to =
                stop - in_row == pieces ? length : length * (stop - in_row) / pieces / 64 * 64;
            s.first = task / pieces * length + from;
            s.n = to - from;
            for (int i = 0; i < operands.count; ++i)
                s.data[i] = static_cast<const char*>(operands.data[i]) + row.offset[i] +
                            s.step[i] * from * operands.bytes[i];
            body(context, s);
            row.next(axes, std::max(inner, 0));
            task = stop;
        }
    });
}

void by_gathering(const StridedAxes<kMostOperands>& axes,
                  const Operands& operands,
                  double cost,
                  StretchBody body,
                  void* context) {
    const index_t total = axes.count();
    bool direct[kMostOperands] = {};
    index_t repeats[kMostOperands] = {};
    index_t whole = 1;
    for (int i = 0; i < operands.count; ++i) {
        direct[i] = runs_on(axes, i, operands.bytes[i]);
        repeats[i] = period(axes, i);
        // Periods are products of the last axes, so that the longest is a multiple of each.
        if (repeats[i] <= kGathered) whole = std::max(whole, repeats[i]);
    }
    const index_t chunk = kGathered / whole * whole;
    parallel_for((total + chunk - 1) / chunk, cost, [&](index_t begin, index_t end) {
        alignas(64) char room[kMostOperands][kGathered * 8];
        Stretch s{};
        for (int i = 0; i < operands.count; ++i) s.step[i] = 1;
        for (index_t c = begin; c < end; ++c) {
            s.first = c * chunk;
            s.n = std::min(chunk, total - s.first);
            for (int i = 0; i < operands.count; ++i) {
                const int bytes = operands.bytes[i];
                if (direct[i]) {
                    s.data[i] = static_cast<const char*>(operands.data[i]) + s.first * bytes;
                    continue;
                }
                const bool kept = c > begin && repeats[i] > 0 && repeats[i] <= kGathered;
                if (!kept) gather(axes, i, operands.data[i], bytes, s.first, s.n, room[i]);
                s.data[i] = room[i];
            }
            body(context, s);
        }
    });
}

// The element type of one size: the two that the kernels transpose, and the rest.
template <class E>
void transpose_plane(const char* from,
                     index_t from_stride,
                     index_t rows,
                     index_t cols,
                     char* to,
                     index_t to_stride) {
    constexpr auto size = static_cast<index_t>(sizeof(E));
    if constexpr (sizeof(E) >= 4) {
        using T = std::conditional_t<sizeof(E) == 4, float, double>;
        kernels<T>().layout->transpose(reinterpret_cast<const T*>(from), from_stride / size, rows,
                                       cols, reinterpret_cast<T*>(to), to_stride / size);
    } else {
        for (index_t r = 0; r < rows; ++r)
            for (index_t c = 0; c < cols; ++c)
                *reinterpret_cast<E*>(to + c * to_stride + r * size) =
                    *reinterpret_cast<const E*>(from + r * from_stride + c * size);
    }
}

void transpose_plane(int bytes,
                     const char* from,
                     index_t from_stride,
                     index_t rows,
                     index_t cols,
                     char* to,
                     index_t to_stride) {
    const auto f = bytes == 4   ? &transpose_plane<std::uint32_t>
                   : bytes == 8 ? &transpose_plane<std::uint64_t>
                   : bytes == 2 ? &transpose_plane<std::uint16_t>
                                : &transpose_plane<std::uint8_t>;
    f(from, from_stride, rows, cols, to, to_stride);
}

}  // namespace

void over_stretches(const StridedAxes<kMostOperands>& axes,
                    const Operands& operands,
                    double cost,
                    StretchBody body,
                    void* context) {
    if (axes.count() == 0) return;
    const int inner = axes.rank - 1;
    bool plain = axes.rank <= 1 || axes.size[inner] >= kLongRow;
    for (int i = 0; i < operands.count && inner >= 0; ++i) {
        const index_t stride = axes.stride[i][inner];
        plain = plain && (stride == 0 || stride == operands.bytes[i]);
    }
    (plain ? by_rows : by_gathering)(axes, operands, cost, body, context);
}

void copy_strided(const StridedAxes<2>& axes, const void* from, void* to, int bytes) {
    const index_t total = axes.count();
    if (total == 0) return;
    const auto* source = static_cast<const char*>(from);
    auto* target = static_cast<char*>(to);
    const int inner = axes.rank - 1;
    if (inner < 0) return copy_row(bytes, source, 0, target, 0, 1);
    const double cost = 16.0 * static_cast<double>(total * bytes);
    // The axis along which the source is contiguous, if the target is along another one.
    int across = inner;
    if (axes.stride[1][inner] == bytes && axes.stride[0][inner] != bytes &&
        axes.stride[0][inner] % bytes == 0)
        for (int k = 0; k < inner; ++k)
            if (axes.stride[0][k] == bytes && axes.stride[1][k] % bytes == 0) across = k;
    if (across == inner) {
        const index_t length = axes.size[inner];
        const index_t pieces = std::max<index_t>(1, length / kTask);
        parallel_for(total / length * pieces, cost, [&](index_t begin, index_t end) {
            Place<2> row(axes, inner, begin / pieces);
            for (index_t task = begin; task < end; ++task) {
                const index_t piece = task % pieces;
                const index_t first = length * piece / pieces;
                copy_row(bytes, source + row.offset[0] + first * axes.stride[0][inner],
                         axes.stride[0][inner],
                         target + row.offset[1] + first * axes.stride[1][inner],
                         axes.stride[1][inner], length * (piece + 1) / pieces - first);
                if (piece == pieces - 1) row.next(axes, inner);
            }
        });
        return;
    }
    // Planes of the two axes, a few columns of the source a task.
    constexpr index_t kColumns = 256;
    StridedAxes<2> outer;
    for (int k = 0; k < inner; ++k) {
        if (k == across) continue;
        outer.size[outer.rank] = axes.size[k];
        for (int i = 0; i < 2; ++i) outer.stride[i][outer.rank] = axes.stride[i][k];
        ++outer.rank;
    }
    const index_t rows = axes.size[inner];
    const index_t cols = axes.size[across];
    const index_t pieces = (cols + kColumns - 1) / kColumns;
    parallel_for(outer.count() * pieces, cost, [&](index_t begin, index_t end) {
        Place<2> plane(outer, outer.rank, begin / pieces);
        for (index_t task = begin; task < end; ++task) {
            const index_t first = task % pieces * kColumns;
            transpose_plane(bytes, source + plane.offset[0] + first * bytes, axes.stride[0][inner],
                            rows, std::min(kColumns, cols - first),
                            target + plane.offset[1] + first * axes.stride[1][across],
                            axes.stride[1][across]);
            if (task % pieces == pieces - 1) plane.next(outer, outer.rank);
        }
    });
}

}  // namespace hotloop
