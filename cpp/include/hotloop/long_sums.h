// How long sums are cut, by shape alone, so that rounding does not grow with their length: one
// accumulator rounds each addition to what the whole sum shows, and equal numbers the same way each
// time. n equal numbers in a row are off by up to n / 4 roundings (1e8 floats: by three quarters).
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// Additions in a row (float: 3.8e-6 at most, of equal numbers).
constexpr index_t kRun = 256;

// The same of products (7.6e-6), where cutting costs more, and the longest product that is not cut
// at all.
constexpr index_t kProductRun = 512;
constexpr index_t kOneRun = 1024;

// Sums of runs are added to C up to so many products in all (1e-6); then to a sum in double.
constexpr index_t kStretch = 32768;

}  // namespace hotloop
