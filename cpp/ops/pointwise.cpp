#include "hotloop/ops/pointwise.h"

#include <algorithm>

#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

// Threads meet at multiples of this many elements, so that none shares a cache line.
constexpr index_t kBlock = 1024;

template <class Body>
void over_blocks(index_t n, double cost, Body&& body) {
    parallel_for(ceil_div(n, kBlock), cost, [&](index_t begin, index_t end) {
        const index_t first = begin * kBlock;
        body(first, std::min(end * kBlock, n) - first);
    });
}

// Operations an element that exp, tanh, erf and their kin cost at the pace of fused multiply-adds
// (bench_elementwise.py); float64 has half the lanes and longer polynomials.
template <class T>
constexpr double kElementary = sizeof(T) == 4 ? 120 : 400;

template <class T>
double cost_of(int arrays, bool elementary, index_t n) {
    const double moved = 8.0 * arrays * static_cast<double>(sizeof(T));
    return static_cast<double>(n) * std::max(moved, elementary ? kElementary<T> : 0.0);
}

}  // namespace

template <class T>
double unary_cost(Unary kind, index_t n) {
    return cost_of<T>(2, kind >= Unary::elu && kind <= Unary::tanh, n);
}

template <class T>
double binary_cost(Binary kind, index_t n) {
    return cost_of<T>(3, kind == Binary::gelu_backward || kind == Binary::scaled_sigmoid_difference,
                      n);
}

template <class T>
void unary(const UnaryArgs<T>& s) {
    const auto f = kernels<T>().pointwise->unary[static_cast<int>(s.kind)];
    const bool stream = worth_streaming<T>(s.n) && s.x != s.y;
    over_blocks(s.n, unary_cost<T>(s.kind, s.n),
                [&](index_t first, index_t n) { f(s.x + first, s.y + first, n, s.alpha, stream); });
}

template <class T>
void binary(const BinaryArgs<T>& s) {
    const auto f = kernels<T>().pointwise->binary[static_cast<int>(s.kind)];
    const bool stream = worth_streaming<T>(s.n) && s.a != s.z && s.b != s.z;
    over_blocks(s.n, binary_cost<T>(s.kind, s.n), [&](index_t first, index_t n) {
        f(s.a + first, s.b + first, s.z + first, n, s.alpha, stream);
    });
}

void same_shape_check(
    const char* op, const char* a_name, const Shape& a, const char* b_name, const Shape& b) {
    if (a != b)
        fail(op, a_name, " and ", b_name, " must have one shape (", a_name, ": ", a, ", ", b_name,
             ": ", b, ")");
}

#define HOTLOOP_INSTANTIATE(T)                     \
    template void unary<T>(const UnaryArgs<T>&);   \
    template void binary<T>(const BinaryArgs<T>&); \
    template double unary_cost<T>(Unary, index_t); \
    template double binary_cost<T>(Binary, index_t);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
