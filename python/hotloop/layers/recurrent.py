"""LSTM, GRU and SimpleRNN: one core call each, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hotloop import _core, activations, initializers, regularizers
from hotloop._support.arguments import number, whole
from hotloop._support.typing import Shape
from hotloop.graph.symbol import Symbol, symbols_in
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.checks import require_known, require_rank
from hotloop.layers.dropout import Dropout
from hotloop.layers.inside import Remembered
from hotloop.layers.steps import STEPS, over_steps
from hotloop.parameters import aligned_zeros
from hotloop.registry import serialize

# What `get_config` answers of each, in the order of Keras's signatures.
_SHARED = (
    "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
    "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "dropout",
    "recurrent_dropout", "seed", "return_sequences", "return_state", "go_backwards", "stateful",
    "unroll", "zero_output_for_mask",
)  # fmt: skip


class OverSteps(Layer):
    """A layer over sequences that may be given states to begin with."""

    state_names: tuple[str, ...] = ()
    sizes: Sequence[int] = ()
    states: list[Array] | None = None
    stateful = False

    def __call__(  # type: ignore[override]  # Keras's order
        self,
        x: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Return outputs, and last states with `return_state`, for arrays, tensors or symbols.

        Parameters
        ----------
        x : array_like ``(N, T, I)``
            A list gives the initial states behind the sequences.
        initial_state : list of array_like ``(N, U)``, optional
            Zeros without.
        mask : array_like of bool ``(N, T)``, optional
            Which steps count.
        training : bool, optional
            Whether dropout drops.
        """
        if isinstance(x, list | tuple) and len(x) > 1 and np.ndim(_data(x[0])) == 3:
            x, initial_state = x[0], list(x[1:])
        if initial_state is not None and not isinstance(initial_state, list | tuple):
            initial_state = [initial_state]
        names = self.state_names
        if initial_state is not None and len(initial_state) != len(names):
            msg = (
                f"{type(self).__name__} {self.name!r}: initial_state must be {len(names)} arrays, "
                f"got {len(initial_state)}"
            )
            raise ValueError(msg)
        beside = {"mask": mask, **dict(zip(names, initial_state or (), strict=False))}
        symbols = symbols_in(x)
        if symbols is not None:
            return self.answer_symbols(symbols, training, beside)
        if training is not None and not isinstance(training, bool | int | np.bool_):
            return super().__call__(x, training)
        return self.answer_values(x, training, beside)

    def _initial(self, given: dict[str, Array], x: Array) -> list[Array]:
        """Return the states to begin with."""
        names = self.state_names
        if self.stateful and names[0] not in given:
            if self.states is None:
                self.states = [aligned_zeros((len(x), n), x.dtype) for n in self.sizes]
            if len(self.states[0]) != len(x):
                msg = (
                    f"{type(self).__name__} {self.name!r}: stateful, so each batch must have "
                    f"{len(self.states[0])} samples, got {len(x)}"
                )
                raise ValueError(msg)
            return list(self.states)
        zeros = (np.zeros((len(x), n), x.dtype) for n in self.sizes)
        return [given.get(name, zero) for name, zero in zip(names, zeros, strict=True)]

    def reset_states(self) -> None:
        """Set the states that batches hand on to 0."""
        for state in self.states or ():
            state[...] = 0

    reset_state = reset_states


