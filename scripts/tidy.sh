#!/usr/bin/env bash
# Runs clang-tidy (hotloop[dev] pins it; .clang-tidy says what it looks for) over the runtime, the
# operations, the bindings, and the kernels as the baseline compiles them: one source serves all sets.
# Use: scripts/tidy.sh [files]      PYTHON names the interpreter that has pybind11, default python
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
[ $# -gt 0 ] || set -- cpp/runtime/*.cpp cpp/ops/*.cpp cpp/bindings/*.cpp cpp/kernels/*.cpp
system=()
for folder in $("$python" -m pybind11 --includes); do system+=(-isystem "${folder#-I}"); done
common=(-std=c++20 -Icpp/include -Icpp -DHOTLOOP_HAS_BASELINE "${system[@]}")
judge() {
    local set=()
    case $1 in cpp/kernels/*) set=(-DHOTLOOP_ISA_BASELINE -ffp-contract=off -fno-exceptions -fno-rtti -Wno-psabi) ;; esac
    # Only what it finds: how many warnings of other people's headers it kept to itself is of no use.
    clang-tidy --quiet "$1" -- "${common[@]}" "${set[@]}" 2> >(grep -v 'warnings generated' >&2)
}
export -f judge
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-$(nproc)}" -I{} bash -c "
common=(${common[*]@Q})
judge {}"
echo "clang-tidy: $# files"
