// Whose threads stand behind parallel_for.
#pragma once

#include <string>
#include <vector>

namespace hotloop {

// openmp: the team of the OpenMP runtime that this build is linked with, the default where there is
// one. pool: threads of our own, for builds without OpenMP and for children of a fork, where
// OpenMP's runtimes hang: their threads are gone, and they do not know. No result depends on it.
enum class Threading { openmp, pool };

// The team in use; always the pool in the child of a fork.
Threading threading();
const char* threading_in_use();
std::vector<std::string> threading_available();

// Throws std::invalid_argument unless `name` is available in this process. A region that is running
// goes on with the team that it has.
void set_threading(const std::string& name);

// Takes HOTLOOP_THREADING, or the default. Throws std::runtime_error when it names no team of this
// build.
void select_threading();

// The file of the OpenMP runtime; empty without one.
std::string openmp_library();

}  // namespace hotloop