class Recurrent(OverSteps):
    """What LSTM, GRU and SimpleRNN share."""

    cell: ClassVar[str]
    gates: ClassVar[int]
    states_count: ClassVar[int] = 1
    takes_beside = ("mask", "h0", "c0")
    binds_input = True
    reset_after = False
    unit_forget_bias = False

    def _set(self, units: int, given: dict[str, Any]) -> None:
        """Take the arguments that all have."""
        who = type(self).__name__
        self.units = whole(who, "units", units, least=1)
        self.activation = activations.get(given["activation"])
        self.recurrent_activation = activations.get(given["recurrent_activation"])
        self.use_bias = bool(given["use_bias"])
        for part in ("kernel", "recurrent", "bias"):
            key = f"{part}_initializer"
            setattr(self, key, initializers.get(given[key]))
            key = f"{part}_regularizer"
            setattr(self, key, regularizers.get(given[key]))
        self.dropout, self.recurrent_dropout = (
            number(who, key, given[key], "lie in [0, 1]", lambda r: 0.0 <= r <= 1.0)
            for key in ("dropout", "recurrent_dropout")
        )
        self.seed = given["seed"]
        for key in ("return_sequences", "return_state", "go_backwards", "stateful", "unroll"):
            setattr(self, key, bool(given[key]))
        self.zero_output_for_mask = bool(given["zero_output_for_mask"])
        self.bias: Array | None = None
        self.state_names, self.sizes = (
            ("h0", "c0")[: self.states_count],
            [units] * self.states_count,
        )
        self._drops = [
            Dropout(rate, seed=None if self.seed is None else self.seed + i)
            for i, rate in enumerate((self.dropout, self.recurrent_dropout))
        ]
        self.recordable = all(
            act.fused or act.is_linear for act in (self.activation, self.recurrent_activation)
        )
        self.supports_masking = self.return_sequences

    def build(self, input_shape: Shape) -> None:
        """Make kernel (I, G U), recurrent kernel (U, G U) and bias."""
        require_rank(self, input_shape, 3, "(N, T, I)")
        features, width = require_known(self, input_shape, -1), self.gates * self.units
        own: Any = self
        self.kernel = self.add_weight(
            "kernel", (features, width), own.kernel_initializer, regularizer=own.kernel_regularizer
        )
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel",
            (self.units, width),
            own.recurrent_initializer,
            regularizer=own.recurrent_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                (2, width) if self.reset_after else (width,),
                self._first_bias if self.unit_forget_bias else own.bias_initializer,
                regularizer=own.bias_regularizer,
            )
        for drop in self._drops:
            drop.build(input_shape)

    def _first_bias(self, shape: Shape, dtype: Any = None) -> Array:
        """Return the first bias, that of the forget gate 1."""
        own: Any = self
        bias = np.array(own.bias_initializer(shape, dtype))
        bias[self.units : 2 * self.units] = 1
        return bias

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, T, I) -> (N, T, U), or (N, U)."""
        require_rank(self, input_shape, 3, "(N, T, I)")
        n, steps, _ = input_shape
        return (n, steps, self.units) if self.return_sequences else (n, self.units)

    def further_shapes(self, input_shape: Shape) -> list[Shape]:
        """(N, U) for each last state that is returned."""
        return [(input_shape[0], self.units)] * (self.states_count * self.return_state)

    def _options(self) -> dict[str, Any]:
        return {
            "activation": self.activation.fused_name,
            "recurrent_activation": self.recurrent_activation.fused_name,
            "reset_after": self.reset_after,
            "go_backwards": self.go_backwards,
            "return_sequences": self.return_sequences,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def _drawn(self, i: int, like: Array, shape: Shape, cache: Cache, training: bool) -> Any:
        """Return the dropout mask of this call, or None."""
        if not training or self._drops[i].rate == 0.0:
            return None
        ones = _core.filled(like, tuple(n or 0 for n in shape), 1.0)
        return self._drops[i].forward(ones, cache, training)

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:
        """(N, T, I) -> (N, T, U), or (N, U); states as the cache's further answers."""
        x, *rest = x if cache.roles else (x,)
        given = dict(zip(cache.roles, rest, strict=True))
        inner = Cache(self)
        inner.recorded = cache.recorded
        n, _, features = x.shape
        cache.scale = self._drawn(0, x, (n, 1, features), inner, training)
        drop = self._drawn(1, x, (n, self.units), inner, training)
        if not self.recordable:
            return self._by_steps(x, cache, given, drop)
        if cache.scale is not None:
            x = _core.multiply(x, cache.scale)
        mask = given.get("mask")
        known = self.stateful or "h0" in given
        first: list[Any] = [*(self._initial(given, x) if known else ()), None, None][:2]
        forward: Any = _core.recurrent
        options = self._options()
        y, h, c, tape = forward(
            self.cell,
            x,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *first,
            mask,
            drop,
            **options,
        )
        last = [h, c][: self.states_count]
        if self.stateful and self.states is not None:
            for state, value in zip(self.states, last, strict=True):
                _core.copy_into(state, value)
        cache.further = last
        cache.saved = (x, tape, mask, drop)
        return np.asarray(y)

    def _by_steps(self, x: Array, cache: Cache, given: dict[str, Array], drop: Any) -> Array:
        """Compute with activations that no kernel has."""
        first = dict(zip(self.state_names, self._initial(given, x), strict=True))

        def dropped(i: int, part: Any) -> Any:
            scale = drop if i else None if cache.scale is None else cache.scale[:, 0]
            return part if scale is None else part * scale

        def call(sequence: Any, **states: Any) -> list[Any]:
            return over_steps(
                lambda part, before: STEPS[self.cell](self, part, before, dropped),
                sequence,
                list(states.values()),
                given.get("mask"),
                go_backwards=self.go_backwards,
                return_sequences=self.return_sequences,
                zero_output_for_mask=self.zero_output_for_mask,
            )

        cache.call = Remembered(self, call, {"sequence": x, **first})
        y, *last = cache.call.arrays()
        for state, value in zip(self.states or (), last, strict=False):
            state[...] = value
        cache.further = last
        return np.asarray(y)

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Gradients of inputs, weights and initial states."""
        if not self.recordable:
            found = cache.call.backward(cache, {0: dy, **cache.dfurther})
            dx = found["sequence"]
            return (dx, *(found.get(role) for role in cache.roles)) if cache.roles else dx
        x, tape, mask, drop = cache.saved
        dx = aligned_zeros(x.shape, x.dtype) if cache.need_dx else None
        given = "h0" in cache.roles
        out = (dx, cache.grad("kernel"), cache.grad("recurrent_kernel"))
        dx, *_, dh0, dc0 = _core.recurrent_backward(
            self.cell,  # type: ignore[arg-type]
            dy,
            x,
            self.kernel,
            self.recurrent_kernel,
            tape,
            cache.dfurther.get(1),
            cache.dfurther.get(2),
            mask,
            drop,
            **self._options(),
            need_dx=cache.need_dx,
            need_db=self.use_bias,
            need_d0=given,
            out=(*out, cache.grad("bias") if self.use_bias else None, None, None),
        )
        if cache.scale is not None and dx is not None:
            dx = _core.multiply(dx, cache.scale, out=dx)
        if not cache.roles:
            return dx
        found = {"h0": dh0, "c0": dc0}
        return (dx, *(found.get(role) for role in cache.roles))

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:
        """Return counts of dropouts, and the states that batches hand on."""
        drops = [a for drop in self._drops for a in drop.changed_arrays(cache, training)]
        return [*drops, *(self.states or ())]

    def get_state(self) -> dict[str, int]:
        """Return seeds and counts of the dropouts."""
        if not any(drop.rate for drop in self._drops):
            return {}
        states = [drop.get_state() for drop in self._drops]
        return {f"{key}_{i}": value for i, s in enumerate(states) for key, value in s.items()}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from what `get_state` saw."""
        for i, drop in enumerate(self._drops):
            drop.set_state({key: state[f"{key}_{i}"] for key in ("seed", "calls")})

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        config: dict[str, Any] = {"units": self.units}
        for key in _SHARED:
            value = getattr(self, key)
            if key == "recurrent_activation" and self.cell == "simple_rnn":
                continue
            if key.endswith("activation"):
                value = value.name
            elif key.endswith("initializer"):
                value = serialize(value)
            elif key.endswith("regularizer"):
                value = regularizers.serialize(value)
            config[key] = value
        return {**config, **super().get_config()}


