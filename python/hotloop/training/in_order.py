"""The door of a model: what Keras takes alone, in lists or in dicts by name, as lists in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import quoted
from hotloop.data.arrays import ArrayData, class_weights, input_array, weight_array
from hotloop.data.targets import real_array
from hotloop.engine.objective import Objective
from hotloop.losses import BinaryCrossentropy, Loss

Array = NDArray[Any]
Shape = tuple[int | None, ...]


def listed(given: Any) -> list[Any]:
    """Return a list of what was given: one, several or none."""
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def by_name(what: str, given: Any, names: Sequence[str], default: Any = None) -> list[Any]:
    """Return one item for each name, from a dict by name or a list in order.

    Raises
    ------
    ValueError
        For names that do not exist, and another number of items.
    """
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(names))
        if unknown:
            msg = f"{what}: no {quoted(unknown)}; there are {quoted(list(names))}"
            raise ValueError(msg)
        return [given.get(name, default) for name in names]
    items = list(given) if isinstance(given, list | tuple) else [given]
    if len(items) != len(names):
        msg = f"{what}: one item for each of {list(names)} is needed, got {len(items)}"
        raise ValueError(msg)
    return items


# -- what compile takes ------------------------------------------------------------------------


def objective(loss: Any, loss_weights: Any, names: Sequence[str]) -> Objective | None:
    """Return a loss and a weight for each output; None where no output has a loss."""
    if loss is None or isinstance(loss, Objective):
        return loss
    one_for_all = not isinstance(loss, list | tuple | Mapping) or "class" in loss
    losses = [loss] * len(names) if one_for_all else by_name("loss", loss, names)
    given = 1.0 if loss_weights is None else loss_weights
    if isinstance(given, float | int) and not isinstance(given, bool):
        weights = [given] * len(names)
    else:
        weights = by_name("loss_weights", given, names, 1.0)
    made = Objective(losses, weights)
    return made if any(one is not None for one in made.losses) else None


def watched(what: str, metrics: Any, names: Sequence[str]) -> list[tuple[int, Any]]:
    """Return each metric with the output that it looks at."""
    nested = isinstance(metrics, list) and any(isinstance(m, list) for m in metrics)
    if isinstance(metrics, Mapping) or (nested and len(names) == 1):
        lists = by_name(what, metrics, names)
    elif (
        metrics is None
        or len(names) == 1
        or isinstance(metrics, str)
        or (isinstance(metrics, list) and len(metrics) == 1 and not nested)
    ):
        lists = [metrics] * len(names)
    else:
        lists = by_name(what, metrics, names)
    return [(i, m) for i, items in enumerate(lists) for m in listed(items) if m is not None]


# -- data --------------------------------------------------------------------------------------


def alone(x: Any, rank: int | None) -> Any:
    """Return the array in ``[x]``, Keras's way to name the only one."""
    if isinstance(x, list | tuple) and len(x) == 1 and isinstance(x[0], np.ndarray):
        return x[0] if rank in (None, x[0].ndim) else x
    return x


def samples(
    name: str,
    x: Any,
    names: Sequence[str],
    owners: Sequence[str],
    shapes: Sequence[Shape],
    fronts: Sequence[Any] = (),
) -> list[Array]:
    """Return checked samples for each input.

    Parameters
    ----------
    name : str
        Who asks, for error texts.
    x : array_like, list or dict of array_like
        What a caller gave.
    names, owners, shapes : sequence
        For each input: the key of a dict, the layer that it enters, its shape.
    fronts : sequence of Layer or None
        What turns texts into numbers.

    Raises
    ------
    ValueError
        For samples of another shape, and inputs of different lengths.
    """
    if len(names) > 1 or isinstance(x, Mapping):
        parts = by_name(name, x, names)
    else:
        parts = [alone(x, len(shapes[0]))]
    for i, front in enumerate(fronts):
        parts[i] = parts[i] if front is None else front.looked_up(parts[i])
    arrays = [
        input_array(name, owner, part, shape)
        for part, owner, shape in zip(parts, owners, shapes, strict=True)
    ]
    if len(arrays) > 1 and len({len(array) for array in arrays}) > 1:
        msg = f"{name}: inputs must have as many samples each, got {[*map(len, arrays)]}"
        raise ValueError(msg)
    return arrays


