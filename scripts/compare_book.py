"""Run the scripts of "Deep Learning from Scratch" on the book's modules and on ours, and compare.

``python scripts/compare_book.py BOOK_DIR [SCRIPT ...]``, where BOOK_DIR is a clone of
oreilly-japan/deep-learning-from-scratch whose ``dataset`` folder holds ``mnist.pkl``, which the book's
loader makes there when it first runs. Each script runs twice
from the same numpy seed: as plain Python runs it, and under ``hotloop.book``. Then every number that it
printed, and every loss, accuracy, weight and history that it left behind, is compared. Two scripts that the
book's modules take an hour and several hours for are shortened, on both sides alike; ``--full`` runs the
first of them as it stands, ``--quick`` shortens more. The table says which.
Nothing is written into BOOK_DIR.
"""

from __future__ import annotations

import argparse
import math
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# With seed 1 a unit of ch07/gradient_check.py lies within h of its kink, and both sides print 1e-4.
SEEDS = {"ch07/gradient_check.py": 3}
TOLERANCE = 1e-8
SCRIPTS = [
    "ch03/mnist_show.py",
    "ch03/neuralnet_mnist.py",
    "ch03/neuralnet_mnist_batch.py",
    "ch03/relu.py",
    "ch03/sig_step_compare.py",
    "ch03/sigmoid.py",
    "ch03/step_function.py",
    "ch04/gradient_1d.py",
    "ch04/gradient_2d.py",
    "ch04/gradient_method.py",
    "ch04/gradient_simplenet.py",
    "ch04/train_neuralnet.py",
    "ch05/buy_apple.py",
    "ch05/buy_apple_orange.py",
    "ch05/gradient_check.py",
    "ch05/train_neuralnet.py",
    "ch06/batch_norm_gradient_check.py",
    "ch06/batch_norm_test.py",
    "ch06/hyperparameter_optimization.py",
    "ch06/optimizer_compare_mnist.py",
    "ch06/optimizer_compare_naive.py",
    "ch06/overfit_dropout.py",
    "ch06/overfit_weight_decay.py",
    "ch06/weight_init_activation_histogram.py",
    "ch06/weight_init_compare.py",
    "ch07/apply_filter.py",
    "ch07/gradient_check.py",
    "ch07/train_convnet.py",
    "ch07/visualize_filter.py",
    "ch08/half_float_network.py",
    "ch08/misclassified_mnist.py",
    "ch08/train_deepnet.py",
]
# What is cut short, on both sides: (text of the script, text in its place). In full, the book's modules
# take an hour for the first and several for the second, which is cut whatever the options.
_FIRST = (
    "x_train, t_train = x_train[: STEPS * 100], t_train[: STEPS * 100]; "
    "x_test, t_test = x_test[:1000], t_test[:1000]"
)
_LOAD = ("load_mnist(flatten=False)", f"load_mnist(flatten=False); {_FIRST}")
SHORTER = {
    "ch07/train_convnet.py": [("max_epochs = 20", "max_epochs = 1"), _LOAD],
    "ch08/train_deepnet.py": [("epochs=20", "epochs=1"), _LOAD],
}
ENDLESS = "ch08/train_deepnet.py"
# With --quick, so that no script takes the book's modules more than some twenty seconds.
_TEST = "; x_test, t_test = x_test[:500], t_test[:500]"
_NORMALIZED = ("load_mnist(normalize=True)", f"load_mnist(normalize=True){_TEST}")
_IMAGES = ("load_mnist(flatten=False)", f"load_mnist(flatten=False){_TEST}")
QUICK = {
    "ch04/train_neuralnet.py": [("iters_num = 10000", "iters_num = 1300")],
    "ch05/train_neuralnet.py": [("iters_num = 10000", "iters_num = 1300")],
    "ch06/batch_norm_gradient_check.py": [("[100, 100]", "[20, 20]")],
    "ch06/batch_norm_test.py": [("max_epochs = 20", "max_epochs = 6")],
    "ch06/hyperparameter_optimization.py": [
        ("optimization_trial = 100", "optimization_trial = 10")
    ],
    "ch06/optimizer_compare_mnist.py": [("max_iterations = 2000", "max_iterations = 600")],
    "ch06/overfit_dropout.py": [("epochs=301", "epochs=61"), _NORMALIZED],
    "ch06/overfit_weight_decay.py": [("max_epochs = 201", "max_epochs = 61"), _NORMALIZED],
    "ch06/weight_init_compare.py": [("max_iterations = 2000", "max_iterations = 600")],
    "ch08/half_float_network.py": [_IMAGES],
    "ch08/misclassified_mnist.py": [_IMAGES],
}
# What a gradient check prints is rounding error of a difference: small, not equal.
CHECKS = {"ch05/gradient_check.py", "ch06/batch_norm_gradient_check.py", "ch07/gradient_check.py"}
NUMERICAL = ("grad_num", "val", "diff", "printed")
# These read float32 weights, and have no more digits than that.
SINGLE = {"ch03/neuralnet_mnist.py", "ch03/neuralnet_mnist_batch.py"}
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|\bnan\b|\binf\b")