class LSTM(Recurrent, builtin=True):
    """Long short-term memory over sequences ``(N, T, I)``.

    ``i, f, o = sigmoid(...)``, ``g = tanh(...)`` of ``x kernel + h recurrent_kernel + bias``;
    ``c = f c + i g``, ``h = o tanh(c)`` (Hochreiter & Schmidhuber, 1997).

    Parameters
    ----------
    units : int
        Size of the state U.
    activation, recurrent_activation : str or ActivationFunction, optional
        Of candidate and output, and of the gates.
    use_bias : bool
        Whether a bias is added.
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        First values of kernel ``(I, 4 U)``, recurrent kernel ``(U, 4 U)`` and bias.
    unit_forget_bias : bool
        Whether the bias of the forget gate begins at 1.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties, added to the loss.
    dropout, recurrent_dropout : float
        Shares of inputs and of the state that each gate misses in training; drawn once a call.
    seed : int, optional
        Of both.
    return_sequences : bool
        Whether every output is answered, or the last.
    return_state : bool
        Whether the last states are answered behind them.
    go_backwards : bool
        Whether the last step comes first.
    stateful : bool
        Whether each batch goes on from the states of the one before, until `reset_states`.
    unroll : bool
        Accepted; steps are never calls of their own.
    zero_output_for_mask : bool
        Whether a masked step answers 0, or the output before it.
    **kwargs
        Of `Layer`, and constraints: `kernel_constraint`, `recurrent_constraint`, `bias_constraint`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.LSTM(4)([[[1.0], [2.0], [3.0]]]).shape
    (1, 4)
    """

    cell, gates, states_count = "lstm", 4, 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        given = locals()
        for key in ("use_cudnn", "implementation"):  # how others compute the same
            kwargs.pop(key, None)
        super().__init__(**kwargs)
        self.unit_forget_bias = bool(unit_forget_bias)
        self._set(units, given)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


