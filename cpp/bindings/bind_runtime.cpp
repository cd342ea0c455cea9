#include <pybind11/stl.h>

#include "arrays.h"
#include "bind.h"
#include "hotloop/caches.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/probe.h"
#include "hotloop/threading.h"

namespace hotloop::bind {
namespace {

void set_threads(py::handle n) {
    const Scalar<std::int64_t> count = live_integer("set_num_threads", "n", n);
    if (count.value < 1 || count.value > 4096)
        fail("set_num_threads", "n must be from 1 to 4096, got ", count.value);
    set_num_threads(static_cast<int>(count.value));
}

py::dict config() {
    py::dict d;
    d["isa"] = isa_in_use();
    d["isa_available"] = isa_available();
    d["threads"] = num_threads();
    d["threading"] = threading_in_use();
    d["threading_available"] = threading_available();
    d["openmp_library"] = openmp_library();
    const CacheSizes& caches = cache_sizes();
    d["cache_sizes"] = py::make_tuple(caches.l1, caches.l2, caches.l3);
#if defined(__clang__)
    d["compiler"] = "Clang " __clang_version__;
#else
    d["compiler"] = "GCC " __VERSION__;
#endif
    return d;
}

}  // namespace

void bind_runtime(py::module_& m) {
    m.def("set_num_threads", &set_threads, py::arg("n"));
    m.def("get_num_threads", &num_threads);
    m.def("set_threading", &set_threading, py::arg("name"));
    m.def("region_count", [] {
        const RegionCount count = region_count();
        return py::make_tuple(count.regions, count.parts);
    });
    m.def("config", &config);
    m.def(
        "fma_peak",
        [](const std::string& dtype, int threads, double seconds) {
            const ReleasedGil unlocked;
            return dtype == "float32" ? fma_peak<float>(threads, seconds)
                                      : fma_peak<double>(threads, seconds);
        },
        py::arg("dtype"), py::arg("threads"), py::arg("seconds"));
    m.def(
        "triad",
        [](index_t bytes, int threads) {
            const ReleasedGil unlocked;
            return triad(bytes, threads);
        },
        py::arg("n_bytes"), py::arg("threads"));
}

}  // namespace hotloop::bind
