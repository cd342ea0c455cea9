"""Gradients made shorter before a step; Keras 3's three rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import number
from hotloop._support.watched import Watched

Array = NDArray[Any]
RULES = ("clipnorm", "clipvalue", "global_clipnorm")


class Clipping(Watched, builtin=True):
    """At most one of the three; nothing without any.

    Parameters
    ----------
    clipnorm : float, optional
        Each array ``g`` becomes ``g * clipnorm / max(norm(g), clipnorm)``.
    clipvalue : float, optional
        Each element is brought into ``[-clipvalue, clipvalue]``.
    global_clipnorm : float, optional
        All arrays are scaled as `clipnorm` does, by the norm of them all together; a norm that is
        not finite makes all NaN.

    Raises
    ------
    ValueError
        When more than one is given, or one is not positive.
    """

    def __init__(
        self,
        owner: str,
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
    ) -> None:
        given = dict(zip(RULES, (clipnorm, clipvalue, global_clipnorm), strict=True))
        chosen = {name: value for name, value in given.items() if value is not None}
        if len(chosen) > 1:
            msg = f"{owner}: at most one of {', '.join(given)} may be set, got {chosen}"
            raise ValueError(msg)
        self.rule: str | None = next(iter(chosen), None)
        self.limit = 0.0
        for name, value in chosen.items():
            self.limit = number(owner, name, value, "be positive", lambda v: v > 0.0)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return self.rule is not None

    def limit_of(self, rule: str) -> float | None:
        """Return the number of one rule, or None."""
        return self.limit if self.rule == rule else None

    def apply(self, grads: Mapping[str, Array], out: Mapping[str, Array]) -> None:
        """Write the clipped gradients to `out`, which may be `grads`."""
        limit = self.limit
        if self.rule == "clipvalue":
            for name, grad in grads.items():
                np.clip(grad, -limit, limit, out=out[name])
            return
        with np.errstate(over="ignore"):  # a norm too large for the dtype is infinite, as in Keras
            squares = {name: float(np.sum(np.square(grad))) for name, grad in grads.items()}
        if self.rule == "global_clipnorm":
            norm = float(np.sqrt(sum(squares.values())))
            scale = limit / max(norm, limit) if np.isfinite(norm) else np.nan
            scales = dict.fromkeys(squares, scale)
        else:
            scales = {n: limit / max(float(np.sqrt(s)), limit) for n, s in squares.items()}
        for name, grad in grads.items():
            np.multiply(grad, grad.dtype.type(scales[name]), out=out[name])


def rule_of(name: str) -> Any:
    """Return the property of an optimizer that shows, and sets, the limit of one rule."""

    def get(self: Any) -> float | None:
        limit: float | None = self.clipping.limit_of(name)
        return limit

    def set_(self: Any, value: float | None) -> None:
        limits = {rule: self.clipping.limit_of(rule) for rule in RULES} | {name: value}
        self.clipping = Clipping(type(self).__name__, **limits)

    return property(get, set_, doc=f"Limit of `{name}`; None where that is not the rule.")
