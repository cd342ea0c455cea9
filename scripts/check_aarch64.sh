#!/usr/bin/env bash
# Compiles the extension for aarch64 as a release is compiled, and runs the tests of the operations on
# the NEON kernels under qemu's emulation of that processor.
# Use: scripts/check_aarch64.sh [pytest arguments]   (they replace the tests; JOBS: compilers at a time)
# Needs Debian (apt-get and dpkg-deb; root only to install them) with qemu-user-static, g++-aarch64-linux-gnu
# and cmake, ninja and pybind11 in the environment in use, or in that of PYTHON. An aarch64 Python of the
# same Debian and NumPy's aarch64 wheel are unpacked into the build folder (BUILD, default build/aarch64).
# Emulation shows that the results are right, nothing about speed.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$("${PYTHON:-python}" -c 'import sys; print(sys.executable)')
PATH=$(dirname "$python"):$PATH
for tool in apt-get dpkg-deb qemu-aarch64-static aarch64-linux-gnu-g++ cmake ninja; do
    command -v "$tool" >/dev/null || { echo "$0: there is no $tool" >&2; exit 1; }
done
build=${BUILD:-build/aarch64}
mkdir -p "$build"
build=$(cd "$build" && pwd)
root=$build/root log=$build/log
: >"$log"
step() {  # step NAME COMMAND...: what it prints is shown if it fails
    local name=$1
    shift
    "$@" >>"$log" 2>&1 || { echo "$0: $name failed" >&2; tail -n 40 "$log" >&2; exit 1; }
}

# A Python for the other processor, with a list of packages of its own: the system's stays as it is.
if [ ! -e "$root/usr/bin/python3" ]; then
    apt=$build/apt
    mkdir -p "$apt"/{lists,archives}/partial "$root"
    : >"$apt/status"
    options=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$apt/lists"
        -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" -o Debug::NoLocking=true -o APT::Sandbox::User=)
    # Sources of others may have nothing for this processor; what is missing shows at the next line.
    apt-get "${options[@]}" update >>"$log" 2>&1 || true
    step "getting Python" apt-get "${options[@]}" -y --no-install-recommends --download-only install \
        python3-minimal libpython3-stdlib libpython3-dev libstdc++6
    for package in "$apt"/archives/*.deb; do step "unpacking $package" dpkg-deb -x "$package" "$root"; done
fi
real=$(basename "$(readlink "$root/usr/bin/python3")")
version=${real#python}
site=$build/site
if [ ! -d "$site" ]; then
    platforms=()
    for tag in manylinux2014 manylinux_2_27 manylinux_2_28; do platforms+=(--platform "${tag}_aarch64"); done
    step "getting NumPy" "$python" -m pip install -q --no-compile --target "$site.part" "${platforms[@]}" --only-binary :all: \
        --implementation cp --python-version "$version" numpy safetensors tqdm pytest hypothesis
    mv "$site.part" "$site"
fi

# Both are told by name what CMake cannot ask a Python that does not run here.
include=$root/usr/include
step "configuring" cmake -S . -B "$build/cmake" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHOTLOOP_WERROR=ON \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
    -DCMAKE_CXX_FLAGS="-idirafter $include -idirafter $include/aarch64-linux-gnu" -DHOTLOOP_SETS=neon \
    -DPython_EXECUTABLE="$python" -DPython_INCLUDE_DIR="$include/$real" \
    -DPYTHON_MODULE_EXTENSION=".cpython-${version/./}-aarch64-linux-gnu.so" \
    -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)"
step "compiling" cmake --build "$build/cmake" ${JOBS:+-j "$JOBS"}
package=$build/package
rm -rf "$package"
mkdir -p "$package"
cp -r python/hotloop "$package/"
rm -f "$package"/hotloop/_core*.so
cp "$build"/cmake/_core*.so "$package/hotloop/"

# What the tests know as sys.executable: the emulator with its Python.
cat >"$build/python" <<LAUNCHER
#!/bin/sh
exec qemu-aarch64-static -L "$root" "$root/usr/bin/$real" "\$@"
LAUNCHER
chmod +x "$build/python"
export PYTHONPATH=$package:$site PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
"$build/python" - <<'PY'
import platform

import hotloop

assert platform.machine() == "aarch64"
assert hotloop.config.build_info()["isa"] == "neon", hotloop.config.build_info()
PY

# What an emulated processor ends in minutes: every op against its definition, differences, and drawn
# samples, but no products of many millions of terms.
[ $# -gt 0 ] || set -- tests/conformance/test_values.py --conformance-table --conformance-largest 25000
"$build/python" -c "
import sys

import pytest

sys.executable = '$build/python'
sys.exit(pytest.main(sys.argv[1:]))" -p no:cacheprovider "$@"
