"""Recurrent modules over sequences, and their cells."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop.torch import pointwise, shaping
from hotloop.torch.core import wrap
from hotloop.torch.nn import functional, init
from hotloop.torch.nn.modules._made import parameter
from hotloop.torch.nn.modules.module import Module

# One step: from the input's part of the gates, the recurrent part, and the states, to the states.


def _simple(x: Any, h: Any, state: Any, activation: Any) -> tuple[Any]:
    del state
    return (activation(x + h),)


def _lstm(x: Any, h: Any, state: Any, activation: Any) -> tuple[Any, Any]:
    del activation
    i, f, g, o = shaping.chunk(x + h, 4, -1)
    c = pointwise.sigmoid(f) * state[1] + pointwise.sigmoid(i) * pointwise.tanh(g)
    return pointwise.sigmoid(o) * pointwise.tanh(c), c


def _gru(x: Any, h: Any, state: Any, activation: Any) -> tuple[Any]:
    del activation
    xr, xz, xn = shaping.chunk(x, 3, -1)
    hr, hz, hn = shaping.chunk(h, 3, -1)
    r, z = pointwise.sigmoid(xr + hr), pointwise.sigmoid(xz + hz)
    n = pointwise.tanh(xn + r * hn)
    return ((state[0] - n) * z + n,)


_STEPS = {"RNN": (_simple, 1), "LSTM": (_lstm, 4), "GRU": (_gru, 3)}


def _activation(name: str) -> Any:
    if name not in ("tanh", "relu"):
        msg = f"Unknown nonlinearity '{str(name)[:60]}'. Select from 'tanh' or 'relu'."
        raise ValueError(msg)
    return getattr(functional, name)


class _Recurrent(Module):
    """What the recurrent modules and their cells share: weights within ``1 / sqrt(hidden_size)``."""

    kind: ClassVar[str]

    def reset_parameters(self) -> None:
        """Draw first values."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def _weights(self, ending: str, inputs: int, bias: bool, **kind: Any) -> list[str]:
        rows = _STEPS[self.kind][1] * self.hidden_size
        names = [f"weight_ih{ending}", f"weight_hh{ending}"]
        setattr(self, names[0], parameter(rows, inputs, **kind))
        setattr(self, names[1], parameter(rows, self.hidden_size, **kind))
        if bias:
            names += [f"bias_ih{ending}", f"bias_hh{ending}"]
            for name in names[2:]:
                setattr(self, name, parameter(rows, **kind))
        return names


class _Cell(_Recurrent):
    """One step of a recurrent module.

    Parameters
    ----------
    input_size, hidden_size : int
        Numbers of an input and of a state.
    bias : bool
        Whether there are biases.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        names = self._weights("", input_size, bias, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            if name not in names:
                self.register_parameter(name, None)
        self.reset_parameters()

    nonlinearity = "tanh"

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next state, or for the LSTM the pair (h, c)."""
        several = self.kind == "LSTM"
        if input.ndim not in (1, 2):
            msg = f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.ndim}D instead"
            raise ValueError(msg)
        if hx is None:
            zeros = wrap(np.zeros((*input.shape[:-1], self.hidden_size), input._array.dtype))
            hx = (zeros, zeros) if several else zeros
        state = tuple(hx) if several else (hx,)
        x = functional.linear(input, self.weight_ih, self.bias_ih)
        h = functional.linear(state[0], self.weight_hh, self.bias_hh)
        found = _STEPS[self.kind][0](x, h, state, _activation(self.nonlinearity))
        return found if several else found[0]

    def extra_repr(self) -> str:
        """List the sizes."""
        text = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            text += ", bias=False"
        return text


