#include "hotloop/ops/gather.h"

#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/shape.h"

namespace hotloop {
namespace {

template <class T>
void check_indices(const GatherArgs<T>& s) {
    if (!s.indices) {
        if (s.count > s.src_rows)
            fail("gather_rows", "out has ", s.count, " rows but src has ", s.src_rows);
        return;
    }
    bool inside = true;
    for (index_t i = 0; i < s.count; ++i)
        inside &= static_cast<std::uint64_t>(s.indices[i]) < static_cast<std::uint64_t>(s.src_rows);
    if (inside) return;
    for (index_t i = 0; i < s.count; ++i)
        if (s.indices[i] < 0 || s.indices[i] >= s.src_rows)
            fail("gather_rows", "indices[", i, "] is ", s.indices[i], " but src has ", s.src_rows,
                 " rows");
}

template <class From>
void copy_ids(const GatherArgs<std::int64_t>& s, index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
        const index_t at = s.indices ? static_cast<index_t>(s.indices[i]) : i;
        const auto* from =
            reinterpret_cast<const From*>(static_cast<const char*>(s.src) + at * s.row_stride);
        for (index_t j = 0; j < s.row; ++j)
            // NOLINTNEXTLINE(bugprone-signed-char-misuse): an int8 is a number here.
            s.out[i * s.row + j] = static_cast<std::int64_t>(from[j]);
    }
}

template <class T>
void gather(const GatherArgs<T>& s, index_t begin, index_t end) {
    GatherRows rows;
    rows.element = s.element;
    rows.src = static_cast<const char*>(s.src) + (s.indices ? 0 : begin * s.row_stride);
    rows.indices = s.indices ? s.indices + begin : nullptr;
    rows.row_stride = s.row_stride;
    rows.count = end - begin;
    rows.row = s.row;
    rows.scale = s.scale.get();
    rows.offset = s.offset.get();
    kernels<T>().gather->rows(rows, s.out + begin * s.row);
}

template <>
void gather(const GatherArgs<std::int64_t>& s, index_t begin, index_t end) {
    switch (s.element) {
        case Element::u8:
            return copy_ids<std::uint8_t>(s, begin, end);
        case Element::i8:
            return copy_ids<std::int8_t>(s, begin, end);
        case Element::u16:
            return copy_ids<std::uint16_t>(s, begin, end);
        case Element::i16:
            return copy_ids<std::int16_t>(s, begin, end);
        case Element::u32:
            return copy_ids<std::uint32_t>(s, begin, end);
        case Element::i32:
            return copy_ids<std::int32_t>(s, begin, end);
        case Element::u64:
            return copy_ids<std::uint64_t>(s, begin, end);
        case Element::i64:
            return copy_ids<std::int64_t>(s, begin, end);
        case Element::f32:
        case Element::f64:
            fail("gather_rows", "floating data cannot become int64");
    }
}

}  // namespace

template <class T>
void gather_rows(const GatherArgs<T>& s) {
    check_indices(s);
    if (s.row == 0) return;
    const double cost = 4.0 * static_cast<double>(s.count * s.row) * (2 + sizeof(T));
    parallel_for(s.count, cost, [&](index_t begin, index_t end) { gather(s, begin, end); });
}

template void gather_rows<float>(const GatherArgs<float>&);
template void gather_rows<double>(const GatherArgs<double>&);
template void gather_rows<std::int64_t>(const GatherArgs<std::int64_t>&);

}  // namespace hotloop
