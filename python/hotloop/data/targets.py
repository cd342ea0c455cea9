"""Targets of losses and metrics: class ids, rows, values; what fits the outputs and what not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.data.indexed import is_indexed

Array = NDArray[Any]


def as_array(name: str, what: str, values: Any) -> Array:
    """Return `values` as an array, of what is one; an error names `what`.

    Raises
    ------
    TypeError
        For data behind an index, which NumPy would ask for items without end.
    ValueError
        For masked values, since an array would show what is under the mask, and for parts of
        different shapes.
    """
    if type(values) is np.ndarray:
        return values
    if is_indexed(values) and not isinstance(values, Sequence):
        kind = type(values).__name__
        msg = f"{name}: {what} must be an array, got {kind}, which has items behind an index"
        raise TypeError(msg)
    refuse_masked(name, what, values)
    try:
        return np.asarray(values)
    except ValueError as error:
        kind = type(values).__name__
        msg = f"{name}: {what} is a {kind} whose parts have different shapes, so it is no array"
        raise ValueError(msg) from error


def refuse_masked(name: str, what: str, values: Any) -> None:
    """Raise a ValueError for masked values, alone or in a list of arrays."""
    parts = values if isinstance(values, list | tuple) else [values]
    if any(isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part) for part in parts):
        msg = (
            f"{name}: {what} has masked values, which cannot be left out; fill them, as in "
            "a.filled(0.0), or take the rows without any, such as a[~a.mask.any(axis=1)]"
        )
        raise ValueError(msg)


def real_array(name: str, what: str, values: Any) -> Array:
    """Return `values` as an array of real numbers or bools; a TypeError names `what`."""
    array = as_array(name, what, values)
    if array.dtype.kind not in "biuf":
        msg = f"{name}: {what} must be real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    return array


def as_ids(name: str, labels: Array) -> Array:
    """Return labels as int64; a ValueError for fractions and NaN."""
    if labels.dtype == np.int64:
        return np.ascontiguousarray(labels)
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (np.trunc(labels) == labels)
        if not whole.all():
            worst = labels[~whole].flat[0]
            msg = f"{name}: labels must be whole class ids, got {worst} among them"
            raise ValueError(msg)
    return np.ascontiguousarray(labels.astype(np.int64))


def check_range(name: str, ids: Array, k: int) -> None:
    """Raise a ValueError when an id lies outside ``0 .. k - 1``."""
    if ids.size and (int(ids.min()) < 0 or int(ids.max()) >= k):
        worst = int(ids.min()) if int(ids.min()) < 0 else int(ids.max())
        msg = (
            f"{name}: labels must lie in 0..{k - 1} for {k} outputs, got {worst} "
            f"(labels: {ids.shape})"
        )
        raise ValueError(msg)


def class_targets(
    name: str, t: Any, output_shape: tuple[int, ...], dtype: Any, *, check: bool = True
) -> Array:
    """Return int64 class ids of shape ``output_shape[:-1]``, or rows of `dtype` as the outputs.

    Parameters
    ----------
    name : str
        Who asks, for error texts.
    t : array_like
        Ids ``(N,)`` or ``(N, 1)``, or rows ``(N, K)``.
    output_shape : tuple of int
        ``(N, K)``, or with further axes between.
    dtype : dtype
        Of rows.
    check : bool
        Whether ids outside the classes raise here.

    Raises
    ------
    ValueError
        When `t` fits neither form, and for labels outside the classes.
    """
    array = real_array(name, "labels", t)
    lead, k = output_shape[:-1], output_shape[-1]
    if array.shape == output_shape and k > 1:
        return np.ascontiguousarray(array, dtype=dtype)
    if array.shape == (*lead, 1):
        array = array.reshape(lead)
    if array.shape != lead:
        msg = (
            f"{name}: labels must be class ids {lead} or {(*lead, 1)} or rows {output_shape} "
            f"for outputs {output_shape}, got shape {array.shape}"
        )
        raise ValueError(msg)
    ids = as_ids(name, array)
    if check:
        check_range(name, ids, k)
    return ids


def like_outputs(t: Any, output_shape: tuple[int, ...]) -> Any:
    """Return targets that differ from the outputs by a last axis of 1 in the outputs' shape.

    ``(N,)`` against ``(N, 1)`` would broadcast to ``(N, N)``; any other targets stay as they are.
    """
    array = as_array("loss or metric", "targets", t)
    squeezed = output_shape[:-1] if output_shape[-1:] == (1,) else None
    if array.shape != output_shape and array.shape in (squeezed, (*output_shape, 1)):
        return array.reshape(output_shape)
    return t


def matching_targets(name: str, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
    """Return targets of `dtype` in the shape of the outputs.

    ``(N,)`` matches outputs ``(N, 1)`` and ``(N, 1)`` outputs ``(N,)``.

    Raises
    ------
    ValueError
        For any other difference of shape.
    """
    array = real_array(name, "targets", t)
    array = like_outputs(array, output_shape)
    if array.shape != output_shape:
        msg = f"{name}: targets {array.shape} do not match outputs {output_shape}"
        raise ValueError(msg)
    return np.ascontiguousarray(array, dtype=dtype)
