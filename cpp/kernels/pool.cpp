// Pooling over channels-last images: a vector of channels at a time.
#include "pooling.h"

namespace hotloop {
namespace {

template <class T, class Place, bool kPlane>
void max_rows(const PoolArgs<T>& a, index_t begin, index_t end) {
    using V = Vec<T>;
    using I = Ints<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    for (index_t r = begin; r < end; ++r) {
        const index_t h0 = r % w.OH * w.stride_h - w.top;
        const T* image = a.x + r / w.OH * w.H * w.W * C;
        const TapRange kh = taps_inside(h0, w.dilation_h, w.KH, w.H);
        for (index_t ow = 0; ow < w.OW; ++ow) {
            const index_t w0 = ow * w.stride_w - w.left;
            const TapRange kw = taps_inside(w0, w.dilation_w, w.KW, w.W);
            T* y = a.y + (r * w.OW + ow) * C;
            Place* place = static_cast<Place*>(a.place) + (r * w.OW + ow) * C;
            const bool empty = kh.first == kh.last || kw.first == kw.last;
            each_group<T>(C, [&](index_t c, auto load, auto store, int lanes) HOTLOOP_LAMBDA {
                V best = V::set(-infinity<T>());
                I where = no_place<T>();
                if (!empty) {
                    bool first = true;
                    for (index_t i = kh.first; i < kh.last; ++i) {
                        const index_t h = h0 + i * w.dilation_h;
                        const T* at = image + (h * w.W + w0) * C + c;
                        for (index_t j = kw.first; j < kw.last; ++j) {
                            const index_t shift = j * w.dilation_w;
                            const V v = load(at + shift * C);
                            const index_t p = kPlane ? h * w.W + w0 + shift : i * w.KW + j;
                            const I here = I{} + static_cast<Integer<T>>(p);
                            const I take = first ? ~I{} : beats(v, best);
                            best = simd::select<T>(take, v, best);
                            where = take ? here : where;
                            first = false;
                        }
                    }
                }
                store(y + c, best);
                store_places<T>(place + c, where, lanes);
            });
        }
    }
}

// Fast path, 2 x 2 windows side by side and inside: no loops over taps.
template <class T, class Place>
void max_rows_2x2(const PoolArgs<T>& a, index_t begin, index_t end) {
    using V = Vec<T>;
    using I = Ints<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    for (index_t r = begin; r < end; ++r) {
        const T* upper = a.x + (r / w.OH * w.H + r % w.OH * 2) * w.W * C;
        T* y = a.y + r * w.OW * C;
        Place* place = static_cast<Place*>(a.place) + r * w.OW * C;
        for (index_t ow = 0; ow < w.OW; ++ow, upper += 2 * C, y += C, place += C) {
            const T* lower = upper + w.W * C;
            each_group<T>(C, [&](index_t c, auto load, auto store, int lanes) HOTLOOP_LAMBDA {
                V best = load(upper + c);
                I where = I{};
                const auto meet = [&](V v, Integer<T> tap) HOTLOOP_LAMBDA {
                    const I take = beats(v, best);
                    best = simd::select<T>(take, v, best);
                    where = take ? I{} + tap : where;
                };
                meet(load(upper + C + c), 1);
                meet(load(lower + c), 2);
                meet(load(lower + C + c), 3);
                store(y + c, best);
                store_places<T>(place + c, where, lanes);
            });
        }
    }
}

template <class T>
void max_last(const PoolArgs<T>& a, index_t begin, index_t end) {
    if (is_plain_2x2(a.win) && a.kind == PlaceKind::cell8)
        return max_rows_2x2<T, std::uint8_t>(a, begin, end);
    switch (a.kind) {
        case PlaceKind::plane64:
            return max_rows<T, std::int64_t, true>(a, begin, end);
        case PlaceKind::cell32:
            return max_rows<T, std::int32_t, false>(a, begin, end);
        case PlaceKind::cell8:
            return max_rows<T, std::uint8_t, false>(a, begin, end);
    }
}

template <class T>
HOTLOOP_INLINE Vec<T> gated(Activation kind, Vec<T> dy, Vec<T> y) {
    const Vec<T> one = Vec<T>::set(T{1});
    if (kind == Activation::relu) return simd::select<T>(y > Vec<T>::zero(), dy, Vec<T>::zero());
    if (kind == Activation::sigmoid) return dy * (y * (one - y));
    return dy * (one - y * y);
}

// Images [begin, end), channels [c0, c1). Windows that do not overlap write every pixel of theirs
// once; the others add.
template <class T, class Place>
void scatter_last(const PoolBackwardArgs<T>& a, index_t n, index_t c0, index_t c1) {
    using V = Vec<T>;
    using I = Ints<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    T* image = a.dx + n * w.H * w.W * C;
    const Place* places_end = static_cast<const Place*>(a.place) + (n + 1) * w.OH * w.OW * C;
    const bool apart = are_apart(w);
    if (!apart || !covers_all(w)) zero_channels(image, w.H * w.W, C, c0, c1);
    for (index_t oh = 0; oh < w.OH; ++oh) {
        const index_t h0 = oh * w.stride_h - w.top;
        const TapRange kh = taps_inside(h0, w.dilation_h, w.KH, w.H);
        for (index_t ow = 0; ow < w.OW; ++ow) {
            const index_t w0 = ow * w.stride_w - w.left;
            const TapRange kw = taps_inside(w0, w.dilation_w, w.KW, w.W);
            const index_t out = ((n * w.OH + oh) * w.OW + ow) * C;
            const Place* place = static_cast<const Place*>(a.place) + out;
            each_group<T>(c1 - c0, [&](index_t v, auto load, auto store, int lanes) HOTLOOP_LAMBDA {
                const index_t c = c0 + v;
                V dy = load(a.dy + out + c);
                if (a.gate) dy = gated(a.gate_kind, dy, load(a.gate + out + c));
                const I where = load_places<T>(place + c, places_end, lanes);
                for (index_t i = kh.first; i < kh.last; ++i) {
                    T* at = image + ((h0 + i * w.dilation_h) * w.W + w0) * C + c;
                    for (index_t j = kw.first; j < kw.last; ++j) {
                        T* tap = at + j * w.dilation_w * C;
                        const I hit = where == I{} + static_cast<Integer<T>>(i * w.KW + j);
                        const V share = simd::select<T>(hit, dy, V::zero());
                        store(tap, apart ? share : load(tap) + share);
                    }
                }
            });
        }
    }
}

// Fast path, 2 x 2 windows side by side: each gradient goes to one of four taps, zeros to the
// others.
template <class T>
void scatter_rows_2x2(const PoolBackwardArgs<T>& a, index_t n, index_t c0, index_t c1) {
    using V = Vec<T>;
    using I = Ints<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    const index_t length = w.W * C;
    const index_t outputs = w.OH * w.OW * C;
    const auto* const places = static_cast<const std::uint8_t*>(a.place) + n * outputs;
    const T* const gate = a.gate ? a.gate + n * outputs : nullptr;
    T* const dx = a.dx + n * w.H * length;
    if (!covers_all(w)) zero_channels(dx, w.H * w.W, C, c0, c1);
    for (index_t oh = 0; oh < w.OH; ++oh)
        each_group<T>(c1 - c0, [&](index_t v, auto load, auto store, int lanes) HOTLOOP_LAMBDA {
            const index_t first = oh * w.OW * C + c0 + v;
            const T* dy = a.dy + n * outputs + first;
            T* upper = dx + oh * 2 * length + c0 + v;
            for (index_t i = first; i < first + w.OW * C; i += C, dy += C, upper += 2 * C) {
                T* const lower = upper + length;
                V share = load(dy);
                if (gate) share = gated(a.gate_kind, share, load(gate + i));
                const I where = load_places<T>(places + i, places + outputs, lanes);
                const auto at = [&](Integer<T> tap) HOTLOOP_LAMBDA {
                    return simd::select<T>(where == I{} + tap, share, V::zero());
                };
                store(upper, at(0));
                store(upper + C, at(1));
                store(lower, at(2));
                store(lower + C, at(3));
            }
        });
}

template <class T>
void max_last_backward(const PoolBackwardArgs<T>& a, index_t n, index_t c0, index_t c1) {
    if (is_plain_2x2(a.win) && a.kind == PlaceKind::cell8) return scatter_rows_2x2(a, n, c0, c1);
    if (a.kind == PlaceKind::cell8) return scatter_last<T, std::uint8_t>(a, n, c0, c1);
    return scatter_last<T, std::int32_t>(a, n, c0, c1);
}

// The usual pool once more.
template <class T>
void mean_rows_2x2(const PoolArgs<T>& a, index_t begin, index_t end) {
    using V = Vec<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    const V quarter = V::set(static_cast<T>(0.25));
    for (index_t r = begin; r < end; ++r) {
        const T* upper = a.x + (r / w.OH * w.H + r % w.OH * 2) * w.W * C;
        T* y = a.y + r * w.OW * C;
        for (index_t ow = 0; ow < w.OW; ++ow, upper += 2 * C, y += C) {
            const T* lower = upper + w.W * C;
            each_group<T>(C, [&](index_t c, auto load, auto store, int) HOTLOOP_LAMBDA {
                const V sum = V::zero() + load(upper + c) + load(upper + C + c) + load(lower + c) +
                              load(lower + C + c);
                store(y + c, sum * quarter);
            });
        }
    }
}

template <class T>
void mean_last(const PoolArgs<T>& a, index_t begin, index_t end) {
    if (is_plain_2x2(a.win)) return mean_rows_2x2(a, begin, end);
    using V = Vec<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    for (index_t r = begin; r < end; ++r) {
        const index_t h0 = r % w.OH * w.stride_h - w.top;
        const T* image = a.x + r / w.OH * w.H * w.W * C;
        const TapRange kh = taps_inside(h0, 1, w.KH, w.H);
        for (index_t ow = 0; ow < w.OW; ++ow) {
            const index_t w0 = ow * w.stride_w - w.left;
            const TapRange kw = taps_inside(w0, 1, w.KW, w.W);
            const V divisor = V::set(mean_divisor<T>(w, h0, w0, a.count_include_pad));
            T* y = a.y + (r * w.OW + ow) * C;
            each_group<T>(C, [&](index_t c, auto load, auto store, int) HOTLOOP_LAMBDA {
                const T* const first = image + (h0 * w.W + w0) * C + c;
                const V sum = sum_of_taps<T>(kh, kw, [&](index_t i, index_t j) HOTLOOP_LAMBDA {
                    return load(first + (i * w.W + j) * C);
                });
                store(y + c, sum / divisor);
            });
        }
    }
}

// And back: every pixel belongs to one window, and the two rows of a window are the same. Past the
// caches they go from a copy nearby: rows that begin within a cache line want whole lines written.
template <class T>
void spread_rows_2x2(const PoolBackwardArgs<T>& a, index_t n, index_t c0, index_t c1) {
    using V = Vec<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    const index_t length = w.W * C;
    const bool stream = a.stream && c1 - c0 == C && length <= kNearby<T>;
    const V quarter = V::set(static_cast<T>(0.25));
    const T* dy = a.dy + n * w.OH * w.OW * C;
    T* dx = a.dx + n * w.H * length;
    alignas(64) T nearby[kNearby<T>];
    for (index_t oh = 0; oh < w.OH; ++oh, dx += 2 * length) {
        T* upper = stream ? nearby : dx;
        for (index_t ow = 0; ow < w.OW; ++ow, upper += 2 * C, dy += C) {
            T* lower = stream ? upper : upper + length;
            each_group<T>(c1 - c0, [&](index_t v, auto load, auto store, int) HOTLOOP_LAMBDA {
                const index_t c = c0 + v;
                const V share = load(dy + c) * quarter;
                store(upper + c, share);
                store(upper + C + c, share);
                store(lower + c, share);
                store(lower + C + c, share);
            });
        }
        if (!stream) continue;
        for (T* row : {dx, dx + length})
            write_lines<T, true>(row, length,
                                 [&](index_t, auto load) HOTLOOP_LAMBDA { return load(nearby); });
    }
    if (stream) simd::native_stream_end();
}

template <class T>
void mean_last_backward(const PoolBackwardArgs<T>& a, index_t n, index_t c0, index_t c1) {
    if (is_plain_2x2(a.win) && covers_all(a.win)) return spread_rows_2x2(a, n, c0, c1);
    using V = Vec<T>;
    const Window& w = a.win;
    const index_t C = a.C;
    T* image = a.dx + n * w.H * w.W * C;
    const bool apart = are_apart(w);
    if (!apart || !covers_all(w)) zero_channels(image, w.H * w.W, C, c0, c1);
    for (index_t oh = 0; oh < w.OH; ++oh) {
        const index_t h0 = oh * w.stride_h - w.top;
        const TapRange kh = taps_inside(h0, 1, w.KH, w.H);
        for (index_t ow = 0; ow < w.OW; ++ow) {
            const index_t w0 = ow * w.stride_w - w.left;
            const TapRange kw = taps_inside(w0, 1, w.KW, w.W);
            const V divisor = V::set(mean_divisor<T>(w, h0, w0, a.count_include_pad));
            const T* dy = a.dy + ((n * w.OH + oh) * w.OW + ow) * C;
            each_group<T>(c1 - c0, [&](index_t v, auto load, auto store, int) HOTLOOP_LAMBDA {
                const index_t c = c0 + v;
                const V share = load(dy + c) / divisor;
                for (index_t i = kh.first; i < kh.last; ++i) {
                    T* at = image + ((h0 + i) * w.W + w0) * C + c;
                    for (index_t j = kw.first; j < kw.last; ++j)
                        store(at + j * C, apart ? share : load(at + j * C) + share);
                }
            });
        }
    }
}

template <class T>
constexpr PoolKernels<T> make() {
    return {&max_last<T>, &max_last_backward<T>, &mean_last<T>, &mean_last_backward<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::PoolKernels> HOTLOOP_KERNEL_TABLE(pool) = {
    hotloop::make<float>(), hotloop::make<double>()};
