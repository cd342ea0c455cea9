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
    static constexpr float bias = 127.0f;

    static constexpr float log2_e = 0x1.715476p+0f;
    static constexpr float ln2_hi = 0x1.62e4p-1f;  // 15 bits
    static constexpr float ln2_lo = 0x1.7f7d1cp-20f;
    static constexpr float sqrt_half = 0x1.6a09e6p-1f;
    static constexpr float sqrt2 = 0x1.6a09e6p+0f;
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
    // (Phi(x) - 1/2) / x in x^2 for |x| <= 0.8: 2^-27.7
    static constexpr float normal_near = 0.8f;
    static constexpr float normal[] = {0.398942292f, -0.0664902404f, 0.0099717984f,
                                       -0.00117958908f, 0.000101336955f};
    // sqrt(1/2) (a + c) exp(a^2) erfc(a) in (a - c) / (a + c) for a <= 10.3, c = erfc_center: 2^-28.8
    static constexpr float erfc_center = 3.0f;
    static constexpr float erfc_center_sqrt2 = 4.24264069f;
    static constexpr float erfc[] = {
        0.759437561f,      -0.624654233f,     0.417354435f,
        -0.219532594f,     0.0845198855f,     -0.0189787876f,
        -0.000867644907f,  0.00217829598f,    -0.000340834144f,
        -0.000229618003f};
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
    static constexpr double bias = 1023.0;

    static constexpr double log2_e = 0x1.71547652b82fep+0;
    static constexpr double ln2_hi = 0x1.62e42fefa38p-1;  // 42 bits
    static constexpr double ln2_lo = 0x1.ef35793c76730p-45;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
    static constexpr double sqrt2 = 0x1.6a09e667f3bcdp+0;
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
    // 2^-61.8
    static constexpr double normal_near = 0.8;
    static constexpr double normal[] = {
        0.3989422804014327,     -0.06649038006690541,   0.00997355701003419,
        -0.0011873282154480148, 0.00011543468728738874, -9.444654342644941e-06,
        6.659625340361729e-07,  -4.121162127581012e-08, 2.253333444494287e-09,
        -9.781051528480346e-11};
    // a <= 27.6: 2^-58.1
    static constexpr double erfc_center = 4.0;
    static constexpr double erfc_center_sqrt2 = 5.6568542494923802;
    static constexpr double erfc[] = {
        0.7749859640444798,       -0.6905242284921964,      0.5467411166441991,
        -0.3824414117523064,      0.233947401354889,        -0.1230443137232374,
        0.05400988714952194,      -0.01864644353314485,     0.004321876002334829,
        -0.00019866795464182615,  -0.0003217708449735206,   0.00012502573160338667,
        -2.5704274952389208e-06,  -1.333728848610203e-05,   3.319366053002983e-06,
        1.0083740815415576e-06,   -5.981808193381624e-07,   -5.5089991848129014e-08,
        8.761565382765247e-08,    1.7975948323561162e-09,   -1.0886012300423893e-08,
        -2.5146696194364967e-10,  7.261669592471998e-10};
};

}  // namespace
}  // namespace hotloop::simd
