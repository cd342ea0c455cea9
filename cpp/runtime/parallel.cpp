#include "hotloop/parallel.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "hotloop/threading.h"
#include "openmp.h"
#include "team.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace hotloop {
namespace {

constexpr const char* kOwnVariable = "HOTLOOP_NUM_THREADS";

// The number in an environment variable; 0 without one.
int env_threads(const char* name) {
    const char* text = std::getenv(name);
    if (!text) return 0;
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    // OMP_NUM_THREADS may be a list, one number a nesting level: the first counts.
    return end != text && (*end == '\0' || *end == ',') && n >= 1 && n <= 4096 ? static_cast<int>(n)
                                                                               : 0;
}

int affinity() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

constexpr int kNoLimit = 1 << 20;

// Processors that a control group may use, rounded up, in either version's files.
int quota_of(const std::string& group) {
    const auto whole = [](double quota, double period) {
        return quota > 0 && period > 0 ? std::max(1, static_cast<int>(std::ceil(quota / period)))
                                       : kNoLimit;
    };
    std::string quota;
    double period = 0;
    if (std::ifstream v2(group + "/cpu.max"); v2 >> quota >> period)
        return quota == "max" ? kNoLimit : whole(std::strtod(quota.c_str(), nullptr), period);
    double quota_us = 0;
    std::ifstream q(group + "/cpu.cfs_quota_us");
    std::ifstream p(group + "/cpu.cfs_period_us");
    return q >> quota_us && p >> period ? whole(quota_us, period) : kNoLimit;
}

// The lowest quota of the group of this process and of those around it. In a container the outer
// ones cannot be seen, and the group itself may stand at the root.
int cgroup_quota() {
    const std::string root = "/sys/fs/cgroup";
    int lowest = std::min(quota_of(root), quota_of(root + "/cpu"));
    std::ifstream groups("/proc/self/cgroup");
    // "0::/path" is version 2, "3:cpu,cpuacct:/path" version 1.
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        std::string controllers = line.substr(first, second - first + 1);
        std::ranges::replace(controllers, ':', ',');
        const bool v2 = controllers == ",,";
        if (!v2 && controllers.find(",cpu,") == std::string::npos) continue;
        const std::string tree = v2 ? root : root + "/cpu";
        for (std::string path = line.substr(second + 1); path.size() > 1;) {
            lowest = std::min(lowest, quota_of(tree + path));
            const std::size_t slash = path.rfind('/');
            path.resize(slash == std::string::npos ? 0 : slash);
        }
    }
    return lowest;
}

int default_threads() {
    for (const char* name : {kOwnVariable, "OMP_NUM_THREADS"})
        if (const int n = env_threads(name)) return n;
    return std::min(affinity(), cgroup_quota());
}

std::atomic<int>& thread_count() {
    static std::atomic<int> count{default_threads()};
    return count;
}

// Counted beside a region, which costs cache lines between cores anyway.
std::atomic<std::uint64_t> regions{0};
std::atomic<std::uint64_t> parts{0};

// Below this many operations a thread, waking the others costs more than they bring: a region
// costs 0.6 us while the team polls, which is 0.1 MFLOP of one core.
constexpr double kWorthAThread = 2.5e5;
// From this many operations a thread (20 us), threads take their work in slices.
constexpr double kWorthSlices = 4e6;

}  // namespace

int num_threads() {
    return std::min(thread_count().load(std::memory_order_relaxed), openmp::limit());
}
void set_num_threads(int n) { thread_count().store(n); }

void select_num_threads() {
    const char* wish = std::getenv(kOwnVariable);
    if (wish && *wish && (!env_threads(kOwnVariable) || std::strchr(wish, ',')))
        throw std::runtime_error(std::string(kOwnVariable) + "=" + std::string(wish).substr(0, 40) +
                                 " is not a number of threads from 1 to 4096");
}

RegionCount region_count() {
    return {regions.load(std::memory_order_relaxed), parts.load(std::memory_order_relaxed)};
}

namespace detail {

int threads_for(index_t tasks, double cost) {
    if (tasks <= 1 || cost < 2 * kWorthAThread) return 1;
    const int limit = num_threads();
    if (limit <= 1) return 1;
    const double worth = cost / kWorthAThread;
    const index_t most = std::min<index_t>(limit, tasks);
    return static_cast<int>(worth < static_cast<double>(most) ? static_cast<index_t>(worth) : most);
}

bool worth_slices(int threads, double cost) { return cost >= threads * kWorthSlices; }

void run_parallel(index_t tasks, int threads, bool sliced, Task task, void* context) {
    if (!Team::instance(threading()).run(tasks, threads, sliced, task, context)) {
        task(context, 0, tasks);
        return;
    }
    regions.fetch_add(1, std::memory_order_relaxed);
    parts.fetch_add(static_cast<std::uint64_t>(threads), std::memory_order_relaxed);
}

}  // namespace detail
}  // namespace hotloop
