// One pass over operands of any strides: which axes it has, and how each operand lies along them.
#pragma once

#include <type_traits>

#include "hotloop/common.h"
#include "hotloop/parallel.h"
#include "hotloop/shape.h"

namespace hotloop {

// N operands over common axes, the last the fastest. Strides are in bytes, 0 along an axis where an
// operand is broadcast.
template <int N>
struct StridedAxes {
    int rank = 0;
    index_t size[Shape::kMaxRank] = {};
    index_t stride[N][Shape::kMaxRank] = {};

    // Appends an axis inside of the others, or lets the last one take it in where every operand
    // goes on there with the same stride.
    void push(index_t n, const index_t (&by)[N]) {
        if (n == 1) return;
        bool joins = rank > 0;
        for (int i = 0; i < N; ++i) joins = joins && stride[i][rank - 1] == n * by[i];
        if (joins) --rank;
        size[rank] = joins ? size[rank] * n : n;
        for (int i = 0; i < N; ++i) stride[i][rank] = by[i];
        ++rank;
    }
    index_t count() const {
        index_t n = 1;
        for (int i = 0; i < rank; ++i) n *= size[i];
        return n;
    }
    // Bytes from the first element of an operand to element number `index`.
    index_t offset(int operand, index_t index) const {
        index_t bytes = 0;
        for (int k = rank - 1; k >= 0; --k) {
            bytes += index % size[k] * stride[operand][k];
            index /= size[k];
        }
        return bytes;
    }
};

// Operands of a pass over a contiguous output: up to three, each of elements of 1, 2, 4 or 8 bytes.
constexpr int kMostOperands = 3;
struct Operands {
    int count = 0;
    const void* data[kMostOperands] = {};
    int bytes[kMostOperands] = {};
};

// A stretch of the output: its first element, how many, and where the operands' elements for it
// are, side by side (step 1) or one for all (step 0).
struct Stretch {
    index_t first, n;
    const void* data[kMostOperands];
    index_t step[kMostOperands];
};

using StretchBody = void (*)(void* context, const Stretch& stretch);
void over_stretches(const StridedAxes<kMostOperands>& axes,
                    const Operands& operands,
                    double cost,
                    StretchBody body,
                    void* context);

// Calls body(stretch) for stretches that cover the output once, on as many threads as the work is
// worth. Operands that lie otherwise are gathered a stretch at a time.
template <class Body>
void over_stretches(const StridedAxes<kMostOperands>& axes,
                    const Operands& operands,
                    double cost,
                    Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    over_stretches(
        axes, operands, cost,
        [](void* context, const Stretch& stretch) { (*static_cast<Plain*>(context))(stretch); },
        const_cast<void*>(static_cast<const void*>(&body)));
}

// Copies `axes.count()` elements of `bytes` bytes (1, 2, 4 or 8): operand 0 is read, operand 1
// written; they do not overlap. No two written elements share bytes.
void copy_strided(const StridedAxes<2>& axes, const void* from, void* to, int bytes);

}  // namespace hotloop
