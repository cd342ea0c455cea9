#include "hotloop/dispatch.h"

#include <cstdlib>
#include <stdexcept>

#include "cpu.h"

// Every set's tables, one declaration per topic.
#define HOTLOOP_DECLARE_SET(isa) HOTLOOP_KERNEL_TOPICS(HOTLOOP_DECLARE_##isa)
#define HOTLOOP_DECLARE(topic, Table, isa) \
    extern "C" const hotloop::KernelSet<hotloop::Table> hotloop_##topic##_##isa;
#define HOTLOOP_DECLARE_baseline(topic, Table) HOTLOOP_DECLARE(topic, Table, baseline)
#define HOTLOOP_DECLARE_avx2(topic, Table) HOTLOOP_DECLARE(topic, Table, avx2)
#define HOTLOOP_DECLARE_avx512(topic, Table) HOTLOOP_DECLARE(topic, Table, avx512)
#define HOTLOOP_DECLARE_neon(topic, Table) HOTLOOP_DECLARE(topic, Table, neon)

// What waits for memory is compiled once for both sets of x86 (CMakeLists.txt).
#if defined(HOTLOOP_AVX512_SHARES)
#define hotloop_elementwise_avx512 hotloop_elementwise_avx2
#define hotloop_loss_avx512 hotloop_loss_avx2
#define hotloop_norm_avx512 hotloop_norm_avx2
#define hotloop_pool_avx512 hotloop_pool_avx2
#define hotloop_pool_planes_avx512 hotloop_pool_planes_avx2
#define hotloop_reduce_avx512 hotloop_reduce_avx2
#endif

// HOTLOOP_HAS_*: the sets that CMakeLists.txt compiles.
#if defined(HOTLOOP_HAS_BASELINE)
HOTLOOP_DECLARE_SET(baseline)
#endif
#if defined(HOTLOOP_HAS_AVX2)
HOTLOOP_DECLARE_SET(avx2)
#endif
#if defined(HOTLOOP_HAS_AVX512)
HOTLOOP_DECLARE_SET(avx512)
#endif
#if defined(HOTLOOP_HAS_NEON)
HOTLOOP_DECLARE_SET(neon)
#endif

namespace hotloop {
namespace {

struct Isa {
    const char* name;
    bool (*supported)();
    Kernels<float> f32;
    Kernels<double> f64;
};

#define HOTLOOP_F32_baseline(topic, Table) &hotloop_##topic##_baseline.f32,
#define HOTLOOP_F64_baseline(topic, Table) &hotloop_##topic##_baseline.f64,
#define HOTLOOP_F32_avx2(topic, Table) &hotloop_##topic##_avx2.f32,
#define HOTLOOP_F64_avx2(topic, Table) &hotloop_##topic##_avx2.f64,
#define HOTLOOP_F32_avx512(topic, Table) &hotloop_##topic##_avx512.f32,
#define HOTLOOP_F64_avx512(topic, Table) &hotloop_##topic##_avx512.f64,
#define HOTLOOP_F32_neon(topic, Table) &hotloop_##topic##_neon.f32,
#define HOTLOOP_F64_neon(topic, Table) &hotloop_##topic##_neon.f64,
#define HOTLOOP_ROW(isa, supported)                                    \
    Isa {                                                              \
        #isa, supported, {HOTLOOP_KERNEL_TOPICS(HOTLOOP_F32_##isa)}, { \
            HOTLOOP_KERNEL_TOPICS(HOTLOOP_F64_##isa)                   \
        }                                                              \
    }

// Best first. A new instruction set is one row here, one simd/ file and one line of CMake.
const Isa kIsas[] = {
#if defined(HOTLOOP_HAS_AVX512)
    HOTLOOP_ROW(avx512, &cpu::has_avx512),
#endif
#if defined(HOTLOOP_HAS_AVX2)
    HOTLOOP_ROW(avx2, &cpu::has_avx2),
#endif
#if defined(HOTLOOP_HAS_NEON)
    HOTLOOP_ROW(
        neon, +[] { return true; }),
#endif
#if defined(HOTLOOP_HAS_BASELINE)
    HOTLOOP_ROW(
        baseline, +[] { return true; }),
#endif
};

const Isa* chosen = nullptr;

}  // namespace

std::vector<std::string> isa_available() {
    std::vector<std::string> names;
    for (const Isa& isa : kIsas)
        if (isa.supported()) names.emplace_back(isa.name);
    return names;
}

void select_isa() {
    const char* wish = std::getenv("HOTLOOP_ISA");
    for (const Isa& isa : kIsas) {
        if (!isa.supported()) continue;
        if (wish && *wish && std::string(wish) != isa.name) continue;
        chosen = &isa;
        return;
    }
    std::string names;
    for (const std::string& name : isa_available()) names += (names.empty() ? "" : ", ") + name;
    throw std::runtime_error("HOTLOOP_ISA=" + std::string(wish ? wish : "") +
                             " is not an instruction set of this machine; it has: " + names);
}

const char* isa_in_use() { return chosen->name; }

template <>
const Kernels<float>& kernels<float>() {
    return chosen->f32;
}
template <>
const Kernels<double>& kernels<double>() {
    return chosen->f64;
}

}  // namespace hotloop
