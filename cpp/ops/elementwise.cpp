#include "hotloop/ops/elementwise.h"

#include <algorithm>
#include <cmath>

#include "hotloop/dispatch.h"
#include "hotloop/streaming.h"

namespace hotloop {
namespace {

// As in pointwise.cpp: what an elementary function costs an element.
template <class T>
constexpr double kElementary = sizeof(T) == 4 ? 120 : 400;
// What a call of the C library's pow costs.
constexpr double kPower = 800;

template <class T>
double moved(int arrays, index_t n) {
    return 8.0 * arrays * static_cast<double>(n) * sizeof(T);
}

template <class T>
const T* operand(const Stretch& s, int i) {
    return static_cast<const T*>(s.data[i]);
}

// The C library's, an element at a time; exponents that NumPy computes exactly are products here
// too.
template <class T>
void power(const Stretch& s, T* z) {
    const T* a = operand<T>(s, 0);
    const T* b = operand<T>(s, 1);
    const index_t sa = s.step[0];
    if (s.step[1] == 0 && (*b == T{2} || *b == T{1})) {
        const bool square = *b == T{2};
        for (index_t i = 0; i < s.n; ++i) z[i] = square ? a[i * sa] * a[i * sa] : a[i * sa];
        return;
    }
    for (index_t i = 0; i < s.n; ++i) z[i] = std::pow(a[i * sa], b[i * s.step[1]]);
}

// sin and cos: the C library's where an element is beyond what the kernel turns back.
template <class T>
void turn(Function kind, const Stretch& s, T* y) {
    constexpr index_t kPart = 256;
    const T* x = operand<T>(s, 0);
    for (index_t first = 0; first < s.n; first += kPart) {
        const index_t n = std::min(kPart, s.n - first);
        T part[kPart];  // y may be x
        for (index_t i = 0; i < n; ++i) part[i] = x[(first + i) * s.step[0]];
        kernels<T>().elementwise->function(kind, part, 1, y + first, n, false);
        for (index_t i = 0; i < n; ++i)
            if (!(std::abs(part[i]) <= static_cast<T>(kMostTurned)))
                y[first + i] = kind == Function::sin ? std::sin(part[i]) : std::cos(part[i]);
    }
}

}  // namespace

template <class T>
double function_cost(Function kind, index_t n) {
    const double work = kind >= Function::exp ? kElementary<T> * static_cast<double>(n) : 0.0;
    return std::max(moved<T>(2, n), work);
}

template <class T>
double arithmetic_cost(Arithmetic kind, index_t n) {
    return kind == Arithmetic::power ? kPower * static_cast<double>(n) : moved<T>(3, n);
}

template <class T>
void function(const FunctionArgs<T>& s) {
    const index_t n = s.axes.count();
    const bool stream = worth_streaming<T>(n) && s.x != s.y;
    const auto f = kernels<T>().elementwise->function;
    over_stretches(s.axes, {1, {s.x}, {sizeof(T)}}, function_cost<T>(s.kind, n),
                   [&](const Stretch& at) {
                       if (s.kind >= Function::sin) return turn<T>(s.kind, at, s.y + at.first);
                       f(s.kind, operand<T>(at, 0), at.step[0], s.y + at.first, at.n, stream);
                   });
}

template <class T>
void arithmetic(const ArithmeticArgs<T>& s) {
    const index_t n = s.axes.count();
    const bool stream = worth_streaming<T>(n) && s.a != s.z && s.b != s.z;
    const auto f = kernels<T>().elementwise->arithmetic;
    over_stretches(s.axes, {2, {s.a, s.b}, {sizeof(T), sizeof(T)}}, arithmetic_cost<T>(s.kind, n),
                   [&](const Stretch& at) {
                       if (s.kind == Arithmetic::power) return power<T>(at, s.z + at.first);
                       f(s.kind, operand<T>(at, 0), at.step[0], operand<T>(at, 1), at.step[1],
                         s.z + at.first, at.n, stream);
                   });
}

template <class T>
void comparison(const ComparisonArgs<T>& s) {
    const auto f = kernels<T>().elementwise->comparison;
    over_stretches(s.axes, {2, {s.a, s.b}, {sizeof(T), sizeof(T)}}, moved<T>(2, s.axes.count()),
                   [&](const Stretch& at) {
                       f(s.kind, operand<T>(at, 0), at.step[0], operand<T>(at, 1), at.step[1],
                         s.z + at.first, at.n);
                   });
}

template <class T>
void where(const WhereArgs<T>& s) {
    const auto f = kernels<T>().elementwise->where;
    over_stretches(s.axes, {3, {s.condition, s.a, s.b}, {1, sizeof(T), sizeof(T)}},
                   moved<T>(3, s.axes.count()), [&](const Stretch& at) {
                       f(operand<std::uint8_t>(at, 0), at.step[0], operand<T>(at, 1), at.step[1],
                         operand<T>(at, 2), at.step[2], s.z + at.first, at.n);
                   });
}

Shape broadcast_shape(
    const char* op, const char* a_name, const Shape& a, const char* b_name, const Shape& b) {
    Shape out;
    const int rank = std::max(a.rank(), b.rank());
    for (int i = 0; i < rank; ++i) {
        const int ia = i - rank + a.rank();
        const int ib = i - rank + b.rank();
        const index_t na = ia < 0 ? 1 : a[ia];
        const index_t nb = ib < 0 ? 1 : b[ib];
        if (na != nb && na != 1 && nb != 1)
            fail(op, a_name, " and ", b_name, " must have one shape, or sizes of 1 (", a_name, ": ",
                 a, ", ", b_name, ": ", b, ")");
        out.push_back(na == 1 ? nb : na);
    }
    return out;
}

#define HOTLOOP_INSTANTIATE(T)                             \
    template void function<T>(const FunctionArgs<T>&);     \
    template void arithmetic<T>(const ArithmeticArgs<T>&); \
    template void comparison<T>(const ComparisonArgs<T>&); \
    template void where<T>(const WhereArgs<T>&);           \
    template double function_cost<T>(Function, index_t);   \
    template double arithmetic_cost<T>(Arithmetic, index_t);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
