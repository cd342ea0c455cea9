"""Optimizers that look at each weight as a whole, by its norm or as a matrix: Keras 3's equations."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hotloop import _core
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop.optimizers.adaptive import ArrayOptimizer, moments, not_negative, rate_of
from hotloop.optimizers.base import Array, Optimizer, Scalar


def _root_mean_square(x: Array) -> float:
    return math.sqrt(float(np.mean(np.square(x)))) if x.size else 0.0


class Lamb(ArrayOptimizer, builtin=True):
    """Adam whose step is as long as the weight, times lr (You et al., ICLR 2020).

    ``u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)``, ``w -= lr |w| / |u| u``, where the ratio is
    1 when a norm is 0.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_1, beta_2 : float
        b1, b2 in [0, 1).
    epsilon : float
        eps.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"w": np.array([3.0, 4.0])}
    >>> Lamb(0.1).update(w, {"w": np.array([1.0, 1.0])})
    >>> w["w"].round(4)
    array([2.6464, 3.6464])
    """

    slots: ClassVar = {"m": 0.0, "v": 0.0}
    own: ClassVar = ("beta_1", "beta_2", "epsilon")
    by_weight: ClassVar = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = rate_of(self, "beta_1", beta_1)
        self.beta_2 = rate_of(self, "beta_2", beta_2)
        self.epsilon = not_negative(self, "epsilon", epsilon)

    def move(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float, step: float
    ) -> None:
        """Update in place."""
        kind = param.dtype.type
        moments(grad, slots, self.beta_1, self.beta_2)
        root = np.sqrt(slots["v"] * kind(1.0 / (1.0 - self.beta_2**step))) + kind(self.epsilon)
        move = slots["m"] * kind(1.0 / (1.0 - self.beta_1**step)) / root
        size, length = (math.sqrt(float(np.sum(np.square(x)))) for x in (param, move))
        param -= move * kind(lr * (size / length if size > 0.0 and length > 0.0 else 1.0))


class Adafactor(ArrayOptimizer, builtin=True):
    """Adam without momentum, whose squares are kept as one row and one column (Shazeer and Stern 2018).

    With ``b = 1 - t^beta_2_decay``: r and c are running means of ``g^2 + eps1`` over the last and the
    second-last axis, ``v = r c / mean(r)``; of vectors v is the running mean itself.
    ``u = g / sqrt(v)``, ``u /= max(1, rms(u) / d)``, ``w -= max(eps2, rms(w)) min(lr, 1 / sqrt(t)) u``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_2_decay : float
        Negative.
    epsilon_1, epsilon_2 : float
        eps1, eps2.
    clip_threshold : float
        d.
    relative_step : bool
        Accepted as Keras does, where it changes nothing: lr is held to ``1 / sqrt(t)`` in any case.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> Adafactor().clip_threshold
    1.0
    """

    # Each has the shape of the weight, of which the means take the first elements.
    slots: ClassVar = {"row": 0.0, "column": 0.0}
    own: ClassVar = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
    by_weight: ClassVar = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay = number("Adafactor", "beta_2_decay", beta_2_decay)
        self.epsilon_1 = not_negative(self, "epsilon_1", epsilon_1)
        self.epsilon_2 = not_negative(self, "epsilon_2", epsilon_2)
        self.clip_threshold = number(
            "Adafactor", "clip_threshold", clip_threshold, "be positive", lambda d: d > 0.0
        )
        self.relative_step = bool(relative_step)

    def move(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float, step: float
    ) -> None:
        """Update in place."""
        if not param.size:
            return
        kind = param.dtype.type
        share = kind(step**self.beta_2_decay)
        squares = np.square(grad) + kind(self.epsilon_1)
        if param.ndim < 2:
            v = slots["row"]
            v += (squares - v) * share
        else:
            rows = _first(slots["row"], param.shape[:-1])
            columns = _first(slots["column"], (*param.shape[:-2], param.shape[-1]))
            rows += (squares.mean(axis=-1) - rows) * share
            columns += (squares.mean(axis=-2) - columns) * share
            relative = rows / rows.mean(axis=-1, keepdims=True)
            v = relative[..., None] * columns[..., None, :]
        move = grad / np.sqrt(v)
        scale = max(1.0, _root_mean_square(move) / self.clip_threshold)
        rate = max(self.epsilon_2, _root_mean_square(param)) * min(lr, 1.0 / math.sqrt(step))
        param -= move * kind(rate / scale)


def _first(array: Array, shape: tuple[int, ...]) -> Array:
    """Return the first elements of a contiguous array in a shape."""
    return array.reshape(-1)[: math.prod(shape)].reshape(shape)


class Muon(Optimizer, builtin=True):
    """Momentum made orthogonal, for matrices; Adam with decay for all else (Jordan et al. 2024).

    ``m = mu m + g``, ``g' = g + mu m`` with Nesterov, else m; ``X = g' / |g'|``, then `ns_steps` times
    ``A = X X^T``, ``X = a X + (b A + c A A) X``; ``w -= lr rms_rate sqrt(max(I, O)) X``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    adam_beta_1, adam_beta_2, epsilon : float
        Adam's.
    adam_weight_decay, weight_decay : float or None
        Decay of what Adam updates, and of what Muon does.
    exclude_layers : list of str, optional
        Regular expressions; weights with such a name are Adam's.
    exclude_embeddings : bool
        Whether weights with "embedding" in their name are Adam's.
    muon_a, muon_b, muon_c : float
        a, b, c.
    adam_lr_ratio : float
        Adam's rate is so many times lr.
    momentum : float
        mu.
    ns_steps : int
        Iterations.
    nesterov : bool
        Whether the momentum looks ahead.
    rms_rate : float or None
        None leaves the last factor out (Liu et al., arXiv:2502.16982, 2025).
    **kwargs
        `clipnorm`, `use_ema` ... of `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"kernel": np.zeros((2, 2))}
    >>> Muon(1.0, rms_rate=None).update(w, {"kernel": np.eye(2)})
    >>> bool(abs(w["kernel"][0, 0]) > 0.5 and w["kernel"][0, 1] == 0.0)
    True
    """

    slots: ClassVar = {"m": 0.0, "v": 0.0}
    by_weight: ClassVar = True
    _NUMBERS: ClassVar = ("muon_a", "muon_b", "muon_c", "adam_lr_ratio")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.adam_beta_1 = rate_of(self, "adam_beta_1", adam_beta_1)
        self.adam_beta_2 = rate_of(self, "adam_beta_2", adam_beta_2)
        self.adam_weight_decay = not_negative(self, "adam_weight_decay", adam_weight_decay or 0.0)
        self.epsilon = not_negative(self, "epsilon", epsilon)
        if isinstance(exclude_layers, str):
            msg = f"Muon: exclude_layers must be a list of names, got {quoted(exclude_layers)}"
            raise ValueError(msg)
        self.exclude_layers = [str(name) for name in exclude_layers or ()]
        self.exclude_embeddings, self.nesterov = bool(exclude_embeddings), bool(nesterov)
        self.muon_a, self.muon_b, self.muon_c, self.adam_lr_ratio = (
            number("Muon", name, value)
            for name, value in zip(
                self._NUMBERS, (muon_a, muon_b, muon_c, adam_lr_ratio), strict=True
            )
        )
        self.momentum = rate_of(self, "momentum", momentum)
        self.ns_steps = whole("Muon", "ns_steps", ns_steps, least=0)
        self.rms_rate = None if rms_rate is None else number("Muon", "rms_rate", rms_rate)

    @property
    def recordable(self) -> bool:
        """Whether an update is made of calls of the core: no."""
        return False

    def update_named(
        self,
        name: str,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: Scalar,
        step: Scalar,
    ) -> None:
        """Update in place."""
        decayed = self._for(name) is self
        excluded = any(re.search(pattern, name) for pattern in self.exclude_layers)
        embedding = self.exclude_embeddings and "embedding" in name.lower()
        if param.ndim != 2 or embedding or excluded:
            decay = self.adam_weight_decay if decayed else 0.0
            # The decay is by lr itself, whatever Adam's rate is.
            if decay:
                param *= param.dtype.type(1.0 - float(lr) * decay)
            betas = self.adam_beta_1, self.adam_beta_2
            rate = float(lr) * self.adam_lr_ratio
            _core.adam_update(
                param, grad, slots["m"], slots["v"], rate, float(step), *betas, self.epsilon, 0.0
            )
            return
        if decayed and self.weight_decay:
            param *= param.dtype.type(1.0 - float(lr) * self.weight_decay)
        m = slots["m"]
        m *= m.dtype.type(self.momentum)
        m += grad
        move = self._orthogonal(grad + m * m.dtype.type(self.momentum) if self.nesterov else m)
        scale = 1.0 if self.rms_rate is None else self.rms_rate * math.sqrt(max(param.shape))
        param -= move * param.dtype.type(float(lr) * scale)

    def _orthogonal(self, x: Array) -> Array:
        """Return Newton and Schulz's approximation of the nearest orthogonal matrix."""
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            product = x @ x.T
            x = self.muon_a * x + (self.muon_b * product + self.muon_c * product @ product) @ x
        return x.T if tall else x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = (
            "adam_beta_1",
            "adam_beta_2",
            "adam_weight_decay",
            "epsilon",
            "exclude_layers",
            "exclude_embeddings",
            *self._NUMBERS,
            "momentum",
            "ns_steps",
            "nesterov",
            "rms_rate",
        )
        return {**{name: getattr(self, name) for name in names}, **super().get_config()}


__all__ = ["Adafactor", "Lamb", "Muon"]
