#include "openmp.h"

#if defined(_OPENMP)
#include <dlfcn.h>
#include <omp.h>

#include <system_error>
#include <thread>
#endif

namespace hotloop::openmp {

#if defined(_OPENMP)
namespace {

// omp_set_num_threads holds for the thread that calls it: a new one has what the runtime began
// with.
int at_start() {
    int n = 0;
    try {
        std::thread([&n] { n = omp_get_max_threads(); }).join();
    } catch (const std::system_error&) {
        n = omp_get_max_threads();
    }
    return n;
}

}  // namespace

bool available() { return true; }

int limit() {
    static const int unset = at_start();
    const int n = omp_get_max_threads();
    return n == unset ? kNoLimit : n;
}

void region(int threads, void (*member)(void* context, int i), void* context) {
#pragma omp parallel num_threads(threads)
    member(context, omp_get_thread_num());
}

std::string library() {
    Dl_info info;
    const bool found = dladdr(reinterpret_cast<void*>(&omp_get_max_threads), &info) != 0;
    return found && info.dli_fname ? info.dli_fname : "";
}
#else
bool available() { return false; }
int limit() { return kNoLimit; }
void region(int, void (*)(void*, int), void*) {}
// NOLINTNEXTLINE(modernize-use-string-view): with OpenMP it makes a text
std::string library() { return {}; }
#endif

}  // namespace hotloop::openmp
