"""Cells, and RNN, which calls one step by step over rules."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.graph.tracing import own_call, wants_training
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.inside import Remembered, described, hold, layer_from
from hotloop.layers.recurrent import GRU, LSTM, OverSteps, Recurrent, SimpleRNN
from hotloop.layers.steps import STEPS, listed, over_steps


class _Cell(Layer):
    """One step of a recurrent layer, whose arguments it shares."""

    is_composite = False  # its call is never traced

    def _like(self, layer: type[Recurrent], given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        names = ("self", "kwargs", "__class__")
        taken = {k: v for k, v in given.items() if k not in names}
        self._arguments = layer(**taken, **kwargs)
        for key in ("units", "activation", "recurrent_activation", "use_bias", "reset_after"):
            setattr(self, key, getattr(self._arguments, key))
        self.output_size = self.units
        count = self._arguments.states_count
        self.state_size: Any = [self.units] * count if count > 1 else self.units

    def build(self, input_shape: Shape) -> None:
        """Make the weights of the layer."""
        layer = self._arguments
        layer.dtype = self.dtype
        layer.given_name, layer.weight_prefix = self.name, self.weight_prefix
        layer.build((input_shape[0], None, input_shape[-1]))
        self._weights = layer._weights

    def __getattr__(self, name: str) -> Any:
        """Weights are those of the layer."""
        if name in ("kernel", "recurrent_kernel", "bias"):
            layer = self.__dict__["_arguments"]
            return getattr(layer, name) if name in layer._weights else None
        return super().__getattr__(name)

    def __call__(self, inputs: Any, states: Any, training: bool = False) -> Any:  # type: ignore[override]
        """Return output and states of one step."""
        if not self.built:
            self.build((None, np.shape(inputs)[-1]))
        return self.call(inputs, states, training)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return output and states of one step."""
        del training  # the masks were drawn
        h, after = STEPS[self._arguments.cell](self, inputs, listed(states), self._dropped)
        return h, after if isinstance(states, list | tuple) else after[0]

    def get_initial_state(self, batch_size: int | None = None) -> list[Array]:
        """Return zeros."""
        return [np.zeros((batch_size or 1, n), self.dtype) for n in listed(self.state_size)]

    def begin(self, x: Any, training: bool) -> None:
        """Draw the dropout masks of a call."""
        layer, n = self._arguments, x.shape[0]
        sizes = ((n, x.shape[-1]), (n, self.units))
        self._masks = [
            layer._drawn(i, np.zeros(0, self.dtype), size, Cache(layer), training)
            for i, size in enumerate(sizes)
        ]

    def _dropped(self, i: int, x: Any) -> Any:
        masks = self.__dict__.get("_masks")
        return x if masks is None or masks[i] is None else x * masks[i]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        config = self._arguments.get_config()
        for key in (
            "return_sequences",
            "return_state",
            "go_backwards",
            "stateful",
            "unroll",
            "zero_output_for_mask",
        ):
            del config[key]
        return {**config, **super().get_config()}


class LSTMCell(_Cell, builtin=True):
    """One step of `LSTM`, whose arguments it takes.

    Parameters
    ----------
    units : int
        Size of the state.
    **kwargs
        Of `LSTM`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.RNN(hl.layers.LSTMCell(3))([[[1.0], [2.0]]]).shape
    (1, 3)
    """

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None), trainable=kwargs.pop("trainable", True))
        self._like(LSTM, _named(args, units), kwargs)


class GRUCell(_Cell, builtin=True):
    """One step of `GRU`, whose arguments it takes.

    Parameters
    ----------
    units : int
        Size of the state.
    **kwargs
        Of `GRU`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.RNN(hl.layers.GRUCell(3))([[[1.0], [2.0]]]).shape
    (1, 3)
    """

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None), trainable=kwargs.pop("trainable", True))
        self._like(GRU, _named(args, units), kwargs)


class SimpleRNNCell(_Cell, builtin=True):
    """One step of `SimpleRNN`, whose arguments it takes.

    Parameters
    ----------
    units : int
        Size of the state.
    **kwargs
        Of `SimpleRNN`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.RNN(hl.layers.SimpleRNNCell(3))([[[1.0], [2.0]]]).shape
    (1, 3)
    """

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None), trainable=kwargs.pop("trainable", True))
        self._like(SimpleRNN, _named(args, units), kwargs)


def _named(args: tuple[Any, ...], units: int) -> dict[str, Any]:
    """Return units, and the activation where it stands behind them."""
    return {"units": units, **({"activation": args[0]} if args else {})}


