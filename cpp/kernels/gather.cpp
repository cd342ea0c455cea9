// Rows by index, cast and scaled. Plain loops: every compiler turns them into widening vector
// loads.
#include "kernels.h"

#include "simd/vec.h"

namespace hotloop {
namespace {

// `Wide` holds every value of From exactly where T would not.
template <class From, class T, class Wide>
void rows_of(const GatherRows& g, T* __restrict out) {
    const auto scale = static_cast<Wide>(g.scale);
    const auto offset = static_cast<Wide>(g.offset);
    const bool cast_only = g.scale == 1 && g.offset == 0;
    for (index_t i = 0; i < g.count; ++i, out += g.row) {
        const index_t at = g.indices ? static_cast<index_t>(g.indices[i]) : i;
        const From* __restrict from =
            reinterpret_cast<const From*>(static_cast<const char*>(g.src) + at * g.row_stride);
        if (cast_only)
            for (index_t j = 0; j < g.row; ++j) out[j] = static_cast<T>(from[j]);
        else
            for (index_t j = 0; j < g.row; ++j)
                out[j] = static_cast<T>(static_cast<Wide>(from[j]) * scale + offset);
    }
}

template <class T>
void rows(const GatherRows& g, T* out) {
    switch (g.element) {
        case Element::u8:
            return rows_of<std::uint8_t, T, T>(g, out);
        case Element::i8:
            return rows_of<std::int8_t, T, T>(g, out);
        case Element::u16:
            return rows_of<std::uint16_t, T, T>(g, out);
        case Element::i16:
            return rows_of<std::int16_t, T, T>(g, out);
        case Element::u32:
            return rows_of<std::uint32_t, T, double>(g, out);
        case Element::i32:
            return rows_of<std::int32_t, T, double>(g, out);
        case Element::u64:
            return rows_of<std::uint64_t, T, double>(g, out);
        case Element::i64:
            return rows_of<std::int64_t, T, double>(g, out);
        case Element::f32:
            return rows_of<float, T, T>(g, out);
        case Element::f64:
            return rows_of<double, T, double>(g, out);
    }
}

template <class T>
constexpr GatherKernels<T> make() {
    return {&rows<T>};
}

}  // namespace
}  // namespace hotloop

extern "C" const hotloop::KernelSet<hotloop::GatherKernels> HOTLOOP_KERNEL_TABLE(gather) = {
    hotloop::make<float>(), hotloop::make<double>()};
