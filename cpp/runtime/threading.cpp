#include "hotloop/threading.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "openmp.h"
#include "team.h"

namespace hotloop {
namespace {

// ThreadSanitizer does not see how OpenMP's threads meet, and would report all that they share.
#if defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

std::atomic<Threading> wanted{Threading::pool};

bool usable(Threading team) {
    return team == Threading::pool || (openmp::available() && !kSanitized && !Team::forked());
}

constexpr Threading kAll[] = {Threading::openmp, Threading::pool};  // best first

const char* name_of(Threading team) { return team == Threading::openmp ? "openmp" : "pool"; }

// Whether `name` was one of those that may be used.
bool choose(const std::string& name) {
    for (const Threading team : kAll)
        if (usable(team) && name == name_of(team)) {
            wanted.store(team);
            return true;
        }
    return false;
}

std::string listed() {
    std::string names;
    for (const std::string& name : threading_available())
        names += (names.empty() ? "" : ", ") + name;
    return names;
}

}  // namespace

Threading threading() { return Team::forked() ? Threading::pool : wanted.load(); }
const char* threading_in_use() { return name_of(threading()); }
std::string openmp_library() { return openmp::library(); }

std::vector<std::string> threading_available() {
    std::vector<std::string> names;
    for (const Threading team : kAll)
        if (usable(team)) names.emplace_back(name_of(team));
    return names;
}

void set_threading(const std::string& name) {
    if (!choose(name))
        throw std::invalid_argument("set_threading: name must be one of " + listed() +
                                    (Team::forked() ? " in the child of a fork" : "") + ", got '" +
                                    name.substr(0, 40) + "'");
}

void select_threading() {
    Team::watch_forks();
    openmp::limit();  // learns what the runtime begins with
    const char* wish = std::getenv("HOTLOOP_THREADING");
    const std::string name = wish && *wish ? wish : threading_available().front();
    if (!choose(name))
        throw std::runtime_error("HOTLOOP_THREADING=" + name.substr(0, 40) +
                                 " is not a team of threads of this build; it has: " + listed());
}

}  // namespace hotloop
