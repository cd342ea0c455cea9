#include "hotloop/ops/pool2d.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <type_traits>
#include <vector>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/long_sums.h"
#include "hotloop/parallel.h"
#include "hotloop/shape.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

// Channels of one backward task, so that a single image too feeds several threads.
constexpr index_t kChannels = 64;

index_t bytes_of(PlaceKind kind) {
    return kind == PlaceKind::cell8 ? 1 : kind == PlaceKind::cell32 ? 4 : 8;
}

// One channel is the same bytes in both layouts, and the planes have more to vectorise.
bool by_planes(bool channels_last, index_t C) { return !channels_last || C == 1; }

template <class T>
double pool_cost(const Window& w, index_t planes) {
    return 8.0 * sizeof(T) * static_cast<double>(planes) *
           (static_cast<double>(w.H * w.W) + 2.0 * static_cast<double>(w.OH * w.OW));
}

// The most windows that meet one pixel.
index_t windows_at_a_pixel(const Window& w) {
    const auto along = [](index_t outputs, index_t taps, index_t dilation, index_t stride) {
        return std::min({outputs, taps, (taps - 1) * dilation / stride + 1});
    };
    return along(w.OH, w.KH, w.dilation_h, w.stride_h) *
           along(w.OW, w.KW, w.dilation_w, w.stride_w);
}

// Adds in double, where one accumulator would round too often: sums(from, to).
template <class Sums>
bool in_double(const Window& w, index_t planes, const float* from, float* to, const Sums& sums) {
    if (windows_at_a_pixel(w) <= kOneRun) return false;
    const std::vector<double> wide(from, from + planes * w.OH * w.OW);
    std::vector<double> total(static_cast<std::size_t>(planes * w.H * w.W));
    sums(wide.data(), total.data());
    std::transform(total.begin(), total.end(), to, [](double v) { return static_cast<float>(v); });
    return true;
}

// task(image, first channel, last channel) for blocks of channels of every image.
template <class Task>
void over_channels(index_t N, index_t C, double cost, const Task& task) {
    const index_t blocks = ceil_div(C, kChannels);
    parallel_for(N * blocks, cost, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            const index_t c0 = i % blocks * kChannels;
            task(i / blocks, c0, std::min(c0 + kChannels, C));
        }
    });
}

template <class T>
PoolArgs<T> forward_args(const T* x, T* y, const Window& win, index_t C, bool planes) {
    PoolArgs<T> p{};
    p.x = x;
    p.y = y;
    p.win = win;
    p.C = planes ? 1 : C;
    return p;
}

template <class T>
PoolBackwardArgs<T> backward_args(const T* dy, T* dx, const Window& win, index_t C, bool planes) {
    PoolBackwardArgs<T> p{};
    p.dy = dy;
    p.dx = dx;
    p.win = win;
    p.C = planes ? 1 : C;
    return p;
}

}  // namespace

template <class T>
void max_pool2d(const MaxPoolArgs<T>& s) {
    if (s.N * s.C == 0) return;
    const bool planes = by_planes(s.channels_last, s.C);
    auto p = forward_args(s.x, s.y, s.win, s.C, planes);
    p.place = s.place;
    p.kind = s.kind;
    const auto rows = planes ? kernels<T>().pool_planes->max : kernels<T>().pool->max;
    parallel_for(s.N * (planes ? s.C : 1) * s.win.OH, pool_cost<T>(s.win, s.N * s.C),
                 [&](index_t begin, index_t end) { rows(p, begin, end); });
}

template <class T>
void max_pool2d_backward(const MaxPoolBackwardArgs<T>& s) {
    if constexpr (std::is_same_v<T, float>) {
        const auto sums = [&](const double* dy, double* dx) {
            max_pool2d_backward<double>(
                {dy, s.place, nullptr, dx, s.kind, s.gate_kind, s.N, s.C, s.channels_last, s.win});
        };
        if (!s.gate && in_double(s.win, s.N * s.C, s.dy, s.dx, sums)) return;
    }
    const bool planes = by_planes(s.channels_last, s.C);
    auto p = backward_args(s.dy, s.dx, s.win, s.C, planes);
    p.place = s.place;
    p.kind = s.kind;
    p.gate = s.gate;
    p.gate_kind = s.gate_kind;
    const double cost = pool_cost<T>(s.win, s.N * s.C);
    if (planes)
        parallel_for(s.N * s.C, cost, [&](index_t begin, index_t end) {
            kernels<T>().pool_planes->max_backward(p, begin, end);
        });
    else
        over_channels(s.N, s.C, cost, [&](index_t n, index_t c0, index_t c1) {
            kernels<T>().pool->max_backward(p, n, c0, c1);
        });
}

