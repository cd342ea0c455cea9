"""Count the instructions and cache misses of ten kernels and two training steps, against limits.

Counts do not depend on how busy a machine is, so that a limit may be close: this is the gate for
speed that ``.ci/run`` passes. Valgrind's callgrind counts, with the cache model of cachegrind, the
AVX2 code on one thread; caches of 32 KB (8-way) and 512 KB (8-way). A measurement is the second run
of a kernel or a step, nothing of the interpreter's start. Images come eight at a time: Valgrind
computes each lane of a fused multiply-add by a call.

Usage: ``python bench/counts.py [--only TEXT]`` compares with ``bench/counts.json``; ``--record``
writes it. Without valgrind or AVX2, or built by another compiler than the limits, it says so and
passes.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import hotloop
from cases import CONV, ELEMENTWISE, GEMM, WORKLOADS
from hotloop._bench.measure import say, table
from hotloop._bench.ops import make_call
from hotloop._bench.steps import build_model
from peers import hotloop_peer
from peers.base import OpJob

LIMITS = Path(__file__).with_suffix(".json")
KERNELS = (
    "gemm NN 100x50x784 float32",
    "gemm TN 785x101x77 float32",
    "conv SimpleConvNet 28x28x1 5x5 30 forward",
    "conv DeepConvNet 5: 8x8x32 3x3 64 pad 1 dw+dx",
    "conv 14x14x32 3x3 depthwise pad 1 dw+dx",
    "sigmoid 256 KB",
    "softmax 256 KB",
    "max_pool2d 256 KB",
    "batch_norm_backward 256 KB",
    "adam_update 256 KB",
)
STEPS = ("W1", "W5")
IMAGES = 8
# Misses depend on where arrays come to lie (9 and 18 % seen); instructions do not (0.1 %).
ROOM = {"instructions": 1.03, "L1 misses": 1.3, "L2 misses": 1.6}
FEW = 2000  # misses that make no difference
SIZES = "32768,524288,8388608"
Counts = dict[str, dict[str, int]]


def tasks(only: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Make the kernels and steps ready, one after the other."""
    by_name = {case.name: case for case in (*GEMM, *CONV, *ELEMENTWISE)}
    for name in KERNELS:
        if only in name:
            op = by_name[name].op
            if len(op.shape) == 4:
                op = replace(op, shape=(IMAGES, *op.shape[1:]))
            call = make_call(op)
            job = OpJob(call.op, call.args, call.params, call.saved, call.in_place)
            yield name, hotloop_peer.build(job, "").run
    for workload in WORKLOADS:
        if workload.name in STEPS and only in workload.name:
            if len(workload.input_shape) == 3:
                workload = replace(workload, batch=IMAGES)  # noqa: PLW2901
            model = build_model(hotloop, workload)
            model.set_weights(workload.make_weights())
            x, labels = workload.make_batch()
            yield f"step {workload.name}", lambda: model.train_on_batch(x, labels)  # noqa: B023


class Callgrind:
    """The requests that a program under callgrind may make (``callgrind.h``)."""

    ZERO, DUMP_AT, START, STOP = (0x43540000 + i for i in (1, 3, 4, 5))
    # rax = the request and its arguments; the rotations do nothing but call Valgrind.
    CODE = bytes.fromhex("4889f8 31d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3")

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=7)
        self._page.write(self.CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)

    def ask(self, request: int, argument: int = 0) -> None:
        """Make a request."""
        words = (ctypes.c_uint64 * 6)(request, argument)
        self._call(ctypes.addressof(words))


def inside(only: str) -> None:
    """Run everything under callgrind, with a dump after each."""
    callgrind = Callgrind()
    for name, run in tasks(only):
        callgrind.ask(Callgrind.START)
        run()
        callgrind.ask(Callgrind.ZERO)
        run()
        text = ctypes.create_string_buffer(name.encode())
        callgrind.ask(Callgrind.DUMP_AT, ctypes.addressof(text))
        callgrind.ask(Callgrind.STOP)


