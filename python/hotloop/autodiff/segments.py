"""Rules of segments, of quantiles, and of windows laid over each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, Rule, Saved, as_array, floating, promoted


def owners(name: str, rows: int, ids: Any, count: int | None) -> tuple[Array, Array, int]:
    """Return which rows belong to a segment, their segments, and how many segments there are."""
    index = np.asarray(ids)
    if index.shape != (rows,) or index.dtype.kind not in "iu":
        msg = f"{name}: segment_ids must be one whole number for each of {rows} rows, got {index.dtype} of shape {index.shape}"
        raise ValueError(msg)
    index = index.astype(np.int64)
    total = int(index.max(initial=-1)) + 1 if count is None else int(count)
    kept = np.flatnonzero((index >= 0) & (index < total))
    return kept, index[kept], total


def _segment(name: str, ufunc: Any, start: float) -> Rule:
    """Make a rule that joins the rows of each segment; rows of no segment are left out."""

    def forward(saved: Saved, data: Any, ids: Any, *, count: int | None) -> Array:
        data = as_array(data)
        if data.ndim == 0:
            msg = f"{name}: data must have an axis of rows, got shape {data.shape}"
            raise ValueError(msg)
        kept, owner, total = owners(name, len(data), ids, count)
        if data.dtype.kind != "f" and not np.isfinite(start):
            limits = np.iinfo(data.dtype)
            empty: float = limits.min if start < 0 else limits.max
        else:
            empty = start
        y = np.full((total, *data.shape[1:]), empty, data.dtype)
        ufunc.at(y, owner, data[kept])
        saved.data, saved.kept, saved.owner, saved.y = data, kept, owner, y
        return y

    def backward(saved: Saved, dy: Array) -> tuple[Array, None]:
        rows, owner = saved.data[saved.kept], saved.owner
        if ufunc is np.add:
            part = dy[owner]
        elif ufunc is np.multiply:
            part = dy[owner] * _others(rows, owner, saved.y.shape)
        else:
            # Equal extremes share the gradient.
            chosen = rows == saved.y[owner]
            count = np.zeros(saved.y.shape, dy.dtype)
            np.add.at(count, owner, chosen)
            part = chosen * dy[owner] / count[owner]
        dx = np.zeros(saved.data.shape, dy.dtype)
        dx[saved.kept] = part
        return dx, None

    return Rule(name, forward, backward)


def _others(rows: Array, owner: Array, shape: tuple[int, ...]) -> Array:
    """Return for each row the product of the others of its segment; zeros are among them."""
    zero = rows == 0
    zeros = np.zeros(shape, np.int64)
    np.add.at(zeros, owner, zero)
    product = np.ones(shape, rows.dtype)
    np.multiply.at(product, owner, np.where(zero, 1, rows))
    others = product[owner] / np.where(zero, 1, rows)
    return np.where(zeros[owner] - zero > 0, 0, others).astype(rows.dtype, copy=False)


segment_sum = _segment("segment_sum", np.add, 0)
segment_prod = _segment("segment_prod", np.multiply, 1)
segment_max = _segment("segment_max", np.maximum, -np.inf)
segment_min = _segment("segment_min", np.minimum, np.inf)


def _scatter_columns_forward(saved: Saved, x: Any, *, places: Any, size: int) -> Array:
    x = as_array(x)
    saved.places = np.asarray(places)
    if x.ndim != 3 or x.shape[-1] != saved.places.size:
        msg = f"fold: the windows hold {saved.places.size} elements of each channel, got shape {x.shape}"
        raise ValueError(msg)
    y = np.zeros((*x.shape[:-1], size), x.dtype)
    every: Any = slice(None)
    np.add.at(y, (every, every, saved.places), x)
    return y


def _scatter_columns_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (np.take(dy, saved.places, axis=-1),)


# Adds each element of the last axis at its place: windows laid over each other.
scatter_columns = Rule("scatter_columns", _scatter_columns_forward, _scatter_columns_backward)


def _weights(method: str, place: Array, low: Array, high: Array) -> Array:
    """Return how much of the higher of two neighbours a quantile takes."""
    if method == "linear":
        return place - low
    if method == "lower":
        return np.zeros_like(place)
    if method == "higher":
        return (high > low).astype(place.dtype)
    if method == "nearest":
        return np.rint(place) - low
    if method == "midpoint":
        return np.where(high > low, 0.5, place - low)
    msg = f"quantile: method must be linear, lower, higher, nearest or midpoint, got {method!r}"
    raise ValueError(msg)


def _quantile_forward(saved: Saved, x: Any, *, q: Any, method: str, skip_nan: bool) -> Array:
    x = floating(x)
    share = np.asarray(q, np.float64)
    if share.size and not (share.min() >= 0 and share.max() <= 1):
        msg = f"quantile: q must lie in 0 to 1, got {share.reshape(-1)[:4].tolist()}"
        raise ValueError(msg)
    if x.shape[-1] == 0:
        msg = f"quantile: needs at least one element, got shape {x.shape}"
        raise ValueError(msg)
    missing = np.isnan(x)
    # NaN are sorted behind all numbers.
    order = np.argsort(x, axis=-1, kind="stable")
    count = (~missing).sum(axis=-1) if skip_nan else np.full(x.shape[:-1], x.shape[-1])
    place = np.maximum(count - 1, 0)[..., None] * share.reshape(-1)
    low, high = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
    saved.weight = _weights(method, place, low, high).astype(x.dtype)
    saved.shape, saved.share = x.shape, share.shape
    saved.low, saved.high = (np.take_along_axis(order, i, axis=-1) for i in (low, high))
    below, above = (np.take_along_axis(x, i, axis=-1) for i in (saved.low, saved.high))
    with np.errstate(invalid="ignore"):
        y = np.where(saved.weight == 0, below, below + (above - below) * saved.weight)
    if not skip_nan:
        y = np.where(missing.any(axis=-1, keepdims=True), x.dtype.type(np.nan), y)
    # The shares come first, as in NumPy.
    y = np.moveaxis(y, -1, 0).reshape((*share.shape, *x.shape[:-1]))
    return np.asarray(y, x.dtype)


def _quantile_backward(saved: Saved, dy: Array) -> tuple[Array]:
    rest = saved.shape[:-1]
    grad = np.moveaxis(dy.reshape(-1, *rest), 0, -1)
    dx = np.zeros(saved.shape, dy.dtype)
    lead = tuple(part[..., None] for part in np.indices(rest, sparse=True))
    np.add.at(dx, (*lead, saved.low), grad * (1 - saved.weight))
    np.add.at(dx, (*lead, saved.high), grad * saved.weight)
    return (dx,)


# Of the last axis.
quantile = Rule("quantile", _quantile_forward, _quantile_backward)


def _correlate_forward(saved: Saved, x: Any, y: Any) -> Array:
    x, y = promoted(floating(x), floating(y))
    if x.ndim != 1 or y.ndim != 1 or not (x.size and y.size):
        msg = f"correlate: needs two vectors with elements, got shapes {x.shape} and {y.shape}"
        raise ValueError(msg)
    saved.x, saved.y = x, y
    return np.correlate(x, y, "full")


def _correlate_backward(saved: Saved, dz: Array) -> tuple[Array, Array]:
    n, m = len(saved.x), len(saved.y)
    dx = np.convolve(dz, saved.y, "full")[m - 1 : m - 1 + n]
    dy = np.correlate(saved.x, dz, "full")[n - 1 : n - 1 + m]
    return dx, dy


correlate = Rule("correlate", _correlate_forward, _correlate_backward)