template <class T>
void max_pool2d_images(const MaxPoolArgs<T>& s, const T* x, index_t first, index_t images) {
    const index_t skipped = first * s.win.OH * s.win.OW * s.C;
    auto p = forward_args(x, s.y + skipped, s.win, s.C, false);
    p.place = static_cast<char*>(s.place) + skipped * bytes_of(s.kind);
    p.kind = s.kind;
    kernels<T>().pool->max(p, 0, images * s.win.OH);
}

template <class T>
void max_pool2d_backward_images(const MaxPoolBackwardArgs<T>& s,
                                index_t first,
                                index_t images,
                                T* dx) {
    const index_t skipped = first * s.win.OH * s.win.OW * s.C;
    auto p = backward_args(s.dy + skipped, dx, s.win, s.C, false);
    p.place = static_cast<const char*>(s.place) + skipped * bytes_of(s.kind);
    p.kind = s.kind;
    p.gate = s.gate ? s.gate + skipped : nullptr;
    p.gate_kind = s.gate_kind;
    for (index_t i = 0; i < images; ++i) kernels<T>().pool->max_backward(p, i, 0, s.C);
}

namespace {

// Tells, stretch of kRun outputs by stretch, whether more than kOneRun may meet at one pixel of a
// channel. Windows that share a pixel are neighbours, so that every sixteenth output shows where a
// stretch leads; no five stretches may reach one pixel.
class Crowd {
  public:
    Crowd() { ends_.fill(-1); }
    // Output i of channel c at [i * step + c].
    [[gnu::noinline]] bool grows(const std::int64_t* argmax,
                                 index_t outputs,
                                 index_t step,
                                 index_t channels) {
        std::int64_t first = std::numeric_limits<std::int64_t>::max();
        for (index_t i = 0; i < outputs; i += 16)
            for (index_t c = 0; c < channels; ++c) {
                const std::int64_t at = argmax[i * step + c];
                first = at < 0 ? first : std::min(first, at);
                last_ = std::max(last_, at);
            }
        std::int64_t& earlier = ends_[stretch_++ % ends_.size()];
        const bool reached = first <= earlier;
        earlier = last_;
        return reached;
    }

  private:
    std::array<std::int64_t, kOneRun / kRun> ends_;  // the furthest that stretches before have led
    std::int64_t last_ = -1;
    std::size_t stretch_ = 0;
};

// Adds in double; output i of channel c is dy[i * step + c], pixel i of it dx[i * step + c].
// Returns whether every place is one or -1.
template <class T>
[[gnu::noinline]] bool scatter_in_double(const MaxPoolScatterArgs<T>& s,
                                         const T* dy,
                                         const std::int64_t* argmax,
                                         T* dx,
                                         index_t step,
                                         index_t channels) {
    auto* const sums = scratch<double>(Scratch::totals, s.pixels * channels);
    std::fill_n(sums, s.pixels * channels, 0.0);
    bool right = true;
    for (index_t i = 0; i < s.outputs; ++i)
        for (index_t c = 0; c < channels; ++c) {
            const std::int64_t at = argmax[i * step + c];
            if (at >= 0 && at < s.pixels)
                sums[at * channels + c] += dy[i * step + c];
            else
                right &= at == -1;
        }
    for (index_t i = 0; i < s.pixels; ++i)
        for (index_t c = 0; c < channels; ++c)
            dx[i * step + c] = static_cast<T>(sums[i * channels + c]);
    return right;
}

}  // namespace