class RNNCell(_Cell):
    """One step of `RNN`: ``tanh(W_ih x + b_ih + W_hh h + b_hh)``."""

    kind = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        _activation(nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        """List the sizes."""
        end = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + end


class LSTMCell(_Cell):
    """One step of `LSTM`; its state is the pair (h, c)."""

    kind = "LSTM"


class GRUCell(_Cell):
    """One step of `GRU`."""

    kind = "GRU"


class _Layers(_Recurrent):
    """Layers over sequences.

    Parameters
    ----------
    input_size, hidden_size : int
        Numbers of an input and of a state.
    num_layers : int
        Layers on top of each other.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether sequences are (N, L, C) in place of (L, N, C).
    dropout : float
        Dropout between layers.
    bidirectional : bool
        Whether a second pass reads from the end; its states are appended to the first one's.

    Notes
    -----
    Answers ``(output, h)``, for the LSTM ``(output, (h, c))``: the states of the last layer at each
    step, and those of each layer after the last step, (num_layers * directions, N, hidden_size).
    """

    _activation = "tanh"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if proj_size:
            msg = f"{name}: proj_size is not there"
            raise NotImplementedError(msg)
        self.input_size = whole(name, "input_size", input_size, least=1)
        self.hidden_size = whole(name, "hidden_size", hidden_size, least=1)
        self.num_layers = whole(name, "num_layers", num_layers, least=1)
        self.dropout = number(name, "dropout", dropout, "lie in [0, 1]", lambda p: 0.0 <= p <= 1.0)
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.proj_size = 0
        directions = ("", "_reverse") if bidirectional else ("",)
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            inputs = hidden_size * len(directions) if layer else input_size
            for way in directions:
                ending = f"_l{layer}{way}"
                self._names.append(self._weights(ending, inputs, bias, device=device, dtype=dtype))
        self.reset_parameters()

    def flatten_parameters(self) -> None:
        """Do nothing: weights need no order in memory."""

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the outputs of the last layer, and the last states of each."""
        single = input.ndim == 2
        if input.ndim not in (2, 3):
            msg = f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead"
            raise ValueError(msg)
        if input.shape[-1] != self.input_size:
            msg = (
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}"
            )
            raise RuntimeError(msg)
        x = input.unsqueeze(1) if single else input
        if self.batch_first and not single:
            x = x.transpose(0, 1)
        several = self.kind == "LSTM"
        given = None if hx is None else tuple(hx) if several else (hx,)
        if given is not None:
            given = tuple(each.unsqueeze(1) if single else each for each in given)
            wanted = (len(self._names), x.shape[1], self.hidden_size)
            for each in given:
                if tuple(each.shape) != wanted:
                    msg = f"Expected hidden size {wanted}, got {list(each.shape)}"
                    raise RuntimeError(msg)
        last: list[list[Any]] = []
        ways = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = functional.dropout(x, self.dropout, training=True)
            outputs = []
            for way in range(ways):
                place = layer * ways + way
                first = None if given is None else [each[place] for each in given]
                output, states = self._layer(x, self._names[place], first, way == 1)
                outputs.append(output)
                last.append(states)
            x = outputs[0] if ways == 1 else shaping.cat(outputs, -1)
        ends = [shaping.stack(parts, 0) for parts in zip(*last, strict=True)]
        if single:
            x, ends = x.squeeze(1), [end.squeeze(1) for end in ends]
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, tuple(ends) if several else ends[0]

    def _layer(self, x: Any, names: list[str], first: Any, reverse: bool) -> tuple[Any, list[Any]]:
        """Return the outputs of one layer and direction, (L, N, hidden), and its last states."""
        own = self._parameters
        w, u = own[names[0]], own[names[1]]
        b, c = (own[names[2]], own[names[3]]) if len(names) > 2 else (None, None)
        step = _STEPS[self.kind][0]
        activation = _activation(self._activation)
        state: Any = first
        if state is None:
            zeros = wrap(np.zeros((x.shape[1], self.hidden_size), x._array.dtype))
            state = (zeros, zeros)
        # The part of the inputs is one product for all steps.
        parts = shaping.unbind(functional.linear(x, w, b), 0)
        outputs = []
        for part in reversed(parts) if reverse else parts:
            state = step(part, functional.linear(state[0], u, c), state, activation)
            outputs.append(state[0])
        if reverse:
            outputs.reverse()
        return shaping.stack(outputs, 0), list(state)

    def extra_repr(self) -> str:
        """List the options that are not the default."""
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in (
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(_Layers):
    """The simple recurrent layer: ``h = tanh(W_ih x + b_ih + W_hh h + b_hh)``."""

    kind = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _activation(nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = self._activation = nonlinearity

    __doc__ += (_Layers.__doc__ or "").partition("\n")[2]


class LSTM(_Layers):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); see `RNN`.

    Examples
    --------
    >>> from hotloop import torch
    >>> output, (h, c) = torch.nn.LSTM(3, 5, batch_first=True)(torch.zeros(2, 7, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    kind = "LSTM"


class GRU(_Layers):
    """Gated recurrent units (Cho et al., 2014); see `RNN`."""

    kind = "GRU"
