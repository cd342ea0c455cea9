#include "conv_depthwise.h"

#include <algorithm>
#include <vector>

#include "conv_frame.h"
#include "hotloop/depthwise_args.h"
#include "hotloop/dispatch.h"
#include "hotloop/ops/conv_route.h"
#include "hotloop/parallel.h"
#include "totals.h"

namespace hotloop {
namespace {

struct Tap {
    index_t weight;  // its place in the kernel
    index_t source;  // what it meets at position 0; `step` further at each position
};

// Positions along one axis that meet the same taps.
struct Span {
    index_t first, count;
    std::vector<Tap> taps;  // sources at `first`
};

// What lies outside of [0, size) is padding, and left out. Sources ascend from tap to tap.
std::vector<Span> spans(index_t positions,
                        const std::vector<Tap>& taps,
                        index_t step,
                        index_t size) {
    std::vector<Span> found;
    auto before = taps.begin();
    auto last = taps.begin();
    for (index_t i = 0; i < positions; ++i) {
        const auto reached = [&](index_t end) {
            return std::ranges::partition_point(
                taps, [&](const Tap& tap) { return tap.source + i * step < end; });
        };
        const auto first = reached(0);
        const auto end = reached(size);
        if (!found.empty() && first == before && end == last) {
            ++found.back().count;
            continue;
        }
        before = first;
        last = end;
        found.push_back({i, 1, {first, end}});
        for (Tap& tap : found.back().taps) tap.source += i * step;
    }
    return found;
}

// One axis of a pass over the images: its positions lie `out_step` apart from `out` on.
struct Line {
    index_t out, out_step, step;
    std::vector<Span> spans;
};

Line forward_line(const WindowAxis& a) {
    std::vector<Tap> taps;
    taps.reserve(static_cast<std::size_t>(a.kernel));
    for (index_t k = 0; k < a.kernel; ++k) taps.push_back({k, k * a.dilation - a.before});
    return {0, 1, a.stride, spans(a.windows, taps, a.stride, a.size)};
}

// Input pixels with the same remainder by the stride share the taps that reach them.
std::vector<Line> backward_lines(const WindowAxis& a) {
    std::vector<Line> lines;
    for (const Axis& phase : axis_phases(a)) {
        std::vector<Tap> taps;
        taps.reserve(phase.tap.size());
        for (std::size_t i = 0; i < phase.tap.size(); ++i)
            taps.push_back({phase.tap[i], phase.shift[i] + phase.base[0]});
        const auto pixels = static_cast<index_t>(phase.input.size());
        lines.push_back({phase.input[0], a.stride, 1, spans(pixels, taps, 1, a.windows)});
    }
    return lines;
}

struct Runs {
    std::vector<DepthwiseRun> run;
    std::vector<index_t> offset;
    std::vector<index_t> weight;
};

// The runs of one image, `out_width` and `in_width` pixels a row.
Runs runs_of(const Line& h,
             const Line& w,
             index_t KW,
             index_t channels,
             index_t out_width,
             index_t in_width) {
    Runs found;
    std::size_t taps = 0;
    for (const Span& rows : h.spans)
        for (const Span& columns : w.spans)
            taps += static_cast<std::size_t>(rows.count) * rows.taps.size() * columns.taps.size();
    found.offset.reserve(taps);
    found.weight.reserve(taps);
    for (const Span& rows : h.spans)
        for (index_t r = 0; r < rows.count; ++r)
            for (const Span& columns : w.spans) {
                const index_t row = h.out + (rows.first + r) * h.out_step;
                const index_t column = w.out + columns.first * w.out_step;
                const auto before = static_cast<index_t>(found.weight.size());
                for (const Tap& up : rows.taps)
                    for (const Tap& left : columns.taps) {
                        found.weight.push_back(up.weight * KW + left.weight);
                        found.offset.push_back(((up.source + r * h.step) * in_width + left.source) *
                                               channels);
                    }
                found.run.push_back({(row * out_width + column) * channels, columns.count, before,
                                     static_cast<index_t>(found.weight.size()) - before});
            }
    return found;
}

Runs forward_runs(const ConvShape& s) {
    const Window& v = s.win;
    return runs_of(forward_line(rows_of(v)), forward_line(columns_of(v)), v.KW, s.C, v.OW, v.W);
}

// The same with no run longer than a sum may be; pixels of the image lie `step` apart, those of dy
// `dy_step`.
Runs in_pieces(const Runs& whole, index_t step, index_t dy_step) {
    Runs cut;
    for (const DepthwiseRun& run : whole.run) {
        const index_t pieces = ceil_div(run.pixels, kRun);
        for (index_t i = 0; i < pieces; ++i) {
            const index_t begin = run.pixels * i / pieces;
            const auto tap = static_cast<index_t>(cut.weight.size());
            for (index_t t = run.tap; t < run.tap + run.taps; ++t) {
                cut.weight.push_back(whole.weight[static_cast<std::size_t>(t)]);
                cut.offset.push_back(whole.offset[static_cast<std::size_t>(t)] + begin * step);
            }
            cut.run.push_back({run.first + begin * dy_step, run.pixels * (i + 1) / pieces - begin,
                               tap, run.taps});
        }
    }
    return cut;
}

template <class T>
DepthwiseArgs<T> args_of(const Runs& runs, index_t channels) {
    DepthwiseArgs<T> a{};
    a.run = runs.run.data();
    a.runs = static_cast<index_t>(runs.run.size());
    a.tap_offset = runs.offset.data();
    a.tap_weight = runs.weight.data();
    a.channels = channels;
    return a;
}

// Memory decides here more than arithmetic does: an honest cost counts the bytes.
template <class T>
double cost(const ConvShape& s) {
    return s.flops() + 8.0 * static_cast<double>(s.x_size() + s.y_size()) * sizeof(T);
}

}  // namespace

template <class T>
void depthwise_forward(
    const ConvShape& s, const T* x, const T* w, const T* b, T* y, Activation activation) {
    trace<T>(s, ConvPass::forward, ConvRoute::depthwise);
    const Window& v = s.win;
    const Runs runs = forward_runs(s);
    parallel_for(s.N, cost<T>(s), [&](index_t begin, index_t end) {
        auto a = args_of<T>(runs, s.C);
        a.x_step = v.stride_w * s.C;
        a.y_step = s.C;
        a.w = w;
        a.bias = b;
        a.relu = activation == Activation::relu;
        for (index_t n = begin; n < end; ++n) {
            a.x = x + n * v.H * v.W * s.C;
            a.y = y + n * v.OH * v.OW * s.O;
            kernels<T>().depthwise->forward(a);
            activate(activation, a.y, v.OH * v.OW * s.O);
        }
    });
}

template <class T>
void depthwise_input_gradient(
    const ConvShape& s, const T* dy, const T* w, T* dx, const T* gate, Activation gate_kind) {
    trace<T>(s, ConvPass::input_gradient, ConvRoute::depthwise);
    const Window& v = s.win;
    std::vector<Runs> phases;
    const std::vector<Line> columns = backward_lines(columns_of(v));
    for (const Line& h : backward_lines(rows_of(v)))
        for (const Line& w_line : columns)
            phases.push_back(runs_of(h, w_line, v.KW, s.C, v.W, v.OW));
    const index_t image = v.H * v.W * s.C;
    parallel_for(s.N, cost<T>(s), [&](index_t begin, index_t end) {
        for (index_t n = begin; n < end; ++n) {
            for (const Runs& runs : phases) {
                auto a = args_of<T>(runs, s.C);
                a.x_step = s.C;
                a.y_step = v.stride_w * s.C;
                a.w = w;
                a.x = dy + n * v.OH * v.OW * s.O;
                a.y = dx + n * image;
                kernels<T>().depthwise->forward(a);
            }
            apply_gate(gate_kind, gate ? gate + n * image : nullptr, dx + n * image, image);
        }
    });
}

template <class T>
void depthwise_weight_gradient(const ConvShape& s, const T* dy, const T* x, T* dw) {
    trace<T>(s, ConvPass::weight_gradient, ConvRoute::depthwise);
    const Window& v = s.win;
    const Runs runs = in_pieces(forward_runs(s), v.stride_w * s.C, s.C);
    const auto all = static_cast<index_t>(runs.run.size());
    const index_t size = s.w_size();
    const index_t blocks = std::min(s.N, index_t{8});
    T* const partial = scratch<T>(Scratch::partial, blocks * size);
    parallel_for(blocks, cost<T>(s), [&](index_t begin, index_t end) {
        auto a = args_of<T>(runs, s.C);
        a.x_step = v.stride_w * s.C;
        a.y_step = s.C;
        for (index_t block = begin; block < end; ++block) {
            const index_t first = s.N * block / blocks;
            const index_t last = s.N * (block + 1) / blocks;
            // Few runs add to dw one after another; of many, so many at a time to sums in double.
            const Totals<T> totals(size);
            index_t added = 0;
            const auto put_away = [&] {
                totals.add();
                std::fill_n(totals.part(), size, T{0});
                added = 0;
            };
            std::fill_n(totals.part(), size, T{0});
            a.y = totals.part();
            for (index_t n = first; n < last; ++n) {
                a.x = x + n * v.H * v.W * s.C;
                a.w = dy + n * v.OH * v.OW * s.O;
                for (index_t i = 0; i < all; i += a.runs) {
                    a.run = runs.run.data() + i;
                    a.runs = std::min(all - i, kProductRun);
                    if (added + a.runs > kProductRun) put_away();
                    added += a.runs;
                    kernels<T>().depthwise->weights(a);
                }
            }
            put_away();
            totals.write(0, size, partial + block * size);
        }
    });
    kernels<T>().reduce->sum_rows(partial, blocks, size, size, dw);
}

#define HOTLOOP_INSTANTIATE(T)                                                                    \
    template void depthwise_forward<T>(const ConvShape&, const T*, const T*, const T*, T*,        \
                                       Activation);                                               \
    template void depthwise_input_gradient<T>(const ConvShape&, const T*, const T*, T*, const T*, \
                                              Activation);                                        \
    template void depthwise_weight_gradient<T>(const ConvShape&, const T*, const T*, T*);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
