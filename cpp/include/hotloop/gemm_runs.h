// The k of a product in stretches. Internal linkage throughout: kernels include it.
#pragma once

#include "hotloop/gemm_args.h"

namespace hotloop {
namespace {

// Stretches of at most `most` steps: some whole segments each, or pieces of one.
template <class T>
struct KStretches {
    index_t together = 1;  // segments of a stretch
    index_t pieces = 1;    // of a segment
    index_t count = 1;

    KStretches() = default;
    KStretches(const GemmArgs<T>& g, index_t most)
        : together(g.segment_length < most ? most / g.segment_length : 1),
          pieces(ceil_div(g.segment_length, most)),
          count(pieces > 1 ? g.segments * pieces : ceil_div(g.segments, together)) {}

    // Stretch i of g alone. The first starts as g does, the others add to C, and the last ends as g
    // does.
    GemmArgs<T> part(const GemmArgs<T>& g, index_t i) const {
        const index_t segment = i / pieces * together;
        const index_t begin = g.segment_length * (i % pieces) / pieces;
        const index_t left = g.segments - segment;
        GemmArgs<T> p = g;
        p.a += begin * g.a_step;
        p.b += (segment * g.segment_length + begin) * g.b_row_stride;
        if (g.a_segment_offset) p.a_segment_offset += segment;
        p.segments = left < together ? left : together;
        p.segment_length = g.segment_length * (i % pieces + 1) / pieces - begin;
        p.accumulate = g.accumulate || i > 0;
        if (i < count - 1) {
            p.activation = Activation::none;
            p.gate = nullptr;
        }
        return p;
    }
};

}  // namespace
}  // namespace hotloop
