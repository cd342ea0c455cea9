"""The table of C++ against NumPy: every op of ``hotloop.functional`` and two training steps.

Both sides run in one process, in turns, on the same arrays. Answers are compared first, with the
reference computed in float64; a row whose answers differ is not timed, and the run fails.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hotloop import functional, reference
from hotloop._bench.measure import (
    DisagreementError,
    describe,
    duration,
    interleave,
    machine,
    require_agreement,
    say,
    table,
    time_calls,
)
from hotloop._bench.ops import OpCase, make_call
from hotloop._bench.steps import hotloop_step, numpy_step
from hotloop._bench.workloads import BOOK_MLP, SIMPLE_CONV_NET, Workload

OP_TOLERANCE = 1e-4  # float32, of the largest reference value; sums of 1,000 terms reach 1e-6
LOSS_TOLERANCE = 1e-3  # after three float32 steps against float64


@dataclass
class Row:
    """One line of the table; times in seconds, ``ratio`` = NumPy over C++, None where refused."""

    name: str
    hotloop: float | None = None
    numpy: float | None = None
    hotloop_best: float | None = None
    numpy_best: float | None = None
    ratio: float | None = None
    error: str | None = None


def op_cases() -> list[OpCase]:
    """List the calls of the table, the book's shapes and some larger ones."""
    cases = [
        OpCase("matmul", (128, 512, 784)),
        OpCase("matmul", (784, 512, 128), params={"transpose_a": True}),
        OpCase("matmul", (128, 784, 512), params={"transpose_b": True}),
        OpCase("matmul", (128, 512, 784), dtype="float64"),
        OpCase("affine", (100, 50, 784), params={"activation": "sigmoid"}),
        OpCase("affine_backward", (100, 50, 784)),
        *_pairs(("relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh"), (256, 1024)),
        OpCase("step", (256, 1024)),
        OpCase("identity", (256, 1024)),
        *_pairs(("softmax", "log_softmax"), (1000, 100)),
        *_pairs(("softmax_cross_entropy", "cross_entropy", "nll"), (1000, 100)),
        *_pairs(("binary_cross_entropy", "mean_squared_error"), (1000, 100)),
    ]
    shapes = (((100, 28, 28, 1), (5, 5, 1, 30), 0), ((32, 14, 14, 16), (3, 3, 16, 32), 1))
    for op in ("conv2d", "conv2d_backward"):
        for shape, weight, padding in shapes:
            for data_format in ("channels_first", "channels_last"):
                for algorithm in ("im2col", "implicit_gemm"):
                    params = {
                        "padding": padding,
                        "data_format": data_format,
                        "algorithm": algorithm,
                    }
                    cases.append(OpCase(op, shape, weight, params))
    image, size = (100, 24, 24, 30), {"pool_size": 2}
    return [
        *cases,
        *_pairs(("max_pool2d", "avg_pool2d"), image, size),
        *_pairs(("global_avg_pool2d",), image),
        OpCase("im2col", (100, 28, 28, 1), params={"kernel_size": 5}),
        OpCase("col2im", (100, 28, 28, 1), params={"kernel_size": 5}),
        OpCase("batch_norm", (256, 256), params={"training": True}),
        OpCase("batch_norm", image, params={"training": True}),
        OpCase("batch_norm", image, params={"training": False}),
        OpCase("batch_norm_backward", (256, 256)),
        OpCase("batch_norm_backward", image),
        *_pairs(("layer_norm", "dropout"), (256, 1024)),
        OpCase("one_hot", (10_000,), params={"num_classes": 10}),
        OpCase("sgd_update", (262_144,), params={"lr": 0.01}),
        OpCase("momentum_update", (262_144,), params={"lr": 0.01}),
        OpCase("adagrad_update", (262_144,), params={"lr": 0.01}),
        OpCase("rmsprop_update", (262_144,), params={"lr": 0.01}),
        OpCase("adam_update", (262_144,), params={"lr": 0.001, "step": 3}),
    ]


def _pairs(ops: Iterable[str], shape: tuple[int, ...], params: Any = None) -> list[OpCase]:
    names = [name for op in ops for name in (op, op + "_backward")]
    return [OpCase(name, shape, params=params or {}) for name in names]


