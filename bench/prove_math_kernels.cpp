// cpp/simd/math.h over arrays: compiled once per instruction set, -DHOTLOOP_PROVE_ISA=<its name>.
#include "../cpp/simd/math.h"
#include "prove_math.h"

namespace {

#define HOTLOOP_LOOP(function)                                                 \
    template <class T>                                                         \
    void loop_##function(const T* x, T* y, std::size_t n) {                    \
        using V = hotloop::simd::Vec<T>;                                       \
        for (std::size_t i = 0; i < n; i += static_cast<std::size_t>(V::size)) \
            hotloop::simd::function(V::load(x + i)).store(y + i);              \
    }
HOTLOOP_PROVED(HOTLOOP_LOOP)

}  // namespace

#define HOTLOOP_JOIN_(a, b) a##b
#define HOTLOOP_JOIN(a, b) HOTLOOP_JOIN_(a, b)
#define HOTLOOP_FLOAT_ROW(function) loop_##function<float>,
#define HOTLOOP_DOUBLE_ROW(function) loop_##function<double>,

extern "C" const ProveKernel<float> HOTLOOP_JOIN(prove_float_, HOTLOOP_PROVE_ISA)[] = {
    HOTLOOP_PROVED(HOTLOOP_FLOAT_ROW)};
extern "C" const ProveKernel<double> HOTLOOP_JOIN(prove_double_, HOTLOOP_PROVE_ISA)[] = {
    HOTLOOP_PROVED(HOTLOOP_DOUBLE_ROW)};
