"""Check the compiled kernel objects: linkage, instruction sets, and the innermost loop of the tiles.

Usage: ``python scripts/check_kernels.py BUILD_DIR`` (needs ``nm`` and ``objdump``).

Linkage: a kernel object exports its table and nothing else. A weak symbol compiled with AVX-512 may
be given by the linker to every caller, also on a machine without it.
Instruction sets: no 512-bit register outside the AVX-512 objects, no 256-bit one in the baseline.
Tiles: the loop over k of the AVX-512 float32 tile of 14 x 32 holds exactly 28 fused multiply-adds a
step, and nothing in it moves a vector to or from the stack: with accumulators on the stack the tile
loses a sixth of its speed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TILE = re.compile(r"4tileIfLi14ELi2E")  # tile<float, 14, 2, ...>, mangled
TILE_FMAS = 14 * 2
FORBIDDEN = {"baseline": re.compile(r"%[yz]mm"), "avx2": re.compile(r"%zmm")}
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)(?:\s+(.*))?$")
JUMP = re.compile(r"([0-9a-f]+)(?: <.*>)?$")


class Instruction(NamedTuple):
    """One line of the disassembly."""

    address: int
    name: str
    operands: str


def run(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def functions(objdump: str) -> Iterator[tuple[str, list[Instruction]]]:
    """Yield name and instructions of each function of a disassembly."""
    name = ""
    body: list[Instruction] = []
    for line in objdump.splitlines():
        if head := FUNCTION.match(line):
            if name:
                yield name, body
            name, body = head[1], []
        elif found := INSTRUCTION.match(line):
            body.append(Instruction(int(found[1], 16), found[2], (found[3] or "").strip()))
    if name:
        yield name, body


def is_vector_fma(step: Instruction) -> bool:
    """Whether this is a fused multiply-add of whole 512-bit vectors of float32."""
    return bool(re.fullmatch(r"vfmadd\d+ps", step.name)) and "%zmm" in step.operands


def inner_loops(body: list[Instruction]) -> list[list[Instruction]]:
    """Return the loops that multiply and add and hold no smaller such loop."""
    loops: list[list[Instruction]] = []
    for end, step in enumerate(body):
        target = JUMP.match(step.operands) if step.name.startswith("j") else None
        if not target or int(target[1], 16) > step.address:
            continue
        start = next((i for i, s in enumerate(body) if s.address == int(target[1], 16)), end)
        loop = body[start : end + 1]
        if any(is_vector_fma(s) for s in loop):
            loops.append(loop)

    def holds(outer: list[Instruction], inner: list[Instruction]) -> bool:
        within = outer[0].address <= inner[0].address and inner[-1].address <= outer[-1].address
        return within and len(inner) < len(outer)

    return [loop for loop in loops if not any(holds(loop, other) for other in loops)]


def check_tile(name: str, body: list[Instruction]) -> Iterator[str]:
    """Yield what is wrong with one tile, and print what was counted."""
    # %rbp is a general register unless the function has set it up as its frame.
    framed = any(s.name == "mov" and s.operands == "%rsp,%rbp" for s in body)
    stack = re.compile(r"\(%rsp|\(%rbp" if framed else r"\(%rsp")
    over_k = 0
    for loop in inner_loops(body):
        # The other loops with FMAs are the polynomials of sigmoid and tanh, at the tile's end.
        targets = [s.operands.rsplit(",", 1)[-1] for s in loop if is_vector_fma(s)]
        if len(set(targets)) != TILE_FMAS:
            continue
        over_k += 1
        spills = [
            s for s in loop if re.search(r"%[xyz]mm", s.operands) and stack.search(s.operands)
        ]
        sys.stdout.write(
            f"  {name}: {len(targets)} FMAs into {TILE_FMAS} registers, {len(spills)} vector "
            f"spills, {len(loop)} instructions\n"
        )
        if len(targets) % TILE_FMAS:
            yield f"{name}: {len(targets)} FMAs in the loop over k, not {TILE_FMAS} a step"
        if spills:
            first = f"{spills[0].name} {spills[0].operands}"
            yield f"{name}: {len(spills)} vectors on the stack in the loop over k, first: {first}"
    if not over_k:
        yield f"{name}: no loop that keeps its {TILE_FMAS} accumulators in registers"


def check_linkage(isa: str, path: Path) -> Iterator[str]:
    """Yield every symbol that a kernel object may not have."""
    table = f"hotloop_{path.name.split('.')[0]}_{isa}"
    for line in run("nm", str(path)).splitlines():
        kind, symbol = line.split()[-2:]
        if kind in "WwVvu":
            yield f"{isa}/{path.name}: weak symbol {symbol}"
        elif kind.isupper() and kind != "U" and symbol != table:
            yield f"{isa}/{path.name}: exports {symbol} beside its table {table}"
        elif kind == "U" and symbol.startswith("_Z"):
            yield f"{isa}/{path.name}: needs the C++ function {symbol}"


def check(build: Path) -> Iterator[str]:
    """Yield everything that is wrong with the kernel objects below `build`."""
    counts: dict[str, int] = {}
    tiles = 0
    for path in sorted(build.rglob("hotloop_kernels_*.dir/**/*.o")):
        folder = next(p for p in path.parents if p.name.startswith("hotloop_kernels_"))
        isa = folder.name.removeprefix("hotloop_kernels_").removesuffix(".dir")
        counts[isa] = counts.get(isa, 0) + 1
        yield from check_linkage(isa, path)
        if isa not in FORBIDDEN and isa != "avx512":
            continue
        disassembly = run("objdump", "-d", "--no-show-raw-insn", str(path))
        if isa in FORBIDDEN and (wide := FORBIDDEN[isa].search(disassembly)):
            yield f"{isa}/{path.name}: uses {wide[0]} registers"
        if isa == "avx512":
            for name, body in functions(disassembly):
                if TILE.search(name):
                    tiles += 1
                    yield from check_tile(name, body)
    sys.stdout.write(f"  objects: {counts}, 14 x 32 tiles: {tiles}\n")
    if not counts:
        yield f"no kernel objects below {build}"
    if "avx512" in counts and not tiles:
        yield "no AVX-512 float32 tile of 14 x 32"


def main() -> int:
    """Check the build folder named on the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"usage: {sys.argv[0]} BUILD_DIR\n")
        return 2
    problems = list(check(Path(sys.argv[1])))
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
