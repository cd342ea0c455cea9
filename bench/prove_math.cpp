// Measures the error of cpp/simd/math.h; bench/prove_math.py compiles and runs it.
//
//   prove float <step> <threads> [function]
//       every step-th of the 2^32 floats against libm in double
//   prove double <count> <threads> [function]
//       count points, over all magnitudes and in the hard regions, against 128-bit functions
//   prove time
//       nanoseconds per element, 4096 elements in cache
//
// An error is counted in units in the last place (ULP) of the result type at the exact result,
// and in the spacing of the subnormals below them. Where the exact result is NaN or rounds to an
// infinity, and only there, the function must give just that; anything else counts as infinite.
#include "prove_math.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#if defined(__aarch64__)
using Quad = long double;  // binary128 there
#define HOTLOOP_QUAD(function) std::function
#else
#include <quadmath.h>
using Quad = __float128;
#define HOTLOOP_QUAD(function) function##q
#endif

namespace {

#define HOTLOOP_NAME_ROW(function) #function,
const char* const names[] = {HOTLOOP_PROVED(HOTLOOP_NAME_ROW)};
constexpr int functions = static_cast<int>(sizeof(names) / sizeof(names[0]));
enum { kExp, kExpm1, kLog, kTanh, kSigmoid, kErf, kNormalCdf, kGelu, kGeluDerivative };
constexpr double limits[functions] = {2, 3, 2, 3, 3, 3, 5, 6, 7};  // ULP

struct InstructionSet {
    const char* name;
    const ProveKernel<float>* float_kernels;
    const ProveKernel<double>* double_kernels;
    template <class T>
    ProveKernel<T> kernel(int f) const {
        if constexpr (sizeof(T) == 4)
            return float_kernels[f];
        else
            return double_kernels[f];
    }
};

std::vector<InstructionSet> available() {
#if defined(__aarch64__)
    return {{"neon", prove_float_neon, prove_double_neon}};
#else
    std::vector<InstructionSet> sets{{"baseline", prove_float_baseline, prove_double_baseline}};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets.push_back({"avx2", prove_float_avx2, prove_double_avx2});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        sets.push_back({"avx512", prove_float_avx512, prove_double_avx512});
    return sets;
#endif
}

// The reference arithmetic: double for float, 128 bits for double.
struct DoubleMath {
    using Real = double;
    static Real exp(Real x) { return std::exp(x); }
    static Real expm1(Real x) { return std::expm1(x); }
    static Real log(Real x) { return std::log(x); }
    static Real tanh(Real x) { return std::tanh(x); }
    static Real erf(Real x) { return std::erf(x); }
    static Real erfc(Real x) { return std::erfc(x); }
    static int exponent(Real x) {
        std::uint64_t bits;
        std::memcpy(&bits, &x, sizeof(bits));
        return static_cast<int>(bits >> 52 & 0x7ff) - 1023;
    }
    static Real power_of_two(int k) {
        const std::uint64_t bits = static_cast<std::uint64_t>(k + 1023) << 52;
        Real x;
        std::memcpy(&x, &bits, sizeof(x));
        return x;
    }
};
struct QuadMath {
    using Real = Quad;
    static Real exp(Real x) { return HOTLOOP_QUAD(exp)(x); }
    static Real expm1(Real x) { return HOTLOOP_QUAD(expm1)(x); }
    static Real log(Real x) { return HOTLOOP_QUAD(log)(x); }
    static Real tanh(Real x) { return HOTLOOP_QUAD(tanh)(x); }
    static Real erf(Real x) { return HOTLOOP_QUAD(erf)(x); }
    static Real erfc(Real x) { return HOTLOOP_QUAD(erfc)(x); }
    static int exponent(Real x) {
        std::uint64_t bits[2];
        std::memcpy(bits, &x, sizeof(bits));
        return static_cast<int>(bits[1] >> 48 & 0x7fff) - 16383;
    }
    static Real power_of_two(int k) {
        const std::uint64_t bits[2] = {0, static_cast<std::uint64_t>(k + 16383) << 48};
        Real x;
        std::memcpy(&x, bits, sizeof(x));
        return x;
    }
};

template <class M>
struct Expected {
    typename M::Real value;
    typename M::Real ulp_at;  // the number whose last place is the unit
};

template <class M>
Expected<M> reference(int f, typename M::Real x) {
    using Real = typename M::Real;
    static const Real half_root = 1 / HOTLOOP_QUAD(sqrt)(Quad{2});
    static const Real density_scale = half_root / HOTLOOP_QUAD(sqrt)(HOTLOOP_QUAD(acos)(Quad{-1}));
    const auto same = [](Real y) { return Expected<M>{y, y}; };
    switch (f) {
        case kExp:
            return same(M::exp(x));
        case kExpm1:
            return same(M::expm1(x));
        case kLog:
            return same(M::log(x));
        case kTanh:
            return same(M::tanh(x));
        case kErf:
            return same(M::erf(x));
        case kSigmoid: {
            const Real e = M::exp(x < 0 ? x : -x);
            return same((x < 0 ? e : 1) / (1 + e));
        }
        default:
            break;
    }
    const Real cdf = M::erfc(-x * half_root) / 2;
    if (f == kNormalCdf) return same(cdf);
    const bool infinite = x - x != 0 && x == x;
    if (f == kGelu) return same(infinite && x < 0 ? Real{-0.0} : x * cdf);
    // The derivative of gelu has a zero at -0.75: the unit there is that of its terms.
    const Real y = infinite ? cdf : cdf + x * (M::exp(-x * x / 2) * density_scale);
    return {y, y < cdf && y > -cdf ? cdf : y};
}

template <class T, class M>
double error(T y, Expected<M> expected) {
    using Limits = std::numeric_limits<T>;
    const auto r = expected.value;
    const T rounded = static_cast<T>(r);
    const double wrong = std::numeric_limits<double>::infinity();
    if (rounded != rounded) return y != y ? 0 : wrong;
    if (y - y != 0 || rounded - rounded != 0) return y == rounded ? 0 : wrong;
    int exponent = M::exponent(expected.ulp_at);
    if (exponent < Limits::min_exponent - 1) exponent = Limits::min_exponent - 1;
    const auto difference = r < y ? y - r : r - y;
    return static_cast<double>(difference * M::power_of_two(Limits::digits - 1 - exponent));
}

template <class T>
struct Worst {
    double ulp = 0;
    T at = 0;
    void see(double e, T x) {
        if (e > ulp) *this = {e, x};
    }
};

constexpr std::size_t block = 4096;

// Every step-th bit pattern.
struct AllFloats {
    using T = float;
    using M = DoubleMath;
    std::uint64_t step;
    std::uint64_t blocks() const { return ((std::uint64_t{1} << 32) / step + block - 1) / block; }
    void fill(std::uint64_t b, float* x) const {
        for (std::size_t i = 0; i < block; ++i) {
            const auto bits = static_cast<std::uint32_t>((b * block + i) * step);
            std::memcpy(x + i, &bits, sizeof(bits));
        }
    }
};

// Random bit patterns, and uniform points where the functions bend, cancel or leave the format.
struct SomeDoubles {
    using T = double;
    using M = QuadMath;
    std::uint64_t count;
    std::uint64_t blocks() const { return (count + block - 1) / block; }
    void fill(std::uint64_t b, double* x) const {
        for (std::size_t i = 0; i < block; ++i) {
            const std::uint64_t bits = random(b * block + i);
            const double u = static_cast<double>(bits >> 10) * 0x1p-53 - 1;  // [-1, 1)
            switch (i % 8) {
                case 0:
                    std::memcpy(x + i, &bits, sizeof(bits));
                    break;
                case 1:
                    x[i] = u;
                    break;
                case 2:
                    x[i] = 4 * u;
                    break;
                case 3:
                    x[i] = 40 * u;
                    break;
                case 4:
                    x[i] = 750 * u;
                    break;
                case 5:
                    x[i] = 1 + 0.5 * u;
                    break;
                case 6:
                    x[i] = std::ldexp(u, -static_cast<int>(bits % 60));
                    break;
                default:
                    x[i] = 1 + std::ldexp(u, -static_cast<int>(bits % 52));
                    break;
            }
        }
        if (b == 0) {
            using L = std::numeric_limits<double>;
            const double edges[] = {0.0,
                                    -0.0,
                                    L::infinity(),
                                    -L::infinity(),
                                    L::quiet_NaN(),
                                    L::min(),
                                    -L::min(),
                                    L::denorm_min(),
                                    -L::denorm_min(),
                                    L::max(),
                                    L::lowest(),
                                    L::epsilon(),
                                    1.0,
                                    -1.0};
            std::memcpy(x, edges, sizeof(edges));
        }
    }
    static std::uint64_t random(std::uint64_t counter) {  // SplitMix64
        std::uint64_t z = (counter + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
    }
};

template <class T, class M>
Worst<T> judge(const T* x, const T* y, const Expected<M>* expected) {
    Worst<T> worst;
    for (std::size_t i = 0; i < block; ++i) {
        worst.see(error<T, M>(y[i], expected[i]), x[i]);
        if (x[i] == 0 && std::signbit(y[i]) != std::signbit(static_cast<T>(expected[i].value)))
            worst.see(std::numeric_limits<double>::infinity(), x[i]);
    }
    return worst;
}

template <class Points>
bool prove(const char* type, Points points, unsigned threads, const std::string& only) {
    using T = typename Points::T;
    using M = typename Points::M;
    const std::vector<InstructionSet> sets = available();
    bool holds = true;
    for (int f = 0; f < functions; ++f) {
        if (!only.empty() && only != names[f]) continue;
        std::vector<std::vector<Worst<T>>> worst(threads, std::vector<Worst<T>>(sets.size()));
        const auto work = [&](unsigned thread) {
            alignas(64) static thread_local T x[block], y[2][block];
            std::vector<Expected<M>> expected(block);
            for (std::uint64_t b = thread; b < points.blocks(); b += threads) {
                points.fill(b, x);
                for (std::size_t i = 0; i < block; ++i) expected[i] = reference<M>(f, x[i]);
                Worst<T> here;
                for (std::size_t s = 0; s < sets.size(); ++s) {
                    T* const now = y[s % 2];
                    sets[s].template kernel<T>(f)(x, now, block);
                    // The sets with a fused multiply-add mostly agree to the bit.
                    if (s == 0 || std::memcmp(y[0], y[1], sizeof(y[0])) != 0)
                        here = judge<T, M>(x, now, expected.data());
                    worst[thread][s].see(here.ulp, here.at);
                }
            }
        };
        std::vector<std::thread> pool;
        for (unsigned t = 1; t < threads; ++t) pool.emplace_back(work, t);
        work(0);
        for (std::thread& t : pool) t.join();
        for (std::size_t s = 0; s < sets.size(); ++s) {
            Worst<T> all;
            for (const auto& part : worst) all.see(part[s].ulp, part[s].at);
            const bool ok = all.ulp <= limits[f];
            holds = holds && ok;
            std::printf("%-7s %-15s %-8s %7.3f ULP at %-24a (%.9g)%s\n", type, names[f],
                        sets[s].name, all.ulp, static_cast<double>(all.at),
                        static_cast<double>(all.at), ok ? "" : "  OVER THE LIMIT");
        }
        std::fflush(stdout);
    }
    return holds;
}

template <class T>
void time_all(const char* type) {
    using Clock = std::chrono::steady_clock;
    static T x[block], y[block];
    for (const InstructionSet& set : available())
        for (int f = 0; f < functions; ++f) {
            for (std::size_t i = 0; i < block; ++i)
                x[i] = static_cast<T>(8.0 * static_cast<double>(i) / block - (f == kLog ? 0 : 4));
            double best = 1e9;
            for (int repeat = 0; repeat < 200; ++repeat) {
                const auto start = Clock::now();
                set.kernel<T>(f)(x, y, block);
                const std::chrono::duration<double, std::nano> ns = Clock::now() - start;
                if (ns.count() < best) best = ns.count();
            }
            std::printf("%-7s %-15s %-8s %7.3f ns per element\n", type, names[f], set.name,
                        best / block);
        }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    const std::uint64_t size = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    const auto threads = argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : 1u;
    const std::string only = argc > 4 ? argv[4] : "";
    if (mode == "float") return prove("float", AllFloats{size}, threads, only) ? 0 : 1;
    if (mode == "double") return prove("double", SomeDoubles{size}, threads, only) ? 0 : 1;
    if (mode == "time") {
        time_all<float>("float");
        time_all<double>("double");
        return 0;
    }
    std::fprintf(stderr,
                 "usage: prove float|double <step or count> <threads> [function]\n"
                 "       prove time\n");
    return 2;
}
