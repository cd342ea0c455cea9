#!/usr/bin/env bash
# Builds the wheel and runs the tests with each interpreter given.
# Use: scripts/check_pythons.sh python3.10 python3.11 ...   (extra arguments for pytest in PYTEST_ARGS)
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: $0 PYTHON..." >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lines=()
failed=0
for python in "$@"; do
    version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    echo "=== Python $version"
    "$python" -m venv "$work/$version"
    bin=$work/$version/bin
    mkdir "$work/wheel-$version"
    # One build folder for all: the kernels know nothing of Python and are compiled once.
    SKBUILD_BUILD_DIR="$work/build" "$bin/pip" wheel -q --no-deps -w "$work/wheel-$version" .
    wheel=$(echo "$work/wheel-$version"/*.whl)
    "$bin/pip" install -q "${wheel}[test]"
    log=$work/$version.log
    # shellcheck disable=SC2086
    if "$bin/python" -m pytest -q ${PYTEST_ARGS:-} 2>&1 | tee "$log"; then verdict=passed; else verdict=FAILED failed=1; fi
    lines+=("Python $version: $verdict, wheel $(stat -c %s "$wheel") bytes, $(tail -n 1 "$log")")
done
printf '%s\n' "${lines[@]}"
exit "$failed"