template <class T>
void max_pool2d_scatter(const MaxPoolScatterArgs<T>& s) {
    std::atomic<bool> inside{true};
    const double cost = 16.0 * static_cast<double>(s.N * s.C * (s.pixels + s.outputs)) * sizeof(T);
    over_channels(s.N, s.C, cost, [&](index_t n, index_t c0, index_t c1) {
        T* const dx = s.dx + n * s.C * s.pixels;
        const T* dy = s.dy + n * s.C * s.outputs;
        const std::int64_t* argmax = s.argmax + n * s.C * s.outputs;
        const index_t C = s.C;
        const index_t outputs = s.outputs;
        const auto pixels = static_cast<std::uint64_t>(s.pixels);
        const bool rounds = std::is_same_v<T, float> && outputs > kOneRun;
        const index_t stretch = rounds ? kRun : outputs;
        bool right = true;
        // plane[at * step] is pixel `at`.
        const auto add = [&](T* plane, index_t step, std::int64_t at, T value) {
            if (static_cast<std::uint64_t>(at) < pixels) [[likely]]
                plane[at * step] += value;
            else
                right &= at == -1;
        };
        if (s.channels_last && C > 1) {
            Crowd crowd;
            bool crowded = false;
            // Zeros come just before the first gradient among them, which so finds them nearby.
            constexpr index_t kAhead = 32;
            index_t zeroed = 0;
            const auto zero_until = [&](index_t stop) {
                stop = std::min(stop, s.pixels);
                if (c1 - c0 == C)
                    std::fill(dx + zeroed * C, dx + stop * C, T{0});
                else
                    for (index_t i = zeroed; i < stop; ++i)
                        std::fill(dx + i * C + c0, dx + i * C + c1, T{0});
                zeroed = stop;
            };
            for (index_t begin = 0; begin < outputs && !crowded; begin += stretch) {
                const index_t end = std::min(begin + stretch, outputs);
                for (index_t i = begin; i < end; ++i)
                    for (index_t c = c0; c < c1; ++c) {
                        const std::int64_t at = argmax[i * C + c];
                        if (at >= zeroed && zeroed < s.pixels)
                            zero_until(at < s.pixels ? at + kAhead : s.pixels);
                        add(dx + c, C, at, dy[i * C + c]);
                    }
                crowded = rounds && crowd.grows(argmax + begin * C + c0, end - begin, C, c1 - c0);
            }
            if (crowded)
                right = scatter_in_double(s, dy + c0, argmax + c0, dx + c0, C, c1 - c0);
            else
                zero_until(s.pixels);
        } else {
            for (index_t c = c0; c < c1; ++c) {
                T* const plane = dx + c * s.pixels;
                const T* const from = dy + c * outputs;
                const std::int64_t* const places = argmax + c * outputs;
                std::fill_n(plane, s.pixels, T{0});
                Crowd crowd;
                bool crowded = false;
                for (index_t begin = 0; begin < outputs && !crowded; begin += stretch) {
                    const index_t end = std::min(begin + stretch, outputs);
                    for (index_t i = begin; i < end; ++i) add(plane, 1, places[i], from[i]);
                    crowded = rounds && crowd.grows(places + begin, end - begin, 1, 1);
                }
                if (crowded) right &= scatter_in_double(s, from, places, plane, 1, 1);
            }
        }
        if (!right) inside = false;
    });
    if (!inside)
        fail("max_pool2d_backward", "argmax must lie in -1 .. ", s.pixels - 1, " for planes of ",
             s.pixels, " pixels");
}

template <class T>
void avg_pool2d(const AvgPoolArgs<T>& s) {
    if (s.N * s.C == 0) return;
    const bool planes = by_planes(s.channels_last, s.C);
    auto p = forward_args(s.from, s.to, s.win, s.C, planes);
    p.count_include_pad = s.count_include_pad;
    const auto rows = planes ? kernels<T>().pool_planes->mean : kernels<T>().pool->mean;
    parallel_for(s.N * (planes ? s.C : 1) * s.win.OH, pool_cost<T>(s.win, s.N * s.C),
                 [&](index_t begin, index_t end) { rows(p, begin, end); });
}

