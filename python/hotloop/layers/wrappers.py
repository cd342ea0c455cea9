"""Layers around a layer: Bidirectional and TimeDistributed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.inside import described, follow, hold, inner_cache, layer_from
from hotloop.layers.recurrent import OverSteps, Recurrent
from hotloop.layers.rnn import RNN

MERGES = ("concat", "sum", "mul", "ave", None)


class Bidirectional(OverSteps, builtin=True):
    """Two layers over sequences, one from either end.

    Parameters
    ----------
    layer : LSTM, GRU, SimpleRNN or RNN
        A layer like it goes forwards.
    merge_mode : str, optional
        "concat", "sum", "mul" or "ave" of both outputs; None answers both.
    weights : optional
        Accepted when None.
    backward_layer : optional
        What goes backwards; without it a layer like the first.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For other layers, and two that do not go in opposite ways.

    Notes
    -----
    Source: Schuster & Paliwal, "Bidirectional recurrent neural networks", 1997.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Bidirectional(hl.layers.LSTM(4))([[[1.0], [2.0]]]).shape
    (1, 8)
    """

    binds_input = False

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        layer, backward_layer = layer_from(layer), layer_from(backward_layer)
        for one in (layer, backward_layer):
            if one is not None and not isinstance(one, Recurrent | RNN):
                msg = f"Bidirectional: takes a recurrent layer, got {quoted(one)}"
                raise ValueError(msg)
        if merge_mode not in MERGES:
            msg = f"Bidirectional: merge_mode must be one of {MERGES}, got {quoted(merge_mode)}"
            raise ValueError(msg)
        if weights is not None:
            msg = "Bidirectional: weights must be None; use set_weights"
            raise ValueError(msg)
        if kwargs.get("input_shape") is None:
            kwargs["input_shape"] = layer.given_input_shape
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        back = layer if backward_layer is None else backward_layer
        self.forward_layer = _like(layer, "forward", layer.go_backwards)
        turned = not layer.go_backwards if backward_layer is None else back.go_backwards
        self.backward_layer = _like(back, "backward", turned)
        if self.forward_layer.go_backwards == self.backward_layer.go_backwards:
            msg = "Bidirectional: layer and backward_layer must go in opposite ways"
            raise ValueError(msg)
        self.parts = (self.forward_layer, self.backward_layer)
        for part in self.parts:
            part.zero_output_for_mask = part.return_sequences
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = layer.stateful
        self.recordable = all(part.recordable for part in self.parts)
        self.supports_masking = self.return_sequences
        counts = [len(part.state_names) for part in self.parts]
        self.state_names = tuple(
            f"{side}{i}" for side, n in zip("fb", counts, strict=True) for i in range(n)
        )
        self.takes_beside = ("mask", *self.state_names)

    def build(self, input_shape: Shape) -> None:
        """Build both layers."""
        for part, prefix in zip(self.parts, ("forward_", "backward_"), strict=True):
            hold(self, part, prefix, partial(part.build, input_shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of one layer's output, twice as wide where both are joined."""
        one = self.forward_layer.compute_output_shape(input_shape)
        other = self.backward_layer.compute_output_shape(input_shape)
        return (*one[:-1], one[-1] + other[-1]) if self.merge_mode == "concat" else one

    def further_shapes(self, input_shape: Shape) -> list[Shape]:
        """Shapes of the other output, and of the states of both."""
        second = self.backward_layer.compute_output_shape(input_shape)
        states = [s for part in self.parts for s in part.further_shapes(input_shape)]
        return [*([second] if self.merge_mode is None else []), *states]

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:
        """Run both layers, and join their outputs."""
        x, *rest = x if cache.roles else (x,)
        given = dict(zip(cache.roles, rest, strict=True))
        cache.calls = []
        ys: list[Any] = []
        states: list[Any] = []
        for side, part in zip("fb", self.parts, strict=True):
            mine = {"mask": given["mask"]} if "mask" in given else {}
            for i, name in enumerate(part.state_names):
                if f"{side}{i}" in given:
                    mine[name] = given[f"{side}{i}"]
            inner = inner_cache(part, cache, tuple(mine))
            y = part.forward((x, *mine.values()) if mine else x, inner, training)
            if side == "b" and self.return_sequences:
                y = _core.flip(y, 1)
            ys.append(y)
            cache.calls.append(inner)
            states += inner.further if self.return_state else []
        cache.ys = ys
        cache.further = [*(ys[1:] if self.merge_mode is None else ()), *states]
        if self.merge_mode == "concat":
            return np.asarray(_core.concatenate(ys, -1))
        if self.merge_mode is None:
            return np.asarray(ys[0])
        if self.merge_mode == "mul":
            return np.asarray(_core.multiply(*ys))
        total = _core.add(*ys)
        return np.asarray(
            _core.multiply(total, np.asarray(0.5, total.dtype))
            if self.merge_mode == "ave"
            else total
        )

    def _split(self, dy: Array, cache: Cache) -> list[Array]:
        """Return the gradients of both outputs."""
        width = cache.ys[0].shape[-1]
        if self.merge_mode == "concat":
            return [_core.copy(dy[..., :width]), _core.copy(dy[..., width:])]
        if self.merge_mode == "mul":
            return [_core.multiply(dy, y) for y in reversed(cache.ys)]
        if self.merge_mode == "ave":
            dy = _core.multiply(dy, np.asarray(0.5, dy.dtype))
        if self.merge_mode is None:
            other = cache.dfurther.get(1)
            return [dy, _core.filled(dy, cache.ys[1].shape) if other is None else other]
        return [dy, dy]

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Go back through both layers."""
        dxs: list[Any] = []
        found: dict[str, Any] = {}
        place = 2 if self.merge_mode is None else 1
        for side, part, inner, d in zip(
            "fb", self.parts, cache.calls, self._split(dy, cache), strict=True
        ):
            count = len(part.state_names) if self.return_state else 0
            places = enumerate(range(place, place + count), 1)
            inner.dfurther = {i: cache.dfurther[k] for i, k in places if k in cache.dfurther}
            place += count
            back = _core.flip(d, 1) if side == "b" and self.return_sequences else d
            answer = follow(part, back, inner, cache)
            dx, *others = answer if inner.roles else (answer,)
            dxs.append(dx)
            names = dict(zip(inner.roles, others, strict=True))
            found |= {f"{side}{i}": names.get(name) for i, name in enumerate(part.state_names)}
        dx = _core.add(*dxs) if cache.need_dx else None
        return (dx, *(found.get(role) for role in cache.roles)) if cache.roles else dx

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:
        """Return what both change."""
        return [a for part in self.parts for a in part.changed_arrays(cache, training)]

    def reset_states(self) -> None:
        """Set the states that batches hand on to 0."""
        for part in self.parts:
            part.reset_states()

    reset_state = reset_states

    def get_state(self) -> dict[str, int]:
        """Return what both have beside weights."""
        return {f"{i}_{k}": v for i, p in enumerate(self.parts) for k, v in p.get_state().items()}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from what `get_state` saw."""
        for i, part in enumerate(self.parts):
            part.set_state({k[2:]: v for k, v in state.items() if k[0] == str(i)})

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "layer": described(self.forward_layer),
            "backward_layer": described(self.backward_layer),
            "merge_mode": self.merge_mode,
            **super().get_config(),
        }


