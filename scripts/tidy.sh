#!/usr/bin/env bash
# Runs clang-tidy (hotloop[dev] pins it; .clang-tidy says what it looks for) over the runtime, the
# operations, the bindings, and the kernels as the baseline compiles them: one source serves all sets.
# Use: scripts/tidy.sh [--quick] [files]      PYTHON names the interpreter that has pybind11, default python
# --quick leaves out the analyzer, which follows paths and takes most of the time: so .ci/run calls it,
# while the hook of a push asks for everything.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
checks=()
if [ "${1:-}" = --quick ]; then
    shift
    checks=(--checks=-clang-analyzer-*)
fi
[ $# -gt 0 ] || set -- cpp/runtime/*.cpp cpp/ops/*.cpp cpp/bindings/*.cpp cpp/kernels/*.cpp
system=()
for folder in $("$python" -m pybind11 --includes); do system+=(-isystem "${folder#-I}"); done
common=(-std=c++20 -Icpp/include -Icpp -DHOTLOOP_HAS_BASELINE "${system[@]}")
judge() {
    local set=()
    case $1 in cpp/kernels/*) set=(-DHOTLOOP_ISA_BASELINE -ffp-contract=off -fno-exceptions -fno-rtti -Wno-psabi) ;; esac
    # Only what it finds: how many warnings of other people's headers it kept to itself is of no use.
    clang-tidy --quiet "${checks[@]}" "$1" -- "${common[@]}" "${set[@]}" 2> >(grep -v 'warnings generated' >&2)
}
export -f judge
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-$(nproc)}" -I{} bash -c "
common=(${common[*]@Q}) checks=(${checks[*]@Q})
judge {}"
echo "clang-tidy: $# files"