template <class T>
void avg_pool2d_backward(const AvgPoolArgs<T>& s) {
    if constexpr (std::is_same_v<T, float>) {
        const auto sums = [&](const double* from, double* to) {
            avg_pool2d_backward<double>(
                {from, to, s.N, s.C, s.channels_last, s.count_include_pad, s.win});
        };
        if (in_double(s.win, s.N * s.C, s.from, s.to, sums)) return;
    }
    const bool planes = by_planes(s.channels_last, s.C);
    auto p = backward_args(s.from, s.to, s.win, s.C, planes);
    p.count_include_pad = s.count_include_pad;
    p.stream = worth_streaming<T>(s.N * s.C * s.win.H * s.win.W);
    const double cost = pool_cost<T>(s.win, s.N * s.C);
    if (planes)
        parallel_for(s.N * s.C, cost, [&](index_t begin, index_t end) {
            kernels<T>().pool_planes->mean_backward(p, begin, end);
        });
    else
        over_channels(s.N, s.C, cost, [&](index_t n, index_t c0, index_t c1) {
            kernels<T>().pool->mean_backward(p, n, c0, c1);
        });
}

template <class T>
void global_avg_pool2d(const GlobalPoolArgs<T>& s) {
    const auto pixels = static_cast<T>(s.pixels);
    // Reading alone, at twice the pace of a copy.
    const double cost = 4.0 * static_cast<double>(s.N * s.C * s.pixels) * sizeof(T);
    if (by_planes(s.channels_last, s.C)) {
        parallel_for(s.N * s.C, cost, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i)
                s.to[i] = kernels<T>().pool_planes->sum(s.from + i * s.pixels, s.pixels) / pixels;
        });
        return;
    }
    over_channels(s.N, s.C, cost, [&](index_t n, index_t c0, index_t c1) {
        T* const to = s.to + n * s.C;
        kernels<T>().reduce->sum_rows(s.from + n * s.pixels * s.C + c0, s.pixels, s.C, c1 - c0,
                                      to + c0);
        for (index_t c = c0; c < c1; ++c) to[c] /= pixels;
    });
}

template <class T>
void global_avg_pool2d_backward(const GlobalPoolArgs<T>& s) {
    if (s.N * s.C == 0) return;
    const auto pixels = static_cast<T>(s.pixels);
    const double cost = 8.0 * static_cast<double>(s.N * s.C * s.pixels) * sizeof(T);
    if (by_planes(s.channels_last, s.C)) {
        parallel_for(s.N * s.C, cost, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i)
                std::fill_n(s.to + i * s.pixels, s.pixels, s.from[i] / pixels);
        });
        return;
    }
    parallel_for(s.N, cost, [&](index_t begin, index_t end) {
        for (index_t n = begin; n < end; ++n) {
            T* const first = s.to + n * s.pixels * s.C;
            for (index_t c = 0; c < s.C; ++c) first[c] = s.from[n * s.C + c] / pixels;
            // Copies of what is there already, twice as much each time, up to a few KB.
            constexpr index_t kMost = 2048;
            const index_t all = s.pixels * s.C;
            for (index_t done = s.C, more = 0; done < all; done += more) {
                more = std::min({done, std::max(kMost / s.C, index_t{1}) * s.C, all - done});
                std::copy_n(first, more, first + done);
            }
        }
    });
}

#define HOTLOOP_INSTANTIATE(T)                                                                   \
    template void max_pool2d_images<T>(const MaxPoolArgs<T>&, const T*, index_t, index_t);       \
    template void max_pool2d_backward_images<T>(const MaxPoolBackwardArgs<T>&, index_t, index_t, \
                                                T*);                                             \
    template void max_pool2d<T>(const MaxPoolArgs<T>&);                                          \
    template void max_pool2d_backward<T>(const MaxPoolBackwardArgs<T>&);                         \
    template void max_pool2d_scatter<T>(const MaxPoolScatterArgs<T>&);                           \
    template void avg_pool2d<T>(const AvgPoolArgs<T>&);                                          \
    template void avg_pool2d_backward<T>(const AvgPoolArgs<T>&);                                 \
    template void global_avg_pool2d<T>(const GlobalPoolArgs<T>&);                                \
    template void global_avg_pool2d_backward<T>(const GlobalPoolArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