# Runs SCRIPT from a seed and leaves the numbers among its globals in OUT.
DRIVER = """
import os, runpy, sys
sys.path.pop(0)
side, script, out, seed = sys.argv[1:5]
import numpy as np
np.random.seed(int(seed))
if side == "book":
    folder = os.path.dirname(script)
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = [script]
    found = runpy.run_path(script, run_name="__main__")
else:
    from hotloop.book.runner import run
    found = run(script)
kept = {}
def keep(name, value, depth=0):
    if depth > 4 or name.startswith("_"):
        return
    if isinstance(value, (float, np.floating)):
        kept[name] = np.asarray(value, dtype=float)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size < 10**6:
        kept[name] = value
    elif isinstance(value, (list, tuple)):
        if value and all(isinstance(each, (float, np.floating)) for each in value):
            kept[name] = np.asarray(value, dtype=float)
        else:
            for i, each in enumerate(value):
                keep(f"{name}[{i}]", each, depth + 1)
    elif isinstance(value, dict):
        for i, each in enumerate(value.values()):
            keep(f"{name}[{i}]", each, depth + 1)
    elif not isinstance(value, type):
        for key in ("params", "train_loss_list", "train_acc_list", "test_acc_list"):
            keep(f"{name}.{key}", getattr(value, key, None), depth + 1)
for name, value in list(found.items()):
    keep(name, value)
np.savez(out, **kept)
"""


@dataclass
class Run:
    """What one run of a script left behind."""

    cpu: float
    wall: float
    printed: str
    kept: dict[str, NDArray[Any]]


def cuts(script: str, length: str) -> list[tuple[str, str]]:
    """Return what is changed in `script`, whose `length` is "full", "usual" or "quick"."""
    if length == "full" and script != ENDLESS:
        return []
    return SHORTER.get(script, QUICK.get(script, []) if length == "quick" else [])


def prepare(book: Path, folder: Path, script: str, steps: int, length: str) -> None:
    """Copy the book to `folder`, and shorten `script` there."""
    shutil.copytree(book, folder, ignore=shutil.ignore_patterns(".git*", "notebooks", "*.gz"))
    changes = cuts(script, length)
    path = folder / script
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        if old not in text:
            msg = f"{script} has no {old!r}: is BOOK_DIR another edition?"
            raise ValueError(msg)
        text = text.replace(old, new.replace("STEPS", str(steps)))
    path.write_text(text, encoding="utf-8")