def _like(layer: Any, side: str, go_backwards: bool) -> Any:
    """Return a layer of the same arguments."""
    name = f"{side}_{layer.name.removeprefix('forward_').removeprefix('backward_')}"
    config = {**layer.get_config(), "name": name, "go_backwards": go_backwards}
    config.pop("input_shape", None)
    return type(layer)(**config)


class TimeDistributed(Layer, builtin=True):
    """A layer that is called on each step of sequences ``(N, T, ...)``, with the same weights.

    Parameters
    ----------
    layer : Layer
        Called on ``(N T, ...)``.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For what is no layer with a `forward`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.TimeDistributed(hl.layers.Dense(3))([[[1.0], [2.0]]]).shape
    (1, 2, 3)
    """

    supports_masking = True

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        layer = layer_from(layer)
        if not isinstance(layer, Layer) or layer.is_composite or layer.takes_several:
            msg = (
                f"TimeDistributed: takes a layer of one input with a forward of its own, got {quoted(layer)}; "
                "a model is put around its parts layer by layer"
            )
            raise ValueError(msg)
        super().__init__(**kwargs)
        self.layer = layer
        self.reads_ids = layer.reads_ids

    def is_recordable(self, shapes: Any) -> bool:
        """Whether the layer inside is core calls alone."""
        return self.layer.is_recorded([(s[0], *s[2:]) for s in shapes])

    def build(self, input_shape: Shape) -> None:
        """Build the layer for one step."""
        if len(input_shape) < 3 and not self.layer.reads_ids:
            msg = f"TimeDistributed {self.name!r}: input must be (N, T, ...), got {input_shape}"
            raise ValueError(msg)
        inner = (input_shape[0], *input_shape[2:])
        hold(self, self.layer, "", lambda: self.layer.ensure_built(inner, self.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, T, ...) -> (N, T, *what the layer answers)."""
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (*input_shape[:2], *inner[1:])

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Call the layer on all steps at once."""
        n, t = x.shape[:2]
        cache.inner, cache.shape = inner_cache(self.layer, cache), x.shape
        y = self.layer.forward(x.reshape(n * t, *x.shape[2:]), cache.inner, training)
        return np.asarray(y).reshape(n, t, *y.shape[1:])

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Go back through the layer."""
        n, t = dy.shape[:2]
        dx = follow(self.layer, dy.reshape(n * t, *dy.shape[2:]), cache.inner, cache)
        return None if dx is None else np.asarray(dx).reshape(cache.shape)

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:
        """Return what the layer changes."""
        return self.layer.changed_arrays(cache, training)

    def get_state(self) -> dict[str, int]:
        """Return what the layer has beside weights."""
        return self.layer.get_state()

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from what `get_state` saw."""
        self.layer.set_state(state)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"layer": described(self.layer), **super().get_config()}


__all__ = ["Bidirectional", "TimeDistributed"]