def compare_op(case: OpCase, seconds: float, rounds: int, functions: Any = functional) -> Row:
    """Check one call and time it on both sides.

    Parameters
    ----------
    case
        The call.
    seconds
        Time for both sides together.
    rounds
        Turns of each side.
    functions
        The namespace that is held against ``hotloop.reference``.
    """
    call = make_call(case)
    try:
        want = call.cast("float64").outputs(reference)
        tolerance = OP_TOLERANCE if case.dtype == "float32" else 1e-10
        require_agreement(call.outputs(functions), want, tolerance, case.label)
    except Exception as error:  # whatever an op raises belongs in its row, the others go on
        return Row(case.label, error=_reason(error, case.label))
    own, other = call.cast(case.dtype), call.cast(case.dtype)
    return _timed(
        case.label, lambda: own.run(functions), lambda: other.run(reference), seconds, rounds
    )


def compare_step(workload: Workload, seconds: float, rounds: int) -> Row:
    """Check three training steps against float64 and time further ones on both sides."""
    name = f"training step {workload.title}"
    theirs, _ = numpy_step(workload)
    exact, stepper = numpy_step(workload, "float64")
    try:
        ours, model = hotloop_step(workload)
        got, want = [[np.asarray(step()) for _ in range(3)] for step in (ours, exact)]
        require_agreement(got, want, LOSS_TOLERANCE, f"{name}, losses")
        moved = [a - b for a, b in zip(stepper.weights(), workload.make_weights(), strict=True)]
        mine = [a - b for a, b in zip(model.get_weights(), workload.make_weights(), strict=True)]
        require_agreement([_distance(mine, moved)], [np.zeros(())], 0.05, f"{name}, weights")
    except Exception as error:
        return Row(name, error=_reason(error, name))
    return _timed(name, ours, theirs, seconds, rounds)


def _reason(error: Exception, name: str) -> str:
    if isinstance(error, DisagreementError):
        return str(error)
    return f"{name}: {type(error).__name__}: {error}"


def _distance(got: Sequence[Any], want: Sequence[Any]) -> Any:
    """Length of the difference of two updates over the length of the second."""
    length = [
        np.sqrt(sum(float(np.sum(np.square(a, dtype=np.float64))) for a in arrays))
        for arrays in ([g - w for g, w in zip(got, want, strict=True)], want)
    ]
    return np.asarray(length[0] / length[1])


def _timed(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    seconds: float,
    rounds: int,
) -> Row:
    contenders = {"hotloop": partial(time_calls, ours), "numpy": partial(time_calls, theirs)}
    samples = interleave(contenders, seconds, rounds)
    mine, other = samples["hotloop"], samples["numpy"]
    ratio = other.median / mine.median
    return Row(name, mine.median, other.median, mine.best, other.best, ratio)


def run(
    *,
    quick: bool = False,
    json_path: Path | None = None,
    only: str = "",
    seconds: float | None = None,
) -> int:
    """Print the table of C++ against NumPy; give 0, or 1 if an answer differs or no row was found.

    Parameters
    ----------
    quick
        Short turns: about a minute in all.
    json_path
        Where to write machine and rows as JSON; nowhere if absent.
    only
        Take only the rows whose name contains this.
    seconds
        Time for each row in place of the usual one.
    """
    seconds = seconds or (0.1 if quick else 0.6)
    rounds = 2 if quick else 5
    facts = machine()
    say(describe(facts))
    rows: list[Row] = []
    for case in op_cases():
        if only in case.label and hasattr(functional, case.op):
            rows.append(compare_op(case, seconds, rounds))
    for workload in (BOOK_MLP, SIMPLE_CONV_NET):
        if only in f"training step {workload.title}":
            rows.append(compare_step(workload, 5 * seconds, rounds))
    say(render(rows))
    for row in rows:
        if row.error:
            say(f"WRONG: {row.error}")
    if json_path:
        record = {"machine": facts, "rows": [asdict(row) for row in rows]}
        json_path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if not rows:
        say(f"no row has {only!r} in its name")
    return int(not rows or any(row.error for row in rows))


def render(rows: Iterable[Row]) -> str:
    """Set the rows as a table; medians, and how many times faster the C++ side is."""
    body = [
        [
            row.name,
            duration(row.hotloop),
            duration(row.numpy),
            "WRONG" if row.ratio is None else f"{row.ratio:.2f}x",
            duration(row.hotloop_best),
        ]
        for row in rows
    ]
    return table(["C++ against NumPy (medians)", "hotloop", "NumPy", "faster by", "best"], body)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the benchmark to a parser."""
    parser.add_argument("--quick", action="store_true", help="short turns, about a minute in all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains TEXT")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="C++ against NumPy, op by op and step by step.")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    return run(quick=options.quick, json_path=options.json, only=options.only)
