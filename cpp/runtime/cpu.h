// What the processor and the operating system support.
#pragma once

namespace hotloop::cpu {

bool has_avx2();    // AVX2, FMA and BMI2, and the OS saves the 256-bit registers
bool has_avx512();  // AVX-512 F, VL, BW, DQ besides, and the OS saves the 512-bit registers

}  // namespace hotloop::cpu
