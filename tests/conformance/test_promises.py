"""What holds for every op: dtypes, threads, callers beside each other, recording, errors."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from conformance.cases import (
    CORE,
    DTYPES,
    LARGE,
    Array,
    F,
    Op,
    Role,
    Sample,
    count,
    flat,
    run,
    same_bits,
)
from conformance.table import TABLE
from hotloop import _core

every = pytest.mark.parametrize("name", TABLE)
# float16 and the others that NumPy has and the core has not.
FOREIGN = ("float16", "longdouble", "complex64", "complex128", "U3", "O", "M8[s]")
KINDS = ("int8", "uint8", "int32", "uint64", ">i4", "int64")
READ: tuple[Role, ...] = ("float", "cast", "aside")


@pytest.fixture
def threads(team: str) -> Iterator[None]:
    """Run with either thread team, and put the thread count back."""
    assert team
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


def nonempty(op: Op, most: int) -> list[Sample]:
    return [s for s in op.small if not s.empty and s.size >= 4][:most]


@every
def test_dtypes(name: str) -> None:
    """Integers, bools and lists count as float64; float32 beside float64 becomes float64."""
    op = TABLE[name]
    for sample in nonempty(op, 6):
        single, double = sample.cast("float32"), sample.cast("float64")
        names = sample.named("float")
        for argument in sample.named(*READ):
            x = double.arrays[argument]
            # One argument at a time beside float64: what it holds counts, not how it came.
            for kind in ("int8", "uint8", ">i4", "int64", "bool"):
                whole = np.abs(np.round(x)).astype(kind)
                want = run(op, double.but(**{argument: whole.astype(np.float64)}).fresh())
                assert same_bits(run(op, double.but(**{argument: whole}).fresh()), want), kind
                given: Any = whole.tolist()
                assert same_bits(run(op, double.but(**{argument: given}).fresh()), want), kind
                count(op, "dtypes", 2)
            assert same_bits(
                run(op, double.but(**{argument: x.tolist()}).fresh()), run(op, double.fresh())
            )
            if argument in names:
                mixed = single.but(**{argument: x})
                result = np.float64 if len(mixed.named("changed")) == 0 else np.float32
                floats = run(op, mixed.fresh())[: len(flat_floats(op, mixed))]
                assert all(a.dtype.kind != "f" or a.dtype == result for a in floats)
                wide = mixed.map(
                    lambda _, a: a.astype(np.float64) if a.dtype == np.float32 else a, ("float",)
                )
                assert same_bits(run(op, mixed.fresh()), run(op, wide.fresh()))
                count(op, "dtypes")
            for foreign in FOREIGN:
                bad = np.ones(x.shape).astype(foreign)
                pattern = f"^{op.name}: {argument} must be float32 or float64 .*got"
                with pytest.raises(TypeError, match=pattern):
                    run(op, double.but(**{argument: bad}).fresh())
                count(op, "refused")
        for argument in sample.named("ids"):
            want = run(op, double.fresh())
            for kind in KINDS:
                other = double.but(**{argument: double.arrays[argument].astype(kind)})
                assert same_bits(run(op, other.fresh()), want), kind
                count(op, "dtypes")


def flat_floats(op: Op, sample: Sample) -> list[Any]:
    given = sample.fresh()
    return flat(getattr(F, op.name)(**given.arrays, **given.options))


@every
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("threads")
def test_threads(name: str, dtype: str) -> None:
    """1, 2, 3 and 7 threads, and a second run of each, give the same bits."""
    op = TABLE[name]
    small = [s for s in op.samples if s.size < LARGE]
    for sample in (s.cast(dtype) for s in (*op.large, *small[:: max(1, len(small) // 12)])):
        _core.set_num_threads(1)
        want = run(op, sample.fresh())
        for n in (1, 2, 3, 7):
            _core.set_num_threads(n)
            for _ in range(2):
                assert same_bits(run(op, sample.fresh()), want), n
                count(op, "threads")


@every
@pytest.mark.usefixtures("threads")
def test_together(name: str) -> None:
    """Four Python threads that call the op on the same arrays at once get the bits of one."""
    op = TABLE[name]
    _core.set_num_threads(2)
    samples = [s.cast("float32") for s in (*op.large[:2], *nonempty(op, 6))]
    with ThreadPoolExecutor(4) as pool:
        for sample in samples:
            want = run(op, sample.fresh())
            jobs = [pool.submit(run, op, sample.fresh()) for _ in range(8)]
            for job in jobs:
                assert same_bits(job.result(), want)
                count(op, "together")


@pytest.fixture
def no_switches() -> Iterator[None]:
    """Let a thread that has the interpreter keep it until it gives it away."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


@every
@pytest.mark.usefixtures("no_switches")
def test_interpreter(name: str) -> None:
    """Another Python thread runs while an op is at a large sample."""
    op = TABLE[name]
    sample = max(op.large, key=lambda s: s.size).cast("float32").fresh()
    ran: list[bool] = []
    start = threading.Event()

    def wait() -> None:
        start.wait()
        ran.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    start.set()
    # It is ready from here on, and runs as soon as the interpreter is free and it has a processor,
    # which on a busy machine is not at the first call.
    end = time.monotonic() + 60
    while not ran and time.monotonic() < end:
        run(op, sample)
    seen = bool(ran)
    thread.join()
    assert seen
    count(op, "interpreter")


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_recorded(name: str, dtype: str) -> None:
    """A recorded call gives the bits of a plain one, and again with new numbers in its inputs."""
    op = TABLE[name]
    for sample in (s.cast(dtype) for s in nonempty(op, 8)):
        plan = _core.Plan()
        given = sample.fresh()
        if op.loss or name == "one_hot" or any(a.ndim == 0 for a in given.arrays.values()):
            continue
        with plan.recording():
            call = getattr(CORE, op.name, getattr(F, op.name))
            results = flat(call(**given.arrays, **given.options))
        changed = [given.arrays[a] for a in given.named("changed", "running")]
        for _ in range(2):
            want = run(op, given.fresh())
            plan.run()
            assert same_bits([*results, *changed], want)
            for argument in given.named("float", "cast", "moved"):
                given.arrays[argument][...] = given.arrays[argument][::-1].copy()
        count(op, "recorded")


@every
def test_refused(name: str) -> None:
    """What the row lists is refused with its text, and each array is refused by its name."""
    op = TABLE[name]
    for call, error, text in op.bad:
        with pytest.raises(error, match=f"^{op.name}: .*(?:{text})|^{op.name}: (?:{text})"):
            call()
        count(op, "refused")
    sample = nonempty(op, 1)[0].cast("float32")
    ragged: Any = [[1.0, 2.0], [3.0]]
    for argument in sample.arrays:
        wrong = ["text", object(), np.ones((1,) * 9, sample.arrays[argument].dtype)]
        if argument != "arrays":  # a list of arrays of several sizes is what it is for
            wrong.append(ragged)
        if argument not in op.optional:
            wrong.append(None)
        for bad in wrong:
            with pytest.raises((TypeError, ValueError)) as caught:
                run_given(op, sample, argument, bad)
            text = str(caught.value)
            assert re.search(rf"^{op.name}: .*\b{argument}\b", text), text
            count(op, "refused")


def run_given(op: Op, sample: Sample, argument: str, value: Any) -> None:
    given = sample.fresh()
    arrays: dict[str, Array] = {**given.arrays, argument: value}
    getattr(F, op.name)(**arrays, **given.options)
