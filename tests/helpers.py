"""What the tests of the operations share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core

Array = NDArray[Any]

# Largest error allowed, relative to the largest |reference|.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
DTYPES = ("float32", "float64")


def assert_close(actual: Any, reference: Any, dtype: Any = None, terms: float = 0.0) -> None:
    """Hold `actual` to `reference` within the promise of its dtype, shape and NaN included.

    `terms` is the size of the terms of a sum that may cancel: its error is relative to those.
    """
    actual, reference = np.asarray(actual), np.asarray(reference)
    assert actual.shape == reference.shape
    tolerance = TOLERANCE[np.dtype(dtype or actual.dtype).name]
    finite = np.isfinite(reference)
    np.testing.assert_array_equal(actual[~finite], reference[~finite])
    scale = max(float(np.abs(reference[finite]).max(initial=0.0)), terms)
    error = np.abs(actual[finite] - reference[finite]).max(initial=0.0)
    assert error <= tolerance * scale, f"error {error:.3g} for values up to {scale:.3g}"


def variants(x: Array) -> Iterator[tuple[str, Array]]:
    """Yield arrays equal to `x` that lie otherwise in memory."""
    yield "contiguous", np.ascontiguousarray(x)
    yield "Fortran", np.asfortranarray(x)
    yield "big-endian", x.astype(x.dtype.newbyteorder(">"))
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), x.dtype)
    wide[..., 1::2] = x
    yield "sliced", wide[..., 1::2]
    yield "reversed", np.ascontiguousarray(x[::-1, ...])[::-1, ...]
    flat = np.zeros(x.size + 1, x.dtype)
    flat[1:] = x.ravel()
    yield "offset by one", flat[1:].reshape(x.shape)
    raw = np.zeros(x.nbytes + 1, np.uint8)
    odd = raw[1:].view(x.dtype).reshape(x.shape) if x.size else x.copy()
    odd[...] = x
    yield "misaligned", odd
    fixed = x.copy()
    fixed.flags.writeable = False
    yield "read-only", fixed


def numeric_gradient(f: Callable[[], float], x: Array, h: float = 1e-5) -> Array:
    """Central differences of `f()` by every element of the float64 array `x`, changed in place."""
    gradient = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        kept = x[index]
        x[index] = kept + h
        above = f()
        x[index] = kept - h
        below = f()
        x[index] = kept
        gradient[index] = (above - below) / (2 * h)
    return gradient


def assert_gradient(
    analytic: Any, f: Callable[[], float], x: Array, tolerance: float = 1e-7
) -> None:
    """Hold an analytic gradient to central differences, relative to its largest element."""
    numeric = numeric_gradient(f, x)
    scale = max(1.0, float(np.abs(numeric).max(initial=0.0)))
    np.testing.assert_allclose(analytic, numeric, rtol=0, atol=tolerance * scale)


def bits(value: Any) -> list[bytes]:
    """Give the bytes of every array and number that an operation returned."""
    parts = value if isinstance(value, tuple) else (value,)
    return [np.asarray(part).tobytes() for part in parts if part is not None]


def assert_same_bits_on_any_thread_count(f: Callable[[], Any]) -> None:
    """Call `f` at 1, 2, 3 and 7 threads of either team and compare every bit."""
    before, facts = _core.get_num_threads(), _core.config()
    results = []
    try:
        for team in facts["threading_available"]:
            _core.set_threading(team)
            for n in (1, 2, 3, 7):
                _core.set_num_threads(n)
                results.append(bits(f()))
    finally:
        _core.set_num_threads(before)
        _core.set_threading(facts["threading"])
    assert all(result == results[0] for result in results)
