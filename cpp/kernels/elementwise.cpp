// Elementwise functions of one or two operands, each side by side or one number for all: one loop
// for all functions, with a branch a block of vectors, which takes a fifth of the code of a loop
// each. Compiled with -O2: -O3 would make a loop for each kind of it (-funswitch-loops).
#include "kernels.h"
#include "simd/math.h"
#include "simd/vec.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::constant;
using simd::Ints;
using simd::select;
using simd::Vec;

constexpr int kBlock = 4;  // vectors

// Where the vectors of an operand lie: at p + i, or one number again and again.
template <class T>
class Side {
  public:
    HOTLOOP_INLINE Side(const T* p, index_t step) : p_(p), step_(step) {
        if (step == 0)
            for (int j = 0; j < kBlock; ++j) Vec<T>::set(*p).store(room_ + j * Vec<T>::size);
    }
    Side(const Side&) = delete;
    Side& operator=(const Side&) = delete;
    HOTLOOP_INLINE const T* at(index_t i) const { return step_ ? p_ + i : room_; }

  private:
    const T* p_;
    index_t step_;
    alignas(64) T room_[kBlock * Vec<T>::size];
};

// K vectors side by side, of which memory may hold a part.
template <class T, int K = kBlock>
struct Block {
    Vec<T> v[K];
};

template <int K, class T>
HOTLOOP_INLINE Block<T, K> load(const T* p, index_t n) {
    using V = Vec<T>;
    Block<T, K> b;
    T room[K * V::size];
    if (n < K * V::size) [[unlikely]] {
        for (index_t i = 0; i < K * V::size; ++i) room[i] = i < n ? p[i] : T{0};
        p = room;
    }
#pragma GCC unroll 4
    for (int j = 0; j < K; ++j) b.v[j] = V::load(p + j * V::size);
    return b;
}

template <int K, class T>
HOTLOOP_INLINE void store(const Block<T, K>& b, T* p, index_t n, bool stream) {
    using V = Vec<T>;
    if (n < K * V::size) [[unlikely]] {
        T room[K * V::size];
#pragma GCC unroll 4
        for (int j = 0; j < K; ++j) b.v[j].store(room + j * V::size);
        for (index_t i = 0; i < n; ++i) p[i] = room[i];
        return;
    }
    if (stream) {
#pragma GCC unroll 4
        for (int j = 0; j < K; ++j) b.v[j].stream(p + j * V::size);
        return;
    }
#pragma GCC unroll 4
    for (int j = 0; j < K; ++j) b.v[j].store(p + j * V::size);
}

template <class T, class F>
HOTLOOP_INLINE Block<T> each(const Block<T>& x, F f) {
    Block<T> y;
#pragma GCC unroll 4
    for (int j = 0; j < kBlock; ++j) y.v[j] = f(x.v[j]);
    return y;
}

template <class T, class F>
HOTLOOP_INLINE Block<T> each(const Block<T>& a, const Block<T>& b, F f) {
    Block<T> y;
#pragma GCC unroll 4
    for (int j = 0; j < kBlock; ++j) y.v[j] = f(a.v[j], b.v[j]);
    return y;
}

// Calls body(i, n) for blocks of at most K vectors; the first ends where a whole vector of y
// begins on a multiple of its size, if that is worth it.
template <int K, class T, class Body>
HOTLOOP_INLINE void blocks(const T* y, index_t n, bool stream, Body body) {
    constexpr index_t W = K * Vec<T>::size;
    index_t i = stream || n >= kManyVectors * Vec<T>::size ? head_of(y, n) : 0;
    index_t first = 0;
    if (i == 0) i = n < W ? n : W;
    for (;;) {
        body(first, i - first);
        if (i == n) break;
        first = i;
        i = n - i < W ? n : i + W;
    }
    if (stream) simd::native_stream_end();
}

// Whole numbers lie from 2^(mantissa bits) on.
template <class T>
HOTLOOP_INLINE Vec<T> rint(Vec<T> x) {
    const Vec<T> whole = constant(T(std::uint64_t{1} << simd::MathConstants<T>::mantissa_bits));
    const Vec<T> size = abs(x);
    return select<T>(size < whole, simd::with_sign_of(x, (size + whole) - whole), x);
}
template <class T>
HOTLOOP_INLINE Vec<T> floor(Vec<T> x) {
    const Vec<T> r = rint(x);
    return select<T>(r > x, r - constant(T{1}), r);
}

template <class T>
HOTLOOP_INLINE Vec<T> sign(Vec<T> x) {
    const Vec<T> one = constant(T{1});
    const Vec<T> zero = Vec<T>::zero();
    return select<T>(x > zero, one, select<T>(x < zero, -one, x));
}

// Kahan's: what log loses where 1 + x was rounded, a / (1 + x) of the rounding a.
template <class T>
HOTLOOP_INLINE Vec<T> log1p_anywhere(Vec<T> x) {
    const Vec<T> one = constant(T{1});
    const Vec<T> u = one + x;
    const Vec<T> lost = x - (u - one);
    const Vec<T> y = simd::log(u);
    const Vec<T> infinity = constant(simd::MathConstants<T>::infinity);
    const Ints<T> inside = (u > Vec<T>::zero()) & (u < infinity);
    return select<T>(inside, y + lost / u, y);
}

