// Elementary functions on Vec<T>, written once for float and double and for every instruction set.
//
// Branch-free and free of tables, but for tanh and gelu of float on AVX-512, whose look-ups take
// one instruction (pieces.h). They hold for every IEEE input: NaN gives NaN, infinities give the
// limits, subnormal inputs and results are rounded once. Where the instruction set has no fused
// multiply-add the same code runs with two roundings, so no step relies on an exact fma.
// bench/prove_math.py measures the error of each function over all float inputs.
//
// Methods: the reduction by ln 2 in two parts and the formulas for tanh and sigmoid are those of
// Cody and Waite, "Software Manual for the Elementary Functions" (1980); log follows the scheme
// of Tang, "Table-driven implementation of the logarithm function" (1990), without the table; erfc
// uses the map of Shepherd and Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x"
// (1981). The coefficients are minimax, from scripts/minimax.py.
#pragma once

#include "math_constants.h"
#include "vec.h"

#if defined(HOTLOOP_ISA_AVX512)
#include "pieces.h"
#endif

namespace hotloop::simd {
namespace {

template <class T>
HOTLOOP_INLINE Vec<T> constant(T x) {
    return Vec<T>::set(x);
}

// c[0] + c[1] x + c[2] x^2 + ...
template <class T, int N>
HOTLOOP_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[N]) {
    Vec<T> y = constant(c[N - 1]);
#pragma GCC unroll 32
    for (int i = N - 2; i >= 0; --i) y = fma(y, x, constant(c[i]));
    return y;
}

// magnitude >= 0 with the sign bit of x.
template <class T>
HOTLOOP_INLINE Vec<T> with_sign_of(Vec<T> x, Vec<T> magnitude) {
    return from_bits<T>(bits(magnitude) | (bits(x) & MathConstants<T>::sign_bit));
}

// x = k ln 2 + r with |r| <= ln(2) / 2. Adding 1.5 * 2^(mantissa bits) rounds k to an integer and
// leaves it in the low bits of `shifted`, here with an offset that makes it an exponent field. k *
// ln2_hi is exact: ln2_hi ends in as many zeros as k has bits.
template <class T>
struct Reduced {
    Vec<T> shifted;
    Vec<T> k;
    Vec<T> r;
};
template <class T>
HOTLOOP_INLINE Vec<T> remainder(Vec<T> k, Vec<T> x) {
    using M = MathConstants<T>;
    return fma(k, constant(-M::ln2_lo), fma(k, constant(-M::ln2_hi), x));
}
template <class T>
HOTLOOP_INLINE Reduced<T> reduce(Vec<T> x, T offset) {
    using M = MathConstants<T>;
    const Vec<T> shifter = constant(M::shifter + offset);
    const Vec<T> shifted = fma(x, constant(M::log2_e), shifter);
    const Vec<T> k = shifted - shifter;
    return {shifted, k, remainder(k, x)};
}

// 2^k for an offset of M::bias, 2^(k - 1) for one less; the result must be a normal number.
template <class T>
HOTLOOP_INLINE Vec<T> power_of_two(const Reduced<T>& q) {
    return from_bits<T>(bits(q.shifted) << MathConstants<T>::mantissa_bits);
}

// p * 2^k for any k that exp can meet and an offset of 2 M::bias: in two steps, each with half of
// the biased exponent, of which only the second can round.
template <class T>
HOTLOOP_INLINE Vec<T> scale(Vec<T> p, const Reduced<T>& q) {
#if defined(HOTLOOP_NATIVE_SCALE)
    return {native_scale(p.v, q.k.v)};
#else
    using M = MathConstants<T>;
    const Ints<T> whole = bits(q.shifted) << M::mantissa_bits;
    const Ints<T> half = (bits(q.shifted) << (M::mantissa_bits - 1)) & M::exponent_and_sign;
    return p * from_bits<T>(half) * from_bits<T>(whole - half);
#endif
}

// exp(r) for |r| <= ln(2) / 2.
template <class T>
HOTLOOP_INLINE Vec<T> exp_reduced(Vec<T> r) {
    const Vec<T> one = constant(T{1});
    return fma(fma(polynomial(r, MathConstants<T>::exp), r, one), r, one);
}

// exp(r) - 1 for |r| <= ln(2) / 2, relative to itself.
template <class T>
HOTLOOP_INLINE Vec<T> expm1_reduced(Vec<T> r) {
    return fma(r * r, polynomial(r, MathConstants<T>::expm1), r);
}

// exp(x) for x <= 0: exp without its upper clamp.
template <class T>
HOTLOOP_INLINE Vec<T> exp_negative(Vec<T> x) {
    using M = MathConstants<T>;
    const Reduced<T> q = reduce(max(constant(M::exp_lowest), x), 2 * M::bias);
    return scale(exp_reduced(q.r), q);
}

template <class T>
HOTLOOP_INLINE Vec<T> exp(Vec<T> x) {
    return exp_negative(min(constant(MathConstants<T>::exp_highest), x));
}

template <class T>
HOTLOOP_INLINE Vec<T> expm1(Vec<T> x) {
    using M = MathConstants<T>;
    const Vec<T> inside = min(constant(M::exp_highest), max(constant(M::expm1_lowest), x));
    // Half of the result, so that the power of two stays finite up to the overflow.
    const Reduced<T> q = reduce(inside, M::bias - 1);
    const Vec<T> s = power_of_two(q);
    const Vec<T> y = fma(s, expm1_reduced(q.r), s - constant(T{0.5}));
    return select(abs(x) < constant(M::tiny), x, y + y);
}

template <class T>
HOTLOOP_INLINE Vec<T> sigmoid(Vec<T> x) {
    const Vec<T> one = constant(T{1});
    const Vec<T> e = exp_negative(-abs(x));
    return select(x < Vec<T>::zero(), e, one) / (one + e);
}

// tanh |x| = t / (t + 2) with t = expm1(2 |x|).
template <class T>
HOTLOOP_INLINE Vec<T> tanh(Vec<T> x) {
#if defined(HOTLOOP_ISA_AVX512)
    if constexpr (sizeof(T) == 4)
        return with_sign_of(x, by_pieces(kTanhPieces, min(constant(kTanhPieces.end), abs(x))));
#endif
    using M = MathConstants<T>;
    const Vec<T> a = min(constant(M::tanh_highest), abs(x));
    const Reduced<T> q = reduce(a + a, M::bias);
    const Vec<T> s = power_of_two(q);
    const Vec<T> t = fma(s, expm1_reduced(q.r), s - constant(T{1}));
    return with_sign_of(x, t / (t + constant(T{2})));
}

// x = 2^k m with sqrt(1/2) <= m < sqrt(2), f = m - 1, s = f / (2 + f):
// log m = 2 atanh s = f - f^2/2 + s (f^2/2 + R), R = s^2 (2/3 + 2/5 s^2 + ...).
template <class T>
HOTLOOP_INLINE Vec<T> log(Vec<T> x) {
    using M = MathConstants<T>;
    const Vec<T> one = constant(T{1});
    const Ints<T> subnormal = x < constant(M::smallest_normal);
    const Vec<T> normal = select(subnormal, x * constant(M::subnormal_scale), x);
    const Ints<T> biased = bits(normal) - bits(constant(M::sqrt_half));
    const Vec<T> k =
        from_bits<T>((biased >> M::mantissa_bits) + bits(constant(M::shifter))) -
        select(subnormal, constant(M::shifter + M::subnormal_exponent), constant(M::shifter));
    const Vec<T> f = from_bits<T>((biased & M::mantissa_mask) + bits(constant(M::sqrt_half))) - one;
    const Vec<T> s = f / (constant(T{2}) + f);
    const Vec<T> z = s * s;
    const Vec<T> half_square = constant(T{0.5}) * f * f;
    const Vec<T> r = fma(z, polynomial(z, M::log), half_square);
    const Vec<T> low = fma(s, r, k * constant(M::ln2_lo));
    const Vec<T> y = fma(k, constant(M::ln2_hi), f - (half_square - low));
    const Vec<T> infinity = constant(M::infinity);
    const Vec<T> outside = select(x == Vec<T>::zero(), -infinity, constant(M::nan));
    return select(x > Vec<T>::zero(), select(x == infinity, x, y), outside);
}

// log(1 + x) for 0 <= x <= 1, relative to itself.
template <class T>
HOTLOOP_INLINE Vec<T> log1p(Vec<T> x) {
    return fma(x * x, polynomial(x, MathConstants<T>::log1p), x);
}

// exp(-c z^2) = p 2^k for z >= 0 and c = 1 or 1/2. The square is split in an exact high part and a
// rest: its rounding error alone would cost c z^2 ULP.
template <class T>
struct Gaussian {
    Reduced<T> exponent;
    Vec<T> p;
};
template <class T>
HOTLOOP_INLINE Gaussian<T> gaussian(Vec<T> z, T c, T offset) {
    const Vec<T> head = from_bits<T>(bits(z) & MathConstants<T>::upper_half);
    const Vec<T> square = constant(-c) * head * head;
    const Vec<T> rest = constant(-c) * (z - head) * (z + head);
    // k comes from both parts: the head of a NaN may be an infinity.
    Reduced<T> q = reduce(square + rest, offset);
    q.r = remainder(q.k, square) + rest;
    return {q, exp_reduced(q.r)};
}

// sqrt(1/2) exp(a^2) erfc(a) center / c, for z / c = a / center >= 0: (a + center) exp(a^2) erfc(a)
// is a smooth function of t = (a - center) / (a + center), which stays inside (-1, 1). Computed as
// 2 z q - 1, t keeps the relative precision of a small z.
template <class T>
HOTLOOP_INLINE Vec<T> scaled_erfc(Vec<T> z, T c) {
    const Vec<T> one = constant(T{1});
    const Vec<T> q = one / (z + constant(c));
    return q * polynomial(fma(z + z, q, -one), MathConstants<T>::erfc);
}

template <class T>
HOTLOOP_INLINE Vec<T> erf(Vec<T> x) {
    using M = MathConstants<T>;
    const Vec<T> a = min(constant(M::erf_highest), abs(x));
    const Gaussian<T> g = gaussian(a, T{1}, M::bias);
    const Vec<T> scaled = constant(M::sqrt2) * scaled_erfc(a, M::erfc_center);
    const Vec<T> erfc = g.p * power_of_two(g.exponent) * scaled;
    const Vec<T> small = fma(a, polynomial(a * a, M::erf), a);
    const Vec<T> one = constant(T{1});
    return with_sign_of(x, select(a < one, small, one - erfc));
}

// The normal distribution at -|x|, relative to itself far into the tail: Phi(-|x|) is
// cdf * 2^k, and its density is pdf * 2^k.
template <class T>
struct NormalTail {
    Reduced<T> exponent;
    Vec<T> z;  // |x|, at most where Phi(-|x|) underflows
    Vec<T> cdf;
    Vec<T> pdf;
};
template <class T>
HOTLOOP_INLINE NormalTail<T> normal_tail(Vec<T> x) {
    using M = MathConstants<T>;
    const Vec<T> z = min(constant(M::normal_highest), abs(x));
    const Gaussian<T> g = gaussian(z, T{0.5}, 2 * M::bias);
    const Vec<T> far = scaled_erfc(z, M::erfc_center_sqrt2) * g.p;
    // k is 0 here.
    const Vec<T> near = fma(-z, polynomial(z * z, M::normal), constant(T{0.5}));
    return {g.exponent, z, select(z < constant(M::normal_near), near, far),
            g.p * constant(M::inverse_sqrt_2pi)};
}

// Phi(x) = erfc(-x / sqrt 2) / 2
template <class T>
HOTLOOP_INLINE Vec<T> normal_cdf(Vec<T> x) {
    const NormalTail<T> tail = normal_tail(x);
    const Vec<T> y = scale(tail.cdf, tail.exponent);
    return select(x < Vec<T>::zero(), y, constant(T{1}) - y);
}

// x Phi(x); the limit at -infinity is -0.
template <class T>
HOTLOOP_INLINE Vec<T> gelu_anywhere(Vec<T> x) {
    const Ints<T> negative = x < Vec<T>::zero();
    const NormalTail<T> tail = normal_tail(x);
    const Vec<T> y = scale(select(negative, -tail.z * tail.cdf, tail.cdf), tail.exponent);
    return select(negative, y, x * (constant(T{1}) - y));
}
template <class T>
HOTLOOP_INLINE Vec<T> gelu(Vec<T> x) {
#if defined(HOTLOOP_ISA_AVX512)
    if constexpr (sizeof(T) == 4) {
        const Vec<T> z = abs(x);
        const Vec<T> tail = by_pieces(kNormalPieces, z);
        const Vec<T> y = x * select(x < Vec<T>::zero(), tail, constant(1.0f) - tail);
        if (__builtin_expect(!any_from(z, kNormalPieces.end), 1)) return y;
        return select(z < constant(kNormalPieces.end), y, gelu_anywhere(x));
    }
#endif
    return gelu_anywhere(x);
}

// Phi(x) + x phi(x); its values at x and -x add up to 1.
template <class T>
HOTLOOP_INLINE Vec<T> gelu_derivative_anywhere(Vec<T> x) {
    const NormalTail<T> tail = normal_tail(x);
    const Vec<T> y = scale(fma(-tail.z, tail.pdf, tail.cdf), tail.exponent);
    return select(x < Vec<T>::zero(), y, constant(T{1}) - y);
}
template <class T>
HOTLOOP_INLINE Vec<T> gelu_derivative(Vec<T> x) {
#if defined(HOTLOOP_ISA_AVX512)
    if constexpr (sizeof(T) == 4) {
        const Vec<T> z = abs(x);
        const Vec<T> slope = by_pieces(kGeluSlopePieces, z);
        const Vec<T> y = select(x < Vec<T>::zero(), slope, constant(1.0f) - slope);
        if (__builtin_expect(!any_from(z, kGeluSlopePieces.end), 1)) return y;
        return select(z < constant(kGeluSlopePieces.end), y, gelu_derivative_anywhere(x));
    }
#endif
    return gelu_derivative_anywhere(x);
}

}  // namespace
}  // namespace hotloop::simd
