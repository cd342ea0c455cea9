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
    static constexpr float normal_highest = 14.75f;

    // (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2: 2^-28.3 of exp
    static constexpr float exp[] = {0.49999994f, 0.166665211f, 0.041668389f, 0.00836874358f,
                                    0.00138145371f};
    // the same: 2^-32.0 of expm1
    static constexpr float expm1[] = {0.5f,           0.166666657f,   0.0416663587f,
                                      0.00833338965f, 0.00139406719f, 0.000198455702f};
    // (2 atanh(s) / s - 2) / s^2 in s^2 for |s| <= 0.1716: 2^-30.2 of log
    static constexpr float log[] = {0.666667759f, 0.399775267f, 0.298721045f};
    // (log(1 + x) - x) / x^2 for 0 <= x <= 1: 2^-27.5 of log(1 + x)
    static constexpr float log1p[] = {-0.499999315f,  0.33330512f,   -0.249585971f,
                                      0.196954474f,   -0.153555259f, 0.106807642f,
                                      -0.0576664433f, 0.02020563f,   -0.00331870327f};
    // erf(x) / x - 1 in x^2 for |x| <= 1: 2^-29.6 of erf
    static constexpr float erf[] = {0.128379166f,   -0.37612626f,     0.112835854f,  -0.0268538129f,
                                    0.00518833054f, -0.000801022048f, 7.85395241e-5f};
    // (Phi(x) - 1/2) / x in x^2 for |x| <= 0.8: 2^-27.7
    static constexpr float normal_near = 0.8f;
    static constexpr float normal[] = {0.398942292f, -0.0664902404f, 0.0099717984f, -0.00117958977f,
                                       0.000101337733f};
    // sqrt(1/2) (a + c) exp(a^2) erfc(a) in (a - c) / (a + c) for a <= 10.3, where c is
    // erfc_center: 2^-28.8
    static constexpr float erfc_center = 3.0f;
    static constexpr float erfc_center_sqrt2 = 4.24264069f;
    static constexpr float erfc[] = {
        0.759437561f,   -0.624654233f,    0.417354435f,   -0.219532594f,    0.0845198855f,
        -0.0189787876f, -0.000867644907f, 0.00217829598f, -0.000340834144f, -0.000229618003f};
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

    // 2^-57.9 of exp
    static constexpr double exp[] = {0.5000000000000011,     0.1666666666666641,
                                     0.041666666666529475,   0.008333333333495336,
                                     0.0013888888943826723,  0.00019841269505297866,
                                     2.4801492880901974e-05, 2.7557587042387914e-06,
                                     2.763033058259724e-07,  2.499998740772448e-08};
    // 2^-61.7 of expm1
    static constexpr double expm1[] = {0.5,
                                       0.16666666666666677,
                                       0.04166666666666651,
                                       0.008333333333321648,
                                       0.0013888888888962377,
                                       0.0001984126988609203,
                                       2.4801587172766428e-05,
                                       2.7557244233009236e-06,
                                       2.755740226140396e-07,
                                       2.5109032682231054e-08,
                                       2.0875499817110647e-09};
    // 2^-59.5 of log
    static constexpr double log[] = {0.6666666666666734,  0.399999999994135,   0.2857142874268502,
                                     0.22222198539603152, 0.18183566218790134, 0.15313998521257632,
                                     0.14796505237604024};
    // 2^-59.2 of log(1 + x)
    static constexpr double log1p[] = {
        -0.49999999999999906,  0.3333333333331396,   -0.24999999998632547,   0.19999999950458944,
        -0.1666666557918338,   0.14285698382267203,  -0.12499835279132483,   0.11109850461981875,
        -0.09992648474869577,  0.09057479849191437,  -0.08212658236639071,   0.07341455045714977,
        -0.06311012398977617,  0.050391700324575135, -0.03587850138782374,   0.021809402010851898,
        -0.01080870243515333,  0.004140209018519054, -0.0011397684813343309, 0.0001994722045695284,
        -1.660124919711167e-05};
    // 2^-56.9 of erf
    static constexpr double erf[] = {
        0.12837916709551256,     -0.3761263890318352,     0.1128379167094419,
        -0.0268661706431122,     0.0052239776061233706,   -0.0008548325929500914,
        0.00012055293581258473,  -1.4924712366486176e-05, 1.6447132173415644e-06,
        -1.6206317168025065e-07, 1.3710990935439572e-08,  -7.779481801995292e-10};
    // 2^-61.8
    static constexpr double normal_near = 0.8;
    static constexpr double normal[] = {0.3989422804014327,     -0.06649038006690541,
                                        0.009973557010034188,   -0.0011873282154480122,
                                        0.00011543468728738304, -9.444654342673242e-06,
                                        6.659625342336656e-07,  -4.1211621747145886e-08,
                                        2.253333961161648e-09,  -9.781073374106651e-11};
    // a <= 27.6: 2^-58.1
    static constexpr double erfc_center = 4.0;
    static constexpr double erfc_center_sqrt2 = 5.6568542494923802;
    static constexpr double erfc[] = {
        0.7749859640444798,      -0.6905242284921964,     0.5467411166441991,
        -0.3824414117523064,     0.233947401354889,       -0.12304431372323742,
        0.05400988714952199,     -0.018646443533144617,   0.004321876002334373,
        -0.00019866795464348606, -0.00032177084497126204, 0.00012502573161103238,
        -2.5704275015492904e-06, -1.3337288508943664e-05, 3.31936606204806e-06,
        1.0083741252457996e-06,  -5.981808222741949e-07,  -5.509004318162862e-08,
        8.761564459839978e-08,   1.7976283041857279e-09,  -1.0886000116268819e-08,
        -2.5147616078548766e-10, 7.261623550801714e-10};
};

}  // namespace
}  // namespace hotloop::simd