def measure(
    side: str, book: Path, script: str, steps: int, threads: int, length: str = "usual"
) -> Run:
    """Run `script` once in a copy of the book, on the modules of `side`."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "book"
        prepare(book, folder, script, steps, length)
        driver, out = Path(scratch) / "driver.py", Path(scratch) / "out.npz"
        driver.write_text(DRIVER, encoding="utf-8")
        count = str(threads)
        environ = {**os.environ, "MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": count}
        environ.update(HOTLOOP_NUM_THREADS=count, PYTHONDONTWRITEBYTECODE="1")
        environ.pop("DISPLAY", None)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [
            sys.executable,
            str(driver),
            side,
            str(folder / script),
            str(out),
            str(SEEDS.get(script, 1)),
        ]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
        if done.returncode:
            msg = f"{script} failed with the modules of {side}:\n{done.stderr}"
            raise RuntimeError(msg)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        with np.load(out) as kept:
            return Run(cpu, wall, done.stdout, dict(kept))


def difference(script: str, book: Run, ours: Run) -> float:
    """Return the largest relative difference of two runs; raises when they differ in kind."""
    printed = [
        # Lines of the runner itself; what the book's loader says on its first run.
        [line for line in run.printed.splitlines() if not line.startswith("hotloop.book:")]
        for run in (book, ours)
    ]
    if [NUMBER.sub("#", line) for line in printed[0]] != [
        NUMBER.sub("#", line) for line in printed[1]
    ]:
        msg = f"{script} prints other words:\n{printed[0][:5]}\n{printed[1][:5]}"
        raise ValueError(msg)
    if set(book.kept) != set(ours.kept):
        msg = f"{script} leaves other names: {sorted(set(book.kept) ^ set(ours.kept))}"
        raise ValueError(msg)
    pairs = [(np.asarray(book.kept[key]), np.asarray(ours.kept[key]), key) for key in book.kept]
    numbers = [[float(n) for line in lines for n in NUMBER.findall(line)] for lines in printed]
    pairs.append((np.array(numbers[0]), np.array(numbers[1]), "printed"))
    worst = 0.0
    for theirs, own, key in pairs:
        a, b = theirs, own
        if a.shape != b.shape:
            msg = f"{script}: {key} has shape {a.shape} with the book's modules and {b.shape} with ours"
            raise ValueError(msg)
        both = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(a[~both], b[~both], equal_nan=True):
            return math.inf
        if not both.any():
            continue
        if script in CHECKS and key.startswith(NUMERICAL):
            # ch06/batch_norm_gradient_check.py normalises a batch of one: all is 0, at the kink of ReLU, and
            # the check fails for beta2, on both sides by the same figure.
            large = np.maximum(np.abs(a), np.abs(b)) > 1e-5
            if key != "printed" or not large.any():
                continue
            a, b, both = a[large], b[large], both[large]
        # An array is compared in its own norm: single weights near 0 have no digits to lose. Losses and
        # accuracies, and all that is printed, are compared one by one.
        single = a.ndim < 2 and key.endswith(("list", "]", "printed", "acc", "loss"))
        scale = np.abs(a[both]) if single else np.abs(a[both]).max()
        gap = np.abs(a[both] - b[both])
        worst = max(worst, float(np.max(gap / np.where(scale > 0, scale, 1))))
    return worst


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run, compare, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("book", type=Path, metavar="BOOK_DIR")
    parser.add_argument("scripts", nargs="*", default=list(SCRIPTS), metavar="SCRIPT")
    parser.add_argument("--steps", type=int, default=200, help="steps of the shortened trainings")
    parser.add_argument("--threads", type=int, default=1)
    lengths = parser.add_mutually_exclusive_group()
    for length, told in (("quick", "shorten every long script"), ("full", f"all but {ENDLESS}")):
        lengths.add_argument(
            f"--{length}", action="store_const", dest="length", const=length, help=told
        )
    parser.set_defaults(length="usual")
    parser.add_argument(
        "--cache", type=Path, help="folder that keeps the runs of the book's modules"
    )
    options = parser.parse_intermixed_args()
    if not (options.book / "dataset" / "mnist.pkl").is_file():
        parser.error(
            f"{options.book}/dataset has no mnist.pkl: run a script of the book there once"
        )
    unlike = 0
    say("| script | book, s CPU | hotloop, s CPU | ratio | wall | largest difference |")
    say("| --- | ---: | ---: | ---: | ---: | ---: |")
    for script in options.scripts:
        book = cached(options, script)
        ours = run_side("hotloop", options, script)
        worst = difference(script, book, ours)
        unlike += not worst <= (1e-6 if script in SINGLE else TOLERANCE)
        cut = " (shortened)" if cuts(script, options.length) else ""
        if cut and script in SHORTER:
            cut = f" ({options.steps} steps)"
        say(
            f"| {script}{cut} | {book.cpu:.2f} | {ours.cpu:.2f} | {book.cpu / ours.cpu:.1f} "
            f"| {book.wall / ours.wall:.1f} | {worst:.1e} |",
        )
    say(f"{len(options.scripts) - unlike} of {len(options.scripts)} scripts agree to {TOLERANCE}")
    return int(unlike > 0)


def run_side(side: str, options: argparse.Namespace, script: str) -> Run:
    """Run `script` once as the command line says."""
    return measure(side, options.book, script, options.steps, options.threads, options.length)


def cached(options: argparse.Namespace, script: str) -> Run:
    """Run `script` on the book's modules, or read what an earlier run left in the cache."""
    how = f"{options.steps}-{options.threads}-{options.length}"
    name = f"{script.replace('/', '-')}-{how}.pkl"
    path = options.cache / name if options.cache else None
    if path is not None and path.exists():
        return Run(*pickle.loads(path.read_bytes()))
    run = run_side("book", options, script)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps((run.cpu, run.wall, run.printed, run.kept)))
    return run


if __name__ == "__main__":
    sys.exit(main())
