// What this thread makes of subnormal numbers, those below the smallest normal one.
//
// A product with a subnormal operand or result stops Intel's cores for some 130 cycles a vector. A
// network that is sure of its answers is full of them: the gradient of an improbable class is its
// probability, e^-90 or so, and one such number in a batch slows the whole row of a product. The
// step of a model takes them as zero; functions called one by one keep them.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace hotloop {

// The control register of this thread's arithmetic. A pool's threads take over their caller's: the
// bits of a result must not depend on who computed it.
#if defined(__x86_64__)
using ArithmeticMode = unsigned;
inline ArithmeticMode arithmetic_mode() { return _mm_getcsr(); }
inline void set_arithmetic_mode(ArithmeticMode mode) { _mm_setcsr(mode); }
// Results to zero (bit 15), operands as zero (bit 6).
inline ArithmeticMode without_subnormals(ArithmeticMode mode) { return mode | 0x8040U; }
#else
// Other processors do not slow down, and keep them.
using ArithmeticMode = unsigned;
inline ArithmeticMode arithmetic_mode() { return 0; }
inline void set_arithmetic_mode(ArithmeticMode) {}
inline ArithmeticMode without_subnormals(ArithmeticMode mode) { return mode; }
#endif

// Sets a mode for as long as it lives.
class ScopedArithmeticMode {
  public:
    explicit ScopedArithmeticMode(ArithmeticMode mode) : before_(arithmetic_mode()) {
        set_arithmetic_mode(mode);
    }
    ~ScopedArithmeticMode() { set_arithmetic_mode(before_); }
    ScopedArithmeticMode(const ScopedArithmeticMode&) = delete;
    ScopedArithmeticMode& operator=(const ScopedArithmeticMode&) = delete;

  private:
    ArithmeticMode before_;
};

}  // namespace hotloop
