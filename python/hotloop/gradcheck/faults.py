"""Faults of gradients in words: what is known of common mistakes, and how each shows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.gradcheck.compare import Compared, near

Array = NDArray[Any]


@dataclass
class Context:
    """What a mistake may have mixed up.

    Attributes
    ----------
    batch : int
        Samples N.
    outputs : int
        Numbers that one sample answers.
    rate : float or None
        Share that a dropout drops.
    x, y, dy : ndarray or None
        Input and output of the call, and the gradient that its backward was given; known where one call is
        looked at alone.
    weights : dict of str to ndarray
        The layer's.
    """

    batch: int
    outputs: int = 1
    rate: float | None = None
    x: Array | None = None
    y: Array | None = None
    dy: Array | None = None
    weights: dict[str, Array] = field(default_factory=dict)


def name_fault(found: Compared, context: Context, kind: str) -> str:
    """Return what is wrong with a gradient, the most telling sign first.

    Parameters
    ----------
    found : Compared
        The array whose gradients differ.
    context : Context
        Of the call.
    kind : str
        ``"weight"``, ``"input"`` of a layer or ``"output"``, which a loss sees.
    """
    if not np.isfinite(found.there).all():
        return "analytic holds NaN or infinity where numeric is finite"
    rules: list[Callable[[Compared, Context, str], str | None]] = [
        _nothing,
        _softmax,
        _mean_term,
        _ratio,
        _axes,
        _bias,
        _factor,
        _behind_weights,
        _variance_term,
        _places,
    ]
    for rule in rules:
        words = rule(found, context, kind)
        if words:
            return words
    return _where(found)


def _large(found: Compared) -> Array:
    """Return which compared elements are large enough for a ratio."""
    size = np.abs(found.numeric)
    large: Array = (size > 1e-3 * size.max(initial=0.0)) & (size > 1e5 * found.noise)
    return large


def _nothing(found: Compared, _: Context, kind: str) -> str | None:
    """Find that one of both is zero."""
    if not np.any(found.there):
        where = "is cache.grad ever written to?" if kind == "weight" else "is it ever computed?"
        return f"analytic is zero everywhere, numeric is not: {where}"
    if np.abs(found.numeric).max() <= found.noise:
        return "numeric is zero everywhere, analytic is not: does the forward use this array?"
    return None


def _ratio(found: Compared, context: Context, _: str) -> str | None:
    """Find one factor between both."""
    large = _large(found)
    if not large.any():
        return None
    ratios = found.there[large] / found.numeric[large]
    ratio = float(np.median(ratios))
    if (
        not ratio
        or np.abs(ratios - ratio).max() > 1e-4 * abs(ratio)
        or not found.matches(found.analytic / ratio)
    ):
        return None
    words = _known_ratio(ratio, context)
    alone = int(large.sum()) == 1
    if words is None and alone:
        return None
    times = _times(ratio)
    return f"{times}: {words}" if words else times


def _times(ratio: float) -> str:
    inverse = 1 / ratio
    if abs(ratio + 1) < 1e-3:
        return "analytic is numeric with the other sign"
    if abs(ratio) < 1 and abs(inverse - round(inverse)) < 1e-3 * abs(inverse):
        return f"analytic is numeric divided by {round(inverse)}"
    if abs(ratio - round(ratio)) < 1e-3 * abs(ratio):
        return f"analytic is {round(ratio)} times numeric"
    return f"analytic is {ratio:.4g} times numeric"


def _known_ratio(ratio: float, context: Context) -> str | None:
    """Return what a factor suggests."""
    n, k = context.batch, context.outputs
    known: list[tuple[float, str]] = [(-1.0, "is a minus missing?")]
    if context.rate is not None and 0 < context.rate < 1:
        keep = 1 - context.rate
        scale = f"(1 - rate) = {keep:g}"
        known += [
            (keep, f"is the division by {scale} missing, which the forward has?"),
            (1 / keep, f"is it divided by {scale}, which the forward is not?"),
        ]
    if n > 1:
        known += [
            (n, "is the batch mean missing?"),
            (1 / n, "is the batch mean taken twice?"),
        ]
    if k > 1:
        known += [
            (k, f"is the mean over the {k} outputs missing?"),
            (1 / k, f"is the mean over the {k} outputs taken twice?"),
            (n * k, f"is the mean over the batch and the {k} outputs missing?"),
            (1 / (n * k), f"is the mean over the batch and the {k} outputs taken twice?"),
        ]
    known += [(2.0, "is a factor 1/2 missing?"), (0.5, "is a factor 2 missing?")]
    for value, words in known:
        if abs(ratio - value) <= 1e-3 * abs(value):
            return words
    return None


def _arrangements(analytic: Array) -> Iterator[tuple[str, Array]]:
    """Yield the gradient with its axes exchanged, or its rows read in another order."""
    shape = analytic.shape
    if 2 <= analytic.ndim <= 4:
        for order in itertools.permutations(range(analytic.ndim)):
            if order == tuple(range(analytic.ndim)):
                continue
            swapped = analytic.transpose(order)
            axes = "transposed" if analytic.ndim == 2 else f"with its axes in the order {order}"
            if swapped.shape == shape:
                yield f"analytic is numeric {axes}: is a transpose missing?", swapped
            read = analytic.reshape([shape[i] for i in order]).transpose(np.argsort(order))
            yield f"analytic is numeric {axes}, then reshaped: transpose it, not reshape", read
    if analytic.ndim == 4:
        for axes2, name in (((0, 1), "H and W"), ((2, 3), "H and W")):
            yield (
                f"analytic is numeric flipped along {name}: correlation, or convolution?",
                np.flip(analytic, axes2),
            )


def _axes(found: Compared, _: Context, __: str) -> str | None:
    """Find the right numbers with axes exchanged."""
    for words, candidate in _arrangements(found.analytic):
        if found.matches(candidate):
            return words
    return None


def _bias(found: Compared, context: Context, kind: str) -> str | None:
    """Find a sum over the wrong axis: what a bias gets from each element of dy, dealt out otherwise."""
    whole = found.whole
    if kind != "weight" or found.analytic.ndim != 1 or whole is None or whole.size < 2:
        return None
    analytic = found.analytic
    if context.dy is not None:
        for words, total in _sums(context.dy):
            if total.size == analytic.size and near(total.reshape(-1), analytic):
                return words
    everything = float(whole.sum())
    size = float(np.abs(whole).sum())
    if near(analytic, np.full_like(analytic, everything)):
        return "each element is the sum of all of numeric: is it summed over every axis?"
    if abs(float(analytic.sum()) - everything) <= 1e-6 * size + found.noise * whole.size:
        return "the elements add up to those of numeric, but are others: is it summed over the wrong axis?"
    return None


def _sums(dy: Array) -> Iterator[tuple[str, Array]]:
    """Yield dy summed over each choice of axes."""
    for count in range(1, dy.ndim):
        for axes in itertools.combinations(range(dy.ndim), count):
            names = f"axis {axes[0]}" if count == 1 else f"the axes {axes}"
            words = f"analytic is dy summed over {names}: that is the wrong axis"
            if axes == tuple(range(dy.ndim - 1)):
                words = "analytic is the sum of dy as it comes: is the derivative of the activation missing?"
            yield words, dy.sum(axis=axes)


def _factor(found: Compared, context: Context, kind: str) -> str | None:
    """Find a factor of an elementwise derivative that is missing or stands there twice."""
    y, x = context.y, context.x
    if kind == "weight" or y is None or y.shape != found.analytic.shape:
        return None
    large = _large(found)
    if int(large.sum()) < 2:
        return None
    ratios = found.there[large] / found.numeric[large]
    y = y.reshape(-1)[found.places][large]
    same = x is not None and x.shape == found.analytic.shape
    return _factor_of(
        ratios, y, x.reshape(-1)[found.places][large] if same and x is not None else None
    )


def _factor_of(ratios: Array, y: Array, x: Array | None) -> str | None:
    """Return which function of the output the ratios of analytic to numeric are, in words."""
    sigmoid = bool(((y > 0) & (y < 1)).all())
    factors: list[tuple[str, Array, str]] = [
        ("y (1 - y)", y * (1 - y), ", the derivative of the sigmoid,"),
        ("(1 - y)", 1 - y, " of the sigmoid's derivative y (1 - y)" if sigmoid else ""),
        ("y", y, " of the sigmoid's derivative y (1 - y)" if sigmoid else ""),
        ("(1 - y^2)", 1 - y * y, ", the derivative of tanh,"),
        ("(1 + y)", 1 + y, " of tanh's derivative 1 - y^2"),
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        if x is not None:
            if _constant(ratios * (y * (1 - y)) / (x * (1 - x))):
                return "analytic has x (1 - x) where y (1 - y) belongs: the derivative is one of the output"
            if _constant(ratios * (1 - y * y) / (1 - x * x)):
                return "analytic has 1 - x^2 where 1 - y^2 belongs: the derivative is one of the output"
        for name, factor, what in factors:
            if _constant(ratios * factor):
                return f"analytic is numeric / {name}: is the factor {name}{what} missing?"
            if _constant(ratios / factor):
                return (
                    f"analytic is numeric times {name}: is the factor {name} there once too often?"
                )
    return None


def _constant(values: Array) -> bool:
    middle = float(np.median(values))
    if not math.isfinite(middle) or middle == 0:
        return False
    return bool(np.abs(values - middle).max() <= 1e-4 * abs(middle))


def _behind_weights(found: Compared, context: Context, kind: str) -> str | None:
    """Look behind a kernel, ``dx = dz @ w.T``: at w the wrong way round, and at factors missing in dz."""
    whole, y = found.whole, context.y
    if kind != "input" or whole is None:
        return None
    rows, ours = (a.reshape(-1, a.shape[-1]) for a in (whole, found.analytic))
    for name, w in context.weights.items():
        if w.ndim != 2 or len(w) != rows.shape[1] or len(w) < w.shape[1] or np.linalg.cond(w) > 1e6:
            continue
        dz, given = (np.linalg.lstsq(w, a.T, rcond=None)[0].T for a in (rows, ours))
        if w.shape[0] == w.shape[1] and near(ours, dz @ w):
            return f"analytic came through {name} where numeric comes through {name}.T: is a transpose missing?"
        if y is not None and y.size == dz.size and near(given @ w.T, ours):
            large = np.abs(dz) > 1e-3 * np.abs(dz).max()
            words = _factor_of(given[large] / dz[large], y.reshape(dz.shape)[large], None)
            if words:
                return f"before {name}, {words}"
    return None


def _mean_term(found: Compared, _: Context, kind: str) -> str | None:
    """Find a normalisation without the term of its mean, with which its input gradient sums to zero."""
    whole = found.whole
    if kind != "input" or whole is None or whole.ndim < 2:
        return None
    last = whole.ndim - 1
    images = [tuple(i for i in range(whole.ndim) if i != 1)] if whole.ndim == 4 else []
    ways: list[tuple[tuple[int, ...], str]] = [(tuple(range(last)), "the batch")]
    ways += [(axes, "the batch") for axes in images]
    ways += [((last,), "the last axis")]
    for axes, over in ways:
        parts = math.prod(whole.shape[i] for i in axes)
        size = np.abs(whole).sum(axis=axes).max()
        zero = np.abs(whole.sum(axis=axes)).max() <= 1e-5 * size + found.noise * parts
        off = np.abs(found.analytic.sum(axis=axes)).max() > 1e-3 * size
        if parts > 1 and zero and off:
            return f"numeric sums to zero over {over}, analytic does not: is the term of the mean missing?"
    return None


def _softmax(found: Compared, context: Context, kind: str) -> str | None:
    """Find a softmax whose backward knows the diagonal of the Jacobian alone."""
    y, dy = context.y, context.dy
    if (
        kind != "input"
        or y is None
        or dy is None
        or not y.shape == dy.shape == found.analytic.shape
    ):
        return None
    rows = near(y.sum(axis=-1), np.ones(y.shape[:-1])) and y.ndim > 1
    if rows and near(found.analytic, dy * y * (1 - y)):
        return "analytic is dy y (1 - y), the diagonal of softmax's Jacobian: the other outputs are missing"
    return None


def _variance_term(found: Compared, context: Context, kind: str) -> str | None:
    """Find a normalisation without the term of its variance, with which its gradient is orthogonal to x."""
    whole, x = found.whole, context.x
    if kind != "input" or whole is None or x is None or x.shape != whole.shape or whole.ndim < 2:
        return None
    for axes in (tuple(range(whole.ndim - 1)), (whole.ndim - 1,)):
        centred = x - x.mean(axis=axes, keepdims=True)
        size = (np.abs(whole) * np.abs(centred)).sum(axis=axes).max()
        flat = np.abs((whole * centred).sum(axis=axes)).max() <= 1e-2 * size
        off = np.abs((found.analytic * centred).sum(axis=axes)).max() > 5e-2 * size
        total = np.abs(whole).sum(axis=axes).max()
        sums = np.abs(whole.sum(axis=axes)).max() <= 1e-5 * total + found.noise * whole.size
        if flat and off and sums:
            return "numeric is orthogonal to x - mean, analytic is not: is the term of the variance missing?"
    return None


def _places(found: Compared, context: Context, kind: str) -> str | None:
    """Find the right numbers in other places: a pool that sends them to the wrong one of its window."""
    whole = found.whole
    if whole is None:
        return None
    pools = kind == "input" and whole.ndim == 4 and context.y is not None and context.y.ndim == 4
    if pools and context.y is not None and context.y.size < whole.size:
        for axes in ((1, 2), (2, 3)):
            sums = whole.sum(axis=axes), found.analytic.sum(axis=axes)
            if near(*sums, found.noise * whole.size, 1e-6):
                return (
                    "each image gets its sum, but at other positions: does backward send the gradients "
                    "to the wrong position of the pooling window?"
                )
    same = near(np.sort(whole, axis=None), np.sort(found.analytic, axis=None), found.noise, 1e-6)
    if same and whole.size > 2:
        return (
            "analytic holds the numbers of numeric in other places: is it reshaped the wrong way?"
        )
    return None


def _where(found: Compared) -> str:
    """Say how much of it is wrong, and where the worst is."""
    apart = np.abs(found.there - found.numeric)
    worst = int(apart.argmax())
    limit = 1e-4 * max(np.abs(found.there).max(), np.abs(found.numeric).max()) + found.noise
    wrong = int((apart > limit).sum())
    place = tuple(int(i) for i in np.unravel_index(found.places[worst], found.analytic.shape))
    return (
        f"analytic differs from numeric at {wrong} of {len(apart)} elements, most at {place}: "
        f"{found.there[worst]:.6g}, numeric {found.numeric[worst]:.6g}"
    )
