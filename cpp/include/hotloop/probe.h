// The roof of this machine: what no kernel can exceed.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// Fused multiply-adds on registers alone, in GFLOP/s over all threads, best of the runs in
// `seconds`.
template <class T>
double fma_peak(int threads, double seconds);

// a[i] = b[i] + s * c[i] over three arrays of n_bytes in all (McCalpin's STREAM triad), in GB/s.
double triad(index_t n_bytes, int threads);

}  // namespace hotloop
