"""The way back: gradients from an answer to what it was made of."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterable
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff import numeric as num
from hotloop.autodiff.rule import Array, Entry, mode, quiet


@quiet
def gradients(
    targets: Iterable[tuple[Any, Array]], wanted: Iterable[Any], retain: bool = False
) -> dict[int, Array]:
    """Return the gradients of tensors, by ``id``.

    Calls are gone through in reverse order of their making, so a sum of several gradients is
    always formed in the same order.

    Parameters
    ----------
    targets : iterable of (Tensor, ndarray)
        Answers, and the gradient that each starts with.
    wanted : iterable of Tensor
        Whose gradients are returned; leaves that are not named get theirs too.
    retain : bool
        Keep what the calls saved, to go back a second time.

    Returns
    -------
    dict of int to ndarray
        Of every wanted tensor and every leaf that the answers depend on.
    """
    keep = {id(tensor) for tensor in wanted}
    found: dict[int, Array] = {}
    owned: set[int] = set()
    pending: dict[int, list[Array | None]] = {}
    entries: dict[int, Entry] = {}
    heap: list[int] = []
    recorder = mode.recorder

    def give(tensor: Any, grad: Array) -> None:
        if recorder is not None:
            grad = recorder.cast(grad, tensor.dtype)
        elif grad.dtype != tensor.data.dtype:
            grad = grad.astype(tensor.data.dtype)
        entry = tensor.entry
        if entry is None or id(tensor) in keep:
            if recorder is not None and id(tensor) in found:
                found[id(tensor)] = recorder.plus(found[id(tensor)], grad)
            else:
                _add(found, owned, id(tensor), grad)
        if entry is not None:
            if entry.order not in entries:
                entries[entry.order] = entry
                count = 1 if entry.outputs is None else len(entry.outputs)
                pending[entry.order] = [None] * count
                heapq.heappush(heap, -entry.order)
            slots = pending[entry.order]
            before = slots[tensor.index]
            if before is not None:
                plus = num.add if recorder is None else recorder.plus
                grad = np.asarray(plus(before, grad))
            slots[tensor.index] = grad

    for tensor, grad in targets:
        give(tensor, grad)
    while heap:
        order = -heapq.heappop(heap)
        entry, grads = entries.pop(order), pending.pop(order)
        parts = entry.backward(grads) if recorder is None else recorder.backward(entry, grads)
        for tensor, part in zip(entry.inputs, parts, strict=True):
            if tensor is not None and part is not None:
                give(tensor, part)
        if not retain:
            entry.saved = None
    return found


@functools.cache
def one(dtype: Any) -> Array:
    """Return the 1 of a dtype that a way back starts with; always the same array."""
    made = np.ones((), dtype)
    made.flags.writeable = False
    return made


def ones(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return the gradient that an answer starts with by itself."""
    return np.ones(shape, dtype) if shape else one(dtype)


def _add(found: dict[int, Array], owned: set[int], key: int, grad: Array) -> None:
    """Add `grad` to what was found, in an array of our own from the second one on."""
    if key not in found:
        found[key] = grad
    elif key in owned:
        # A core call, so that a recorded layer holds it.
        add = _core.add if grad.dtype.char in num.CORE else np.add
        add(found[key], grad, out=found[key])
    else:
        found[key] = num.add(found[key], grad)
        owned.add(key)