class StackedRNNCells(Layer, builtin=True):
    """Cells one above the other, as one cell.

    Parameters
    ----------
    cells : list
        Each with `call` and `state_size`.
    **kwargs
        `name` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> cells = [hl.layers.LSTMCell(4), hl.layers.GRUCell(3)]
    >>> hl.layers.RNN(hl.layers.StackedRNNCells(cells))([[[1.0], [2.0]]]).shape
    (1, 3)
    """

    is_composite = False

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = [_checked_cell(layer_from(cell)) for cell in listed(cells)]

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the states of all cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """Size of the last one's output."""
        return _output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        """Build each cell for what the one before answers."""
        shape = input_shape
        for i, cell in enumerate(self.cells):
            if isinstance(cell, Layer):
                hold(self, cell, f"cell{i}_", partial(_built, cell, shape))
            shape = (shape[0], _output_size(cell))

    def begin(self, x: Any, training: bool) -> None:
        """Draw the dropout masks of a call."""
        for cell in self.cells:
            if hasattr(cell, "begin"):
                cell.begin(x, training)
            x = np.zeros((x.shape[0], _output_size(cell)), self.dtype)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return output and states of one step, the states of all cells in a row."""
        left, after = list(states), []
        for cell in self.cells:
            count = len(listed(cell.state_size))
            mine, left = left[:count], left[count:]
            inputs, new = _stepped(cell, inputs, mine, training)
            after += listed(new)
        return inputs, after

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"cells": [described(cell) for cell in self.cells], **super().get_config()}


def _flat(sizes: Any) -> list[int]:
    return [n for s in listed(sizes) for n in (_flat(s) if isinstance(s, list | tuple) else [s])]


def _output_size(cell: Any) -> int:
    found = getattr(cell, "output_size", None)
    return int(_flat(cell.state_size)[0] if found is None else found)


def _checked_cell(cell: Any) -> Any:
    if not callable(getattr(cell, "call", None)) or not hasattr(cell, "state_size"):
        msg = f"RNN: a cell has a call(inputs, states) and a state_size, got {quoted(cell)}"
        raise ValueError(msg)
    return cell


def _built(cell: Any, shape: Shape) -> None:
    if not cell.built:
        cell.build(shape)
        cell.built = True


def _stepped(cell: Any, x: Any, states: list[Any], training: bool) -> Any:
    call: Any = own_call(cell)
    return call(x, states, **({"training": training} if wants_training(call) else {}))


class RNN(OverSteps, builtin=True):
    """A layer over sequences that calls a cell at each step.

    The step runs in Python over `hotloop.ops`, whose gradients are known; `LSTM`, `GRU` and
    `SimpleRNN` do the same in one call of the core.

    Parameters
    ----------
    cell : object, or list of them
        With ``call(inputs, states)``, which answers output and states, and a `state_size`.
    return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask : bool
        As in `LSTM`.
    **kwargs
        Of `Layer`.

    Raises
    ------
    ValueError
        For what is no cell.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.RNN(hl.layers.SimpleRNNCell(3), return_sequences=True)([[[1.0], [2.0]]]).shape
    (1, 2, 3)
    """

    recordable = False

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        several = isinstance(cell, list | tuple)
        self.cell = StackedRNNCells(cell) if several else _checked_cell(layer_from(cell))
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll, self.zero_output_for_mask = bool(unroll), bool(zero_output_for_mask)
        self.supports_masking = self.return_sequences
        self.sizes = [
            whole("RNN", "a size of the state", n, least=1) for n in _flat(self.cell.state_size)
        ]
        self.state_names = tuple(f"s{i}" for i in range(len(self.sizes)))
        self.takes_beside = ("mask", *self.state_names)

    def build(self, input_shape: Shape) -> None:
        """Build the cell for one step."""
        shape = (input_shape[0], *input_shape[2:])
        if isinstance(self.cell, Layer):
            hold(self, self.cell, "", lambda: _built(self.cell, shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, T, ...) -> (N, T, U), or (N, U)."""
        size = _output_size(self.cell)
        return (*input_shape[:2], size) if self.return_sequences else (input_shape[0], size)

    def further_shapes(self, input_shape: Shape) -> list[Shape]:
        """(N, U) for each last state that is returned."""
        return [(input_shape[0], n) for n in self.sizes] if self.return_state else []

    def _run(self, x: Any, training: bool, mask: Any, states: list[Any]) -> list[Any]:
        return over_steps(
            lambda step, before: _stepped(self.cell, step, before, training),
            x,
            states,
            mask,
            go_backwards=self.go_backwards,
            return_sequences=self.return_sequences,
            zero_output_for_mask=self.zero_output_for_mask,
        )

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:
        """Call the cell at each step."""
        x, *rest = x if cache.roles else (x,)
        given = dict(zip(cache.roles, rest, strict=True))
        first = self._initial(given, x)
        begin = getattr(self.cell, "begin", None)
        if begin is not None:
            begin(x[:, 0], training)
        arrays = {
            name: np.asarray(s, x.dtype) for name, s in zip(self.state_names, first, strict=True)
        }

        def call(sequence: Any, **states: Any) -> list[Any]:
            return self._run(sequence, training, given.get("mask"), list(states.values()))

        cache.call = Remembered(self, call, {"sequence": x, **arrays})
        y, *last = cache.call.arrays()
        if self.stateful and self.states is not None:
            for state, value in zip(self.states, last, strict=True):
                state[...] = value
        cache.further = last
        return np.asarray(y)

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Follow the rules back."""
        found = cache.call.backward(cache, {0: dy, **cache.dfurther})
        dx = found["sequence"]
        if dx is None:
            dx = np.zeros_like(cache.call.inputs["sequence"].data)
        return (dx, *(found.get(role) for role in cache.roles)) if cache.roles else dx

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:  # noqa: ARG002
        """Return the states that batches hand on."""
        return list(self.states or ())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "cell": described(self.cell),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            **super().get_config(),
        }


__all__ = ["RNN", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]
