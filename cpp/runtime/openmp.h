// All that is asked of OpenMP. The one file that is compiled with it; in a build without it these
// functions say so.
#pragma once

#include <limits>
#include <string>

namespace hotloop::openmp {

constexpr int kNoLimit = std::numeric_limits<int>::max();

bool available();

// Threads that the calling thread may use, where it was told: by omp_set_num_threads, as
// threadpoolctl and joblib do. What the runtime began with is no limit: num_threads() knows it.
int limit();

// Runs member(context, i) on `threads` threads of OpenMP's, i from 0; may get fewer.
void region(int threads, void (*member)(void* context, int i), void* context);

std::string library();

}  // namespace hotloop::openmp
