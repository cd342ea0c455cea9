// Arithmetic on numbers at the bottom of the format, without the help that processors call for
// there.
//
// A product, quotient or root with a subnormal operand or result stops Intel's cores for some 130
// cycles a vector; additions and comparisons do not (measured; Agner Fog, "The microarchitecture of
// Intel, AMD and VIA CPUs", on denormals). What decays meets them: m <- 0.9 m stops at four or five
// of the smallest number after some 850 steps and stays there, for every unit that died, and the
// steps of a network become two to three times as long. So a vector that holds such a number is
// computed 2^64 times as large, by the same formula, and brought back.
#pragma once

#include "simd/math_constants.h"
#include "simd/vec.h"

namespace hotloop::simd {
namespace {

// The numbers as they are.
template <class T>
struct Plain {
    using V = Vec<T>;
    static constexpr T kUp = 1;
    HOTLOOP_INLINE static V read(V x) { return x; }
    HOTLOOP_INLINE static V write(V x) { return x; }
    HOTLOOP_INLINE static V square(V x) { return x * x; }
    HOTLOOP_INLINE static V root(V x) { return sqrt(x); }
    HOTLOOP_INLINE static V subtract(V a, V step) { return a - step; }
};

// The numbers 2^64 times as large. For lanes below 1: the same bits as Plain, but for a last bit of
// subnormal results, which are rounded twice.
template <class T>
struct Lifted {
    using V = Vec<T>;
    using C = MathConstants<T>;
    static constexpr T kUp = static_cast<T>(0x1p64);
    static constexpr T kDown = static_cast<T>(0x1p-64);
    static constexpr T kHalfDown = static_cast<T>(0x1p-32);
    // Numbers below kTiny, and squares of those below kTinyRoot, may have subnormal company.
    static constexpr T kTiny = C::smallest_normal * static_cast<T>(0x1p46);
    static constexpr T kTinyRoot = static_cast<T>(sizeof(T) == 4 ? 0x1p-45 : 0x1p-493);
    // Added to an integer below it, it leaves that integer in the bits of the significand.
    static constexpr T kShift = C::subnormal_scale;
    // The smallest number, as large as here.
    static constexpr T kUnit = C::smallest_normal * kUp / C::subnormal_scale;

    HOTLOOP_INLINE static Ints<T> sign(V x) { return bits(x) & C::sign_bit; }
    HOTLOOP_INLINE static V read(V x) {
        const V size = abs(x);
        const Ints<T> small = size < V::set(C::smallest_normal);
        const V units = from_bits<T>(bits(size) | bits(V::set(kShift))) - V::set(kShift);
        const V lifted = from_bits<T>(bits(units * V::set(kUnit)) | sign(x));
        return select<T>(small, lifted, select<T>(small, V::zero(), x) * V::set(kUp));
    }
    HOTLOOP_INLINE static V write(V x) {
        const V size = abs(x);
        const Ints<T> small = size < V::set(C::smallest_normal * kUp);
        const V units = size * V::set(1 / kUnit) + V::set(kShift);
        const V lowered = from_bits<T>((bits(units) - bits(V::set(kShift))) | sign(x));
        return select<T>(small, lowered, select<T>(small, V::zero(), x) * V::set(kDown));
    }
    // The square of a number, 2^64 times as large as it is. Zero where that is less than a unit.
    HOTLOOP_INLINE static V square(V x) {
        const V y = x * V::set(kHalfDown);
        const V kept = select<T>(abs(y) < V::set(kHalfDown * kUnit), V::zero(), y);
        return kept * kept;
    }
    HOTLOOP_INLINE static V root(V x) { return sqrt(x) * V::set(kHalfDown); }
    HOTLOOP_INLINE static V subtract(V a, V step) { return fma(V::set(-kDown), step, a); }
};

}  // namespace
}  // namespace hotloop::simd
