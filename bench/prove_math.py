"""Prove the accuracy of ``cpp/simd/math.h``.

``python bench/prove_math.py`` compiles the functions for every instruction set, runs them over all
2^32 float inputs and over millions of doubles, and prints the largest error of each in units in the
last place (ULP), with its argument. It fails when one is over its limit. That takes some twenty
minutes on two cores; ``--sample`` takes seconds, ``--time`` measures the speed instead.
``--aarch64`` does the same for NEON with a cross compiler and ``qemu-aarch64``.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMON = ["-std=c++20", "-ffp-contract=off", f"-I{HERE.parent / 'cpp' / 'include'}"]
KERNEL = ["-O3", "-fno-math-errno", "-fno-trapping-math"]
X86 = {
    "baseline": [],
    "avx2": ["-DHOTLOOP_ISA_AVX2", "-mavx2", "-mfma", "-mbmi2"],
    "avx512": [
        "-DHOTLOOP_ISA_AVX512",
        *("-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx2", "-mfma", "-mbmi2"),
        "-mprefer-vector-width=512",
    ],
}
ARM = {"neon": ["-DHOTLOOP_ISA_NEON"]}


def build(compiler: str, instruction_sets: dict[str, list[str]], folder: Path) -> Path:
    """Compile the functions once per instruction set, and the driver that judges them."""
    objects = []
    for name, flags in instruction_sets.items():
        target = folder / f"{name}.o"
        command = [compiler, *COMMON, *KERNEL, *flags, f"-DHOTLOOP_PROVE_ISA={name}"]
        source = str(HERE / "prove_math_kernels.cpp")
        subprocess.run([*command, "-c", source, "-o", str(target)], check=True)
        objects.append(str(target))
    program = folder / "prove"
    libraries = (
        ["-pthread", "-static"] if "neon" in instruction_sets else ["-pthread", "-lquadmath"]
    )
    driver = [compiler, *COMMON, "-O2", str(HERE / "prove_math.cpp"), *objects, *libraries]
    subprocess.run([*driver, "-o", str(program)], check=True)
    return program


def main() -> int:
    """Build, run, and return non-zero when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", action="store_true", help="one float in 1009, fewer doubles")
    parser.add_argument("--time", action="store_true", help="measure the speed instead")
    parser.add_argument("--aarch64", action="store_true", help="NEON, under qemu-aarch64")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--function", default="", help="only this one")
    parser.add_argument("--compiler", help="GCC (the 128-bit reference is its libquadmath)")
    options = parser.parse_args()

    on_arm = options.aarch64 or platform.machine() in {"aarch64", "arm64"}
    emulated = options.aarch64 and platform.machine() not in {"aarch64", "arm64"}
    compiler = options.compiler or ("aarch64-linux-gnu-g++" if emulated else "g++")
    step, count = ("1009", "200000") if options.sample else ("1", "4000000")
    rest = [str(options.threads), options.function]
    runs = [["time"]] if options.time else [["float", step, *rest], ["double", count, *rest]]
    with tempfile.TemporaryDirectory() as folder:
        program = build(compiler, ARM if on_arm else X86, Path(folder))
        command = ["qemu-aarch64", str(program)] if emulated else [str(program)]
        return max(subprocess.run([*command, *run], check=False).returncode for run in runs)


if __name__ == "__main__":
    sys.exit(main())
