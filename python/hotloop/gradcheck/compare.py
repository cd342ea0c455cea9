"""An analytic gradient beside central differences, with rounding and kinks told apart from faults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.gradcheck.report import ArrayCheck

Array = NDArray[Any]
# Rounding of one function value, in units of its size: sums of many terms, each rounded.
_ROUNDING = 64 * float(np.finfo(np.float64).eps)
# An element is asked again at smaller steps: h / 16, h / 256.
_SMALLER = (1 / 16, 1 / 256)
# Up to so many elements, a fault is looked for with all of them.
_WHOLE = 5000


@dataclass(frozen=True)
class Settings:
    """How a check is done; the arguments of `gradient_check` under short names."""

    h: float
    tolerance: float
    most: int | None
    seed: int


@dataclass
class Compared:
    """One array: its analytic gradient whole, the numeric one where it was asked for.

    Attributes
    ----------
    analytic : ndarray
        The gradient that backward gave.
    places : ndarray of int
        Flat places of the elements that were compared.
    numeric : ndarray
        Central differences there; at a kink, what was found nearer to it.
    noise : float
        What rounding alone may add to a central difference.
    entry : ArrayCheck
        The result.
    ask : callable
        ``ask(places) -> numeric``, for the elements that were not compared.
    """

    analytic: Array
    places: Array
    numeric: Array
    noise: float
    entry: ArrayCheck
    ask: Callable[[Array], Array]

    @property
    def there(self) -> Array:
        """The analytic gradient at the places."""
        picked: Array = self.analytic.reshape(-1)[self.places]
        return picked

    @functools.cached_property
    def whole(self) -> Array | None:
        """The numeric gradient in its shape; None for an array too large to ask for all of it."""
        size = self.analytic.size
        if size > max(_WHOLE, len(self.places)):
            return None
        full = np.empty(size)
        full[self.places] = self.numeric
        rest = np.setdiff1d(np.arange(size), self.places)
        full[rest] = self.ask(rest)
        return full.reshape(self.analytic.shape)

    def matches(self, candidate: Array, tolerance: float = 1e-4) -> bool:
        """Whether `candidate`, in the array's shape, is the numeric gradient."""
        if candidate.shape != self.analytic.shape:
            return False
        return near(candidate.reshape(-1)[self.places], self.numeric, self.noise, tolerance)


def near(a: Array, b: Array, noise: float = 0.0, tolerance: float = 1e-4) -> bool:
    """Whether two arrays agree, relative to the largest element."""
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return bool(np.abs(a - b).max(initial=0.0) <= tolerance * scale + noise)


def places_of(size: int, settings: Settings, name: str) -> Array:
    """Return which elements of an array are compared: all, or as many as `most` by chance."""
    if settings.most is None or size <= settings.most:
        return np.arange(size)
    rng = np.random.default_rng([settings.seed, *name.encode()])
    return np.sort(rng.choice(size, settings.most, replace=False))


def compare(
    name: str,
    f: Callable[[], float],
    x: Array,
    analytic: Array,
    size_of_f: float,
    settings: Settings,
    kinks: str,
) -> Compared:
    """Compare an analytic gradient with central differences of `f()` by the elements of `x`.

    Parameters
    ----------
    name : str
        Of the array.
    f : callable
        Reads `x`, which is changed in place and restored.
    x, analytic : ndarray, float64
        Of one shape.
    size_of_f : float
        Size of the terms that `f` adds up; rounding is in proportion to it.
    settings : Settings
        Step, tolerance, number of elements.
    kinks : str
        What has kinks between here and `f`, in words; "" for nothing.
    """
    entry = ArrayCheck(name, x.shape)
    places = places_of(x.size, settings, name)
    entry.checked = len(places)
    noise = _ROUNDING * size_of_f / settings.h

    def ask(where: Array) -> Array:
        return np.array([_slope(f, x, place, settings.h) for place in where])

    numeric = ask(places)
    result = Compared(np.asarray(analytic, np.float64), places, numeric, noise, entry, ask)
    there = result.there
    scale = max(np.abs(there).max(initial=0.0), np.abs(numeric).max(initial=0.0))
    allowed = settings.tolerance * scale + noise
    bent = 0
    for i in np.flatnonzero(~(np.abs(there - numeric) <= allowed)):
        nearer, kink = _nearer(f, x, places[i], there[i], numeric[i], settings, scale, size_of_f)
        numeric[i] = nearer
        bent += kink
    if bent:
        entry.notes.append(
            f"kink of {kinks or 'the function'} within h at {bent} of {len(places)} elements, left out"
        )
    apart = float(np.abs(there - numeric).max(initial=0.0)) if np.isfinite(there).all() else np.inf
    # Where gradients are no larger than rounding, rounding is what they are measured by.
    entry.difference = apart / (scale + noise / settings.tolerance + 1e-300)
    entry.ok = bool(entry.difference <= settings.tolerance)
    return result


def _slope(f: Callable[[], float], x: Array, place: int, h: float) -> float:
    above, below = _moved(f, x, place, h), _moved(f, x, place, -h)
    return (above - below) / (2 * h)


def _moved(f: Callable[[], float], x: Array, place: int, step: float) -> float:
    """Return f with one element of x moved, and put the element back."""
    index = np.unravel_index(place, x.shape)
    kept = x[index]
    x[index] = kept + step
    try:
        return f()
    finally:
        x[index] = kept


def _nearer(
    f: Callable[[], float],
    x: Array,
    place: int,
    analytic: float,
    numeric: float,
    settings: Settings,
    scale: float,
    size_of_f: float,
) -> tuple[float, bool]:
    """Ask an element that differs again, at smaller steps and on each side alone.

    Returns
    -------
    numeric : float
        `analytic`, if there is a kink: it agrees with what is found nearer, or cannot be judged, where the slopes
        of both sides differ at the place itself. Else what was found, nearer where that differs.
    kink : bool
        Whether there is one.
    """
    here, found, apart = f(), numeric, False
    for share in _SMALLER:
        h = settings.h * share
        noise = _ROUNDING * size_of_f / h
        allowed = settings.tolerance * scale + noise
        above, below = _moved(f, x, place, h), _moved(f, x, place, -h)
        slope = (above - below) / (2 * h)
        if abs(slope - analytic) <= allowed:
            return analytic, True
        if abs(slope - found) > 2 * allowed:
            found = slope
        # Of a smooth function this is h times the second derivative, next to nothing.
        apart = abs((above - here) - (here - below)) / h > 20 * allowed
    return (analytic, True) if apart else (found, False)
