"""Where arrays lie: layouts, what may not be written, `out`, overlaps, references."""

from __future__ import annotations

import functools
import gc
import inspect
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases import (
    CORE,
    DTYPES,
    WRITTEN,
    Array,
    F,
    Op,
    Sample,
    count,
    flat,
    run,
    same_bits,
)
from conformance.layouts import FOR_CHANGED, LAYOUTS, fence_stands, lay
from conformance.table import TABLE

READ = ("float", "cast", "ids")
every = pytest.mark.parametrize("name", TABLE)


def chosen(op: Op, most: int = 40) -> list[Sample]:
    """Take small samples from all over the list."""
    small = [*op.small, *op.empty]
    return small[:: max(1, len(small) // most)]


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts(name: str, dtype: str) -> None:
    """All arrays in one layout, and one at a time, give the bits of contiguous ones."""
    op = TABLE[name]
    for i, sample in enumerate(s.cast(dtype) for s in chosen(op)):
        plain = run(op, sample.fresh())
        for layout in LAYOUTS:

            def put(argument: str, a: Array, layout: str = layout, s: Sample = sample) -> Array:
                fixed = layout not in FOR_CHANGED and s.role(argument) in WRITTEN
                return lay(a, "C" if fixed else layout)

            groups = [tuple(sample.arrays), *(((a,) for a in sample.arrays) if i < 3 else ())]
            for group in groups:
                moved = sample.but(**{a: put(a, sample.arrays[a]) for a in group})
                kept = {a: moved.arrays[a] for a in moved.named(*WRITTEN) if a not in group}
                moved = moved.but(**{a: b.copy() for a, b in kept.items()})
                got = run(op, moved)
                assert same_bits(got, plain), (layout, group)
                if layout == "offset by one":
                    assert all(fence_stands(moved.arrays[a]) for a in group)
                count(op, "layouts")


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_untouched(name: str, dtype: str) -> None:
    """Nothing is written but what the op changes; results are new, contiguous and native."""
    op = TABLE[name]
    for sample in (s.cast(dtype) for s in chosen(op)):
        given = sample.fresh()
        inputs = [a for a in given.arrays if given.role(a) not in WRITTEN]
        before = {a: given.arrays[a].tobytes() for a in inputs}
        results = flat(getattr(F, op.name)(**given.arrays, **given.options))
        assert {a: given.arrays[a].tobytes() for a in inputs} == before
        for result in results:
            if isinstance(result, np.ndarray):
                assert result.flags.c_contiguous
                assert result.flags.writeable
                assert result.dtype.isnative
                assert not any(np.shares_memory(result, a) for a in given.arrays.values())
        count(op, "untouched")


def _of_core(name: str) -> Callable[..., Any]:
    cell = name.removesuffix("_backward")
    if cell in {"lstm", "gru", "simple_rnn"}:  # one operation for all cells
        return functools.partial(getattr(CORE, name.replace(cell, "recurrent")), cell)
    function: Callable[..., Any] = getattr(CORE, name)
    return function


class Outs:
    """The calls of one op with `out`: through functional, or the core where that has none."""

    def __init__(self, op: Op, sample: Sample) -> None:
        self.op, self.sample = op, sample
        public = "out" in inspect.signature(getattr(F, op.name)).parameters
        self.function = getattr(F, op.name) if public else _of_core(op.name)
        # The arrays that come back; a loss beside them is not written to `out`.
        results = flat(getattr(F, op.name)(**sample.fresh().arrays, **sample.options))
        self.plain: list[Array] = [a for a in results if isinstance(a, np.ndarray)]
        documented = getattr(self.function, "func", self.function).__doc__ or ""
        self.exists = bool(self.plain) and (public or "out:" in documented)
        whole = self.function(**sample.fresh().arrays, **sample.options)
        self.slots = [isinstance(part, np.ndarray) for part in _parts(whole)]
        self.many = isinstance(whole, tuple) and not op.loss

    def shape(self, outs: list[Any]) -> Any:
        """Lay out what goes in as `out`: one array, or a tuple with None for what is not asked."""
        if not self.many:
            return outs[0]
        waiting = iter(outs)
        return tuple(next(waiting) if used else None for used in self.slots)

    def __call__(self, outs: list[Any], **changed: Any) -> list[Array]:
        sample = self.sample.fresh().but(**changed)
        returned = self.function(**sample.arrays, **sample.options, out=self.shape(outs))
        return [a for a in _parts(returned) if isinstance(a, np.ndarray)]


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_out(name: str, dtype: str) -> None:
    """`out` of any layout is filled and comes back; it may be an input where the row says so."""
    op = TABLE[name]
    for sample in (s.cast(dtype) for s in chosen(op, 16)):
        call = Outs(op, sample)
        if not call.exists:
            continue
        for layout in FOR_CHANGED:
            outs = [lay(np.full_like(a, 77), layout) for a in call.plain]
            assert all(a is b for a, b in zip(call(outs), outs, strict=True))
            assert same_bits(outs, call.plain), layout
            if layout == "offset by one":
                assert all(map(fence_stands, outs))
            count(op, "out")
        for argument in op.alias:
            if sample.role(argument) != "float" or (
                (argument, op.name) == ("x", "batch_norm") and (sample.options["training"])
            ):
                continue
            if sample.arrays[argument].shape != call.plain[0].shape:
                continue  # it is broadcast
            for layout in FOR_CHANGED[:4]:
                own = lay(sample.arrays[argument], layout)
                rest = [np.empty_like(a) for a in call.plain[1:]]
                assert call([own, *rest], **{argument: own})[0] is own
                assert same_bits([own, *rest], call.plain), (argument, layout)
                count(op, "out")
        refuse_bad_outs(op, call)


def refuse_bad_outs(op: Op, call: Outs) -> None:
    """Wrong shape, dtype, type and a read-only array are refused by name."""
    good = [np.zeros_like(a) for a in call.plain]
    first = good[0]
    fixed = first.copy()
    fixed.flags.writeable = False
    other = "float32" if first.dtype == np.float64 else "float64"
    cases: list[tuple[Any, type[Exception], str]] = [
        (np.empty((*first.shape, 1), first.dtype), ValueError, "must have shape"),
        (np.empty((*first.shape[:-1], 99), first.dtype), ValueError, "must have shape"),
        (first.astype(other), TypeError, f"must have dtype {first.dtype}, got {other}"),
        (first.astype(first.dtype.newbyteorder(">")), TypeError, "must have dtype"),
        (first.tolist(), TypeError, "must be a numpy array, got"),
        (fixed, ValueError, "is read-only"),
    ]
    if first.size > 1:
        # One element stands for all of them: what was written last would be in every place.
        folded = np.lib.stride_tricks.as_strided(first.copy(), strides=(0,) * first.ndim)
        cases.append((folded, ValueError, "overlaps itself"))
    for bad, error, text in cases:
        with pytest.raises(error, match=f"^{op.name}: .*{text}"):
            call([bad, *good[1:]])
        count(op, "refused")


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_overlap(name: str, dtype: str) -> None:
    """`out` that shares memory with an input is refused, unless it is one and the row allows it."""
    op = TABLE[name]
    for sample in (s.cast(dtype) for s in chosen(op, 16) if not s.empty):
        call = Outs(op, sample)
        if not call.exists:
            continue
        for i, result in enumerate(call.plain):
            rest = [np.empty_like(a) for a in call.plain]
            for argument, given in sample.arrays.items():
                if not result.size:
                    continue
                # The input first, then the output, with some bytes in common.
                start = (given.nbytes - 1) // result.itemsize * result.itemsize
                room = np.zeros(start + result.nbytes + 8, np.uint8)
                moved = room[: given.nbytes].view(given.dtype).reshape(given.shape)
                moved[...] = given
                out = room[start : start + result.nbytes].view(result.dtype).reshape(result.shape)
                exact = given.shape == result.shape and given.dtype == result.dtype
                if start or not exact:
                    apart(op, call, [*rest[:i], out, *rest[i + 1 :]], {argument: moved})
                if exact and not (i == 0 and argument in op.alias):
                    own = given.copy()
                    apart(op, call, [*rest[:i], own, *rest[i + 1 :]], {argument: own})
                if exact and given.ndim and given.shape[0] > 1:
                    wide = np.zeros((given.shape[0] + 1, *given.shape[1:]), given.dtype)
                    wide[:-1] = given
                    apart(op, call, [*rest[:i], wide[1:], *rest[i + 1 :]], {argument: wide[:-1]})


def apart(op: Op, call: Outs, outs: list[Array], changed: dict[str, Array]) -> None:
    """See that the op refuses, and has written nothing."""
    before = [a.tobytes() for a in (*outs, *changed.values())]
    with pytest.raises(ValueError, match=f"^{op.name}: .* overlaps"):
        call(outs, **changed)
    assert [a.tobytes() for a in (*outs, *changed.values())] == before
    count(op, "overlap")


@every
def test_folded(name: str) -> None:
    """An array whose elements share memory is not changed in place: each would be changed by all."""
    op = TABLE[name]
    for sample in (s.cast("float32") for s in chosen(op, 4)):
        for argument in sample.named(*WRITTEN):
            given = sample.fresh()
            whole = given.arrays[argument]
            if whole.size < 2:
                continue
            folded = np.lib.stride_tricks.as_strided(whole, strides=(0,) * whole.ndim)
            with pytest.raises(ValueError, match=f"^{op.name}: {argument}"):
                run(op, given.but(**{argument: folded}))
            assert same_bits([whole], [sample.arrays[argument]])
            count(op, "overlap")


def growth(call: Callable[[], object]) -> int:
    """Count the bytes that some calls leave allocated: a leak does so every time, a filling cache once."""
    return min(left_behind(call) for _ in range(3))


def left_behind(call: Callable[[], object]) -> int:
    """Count the bytes that twenty calls leave allocated."""
    for _ in range(3):
        call()
    tracemalloc.start()
    try:
        call()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            call()
        grown = tracemalloc.get_traced_memory()[0] - before
        if grown > 1000:
            # Python's free lists keep some kilobytes of what is gone, until a collection, which is slow.
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
        return grown
    finally:
        tracemalloc.stop()


@every
@pytest.mark.parametrize("layout", ["C", "sliced"])
def test_references(name: str, layout: str) -> None:
    """Calls, also those that fail, leave reference counts and allocated memory as they were."""
    op = TABLE[name]
    for sample in chosen(op, 4):
        given = sample.cast("float32").map(lambda _, a: lay(a, layout))
        things = list(given.arrays.values())
        function = getattr(F, op.name)
        call = Outs(op, given)
        outs = [np.empty_like(a) for a in call.plain]

        def good(given: Sample = given, function: Any = function) -> None:
            results = flat(function(**given.arrays, **given.options))
            assert all(sys.getrefcount(r) <= 3 for r in results if isinstance(r, np.ndarray))

        def bad(given: Sample = given, function: Any = function) -> None:
            arrays = {a: np.empty((1,) * 9, np.float32) for a in given.arrays}
            for wrong in (arrays, dict.fromkeys(given.arrays, "text")):
                with pytest.raises((TypeError, ValueError)):
                    function(**{**given.arrays, **wrong}, **given.options)

        def filled(call: Outs = call, outs: list[Array] = outs) -> None:
            call(outs)

        for many in (good, bad, *((filled,) if call.exists else ())):
            many()
            before = [sys.getrefcount(a) for a in (*things, *outs)]
            for _ in range(5):
                many()
            assert [sys.getrefcount(a) for a in (*things, *outs)] == before
            count(op, "references")
        lists = {a: b.tolist() for a, b in given.arrays.items() if given.role(a) in READ}

        def listed(given: Sample = given, function: Any = function, lists: Any = lists) -> None:
            function(**{**given.arrays, **lists}, **given.options)

        assert growth(good) < 2000
        assert sample.empty or growth(listed) < 2000
        count(op, "references")
