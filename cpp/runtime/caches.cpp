#include "hotloop/caches.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <unistd.h>
#endif

namespace hotloop {
namespace {

// Where nobody tells: what most processors have at least.
constexpr CacheSizes kUsual = {32 << 10, 512 << 10, 8 << 20};
constexpr index_t kLeast = 4 << 10;
constexpr index_t kMost = index_t{4} << 30;

CacheSizes chosen = kUsual;

#if defined(__x86_64__)
// Sizes of data caches by level, from Intel's leaf 4 or AMD's leaf of the same form.
void from_cpuid(std::uint32_t leaf, index_t (&sizes)[4]) {
    for (std::uint32_t i = 0; i < 16; ++i) {
        std::uint32_t eax = 0;
        std::uint32_t ebx = 0;
        std::uint32_t ecx = 0;
        std::uint32_t edx = 0;
        if (!__get_cpuid_count(leaf, i, &eax, &ebx, &ecx, &edx)) return;
        const std::uint32_t type = eax & 31;  // 1 data, 2 instructions, 3 both
        const std::uint32_t level = eax >> 5 & 7;
        if (type == 0) return;
        if (type == 2 || level > 3) continue;
        sizes[level] = index_t{(ebx >> 22) + 1} * ((ebx >> 12 & 1023) + 1) * ((ebx & 4095) + 1) *
                       (index_t{ecx} + 1);
    }
}
#endif

CacheSizes found() {
    index_t sizes[4] = {};
#if defined(__x86_64__)
    for (const std::uint32_t leaf : {4u, 0x8000001Du})
        if (sizes[1] == 0) from_cpuid(leaf, sizes);
#endif
#if defined(_SC_LEVEL1_DCACHE_SIZE)
    constexpr int kNames[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
    for (int level = 1; level <= 3; ++level)
        if (sizes[level] == 0) sizes[level] = sysconf(kNames[level - 1]);
#endif
    const auto sound = [](index_t size, index_t usual) {
        return size < kLeast || size > kMost ? usual : size;
    };
    CacheSizes c{};
    c.l1 = sound(sizes[1], kUsual.l1);
    c.l2 = std::max(sound(sizes[2], kUsual.l2), c.l1);
    // No third level where the first two are known.
    c.l3 = std::max(sound(sizes[3], sizes[2] > 0 ? c.l2 : kUsual.l3), c.l2);
    return c;
}

}  // namespace

const CacheSizes& cache_sizes() { return chosen; }

void select_cache_sizes() {
    const char* const text = std::getenv("HOTLOOP_CACHE_SIZES");
    if (!text || !*text) {
        chosen = found();
        return;
    }
    index_t sizes[3] = {};
    const char* at = text;
    bool good = true;
    for (int i = 0; i < 3 && good; ++i) {
        char* end = nullptr;
        sizes[i] = *at >= '0' && *at <= '9' ? std::strtoll(at, &end, 10) : 0;
        good = sizes[i] >= kLeast && sizes[i] <= kMost && (i == 0 || sizes[i] >= sizes[i - 1]) &&
               *end == (i < 2 ? ',' : '\0');
        at = good && i < 2 ? end + 1 : at;
    }
    if (!good)
        throw std::runtime_error(
            "HOTLOOP_CACHE_SIZES must be three sizes in bytes, l1,l2,l3, each from 4096 to 4 GiB "
            "and "
            "no smaller than the one before, got '" +
            std::string(text).substr(0, 60) + "'");
    chosen = {sizes[0], sizes[1], sizes[2]};
}

}  // namespace hotloop
