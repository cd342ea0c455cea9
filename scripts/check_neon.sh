#!/usr/bin/env bash
# Compiles the kernels and the C++ below the bindings for aarch64 with NEON, with a cross compiler.
# Use: scripts/check_neon.sh [compiler]
set -euo pipefail
cd "$(dirname "$0")/.."
cxx=${1:-aarch64-linux-gnu-g++}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
flags=(-std=c++20 -O1 -fPIC -Icpp/include -Icpp -Wall -Wextra -Werror -Wno-psabi)
for source in cpp/kernels/*.cpp; do
    "$cxx" "${flags[@]}" -fno-math-errno -fno-trapping-math -ffp-contract=off -fno-exceptions -fno-rtti \
        -DHOTLOOP_ISA_NEON -c "$source" -o "$objects/$(basename "$source").o"
done
for source in cpp/runtime/*.cpp cpp/ops/*.cpp; do
    "$cxx" "${flags[@]}" -Wconversion -fopenmp -c "$source" -o "$objects/$(basename "$source").o"
done
echo "aarch64: $(find "$objects" -name '*.o' | wc -l) files compiled"
