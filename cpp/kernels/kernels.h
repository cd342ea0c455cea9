// What every kernel file begins with. A kernel file is compiled once per instruction set and
// exports one table, named after its topic and set; all else in it has internal linkage. Kernels
// are leaf loops: they take raw pointers that were checked above them, and they neither throw nor
// allocate nor start threads.
#pragma once

#include <utility>

#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"

#if defined(HOTLOOP_ISA_AVX512)
#define HOTLOOP_KERNEL_TABLE(topic) hotloop_##topic##_avx512
#elif defined(HOTLOOP_ISA_AVX2)
#define HOTLOOP_KERNEL_TABLE(topic) hotloop_##topic##_avx2
#elif defined(HOTLOOP_ISA_NEON)
#define HOTLOOP_KERNEL_TABLE(topic) hotloop_##topic##_neon
#else
#define HOTLOOP_KERNEL_TABLE(topic) hotloop_##topic##_baseline
#endif
