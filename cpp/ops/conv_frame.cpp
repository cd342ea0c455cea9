#include "conv_frame.h"

#include "hotloop/caches.h"

namespace hotloop {
namespace {

// A pixel or a tap of a kernel, and what is left of its place by the stride.
struct Remainder {
    index_t phase, at;
};

}  // namespace

Pieces cut(index_t images, index_t image_bytes, index_t output_rows) {
    constexpr index_t kTasks = 16;
    Pieces p{};
    p.images = images;
    // No sum goes from piece to piece, so they may follow the cache.
    const index_t room = std::min(kPieceBytes, cache_sizes().l2 / 2);
    const index_t fit = std::max<index_t>(1, room / std::max<index_t>(1, image_bytes));
    p.count = std::min(images, std::max(ceil_div(images, fit), kTasks));
    if (p.count < images) p.count = std::min(images, ceil_div(p.count, 4) * 4);
    p.stretches = p.count >= kTasks / 2 ? 1 : std::min(output_rows, ceil_div(kTasks, p.count));
    p.rows_each = ceil_div(output_rows, std::max<index_t>(1, p.stretches));
    p.stretches = ceil_div(output_rows, p.rows_each);
    return p;
}

bool windows_in_padding(const Window& v) {
    const auto some = [](const WindowAxis& a) {
        for (index_t o = 0; o < a.windows; ++o) {
            bool meets = false;
            for (index_t k = 0; k < a.kernel && !meets; ++k) {
                const index_t at = o * a.stride + k * a.dilation - a.before;
                meets = at >= 0 && at < a.size;
            }
            if (!meets) return true;
        }
        return false;
    };
    return some(rows_of(v)) || some(columns_of(v));
}

std::vector<index_t>& table(int which) {
    thread_local std::vector<index_t> tables[3];
    tables[which].clear();
    return tables[which];
}

Frame input_frame(const ConvShape& s) {
    const Window& v = s.win;
    return {v.H,
            v.W,
            s.C,
            v.top,
            v.left,
            (v.OH - 1) * v.stride_h + (v.KH - 1) * v.dilation_h + 1,
            (v.OW - 1) * v.stride_w + (v.KW - 1) * v.dilation_w + 1};
}

Frame gradient_frame(const ConvShape& s) {
    const Window& v = s.win;
    const auto before = [](index_t pad, index_t k, index_t dilation, index_t stride) {
        const index_t lowest = pad - (k - 1) * dilation;
        return lowest < 0 ? ceil_div(-lowest, stride) : 0;
    };
    const index_t top = before(v.top, v.KH, v.dilation_h, v.stride_h);
    const index_t left = before(v.left, v.KW, v.dilation_w, v.stride_w);
    return {v.OH,
            v.OW,
            s.O,
            top,
            left,
            top + std::max(v.OH, (v.H - 1 + v.top) / v.stride_h + 1),
            left + std::max(v.OW, (v.W - 1 + v.left) / v.stride_w + 1)};
}

bool frames_pay(const ConvShape& s) {
    const Window& v = s.win;
    const auto product = [](index_t a, index_t b) {
        return static_cast<double>(a) * static_cast<double>(b);
    };
    const double touched = product(v.OH, v.OW) * product(v.KH, v.KW) + product(v.H, v.W);
    constexpr double kMost = 1e15;  // elements of all frames: far below 64 bits, beyond any memory
    const auto pays = [&](const Frame& f) {
        const double pixels = product(f.height, f.width);
        return pixels <= 8 * touched && pixels * product(s.N, f.C) <= kMost;
    };
    return s.w_size() > 0 && pays(input_frame(s)) && pays(gradient_frame(s));
}

std::vector<Axis> axis_phases(const WindowAxis& a) {
    const auto by_remainder = [](std::vector<Remainder>& parts) {
        std::ranges::stable_sort(parts, {}, &Remainder::phase);
    };
    std::vector<Remainder> inputs;
    inputs.reserve(static_cast<std::size_t>(a.size));
    for (index_t i = 0; i < a.size; ++i) inputs.push_back({(i + a.before) % a.stride, i});
    // Descending, so that shifts ascend and neighbours can join into runs.
    std::vector<Remainder> taps;
    taps.reserve(static_cast<std::size_t>(a.kernel));
    for (index_t k = a.kernel - 1; k >= 0; --k) taps.push_back({k * a.dilation % a.stride, k});
    by_remainder(inputs);
    by_remainder(taps);
    std::vector<Axis> phases;
    auto tap = taps.begin();
    for (const auto [phase, i] : inputs) {
        if (phases.empty() || phases.back().phase != phase) {
            phases.push_back({phase, {}, {}, {}, {}});
            while (tap != taps.end() && tap->phase < phase) ++tap;
            for (; tap != taps.end() && tap->phase == phase; ++tap) {
                phases.back().tap.push_back(tap->at);
                phases.back().shift.push_back((phase - tap->at * a.dilation) / a.stride);
            }
        }
        phases.back().input.push_back(i);
        phases.back().base.push_back((i + a.before - phase) / a.stride);
    }
    return phases;
}

}  // namespace hotloop
