// Pooling over single planes (channels first, or one channel): a vector of output columns at a
// time.
#include "pooling.h"
#include "simd/transpose.h"

namespace hotloop {
namespace {

template <class T, int... L>
HOTLOOP_INLINE Vec<T> even_lanes(Vec<T> a, Vec<T> b, std::integer_sequence<int, L...>) {
    return {__builtin_shufflevector(a.v, b.v, (2 * L)...)};
}

// p[0], p[step], ... p[(n - 1) * step]; nothing behind the last of them is read.
template <class T>
HOTLOOP_INLINE Vec<T> load_apart(const T* p, index_t step, int n) {
    using V = Vec<T>;
    constexpr int W = V::size;
    if (step == 1) return n == W ? V::load(p) : V::load(p, n);
    if (step == 2) {
        const int reach = 2 * n - 1;
        const V a = reach >= W ? V::load(p) : V::load(p, reach);
        const V b = reach > W ? V::load(p + W, reach - W) : V::zero();
        return even_lanes(a, b, std::make_integer_sequence<int, W>{});
    }
    T lane[W] = {};
    for (int i = 0; i < n; ++i) lane[i] = p[i * step];
    return V::load(lane);
}

template <class T, int... L>
HOTLOOP_INLINE Vec<T> zip(Vec<T> a, Vec<T> b, int half, std::integer_sequence<int, L...>) {
    constexpr int W = Vec<T>::size;
    return half == 0
               ? Vec<T>{__builtin_shufflevector(a.v, b.v, ((L & 1 ? W : 0) + L / 2)...)}
               : Vec<T>{__builtin_shufflevector(a.v, b.v, ((L & 1 ? W : 0) + W / 2 + L / 2)...)};
}

// p[0] = even[0], p[1] = odd[0], p[2] = even[1], ... for n of each.
template <class T>
HOTLOOP_INLINE void store_pairs(T* p, Vec<T> even, Vec<T> odd, int n) {
    constexpr int W = Vec<T>::size;
    const auto lanes = std::make_integer_sequence<int, W>{};
    const int count = 2 * n;
    zip(even, odd, 0, lanes).store(p, count < W ? count : W);
    if (count > W) zip(even, odd, 1, lanes).store(p + W, count - W);
}

// p[i * step] += v[i] for i < n.
template <class T>
HOTLOOP_INLINE void add_apart(T* p, index_t step, Vec<T> v, int n) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const auto add = [](T* to, V what, int lanes)
                         HOTLOOP_LAMBDA { (V::load(to, lanes) + what).store(to, lanes); };
    if (step == 1) {
        add(p, v, n);
    } else if (step == 2) {
        const auto lanes = std::make_integer_sequence<int, W>{};
        const int reach = 2 * n - 1;
        add(p, zip(v, V::zero(), 0, lanes), reach < W ? reach : W);
        if (reach > W) add(p + W, zip(v, V::zero(), 1, lanes), reach - W);
    } else {
        T lane[W];
        v.store(lane);
        for (int i = 0; i < n; ++i) p[i * step] += lane[i];
    }
}

// Output columns [first, last) whose windows lie inside the plane from side to side.
HOTLOOP_INLINE TapRange columns_inside(const Window& w) {
    const index_t span = w.dilation_w * (w.KW - 1) + 1;
    TapRange r{ceil_div(w.left, w.stride_w), 0};
    if (w.W + w.left >= span) r.last = (w.W + w.left - span) / w.stride_w + 1;
    if (r.last > w.OW) r.last = w.OW;
    if (r.first > r.last) r.first = r.last;
    return r;
}

// The first and last columns, one at a time.
template <class T, class Place, bool kPlane>
void max_one(
    const Window& w, const T* plane, index_t h0, TapRange kh, index_t ow, T* y, Place* place) {
    const index_t w0 = ow * w.stride_w - w.left;
    const TapRange kw = taps_inside(w0, w.dilation_w, w.KW, w.W);
    T best = -infinity<T>();
    index_t where = -1;
    for (index_t i = kh.first; i < kh.last; ++i) {
        const index_t h = h0 + i * w.dilation_h;
        for (index_t j = kw.first; j < kw.last; ++j) {
            const index_t at = h * w.W + w0 + j * w.dilation_w;
            const T v = plane[at];
            if (where >= 0 && (v <= best || best != best)) continue;
            best = v;
            where = kPlane ? at : i * w.KW + j;
        }
    }
    *y = best;
    *place = static_cast<Place>(where);
}

template <class T, class Place, bool kPlane>
void max_rows(const PoolArgs<T>& a, index_t begin, index_t end) {
    using V = Vec<T>;
    using I = Ints<T>;
    constexpr index_t W = V::size;
    const Window& w = a.win;
    const TapRange inside = columns_inside(w);
    for (index_t r = begin; r < end; ++r) {
        const index_t h0 = r % w.OH * w.stride_h - w.top;
        const T* plane = a.x + r / w.OH * w.H * w.W;
        const TapRange kh = taps_inside(h0, w.dilation_h, w.KH, w.H);
        T* y = a.y + r * w.OW;
        Place* place = static_cast<Place*>(a.place) + r * w.OW;
        for (index_t ow = 0; ow < inside.first; ++ow)
            max_one<T, Place, kPlane>(w, plane, h0, kh, ow, y + ow, place + ow);
        for (index_t ow = inside.first; ow < inside.last; ow += W) {
            const int n = static_cast<int>(inside.last - ow < W ? inside.last - ow : W);
            const index_t w0 = ow * w.stride_w - w.left;
            V best = V::set(-infinity<T>());
            I where = no_place<T>();
            bool first = true;
            for (index_t i = kh.first; i < kh.last; ++i) {
                const index_t h = h0 + i * w.dilation_h;
                for (index_t j = 0; j < w.KW; ++j) {
                    const index_t at = h * w.W + w0 + j * w.dilation_w;
                    const V v = load_apart(plane + at, w.stride_w, n);
                    const I here = I{} + static_cast<Integer<T>>(kPlane ? at : i * w.KW + j);
                    const I take = first ? ~I{} : beats(v, best);
                    best = simd::select<T>(take, v, best);
                    where = take ? here : where;
                    first = false;
                }
            }
            if (kPlane && !first) {  // lane l reads l * stride columns further on
                Integer<T> lane[W];
                for (index_t l = 0; l < W; ++l) lane[l] = static_cast<Integer<T>>(l * w.stride_w);
                I shift;
                __builtin_memcpy(&shift, lane, sizeof shift);
                where += shift;
            }
            best.store(y + ow, n);
            store_places<T>(place + ow, where, n);
        }
        for (index_t ow = inside.last; ow < w.OW; ++ow)
            max_one<T, Place, kPlane>(w, plane, h0, kh, ow, y + ow, place + ow);
    }
}

template <class T>
void max_planes(const PoolArgs<T>& a, index_t begin, index_t end) {
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
HOTLOOP_INLINE T gated(const PoolBackwardArgs<T>& a, index_t at) {
    const T dy = a.dy[at];
    if (!a.gate) return dy;
    const T y = a.gate[at];
    if (a.gate_kind == Activation::relu) return y > T{0} ? dy : T{0};
    if (a.gate_kind == Activation::sigmoid) return dy * (y * (T{1} - y));
    return dy * (T{1} - y * y);
}

template <class T, class Place>
void scatter(const PoolBackwardArgs<T>& a, index_t p) {
    const Window& w = a.win;
    T* plane = a.dx + p * w.H * w.W;
    zero_channels(plane, w.H * w.W, 1, 0, 1);
    for (index_t oh = 0; oh < w.OH; ++oh)
        for (index_t ow = 0; ow < w.OW; ++ow) {
            const index_t out = (p * w.OH + oh) * w.OW + ow;
            const Place where = static_cast<const Place*>(a.place)[out];
            if (where == static_cast<Place>(-1)) continue;
            const index_t h = oh * w.stride_h - w.top + where / w.KW * w.dilation_h;
            const index_t v = ow * w.stride_w - w.left + where % w.KW * w.dilation_w;
            // Places that this pool has not written down may lie anywhere.
            if (h >= 0 && h < w.H && v >= 0 && v < w.W) plane[h * w.W + v] += gated(a, out);
        }
}

template <class T>
HOTLOOP_INLINE Vec<T> gated(const PoolBackwardArgs<T>& a, Vec<T> dy, Vec<T> y) {
    const Vec<T> one = Vec<T>::set(T{1});
    if (a.gate_kind == Activation::relu)
        return simd::select<T>(y > Vec<T>::zero(), dy, Vec<T>::zero());
    if (a.gate_kind == Activation::sigmoid) return dy * (y * (one - y));
    return dy * (one - y * y);
}

// The usual pool once more: each dy goes to one of four pixels, which are all written.
template <class T>
void scatter_2x2(const PoolBackwardArgs<T>& a, index_t p) {
    using V = Vec<T>;
    const Window& w = a.win;
    T* plane = a.dx + p * w.H * w.W;
    if (!covers_all(w)) zero_channels(plane, w.H * w.W, 1, 0, 1);
    const auto* places = static_cast<const std::uint8_t*>(a.place);
    const auto* end = places + (p + 1) * w.OH * w.OW;
    for (index_t oh = 0; oh < w.OH; ++oh) {
        const index_t out = (p * w.OH + oh) * w.OW;
        T* upper = plane + oh * 2 * w.W;
        T* lower = upper + w.W;
        each_group<T>(w.OW, [&](index_t ow, auto load, auto, int n) HOTLOOP_LAMBDA {
            V dy = load(a.dy + out + ow);
            if (a.gate) dy = gated(a, dy, load(a.gate + out + ow));
            const Ints<T> where = load_places<T>(places + out + ow, end, n);
            const auto share = [&](Integer<T> tap) HOTLOOP_LAMBDA {
                return simd::select<T>(where == Ints<T>{} + tap, dy, V::zero());
            };
            store_pairs(upper + 2 * ow, share(0), share(1), n);
            store_pairs(lower + 2 * ow, share(2), share(3), n);
        });
    }
}

template <class T>
void max_planes_backward(const PoolBackwardArgs<T>& a, index_t begin, index_t end) {
    for (index_t p = begin; p < end; ++p) {
        if (a.kind == PlaceKind::cell8 && is_plain_2x2(a.win))
            scatter_2x2<T>(a, p);
        else if (a.kind == PlaceKind::cell8)
            scatter<T, std::uint8_t>(a, p);
        else
            scatter<T, std::int32_t>(a, p);
    }
}

template <class T>
void mean_planes(const PoolArgs<T>& a, index_t begin, index_t end) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    const Window& w = a.win;
    const TapRange inside = columns_inside(w);
    for (index_t r = begin; r < end; ++r) {
        const index_t h0 = r % w.OH * w.stride_h - w.top;
        const T* plane = a.x + r / w.OH * w.H * w.W;
        const TapRange kh = taps_inside(h0, 1, w.KH, w.H);
        T* y = a.y + r * w.OW;
        const auto one = [&](index_t ow) {
            const index_t w0 = ow * w.stride_w - w.left;
            const TapRange kw = taps_inside(w0, 1, w.KW, w.W);
            double sum = 0;
            for (index_t i = kh.first; i < kh.last; ++i)
                for (index_t j = kw.first; j < kw.last; ++j)
                    sum += static_cast<double>(plane[(h0 + i) * w.W + w0 + j]);
            y[ow] = static_cast<T>(sum) / mean_divisor<T>(w, h0, w0, a.count_include_pad);
        };
        for (index_t ow = 0; ow < inside.first; ++ow) one(ow);
        if (inside.first < inside.last) {
            const index_t w0 = inside.first * w.stride_w - w.left;
            const V divisor = V::set(mean_divisor<T>(w, h0, w0, a.count_include_pad));
            for (index_t ow = inside.first; ow < inside.last; ow += W) {
                const int n = static_cast<int>(inside.last - ow < W ? inside.last - ow : W);
                const T* const first = plane + h0 * w.W + ow * w.stride_w - w.left;
                const V sum =
                    sum_of_taps<T>(kh, {0, w.KW}, [&](index_t i, index_t j) HOTLOOP_LAMBDA {
                        return load_apart(first + i * w.W + j, w.stride_w, n);
                    });
                (sum / divisor).store(y + ow, n);
            }
        }
        for (index_t ow = inside.last; ow < w.OW; ++ow) one(ow);
    }
}

template <class T>
void mean_planes_backward(const PoolBackwardArgs<T>& a, index_t begin, index_t end) {
    using V = Vec<T>;
    constexpr index_t W = V::size;
    const Window& w = a.win;
    const TapRange inside = columns_inside(w);
    const bool pairs = are_apart(w) && w.KW == 2 && w.stride_w == 2;
    for (index_t p = begin; p < end; ++p) {
        T* plane = a.dx + p * w.H * w.W;
        zero_channels(plane, w.H * w.W, 1, 0, 1);
        for (index_t oh = 0; oh < w.OH; ++oh) {
            const index_t h0 = oh * w.stride_h - w.top;
            const TapRange kh = taps_inside(h0, 1, w.KH, w.H);
            const T* dy = a.dy + (p * w.OH + oh) * w.OW;
            const auto one = [&](index_t ow) {
                const index_t w0 = ow * w.stride_w - w.left;
                const TapRange kw = taps_inside(w0, 1, w.KW, w.W);
                const T share = dy[ow] / mean_divisor<T>(w, h0, w0, a.count_include_pad);
                for (index_t i = kh.first; i < kh.last; ++i)
                    for (index_t j = kw.first; j < kw.last; ++j)
                        plane[(h0 + i) * w.W + w0 + j] += share;
            };
            for (index_t ow = 0; ow < inside.first; ++ow) one(ow);
            if (inside.first < inside.last) {
                const index_t first = inside.first * w.stride_w - w.left;
                const V divisor = V::set(mean_divisor<T>(w, h0, first, a.count_include_pad));
                for (index_t ow = inside.first; ow < inside.last; ow += W) {
                    const int n = static_cast<int>(inside.last - ow < W ? inside.last - ow : W);
                    const V share = V::load(dy + ow, n) / divisor;
                    for (index_t i = kh.first; i < kh.last; ++i) {
                        T* at = plane + (h0 + i) * w.W + ow * w.stride_w - w.left;
                        if (pairs) {
                            store_pairs(at, share, share, n);
                            continue;
                        }
                        for (index_t j = 0; j < w.KW; ++j) add_apart(at + j, w.stride_w, share, n);
                    }
                }
            }
            for (index_t ow = inside.last; ow < w.OW; ++ow) one(ow);
        }
    }
}

template <class T>
T sum(const T* x, index_t n) {
    return sum_of<T>(n, [=](index_t i, auto load) HOTLOOP_LAMBDA { return load(x + i); });
}

template <class T>
constexpr PoolPlaneKernels<T> make() {
    return {&max_planes<T>, &max_planes_backward<T>, &mean_planes<T>, &mean_planes_backward<T>,
            &sum<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::PoolPlaneKernels> HOTLOOP_KERNEL_TABLE(pool_planes) = {
    hotloop::make<float>(), hotloop::make<double>()};