class GRU(Recurrent, builtin=True):
    """Gated recurrent units over sequences ``(N, T, I)``.

    ``z, r = sigmoid(...)`` of ``x kernel + h recurrent_kernel + bias``, ``g = tanh(x W + r (h R))``;
    ``h = z h + (1 - z) g`` (Cho et al., 2014).

    Parameters
    ----------
    units : int
        Size of the state U.
    activation, recurrent_activation : str or ActivationFunction, optional
        Of the candidate, and of the gates.
    use_bias : bool
        Whether a bias is added.
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        First values of kernel ``(I, 3 U)``, recurrent kernel ``(U, 3 U)`` and bias.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties, added to the loss.
    dropout, recurrent_dropout : float
        Shares of inputs and of the state that each gate misses in training; drawn once a call.
    seed : int, optional
        Of both.
    return_sequences : bool
        Whether every output is answered, or the last.
    return_state : bool
        Whether the last state is answered behind them.
    go_backwards : bool
        Whether the last step comes first.
    stateful : bool
        Whether each batch goes on from the states of the one before, until `reset_states`.
    unroll : bool
        Accepted; steps are never calls of their own.
    zero_output_for_mask : bool
        Whether a masked step answers 0, or the output before it.
    reset_after : bool
        Whether the gate r comes behind the product with the recurrent kernel, or before it.
    **kwargs
        Of `Layer`, and constraints: `kernel_constraint`, `recurrent_constraint`, `bias_constraint`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GRU(4)([[[1.0], [2.0], [3.0]]]).shape
    (1, 4)
    """

    cell, gates, states_count = "gru", 3, 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        given = locals()
        for key in ("use_cudnn", "implementation"):  # how others compute the same
            kwargs.pop(key, None)
        super().__init__(**kwargs)
        self.reset_after = bool(reset_after)
        self._set(units, given)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "reset_after": self.reset_after}


class SimpleRNN(Recurrent, builtin=True):
    """Fully connected recurrent layer over sequences ``(N, T, I)``.

    ``h = tanh(x kernel + h recurrent_kernel + bias)`` (Elman, 1990).

    Parameters
    ----------
    units : int
        Size of the state U.
    activation : str or ActivationFunction, optional
        Of the sum.
    use_bias : bool
        Whether a bias is added.
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        First values of kernel ``(I, U)``, recurrent kernel ``(U, U)`` and bias.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties, added to the loss.
    dropout, recurrent_dropout : float
        Shares of inputs and of the state that each gate misses in training; drawn once a call.
    seed : int, optional
        Of both.
    return_sequences : bool
        Whether every output is answered, or the last.
    return_state : bool
        Whether the last state is answered behind them.
    go_backwards : bool
        Whether the last step comes first.
    stateful : bool
        Whether each batch goes on from the states of the one before, until `reset_states`.
    unroll : bool
        Accepted; steps are never calls of their own.
    zero_output_for_mask : bool
        Whether a masked step answers 0, or the output before it.
    **kwargs
        Of `Layer`, and constraints: `kernel_constraint`, `recurrent_constraint`, `bias_constraint`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.SimpleRNN(4)([[[1.0], [2.0], [3.0]]]).shape
    (1, 4)
    """

    cell, gates, states_count = "simple_rnn", 1, 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        given = locals()
        for key in ("use_cudnn", "implementation"):  # how others compute the same
            kwargs.pop(key, None)
        super().__init__(**kwargs)
        self._set(units, {**given, "recurrent_activation": None})


def _data(x: Any) -> Any:
    """Return what has the axes of a value."""
    return np.empty((0,) * len(x.shape)) if isinstance(x, Symbol) else x


__all__ = ["GRU", "LSTM", "OverSteps", "Recurrent", "SimpleRNN"]
