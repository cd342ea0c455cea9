#!/usr/bin/env bash
# Compiles the kernels and the C++ below the bindings for aarch64 with NEON, with a cross compiler.
# Use: scripts/check_neon.sh [compiler]
set -euo pipefail
cd "$(dirname "$0")/.."
cxx=${1:-aarch64-linux-gnu-g++}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
flags="-std=c++20 -O0 -fPIC -Icpp/include -Icpp -Wall -Wextra -Werror -Wno-psabi"
kernel="-fno-math-errno -fno-trapping-math -ffp-contract=off -fno-exceptions -fno-rtti -DHOTLOOP_ISA_NEON"
{
    for source in cpp/kernels/*.cpp; do echo "$flags $kernel $source"; done
    for source in cpp/runtime/*.cpp cpp/ops/*.cpp; do echo "$flags -Wconversion -DHOTLOOP_HAS_NEON -DHOTLOOP_HAS_BASELINE $source"; done
} | awk -v to="$objects" '{ print $0 " -o " to "/" NR ".o" }' | xargs -P "$(nproc)" -L 1 "$cxx" -c
echo "aarch64: $(find "$objects" -name '*.o' | wc -l) files compiled"
