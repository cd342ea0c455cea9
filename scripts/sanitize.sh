#!/usr/bin/env bash
# Builds the extension with a sanitizer, loads the sanitizer's runtime into Python and runs the tests
# of the operations.
#
#   scripts/sanitize.sh address   AddressSanitizer and UndefinedBehaviorSanitizer
#   scripts/sanitize.sh thread    ThreadSanitizer, with the operations called from several threads
#   scripts/sanitize.sh leak      LeakSanitizer: what the extension allocates and loses
#
# The virtual environment in use (or PYTHON) must hold what hotloop[test] and its build need.
#   SETS     instruction sets to build and run; default: every one this machine has
#   BUILD    folder of the build; default build/sanitize-<kind>
#   CXX      clang++ unless named: its AddressSanitizer sees the lanes of a masked AVX-512 load, GCC's
#            does not
# Further arguments go to pytest, and replace the tests.
#
# ThreadSanitizer needs no archer here: no OpenMP is linked, and the threads are those of the pool in
# cpp/runtime, made with std::thread and std::atomic.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-}
[ $# -gt 0 ] && shift
case $kind in address | thread | leak) ;; *) echo "usage: $0 address|thread|leak [pytest arguments]" >&2; exit 2 ;; esac

python=${PYTHON:-python}
python=$("$python" -c 'import sys; print(sys.executable)')
if [ -z "${CXX:-}" ]; then
    if command -v clang++ >/dev/null; then CXX=clang++; else CXX=g++; fi
fi
export CXX
case $("$CXX" --version | head -n 1) in
    *clang*) compiler=clang ;;
    *) compiler=gcc ;;
esac
library() {  # the path of a sanitizer's runtime, to be loaded before Python
    if [ "$compiler" = clang ]; then "$CXX" -print-file-name="libclang_rt.$1-$(uname -m).so"
    else "$CXX" -print-file-name="lib$1.so"; fi
}

flags="-gline-tables-only -fno-omit-frame-pointer"
[ "$compiler" = clang ] || flags="-g1 -fno-omit-frame-pointer"
openmp=ON
case $kind in
    thread)
        openmp=OFF
        # GCC's runtime for both compilers, which call it by the same names: clang 14's cannot be
        # loaded into a program that was not linked with it (not even into /bin/echo).
        runtime=$(g++ -print-file-name=libtsan.so)
        flags="$flags -O0 -fsanitize=thread"
        optimization=-O1
        ;;
    *)
        runtime=$(library asan)
        # vptr needs the runtime's C++ half, which cannot be preloaded beside AddressSanitizer's.
        flags="$flags -O0 -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined"
        [ "$compiler" = gcc ] || flags="$flags -fno-sanitize=function -shared-libasan"
        # Unoptimized: with optimization the unrolled tiles take minutes to compile.
        optimization=-O0
        ;;
esac
[ -e "$runtime" ] || { echo "$0: $CXX has no runtime for '$kind' ($runtime)" >&2; exit 1; }

if [ -z "${SETS:-}" ]; then
    SETS=baseline
    case $(uname -m) in
        x86_64)
            grep -qw avx2 /proc/cpuinfo && SETS="avx2 $SETS"
            grep -qw avx512vl /proc/cpuinfo && SETS="avx512 $SETS"
            ;;
        aarch64) SETS="neon $SETS" ;;
    esac
fi
build=${BUILD:-build/sanitize-$kind}
mkdir -p "$build"
build=$(cd "$build" && pwd)
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_CXX_FLAGS="$flags" \
    -DHOTLOOP_SETS="${SETS// /;}" -DHOTLOOP_OPENMP=$openmp -DHOTLOOP_KERNEL_OPTIMIZATION="$optimization" \
    -DPython_EXECUTABLE="$python" -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" >"$build.log" 2>&1 ||
    { cat "$build.log"; exit 1; }
cmake --build "$build" ${JOBS:+-j "$JOBS"} >>"$build.log" 2>&1 || { tail -n 60 "$build.log"; exit 1; }

# A package of its own: the sources here, the module from the build.
package=$build/package
rm -rf "$package"
mkdir -p "$package"
cp -r python/hotloop "$package/"
rm -f "$package"/hotloop/_core*.so
cp "$build"/_core*.so "$package/hotloop/"

tests=("$@")
if [ ${#tests[@]} = 0 ]; then
    if [ "$kind" = thread ]; then
        tests=(tests/test_concurrent_ops.py)
    else
        tests=()
        for topic in activations affine conv2d conv_pool dropout gather im2col losses_functional norm one_hot \
            plan pool softmax updates concurrent_ops; do
            tests+=("tests/test_$topic.py")
        done
        tests+=(tests/conformance/test_extremes.py)
        # Fifty large products a count of threads: minutes, where nothing is optimized.
        tests+=(--deselect tests/test_plan.py::test_regions_end_beside_another_pool_and_with_more_threads_than_processors)
    fi
fi

export PYTHONPATH=$package PYTHONDONTWRITEBYTECODE=1 HOTLOOP_SANITIZER=$kind
# libstdc++ beside it: AddressSanitizer looks for __cxa_throw when the process begins.
preload="$runtime $("$CXX" -print-file-name=libstdc++.so.6)"
# Reports go to files: pytest would keep what a test that never ends wrote.
reports=$build/reports
common=log_path=$reports/report:symbolize=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:$common
export TSAN_OPTIONS=suppressions=$PWD/scripts/sanitizers/thread.txt:report_signal_unsafe=0:history_size=4:$common
leaks=0
# leaks.py judges the report; see there why nothing is suppressed by name.
[ "$kind" = leak ] && leaks=1 && export LSAN_OPTIONS=exitcode=0:max_leaks=0:$common
export ASAN_OPTIONS=detect_leaks=$leaks:detect_stack_use_after_return=0:allocator_may_return_null=1:$common
[ "$kind" = thread ] || export PYTHONMALLOC=malloc

# First a fault on purpose: a sanitizer that does not report it reports nothing.
# shellcheck disable=SC2086
"$CXX" -std=c++20 -fPIC -shared $flags -O0 scripts/sanitizers/canary.cpp -o "$build/canary_core.so"
rm -rf "$reports" && mkdir "$reports"
LD_PRELOAD=$preload "$python" -c "import ctypes; ctypes.CDLL('$build/canary_core.so').canary_$kind(4)" >/dev/null 2>&1 || true
grep -qs "canary_$kind" "$reports"/* || { echo "$0: the sanitizer does not see a planted fault" >&2; exit 1; }

status=0
for set in $SETS; do
    echo "=== $kind, $set"
    log=$build/$set.log
    rm -rf "$reports" && mkdir "$reports"
    HOTLOOP_ISA=$set LD_PRELOAD=$preload "$python" -m pytest -q -p no:cacheprovider "${tests[@]}" >"$log" 2>&1 ||
        { echo "FAILED"; status=1; tail -n 30 "$log"; }
    tail -n 1 "$log"
    # Sizes beyond any memory are asked for on purpose: the answer is a MemoryError, not a fault.
    find "$reports" -type f -exec sed -i '/WARNING: AddressSanitizer failed to allocate/d' {} +
    find "$reports" -type f -empty -delete
    if [ "$kind" = leak ]; then
        "$python" scripts/sanitizers/leaks.py "$reports" || status=1
    elif [ -n "$(ls "$reports")" ]; then
        echo "FAILED: reports of the sanitizer"
        status=1
        cat "$reports"/* | head -n 120
    fi
done
exit "$status"