def read(folder: Path) -> Counts:
    """Return what callgrind has dumped, by name."""
    found: Counts = {}
    for path in folder.glob("out.*"):
        lines = dict(
            line.split(": ", 1)
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.startswith(("desc: Trigger", "events", "totals"))
        )
        name = lines.get("desc", "").partition("Client Request: ")[2]
        if not name or "totals" not in lines:
            continue
        counts = dict(zip(lines["events"].split(), map(int, lines["totals"].split()), strict=False))
        found[name] = {
            "instructions": counts["Ir"],
            "L1 misses": counts["D1mr"] + counts["D1mw"],
            "L2 misses": counts["DLmr"] + counts["DLmw"],
        }
    return found


def measure(only: str = "") -> Counts:
    """Count in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", "--cache-sim=yes", "--instr-atstart=no",
            "--I1=32768,8,64", "--D1=32768,8,64", "--LL=524288,8,64", "--quiet",
            f"--callgrind-out-file={folder}/out", sys.executable, __file__, "--inside",
            "--only", only,
        ]  # fmt: skip
        environment = {
            **os.environ,
            "HOTLOOP_ISA": "avx2",
            "HOTLOOP_NUM_THREADS": "1",
            "HOTLOOP_CACHE_SIZES": SIZES,
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
        }
        subprocess.run(command, env=environment, check=True)
        return read(Path(folder))


def beyond(name: str, counts: dict[str, int], limits: dict[str, int]) -> list[str]:
    """Say which counts are over their limit."""
    return [
        f"{name}: {counts[kind]} {kind}, {counts[kind] / max(limits[kind], 1):.2f} of the {limits[kind]} "
        f"recorded; at most {room} is allowed"
        for kind, room in ROOM.items()
        if counts[kind] > room * limits[kind] + (0 if kind == "instructions" else FEW)
    ]


def compiler() -> str:
    """Return the compiler of this build without its last number."""
    return str(hotloop.config.build_info()["compiler"]).rpartition(".")[0]


def missing() -> str:
    """Say what is missing for a count, or nothing."""
    if shutil.which("valgrind") is None:
        return "there is no valgrind"
    if "avx2" not in hotloop.config.build_info()["isa_available"]:
        return "this machine has no AVX2"
    return ""


def main() -> int:
    """Count, and compare or record; the exit code is 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description="Instructions and misses against limits")
    parser.add_argument("--only", default="", metavar="TEXT", help="names that contain TEXT")
    parser.add_argument("--record", action="store_true", help="write the limits")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.only)
        return 0
    if why := missing():
        say(f"counts: nothing counted, {why}")
        return 0
    counts = measure(options.only)
    if options.record:
        record = {"compiler": compiler(), "counts": counts}
        LIMITS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    recorded = json.loads(LIMITS.read_text(encoding="utf-8"))
    limits: Counts = {name: recorded["counts"].get(name, {}) for name in counts}
    say(
        table(
            ("run", *ROOM, *(f"{kind} recorded" for kind in ROOM)),
            [
                [name, *(f"{c[k]:,}" for k in ROOM), *(f"{limits[name].get(k, 0):,}" for k in ROOM)]
                for name, c in counts.items()
            ],
        )
    )
    if recorded["compiler"] != compiler():
        say(f"counts: the limits are of {recorded['compiler']}, this build is of {compiler()}")
        return 0
    expected = {name for name in (*KERNELS, *(f"step {s}" for s in STEPS)) if options.only in name}
    wrong = [f"{name}: not counted" for name in expected - counts.keys()]
    wrong += [f"{name}: no limit recorded" for name in counts if not limits[name]]
    wrong += [text for n in counts if limits[n] for text in beyond(n, counts[n], limits[n])]
    for text in wrong:
        say(f"OVER THE LIMIT: {text}")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
