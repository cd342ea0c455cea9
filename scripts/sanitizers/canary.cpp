// Faults on purpose, one a function: scripts/sanitize.sh first makes sure that they are reported.
#include <cstdlib>
#include <thread>

extern "C" int canary_address(int n) {
    auto* const p = static_cast<volatile int*>(std::malloc(4 * sizeof(int)));
    p[n] = 1;  // n = 4: one behind the end
    const int got = p[n];
    std::free(const_cast<int*>(p));
    return got;
}

extern "C" int canary_thread(int n) {
    int shared = 0;
    auto add = [&] {
        for (int i = 0; i < 1000 * n; ++i) ++shared;
    };
    std::thread other(add);
    add();
    other.join();
    return shared;
}

extern "C" int canary_leak(int n) {
    volatile char* lost = nullptr;
    for (int i = 0; i < n; ++i) lost = static_cast<char*>(std::malloc(1000));
    lost[0] = 1;
    return n;
}