template <class T>
HOTLOOP_INLINE Vec<T> softplus(Vec<T> x) {
    const Vec<T> tail = simd::log1p(simd::exp_negative(-abs(x)));
    return max(Vec<T>::zero(), x) + tail;
}

// pi / 2 in parts, of which all but the last are short enough that k parts are exact up to
// kMostTurned; and 1 / n!, n = 3, 5, ... for sin(r) = r + r^3 (...), n = 4, 6, ... for cos.
template <class T>
struct Turn;
template <>
struct Turn<float> {
    static constexpr float quarter[] = {0x1.92p+0f, 0x1.fap-12f, 0x1.54p-20f, 0x1.10b462p-30f};
    static constexpr float inverse = 0x1.45f306p-1f;
    static constexpr float sin[] = {-1 / 6.0f, 1 / 120.0f, -1 / 5040.0f, 1 / 362880.0f};
    static constexpr float cos[] = {1 / 24.0f, -1 / 720.0f, 1 / 40320.0f, -1 / 3628800.0f};
};
template <>
struct Turn<double> {
    static constexpr double quarter[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
    static constexpr double inverse = 0x1.45f306dc9c883p-1;
    static constexpr double sin[] = {-1 / 6.0,          1 / 120.0,         -1 / 5040.0,
                                     1 / 362880.0,      -1 / 39916800.0,   1 / 6227020800.0,
                                     -1 / 1307674368e3, 1 / 355687428096e3};
    static constexpr double cos[] = {1 / 24.0,         -1 / 720.0,      1 / 40320.0,
                                     -1 / 3628800.0,   1 / 479001600.0, -1 / 87178291200.0,
                                     1 / 20922789888e3};
};

// sin(x + first pi / 2), |x| <= kMostTurned: Taylor's series around the nearest multiple of pi / 2.
template <class T>
HOTLOOP_INLINE Vec<T> turned(Vec<T> x, int first) {
    const Vec<T> shifter = constant(simd::MathConstants<T>::shifter);
    const Vec<T> shifted = simd::fma(x, constant(Turn<T>::inverse), shifter);
    const Vec<T> k = shifted - shifter;
    Vec<T> r = x;
    for (const T part : Turn<T>::quarter) r = simd::fma(-k, constant(part), r);
    const Ints<T> quadrant = bits(shifted) - bits(shifter) + first;
    const Vec<T> z = r * r;
    const Vec<T> sine = simd::fma(r * z, simd::polynomial(z, Turn<T>::sin), r);
    const Vec<T> cosine = simd::fma(z * z, simd::polynomial(z, Turn<T>::cos),
                                    simd::fma(constant(T{-0.5}), z, constant(T{1})));
    const Ints<T> odd = -(quadrant & 1);
    const Ints<T> flip = (quadrant & 2) << (8 * static_cast<int>(sizeof(T)) - 2);
    return simd::from_bits<T>(bits(select<T>(odd, cosine, sine)) ^ flip);
}

template <class T>
HOTLOOP_INLINE Vec<T> elementary(Function kind, Vec<T> x) {
    switch (kind) {
        case Function::exp:
            return simd::exp(x);
        case Function::expm1:
            return simd::expm1(x);
        case Function::log:
            return simd::log(x);
        case Function::log1p:
            return log1p_anywhere(x);
        case Function::erf:
            return simd::erf(x);
        case Function::softplus:
            return softplus(x);
        case Function::sin:
        case Function::cos:
            return turned(x, kind == Function::cos);
        default:
            return x * simd::sigmoid(x);
    }
}

template <class T>
HOTLOOP_INLINE Block<T> simple(Function kind, const Block<T>& x) {
    using V = Vec<T>;
    const V one = constant(T{1});
    switch (kind) {
        case Function::absolute:
            return each(x, [](V a) HOTLOOP_LAMBDA { return abs(a); });
        case Function::negative:
            return each(x, [](V a) HOTLOOP_LAMBDA { return -a; });
        case Function::square:
            return each(x, [](V a) HOTLOOP_LAMBDA { return a * a; });
        case Function::reciprocal:
            return each(x, [=](V a) HOTLOOP_LAMBDA { return one / a; });
        case Function::sqrt:
            return each(x, [](V a) HOTLOOP_LAMBDA { return sqrt(a); });
        case Function::rsqrt:
            return each(x, [=](V a) HOTLOOP_LAMBDA { return one / sqrt(a); });
        case Function::sign:
            return each(x, [](V a) HOTLOOP_LAMBDA { return sign(a); });
        case Function::floor:
            return each(x, [](V a) HOTLOOP_LAMBDA { return floor(a); });
        case Function::ceil:
            return each(x, [](V a) HOTLOOP_LAMBDA { return -floor(-a); });
        default:
            return each(x, [](V a) HOTLOOP_LAMBDA { return rint(a); });
    }
}

template <class T>
void function(Function kind, const T* x, index_t step, T* y, index_t n, bool stream) {
    const Side<T> side(x, step);
    if (kind < Function::exp) {
        blocks<kBlock>(y, n, stream, [&](index_t i, index_t count) HOTLOOP_LAMBDA {
            store(simple(kind, load<kBlock>(side.at(i), count)), y + i, count, stream);
        });
        return;
    }
    blocks<1>(y, n, stream, [&](index_t i, index_t count) HOTLOOP_LAMBDA {
        const Block<T, 1> v = load<1>(side.at(i), count);
        store(Block<T, 1>{elementary(kind, v.v[0])}, y + i, count, stream);
    });
}

template <class T>
HOTLOOP_INLINE Block<T> combine(Arithmetic kind, const Block<T>& a, const Block<T>& b) {
    using V = Vec<T>;
    switch (kind) {
        case Arithmetic::add:
            return each(a, b, [](V p, V q) HOTLOOP_LAMBDA { return p + q; });
        case Arithmetic::subtract:
            return each(a, b, [](V p, V q) HOTLOOP_LAMBDA { return p - q; });
        case Arithmetic::multiply:
            return each(a, b, [](V p, V q) HOTLOOP_LAMBDA { return p * q; });
        case Arithmetic::divide:
            return each(a, b, [](V p, V q) HOTLOOP_LAMBDA { return p / q; });
        case Arithmetic::maximum:
            return each(a, b,
                        [](V p, V q) HOTLOOP_LAMBDA { return select<T>(is_nan(p), p, max(p, q)); });
        default:
            return each(a, b,
                        [](V p, V q) HOTLOOP_LAMBDA { return select<T>(is_nan(p), p, min(p, q)); });
    }
}

template <class T>
void arithmetic(Arithmetic kind,
                const T* a,
                index_t a_step,
                const T* b,
                index_t b_step,
                T* z,
                index_t n,
                bool stream) {
    const Side<T> left(a, a_step);
    const Side<T> right(b, b_step);
    blocks<kBlock>(z, n, stream, [&](index_t i, index_t count) HOTLOOP_LAMBDA {
        store(combine(kind, load<kBlock>(left.at(i), count), load<kBlock>(right.at(i), count)),
              z + i, count, stream);
    });
}

// One byte a lane.
template <class T>
struct Bytes {
    typedef std::int8_t type __attribute__((vector_size(Vec<T>::size)));
};

template <class T>
HOTLOOP_INLINE Ints<T> holds(Comparison kind, Vec<T> a, Vec<T> b) {
    switch (kind) {
        case Comparison::equal:
            return a == b;
        case Comparison::not_equal:
            return ~(a == b);
        case Comparison::less:
            return a < b;
        default:
            return a <= b;
    }
}

template <class T>
void comparison(Comparison kind,
                const T* a,
                index_t a_step,
                const T* b,
                index_t b_step,
                std::uint8_t* z,
                index_t n) {
    using V = Vec<T>;
    using B = typename Bytes<T>::type;
    constexpr index_t W = kBlock * V::size;
    const Side<T> left(a, a_step);
    const Side<T> right(b, b_step);
    for (index_t i = 0; i < n; i += W) {
        const Block<T> p = load<kBlock>(left.at(i), n - i);
        const Block<T> q = load<kBlock>(right.at(i), n - i);
        B room[kBlock];
#pragma GCC unroll 1
        for (int j = 0; j < kBlock; ++j)
            room[j] = __builtin_convertvector(holds(kind, p.v[j], q.v[j]), B) & 1;
        __builtin_memcpy(z + i, room, static_cast<std::size_t>(n - i < W ? n - i : W));
    }
}

template <class T>
void where(const std::uint8_t* condition,
           index_t condition_step,
           const T* a,
           index_t a_step,
           const T* b,
           index_t b_step,
           T* z,
           index_t n) {
    using V = Vec<T>;
    using B = typename Bytes<T>::type;
    constexpr index_t W = V::size;
    if (condition_step == 0) {
        const T* from = *condition ? a : b;
        const index_t step = *condition ? a_step : b_step;
        for (index_t i = 0; i < n; ++i) z[i] = from[i * step];
        return;
    }
    const Side<T> left(a, a_step);
    const Side<T> right(b, b_step);
    index_t i = 0;
    for (; i + W <= n; i += W) {
        B bytes;
        __builtin_memcpy(&bytes, condition + i, sizeof(bytes));
        const Ints<T> mask = __builtin_convertvector(bytes != 0, Ints<T>);
        select<T>(mask, V::load(left.at(i)), V::load(right.at(i))).store(z + i);
    }
    for (; i < n; ++i) z[i] = condition[i] ? a[i * a_step] : b[i * b_step];
}

template <class T>
constexpr ElementwiseKernels<T> make() {
    return {&function<T>, &arithmetic<T>, &comparison<T>, &where<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::ElementwiseKernels> HOTLOOP_KERNEL_TABLE(
    elementwise) = {hotloop::make<float>(), hotloop::make<double>()};
