// The mask of dropout from Philox4x32-10, and its application.
#include "kernels.h"
#include "simd/convert.h"
#include "simd/vec.h"
#include "simd/wide_multiply.h"
#include "vectors.h"

namespace hotloop {
namespace {

using simd::Ints;
using simd::u64v;
using simd::Vec;

constexpr int kCounters = HOTLOOP_VECTOR_BYTES / 8;

HOTLOOP_INLINE u64v all(std::uint64_t x) { return u64v{} + x; }

// What all counters share, ready for broadcasts from memory: two keys a round, and the offset.
struct Rounds {
    std::uint64_t key[20];
    std::uint64_t offset;
    std::uint64_t least;  // words below are dropped

    explicit Rounds(const DropoutStream& s)
        : offset(s.offset), least(std::uint64_t{s.threshold} << 8) {
        auto k0 = static_cast<std::uint32_t>(s.seed);
        auto k1 = static_cast<std::uint32_t>(s.seed >> 32);
        for (int round = 0; round < 10; ++round) {
            key[2 * round] = k0;
            key[2 * round + 1] = k1;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
    }
};

// `bit` in the lanes whose word is kept. Only the low halves of the lanes are words.
HOTLOOP_INLINE u64v kept(u64v word, u64v least, std::uint64_t bit) {
    return (u64v)((word & all(0xffffffffu)) >= least) & all(bit);
}

// Four mask bytes for each of the counters block, block + 1, ...: their words in order.
HOTLOOP_INLINE void mask_of(const Rounds& r, u64v block, std::uint8_t* out) {
    u64v c0 = block;
    u64v c1 = block >> 32;
    u64v c2 = all(r.offset);
    u64v c3 = all(r.offset >> 32);
    // The upper halves of the lanes fill with rubbish, which no operation lets down.
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
        const u64v p0 = simd::multiply_low_halves(c0, all(0xD2511F53u));
        const u64v p1 = simd::multiply_low_halves(c2, all(0xCD9E8D57u));
        c0 = (p1 >> 32) ^ c1 ^ all(r.key[2 * round]);
        c2 = (p0 >> 32) ^ c3 ^ all(r.key[2 * round + 1]);
        c1 = p1;
        c3 = p0;
    }
    const u64v least = all(r.least);
    const u64v bytes = kept(c0, least, 1) | kept(c1, least, 1 << 8) | kept(c2, least, 1 << 16) |
                       kept(c3, least, 1 << 24);
    std::uint32_t words[kCounters];
    simd::store_ints<double>(words, (Ints<double>)bytes);
    __builtin_memcpy(out, words, sizeof words);
}

void mask(const DropoutStream& s, index_t first, index_t n, std::uint8_t* __restrict out) {
    constexpr index_t kStep = 4 * kCounters;
    const Rounds rounds(s);
    std::uint64_t lane[kCounters];
    for (int i = 0; i < kCounters; ++i)
        lane[i] = static_cast<std::uint64_t>(first) / 4 + static_cast<std::uint64_t>(i);
    u64v block;
    __builtin_memcpy(&block, lane, sizeof block);
    index_t i = 0;
    for (; i + kStep <= n; i += kStep, block += static_cast<std::uint64_t>(kCounters))
        mask_of(rounds, block, out + i);
    if (i == n) return;
    std::uint8_t rest[kStep];
    mask_of(rounds, block, rest);
    for (index_t j = i; j < n; ++j) out[j] = rest[j - i];
}

template <class T>
void apply(const T* x, const std::uint8_t* mask, index_t n, T scale, T* y, bool stream) {
    using V = Vec<T>;
    constexpr int W = V::size;
    const V by = V::set(scale);
    const auto whole = [=](index_t i) HOTLOOP_LAMBDA {
        const Ints<T> kept = simd::load_ints<T>(mask + i) != Ints<T>{};
        return simd::select<T>(kept, V::load(x + i) * by, V::zero());
    };
    const auto part = [=](index_t i, int lanes) HOTLOOP_LAMBDA {
        std::uint8_t rest[W] = {};
        for (int j = 0; j < lanes; ++j) rest[j] = mask[i + j];
        const Ints<T> kept = simd::load_ints<T>(rest) != Ints<T>{};
        simd::select<T>(kept, V::load(x + i, lanes) * by, V::zero()).store(y + i, lanes);
    };
    index_t i = 0;
    if (stream) {
        i = head_of(y, n);
        if (i > 0) part(0, static_cast<int>(i));
        for (; i + W <= n; i += W) whole(i).stream(y + i);
        simd::native_stream_end();
    }
    for (; i + W <= n; i += W) whole(i).store(y + i);
    if (i < n) part(i, static_cast<int>(n - i));
}

template <class T>
constexpr DropoutKernels<T> make() {
    return {&mask, &apply<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::DropoutKernels> HOTLOOP_KERNEL_TABLE(dropout) = {
    hotloop::make<float>(), hotloop::make<double>()};
