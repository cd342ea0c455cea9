#include "hotloop/ops/conv_route.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <sstream>
#include <string>

#include "conv_implicit.h"
#include "hotloop/conv_rows_args.h"
#include "hotloop/dispatch.h"
#include "hotloop/long_sums.h"

namespace hotloop {
namespace {

// What the row kernels are asked for: `columns` output channels a group, rows of `pixels` windows,
// and `channels` a pixel of the images that they read.
struct Rows {
    index_t columns, pixels, channels;
};

// Where one vector holds the output channels, the tile kernel would wait for loads. With two at a
// time the row kernels are ahead too (8 x 8 planes of 64 channels: 97 % of the peak, tiles 80 %),
// unless a row is so short that sums would wait for themselves.
template <class T>
bool by_rows(const Window& v, const Rows& r) {
    if ((v.KW != 3 && v.KW != 5) || v.stride_w != 1) return false;
    const index_t width = kernels<T>().gemm->vector_size;
    return r.columns <= width ||
           (kernels<T>().conv_rows->vectors == 2 && r.pixels >= 6 * v.dilation_w);
}

// Two pixels share a vector where an image has one channel and half a vector holds the columns. The
// weight gradient has up to two pairs on their way before the first windows are whole.
template <class T>
bool by_pairs(const ConvShape& s, const Rows& r) {
    return kernels<T>().conv_rows->pairs_forward && r.channels == 1 && s.win.dilation_w == 1 &&
           r.pixels % 2 == 0 && r.pixels >= 4 && 2 * r.columns <= kernels<T>().gemm->vector_size &&
           s.taps() <= kMostPairTaps;
}

template <class T>
ConvRoute rows_or_tiles(const ConvShape& s, const Rows& r) {
    if (!by_rows<T>(s.win, r)) return ConvRoute::tiles;
    return by_pairs<T>(s, r) ? ConvRoute::pairs : ConvRoute::rows;
}

// Vectors that the two ways to an input gradient multiply. Scatter meets each pixel of dy once,
// with whole rows of the kernel, and pays some sums' worth for loading and storing the image; the
// other meets each pixel of x once, with a vector for its channels, which may be more pixels than
// dy has.
template <class T>
bool by_scatter(const ConvShape& s) {
    const Window& v = s.win;
    if (s.groups != 1 || v.dilation_w != 1 || s.taps() * s.O > kStretch) return false;
    const index_t width = kernels<T>().gemm->vector_size;
    const auto product = [](auto... sizes) { return (static_cast<double>(sizes) * ...); };
    const double here = product(v.OH, v.OW, ceil_div(v.KW * s.C, width), s.O + 6);
    const double there = std::floor(product(v.H, v.W, v.KW, ceil_div(s.C, width), s.O) /
                                    product(v.stride_h, v.stride_w));
    return 10 * here < 9 * there;
}

}  // namespace

template <class T>
ConvRoute choose(const ConvShape& s, ConvPass pass) {
    const Window& v = s.win;
    if (s.y_size() == 0) return ConvRoute::empty;
    if (pass != ConvPass::forward && s.w_size() == 0) return ConvRoute::empty;
    if (pass == ConvPass::input_gradient && s.x_size() == 0) return ConvRoute::empty;
    if (s.algorithm == ConvAlgorithm::im2col) return ConvRoute::patches;
    // Products of one channel each would be a column wide.
    if (s.groups > 1 && s.group_in() == 1 && s.group_out() == 1) return ConvRoute::depthwise;
    switch (pass) {
        case ConvPass::forward:
            if (s.taps() * s.group_in() > kStretch) return ConvRoute::tiles;
            return rows_or_tiles<T>(s, {s.group_out(), v.OW, s.C});
        case ConvPass::input_gradient:
            if (by_scatter<T>(s)) return ConvRoute::scatter;
            if (v.stride_h != 1 || s.taps() * s.group_out() > kStretch) return ConvRoute::tiles;
            return rows_or_tiles<T>(s, {s.group_in(), v.W, s.O});
        case ConvPass::weight_gradient:
            // Threads share the rows of one block, of which the row kernels have few.
            if (weight_gradient_blocks(s, sizeof(T)) == 1) return ConvRoute::tiles;
            return rows_or_tiles<T>(s, {s.group_out(), v.OW, s.C});
    }
    return ConvRoute::tiles;
}

const char* name_of(ConvPass pass) {
    static const char* const names[] = {"forward", "input_gradient", "weight_gradient"};
    return names[static_cast<int>(pass)];
}

const char* name_of(ConvRoute route) {
    static const char* const names[] = {"empty", "patches", "depthwise", "pairs",
                                        "rows",  "scatter", "tiles"};
    return names[static_cast<int>(route)];
}

template <class T>
void trace(const ConvShape& s, ConvPass pass, ConvRoute route) {
    static const bool on = [] {
        const char* wish = std::getenv("HOTLOOP_TRACE");
        return wish && std::string(wish) == "1";
    }();
    if (!on) return;
    const Window& v = s.win;
    std::ostringstream text;
    text << "hotloop: conv2d " << name_of(pass) << ": " << name_of(route) << " (images "
         << Shape{s.N, v.H, v.W, s.C} << ", kernels " << Shape{v.KH, v.KW, s.group_in(), s.O}
         << ", stride " << Shape{v.stride_h, v.stride_w} << ", padding "
         << Shape{v.top, v.bottom, v.left, v.right} << ", dilation "
         << Shape{v.dilation_h, v.dilation_w} << ", groups " << s.groups << ", float"
         << 8 * sizeof(T) << ")\n";
    static std::mutex guard;
    static std::set<std::string> told;
    const std::scoped_lock lock(guard);
    if (told.insert(text.str()).second) std::fputs(text.str().c_str(), stderr);
}

#define HOTLOOP_INSTANTIATE(T)                                \
    template ConvRoute choose<T>(const ConvShape&, ConvPass); \
    template void trace<T>(const ConvShape&, ConvPass, ConvRoute);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
