#include "cpu.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hotloop::cpu {

#if defined(__x86_64__)
namespace {

// Extended control register 0: which register files the operating system saves on a switch. A CPU
// flag alone is not enough: under a kernel that does not save the registers they lose their values.
std::uint64_t xcr0() {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (std::uint64_t{high} << 32) | low;
}

bool bit(std::uint32_t word, int n) { return ((word >> n) & 1u) != 0; }

struct Leaves {
    std::uint32_t ecx1 = 0;
    std::uint32_t ebx7 = 0;
    std::uint64_t saved = 0;
};

Leaves read() {
    Leaves r;
    std::uint32_t eax = 0;
    std::uint32_t ebx = 0;
    std::uint32_t ecx = 0;
    std::uint32_t edx = 0;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return r;
    r.ecx1 = ecx;
    if (bit(ecx, 27)) r.saved = xcr0();  // OSXSAVE: xgetbv may be used
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) r.ebx7 = ebx;
    return r;
}

constexpr std::uint64_t kSaves256 = 0x06;  // SSE and AVX state
constexpr std::uint64_t kSaves512 = 0xe6;  // and opmask, upper halves, upper registers

}  // namespace

bool has_avx2() {
    const Leaves r = read();
    return (r.saved & kSaves256) == kSaves256 && bit(r.ecx1, 28) /* AVX */ &&
           bit(r.ecx1, 12) /* FMA */ && bit(r.ebx7, 5) /* AVX2 */ && bit(r.ebx7, 8) /* BMI2 */;
}

bool has_avx512() {
    const Leaves r = read();
    return has_avx2() && (r.saved & kSaves512) == kSaves512 && bit(r.ebx7, 16) /* F */ &&
           bit(r.ebx7, 17) /* DQ */ && bit(r.ebx7, 30) /* BW */ && bit(r.ebx7, 31) /* VL */;
}
#else
bool has_avx2() { return false; }
bool has_avx512() { return false; }
#endif

}  // namespace hotloop::cpu
