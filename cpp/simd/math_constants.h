// Constants of math.h: limits of the number formats and minimax coefficients.
//
// The comment on each array gives what it approximates, where, and the relative error of the
// function it serves (scripts/minimax.py prints them).
#pragma once

#include <cstdint>

namespace hotloop::simd {
namespace {

template <class T>
struct MathConstants;

template <>
struct MathConstants<float> {
    static constexpr int mantissa_bits = 23;
    static constexpr std::int32_t sign_bit = INT32_MIN;
    static constexpr std::int32_t exponent_and_sign = -(1 << 23);
    static constexpr std::int32_t mantissa_mask = (1 << 23) - 1;
    static constexpr std::int32_t upper_half = -(1 << 12);  // 12 leading bits of the significand
    static constexpr float infinity = __builtin_huge_valf();
    static constexpr float nan = __builtin_nanf("");
    static constexpr float smallest_normal = 0x1p-126f;
    static constexpr float subnormal_scale = 0x1p23f;
    static constexpr float subnormal_exponent = 23.0f;
    static constexpr float shifter = 0x1.8p23f;

    static constexpr float log2_e = 0x1.715476p+0f;
    static constexpr float ln2_hi = 0x1.62e4p-1f;  // 15 bits
    static constexpr float ln2_lo = 0x1.7f7d1cp-20f;
    static constexpr float sqrt_half = 0x1.6a09e6p-1f;
    static constexpr float inverse_sqrt_2pi = 0.398942280f;

    // Beyond these the result no longer changes.
    static constexpr float exp_lowest = -104.0f;
    static constexpr float exp_highest = 89.0f;
    static constexpr float expm1_lowest = -18.0f;
    static constexpr float tiny = 0x1p-25f;  // expm1(x) = x
    static constexpr float tanh_highest = 10.0f;
    static constexpr float erf_highest = 4.0f;
    static constexpr float normal_highest = 14.5f;

    // (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2: 2^-28.3 of exp
    static constexpr float exp[] = {0.49999994f, 0.166665196f, 0.0416683741f, 0.0083687529f,
                                    0.00138159003f};
    // the same: 2^-32.0 of expm1
    static constexpr float expm1[] = {0.5f,           0.166666657f,  0.0416663587f,
                                      0.00833338685f, 0.00139406882f, 0.000198473484f};
    // (2 atanh(s) / s - 2) / s^2 in s^2 for |s| <= 0.1716: 2^-29.4 of log
    static constexpr float log[] = {0.666667759f, 0.399760604f, 0.299260587f};
    // erf(x) / x - 1 in x^2 for |x| <= 1: 2^-29.6 of erf
    static constexpr float erf[] = {0.128379166f,   -0.37612626f,    0.112835854f, -0.0268538147f,
                                    0.00518833054f, -0.000801020244f, 7.85384982e-5f};
    // (a + c) exp(a^2) erfc(a) in (a - c) / (a + c) for a <= 10.3, c = erfc_center: 2^-28.8
    static constexpr float erfc_center = 3.0f;
    static constexpr float erfc_center_sqrt2 = 4.24264069f;
    static constexpr float erfc[] = {1.07400692f,     -0.88339448f,    0.590228319f,
                                     -0.310465962f,   0.119529173f,    -0.0268400572f,
                                     -0.00122703519f, 0.00308057573f,  -0.000482012285f,
                                     -0.000324728899f};
};

template <>
struct MathConstants<double> {
    static constexpr int mantissa_bits = 52;
    static constexpr std::int64_t sign_bit = INT64_MIN;
    static constexpr std::int64_t exponent_and_sign = -(std::int64_t{1} << 52);
    static constexpr std::int64_t mantissa_mask = (std::int64_t{1} << 52) - 1;
    static constexpr std::int64_t upper_half = -(std::int64_t{1} << 27);  // 26 leading bits
    static constexpr double infinity = __builtin_huge_val();
    static constexpr double nan = __builtin_nan("");
    static constexpr double smallest_normal = 0x1p-1022;
    static constexpr double subnormal_scale = 0x1p52;
    static constexpr double subnormal_exponent = 52.0;
    static constexpr double shifter = 0x1.8p52;

    static constexpr double log2_e = 0x1.71547652b82fep+0;
    static constexpr double ln2_hi = 0x1.62e42fefa38p-1;  // 42 bits
    static constexpr double ln2_lo = 0x1.ef35793c76730p-45;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
    static constexpr double inverse_sqrt_2pi = 0.39894228040143268;

    static constexpr double exp_lowest = -746.0;
    static constexpr double exp_highest = 710.0;
    static constexpr double expm1_lowest = -38.0;
    static constexpr double tiny = 0x1p-54;
    static constexpr double tanh_highest = 20.0;
    static constexpr double erf_highest = 6.0;
    static constexpr double normal_highest = 38.9;

    // 2^-56.8 of exp
    static constexpr double exp[] = {
        0.500000000000001,      0.16666666666666677,   0.04166666666652134,
        0.008333333333319792,   0.001388888894801942,  0.0001984126989275723,
        2.4801487101592794e-05, 2.7557236126323523e-06, 2.763274029080216e-07,
        2.5112206639680727e-08};
    // 2^-61.7 of expm1
    static constexpr double expm1[] = {
        0.5,                    0.16666666666666677,   0.04166666666666651,
        0.008333333333321638,   0.0013888888888959987, 0.00019841269886122624,
        2.4801587178155255e-05, 2.755724419927822e-06, 2.755739709363508e-07,
        2.51090453266224e-08,   2.08772679321549e-09};
    // 2^-58.6 of log
    static constexpr double log[] = {0.666666666666671,   0.3999999999951885,  0.28571428729553355,
                                     0.22222199059279402, 0.18183573349671395, 0.15313114727379598,
                                     0.14811044098942427};
    // 2^-56.9 of erf
    static constexpr double erf[] = {
        0.12837916709551257,     -0.3761263890318352,    0.112837916709442,
        -0.026866170643113415,   0.005223977606130842,   -0.0008548325929766244,
        0.0001205529358693695,   -1.4924712439534814e-05, 1.644713269978662e-06,
        -1.6206318752969203e-07, 1.3710988704190503e-08, -7.779462971761561e-10};
    // a <= 27.6: 2^-58.1
    static constexpr double erfc_center = 4.0;
    static constexpr double erfc_center_sqrt2 = 5.6568542494923802;
    static constexpr double erfc[] = {
        1.095995661000491,       -0.9765487290808821,    0.7732087022652367,
        -0.5408538313132248,     0.3308515878780258,     -0.17401093724029226,
        0.07638151490909427,     -0.026370053334597538,  0.00611205565739673,
        -0.0002809589158633934,  -0.0004550526929378035, 0.00017681308527912792,
        -3.635133424863586e-06,  -1.8861774262328016e-05, 4.694292490637669e-06,
        1.426056302061584e-06,   -8.459554274594795e-07, -7.79090136226473e-08,
        1.2390724591925231e-07,  2.54218299156981e-09,   -1.5395146235419805e-08,
        -3.556279880694683e-10,  1.0269551623146204e-09};
};

}  // namespace
}  // namespace hotloop::simd
