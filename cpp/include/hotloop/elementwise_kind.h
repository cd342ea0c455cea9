// The elementwise functions that broadcast; each kind is a case of one loop.
#pragma once

namespace hotloop {

// y = f(x). From `exp` on a vector at a time.
enum class Function : int {
    absolute,
    negative,
    square,
    reciprocal,
    sqrt,
    rsqrt,
    sign,
    floor,
    ceil,
    rint,  // halves to even
    exp,
    expm1,
    log,
    log1p,
    erf,
    softplus,  // log(1 + exp(x))
    silu,      // x sigmoid(x)
    sin,       // |x| up to kMostTurned; so cos
    cos,
    count
};

// z = f(a, b). NaN where an operand of maximum or minimum is NaN.
enum class Arithmetic : int { add, subtract, multiply, divide, maximum, minimum, power, count };

// Up to here sin and cos subtract multiples of pi / 2 with an error below that of the result.
constexpr double kMostTurned = 65536;

// What axes are reduced to. The largest of numbers with a NaN is NaN; so is the smallest.
enum class Reduction : int { sum, prod, max, min, count };

// 1 where it holds, else 0.
enum class Comparison : int { equal, not_equal, less, less_equal, count };

}  // namespace hotloop