def targets(
    name: str,
    xs: list[Array],
    y: Any,
    sample_weight: Any,
    goal: Objective,
    names: Sequence[str],
    shapes: Sequence[Shape],
    dtype: str,
) -> ArrayData:
    """Return samples with checked targets and weights for each output.

    Raises
    ------
    ValueError
        For targets and weights that do not fit; the text names the output where there are several.
    """
    n, several = len(xs[0]), len(names) > 1
    if several:
        given = by_name(f"{name}: y", y, names)
    elif isinstance(y, Mapping):
        given = by_name(name, y, names)
    else:
        given = [y]
        if isinstance(y, list | tuple) and len(y) == 1 and isinstance(y[0], np.ndarray):
            given = [y[0] if len(y[0]) == n else y]
    by_output = isinstance(sample_weight, Mapping) or (
        several and isinstance(sample_weight, list | tuple)
    )
    weights = (
        by_name(f"{name}: sample_weight", sample_weight, names)
        if by_output
        else [sample_weight] * len(names)
    )
    ys: list[Any] = []
    ts: list[Array | None] = []
    ws: list[Array | None] = []
    for target, loss, owner, shape, weight in zip(
        given, goal.losses, names, shapes, weights, strict=True
    ):
        of = f" of {owner!r}" if several else ""
        if loss is None:
            ys.append(target)
            ts.append(None)
            ws.append(None)
            continue
        if target is None:
            msg = f"{name}: y{of} is missing"
            raise ValueError(msg)
        array = real_array(name, f"y{of}", target)
        if array.ndim == 0 or len(array) != n:
            rows = array.shape if several else f"has {len(array) if array.ndim else 'no'}"
            msg = f"{name}: x has {n} samples but y{of} {rows}"
            raise ValueError(msg)
        ys.append(array)
        ts.append(loss.targets(array, (n, *(k or 0 for k in shape[1:])), dtype))
        ws.append(weight_array(name, n, weight, dtype))
    return ArrayData(xs, ys, ts, ws)


def by_class(
    name: str,
    data: ArrayData,
    class_weight: Any,
    goal: Objective,
    names: Sequence[str],
    shapes: Sequence[Shape],
    dtype: str,
) -> ArrayData:
    """Return data to train on, where classes weigh what the caller says.

    Parameters
    ----------
    class_weight : dict of int to float, or list or dict of those by output
        As Keras, one dict is refused by a model of several outputs.

    Raises
    ------
    ValueError
        For classes that do not exist, outputs without classes, and one dict for several outputs.
    """
    if class_weight is None:
        return data
    several = len(names) > 1
    if isinstance(class_weight, Mapping):
        texts = {key for key in class_weight if isinstance(key, str)}
        by_output = bool(texts) and (several or texts <= set(names))
    else:
        items = class_weight if isinstance(class_weight, list | tuple) else ()
        by_output = bool(items) and (several or isinstance(items[0], Mapping))
    if by_output:
        given = by_name(f"{name}: class_weight", class_weight, names)
    elif several:
        msg = (
            f"{name}: class_weight is for models of one output, this one has several; give a dict "
            "of them by output, or sample_weight for each output instead"
        )
        raise ValueError(msg)
    else:
        given = [class_weight]
    found: list[Array | None] = []
    for weights, t, loss, shape, owner in zip(
        given, data.ts, goal.losses, shapes, names, strict=True
    ):
        if weights is None:
            found.append(None)
            continue
        if t is None:
            msg = f"{name}: class_weight of {owner!r}, which has no loss"
            raise ValueError(msg)
        found.append(class_weights(name, t, _classes(loss, shape), weights, dtype))
    return data.weighed(found)


def _classes(loss: Loss | None, shape: Shape) -> int | None:
    """Return how many classes an output knows; None where it does not say it."""
    units = shape[-1] or 1
    if units == 1 and isinstance(loss, BinaryCrossentropy):
        return 2
    return units if units > 1 else None


__all__ = ["alone", "by_class", "by_name", "listed", "objective", "samples", "targets", "watched"]
