"""Attention with several heads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise as el
from hotloop.autodiff import linalg, shapes
from hotloop.layers.attention import AttentionLayer, Way, both, past
from hotloop.layers.checks import require_known
from hotloop.layers.ruled import Weights, read_makers


class Heads(AttentionLayer, builtin=True):
    """Projections of query, key and value to heads, attention in each, and a projection back."""

    # Heads of the queries, heads of keys and values, their sizes.
    heads: int
    shared: int
    size: int
    value_size: int
    attention_axes: Any = None

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        use_gate: bool,
        seed: int | None,
        makers: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(dropout, seed, **kwargs)
        self.use_bias, self.use_gate = bool(use_bias), bool(use_gate)
        who = type(self).__name__
        self.sliding_window = (
            None
            if sliding_window is None
            else whole(who, "sliding_window", sliding_window, least=1)
        )
        read_makers(self, makers)
        self._output: tuple[int, ...] | None = None

    def _call_on(
        self,
        query: Any,
        value: Any = None,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the output, and the scores if asked.

        Parameters
        ----------
        query, value, key : array_like, Tensor or symbol
            ``(N, Tq, Q)``, ``(N, Tv, V)``, ``(N, Tv, K)``; `key` None is `value`.
        query_mask, value_mask, key_mask : optional
            ``(N, Tq)``, ``(N, Tv)``; 1 where there is something.
        attention_mask : optional
            ``(N, Tq, Tv)``, or with the heads behind the batch; 1 where a query may look.
        return_attention_scores : bool
            Whether the scores ``(N, heads, Tq, Tv)`` come too.
        training : bool, optional
            Whether there is dropout.
        use_causal_mask : bool
            Whether no query sees later values.
        """
        if value is None:
            # A model hands its inputs over in one list.
            return super().__call__(query, training)
        parts = {
            "query": query, "value": value, "key": key, "query_mask": query_mask,
            "value_mask": value_mask, "key_mask": key_mask, "attention_mask": attention_mask,
        }  # fmt: skip
        return self.run(parts, use_causal_mask, return_attention_scores, training)

    # More arguments than other layers take.
    __call__: Any = _call_on

    def build(self, input_shape: Any) -> None:
        """Make the kernels (features, heads, size), (heads, size, features) of the last, and biases."""
        super().build(input_shape)
        by = dict(zip(self.current(input_shape).roles, input_shape, strict=True))
        query, value = by["query"], by["value"]
        key = by.get("key", value)
        self._axes = _attended(self, query)
        last = [require_known(self, shape, -1) for shape in (query, key, value)]
        self._output = self._output_sizes or (last[0],)
        projections = [
            ("query", last[0], (self.heads, self.size)),
            ("key", last[1], (self.shared, self.size)),
            *([("gate", last[0], (self.heads, self.value_size))] if self.use_gate else []),
            ("value", last[2], (self.shared, self.value_size)),
        ]
        for name, features, sizes in projections:
            self._projection(name, (features, *sizes), sizes)
        back = (self.heads, self.value_size, *self._output)
        self._projection("attention_output", back, self._output)

    _output_sizes: tuple[int, ...] | None = None

    def _projection(self, name: str, kernel: Any, bias: Any) -> None:
        constraints = getattr(self, "_constraints", {})
        self.add_weight(
            f"{name}_kernel",
            kernel,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=constraints.get("kernel_constraint"),
        )
        if self.use_bias:
            self.add_weight(
                f"{name}_bias",
                bias,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=constraints.get("bias_constraint"),
            )

    def answer_shapes(self, given: Any, way: Way) -> tuple[Any, Any]:
        """Return the shapes of output and scores."""
        by = dict(zip(way.roles, given, strict=True))
        query, value = by["query"], by["value"]
        key = by.get("key", value)
        axes = _attended(self, query)
        if len(key) != len(query) or key[1:-1] != value[1:-1]:
            msg = (
                f"{type(self).__name__} {self.name!r}: query {query}, value {value} and key {key} "
                "must agree: (N, Tq, Q), (N, Tv, V), (N, Tv, K)"
            )
            raise ValueError(msg)
        rest = [n for a, n in enumerate(query[1:-1], 1) if a not in axes]
        sizes = [shape[a] for shape in (query, key) for a in axes]
        output = self._output_sizes or query[-1:]
        return (*query[:-1], *output), (query[0], *rest, self.heads, *sizes)

    def _project(self, name: str, x: Any, weights: Weights) -> Any:
        """Return (N, ..., features) as (N, rest, T, heads * size)."""
        kernel = weights[f"{name}_kernel"]
        wide = shapes.reshape(kernel, shape=(kernel.shape[0], -1))
        axes = self._axes
        rest = [a for a in range(1, x.ndim - 1) if a not in axes]
        order = [0, *rest, *axes, x.ndim - 1]
        moved = shapes.transpose(x, axes=order) if order != list(range(x.ndim)) else x
        n = math.prod(x.shape[a] for a in (0, *rest))
        steps = math.prod(x.shape[a] for a in axes)
        y = linalg.matmul(shapes.reshape(moved, shape=(n * steps, x.shape[-1])), wide)
        if self.use_bias:
            y = el.add(y, shapes.reshape(weights[f"{name}_bias"], shape=(wide.shape[1],)))
        return shapes.reshape(y, shape=(n, steps, *kernel.shape[1:]))

    def attend(
        self, given: dict[str, Any], causal: bool, weights: Weights, training: bool
    ) -> tuple[Any, Any]:
        """Attend in each head."""
        query, value = given["query"], given["value"]
        key, times = given.get("key", value), self.heads // self.shared
        q, k, v = (
            self._project(name, x, weights)
            for name, x in (("query", query), ("key", key), ("value", value))
        )
        n, tq, tv = q.shape[0], q.shape[1], k.shape[1]
        q = el.multiply(q, 1.0 / math.sqrt(self.size))
        # Queries that share keys stand below each other: (n, shared, times * Tq, size).
        q = shapes.transpose(q, axes=(0, 2, 1, 3))
        q = shapes.reshape(q, shape=(n, self.shared, times * tq, self.size))
        scores = linalg.matmul(q, shapes.transpose(k, axes=(0, 2, 3, 1)))
        scores = shapes.reshape(scores, shape=(n, self.heads, tq, tv))
        allowed = self._allowed(given, causal, n, tq, tv, scores.dtype)
        found, shares = self.shares(scores, allowed, weights, training)
        shares = shapes.reshape(shares, shape=(n, self.shared, times * tq, tv))
        y = linalg.matmul(shares, shapes.transpose(v, axes=(0, 2, 1, 3)))
        y = shapes.reshape(y, shape=(n, self.heads, tq, self.value_size))
        y = shapes.transpose(y, axes=(0, 2, 1, 3))
        if self.use_gate:
            y = el.multiply(y, el.sigmoid(self._project("gate", query, weights)))
        y = self._back(y, query, weights)
        rest = [size for a, size in enumerate(query.shape[1:-1], 1) if a not in self._axes]
        steps = [x.shape[a] for x in (query, key) for a in self._axes]
        return y, shapes.reshape(found, shape=(query.shape[0], *rest, self.heads, *steps))

    def _back(self, y: Any, query: Any, weights: Weights) -> Any:
        """Project (n, Tq, heads, size) to the output, axes in the order of the query."""
        kernel, output = weights["attention_output_kernel"], self._output or ()
        rows = shapes.reshape(y, shape=(-1, self.heads * self.value_size))
        y = linalg.matmul(rows, shapes.reshape(kernel, shape=(self.heads * self.value_size, -1)))
        if self.use_bias:
            y = el.add(y, shapes.reshape(weights["attention_output_bias"], shape=(-1,)))
        axes = self._axes
        order = [0, *(a for a in range(1, query.ndim - 1) if a not in axes), *axes]
        y = shapes.reshape(y, shape=(*(query.shape[a] for a in order), *output))
        back = [order.index(a) for a in range(len(order))]
        tail = range(len(order), len(order) + len(output))
        moves = [*back, *tail]
        return y if moves == sorted(moves) else shapes.transpose(y, axes=moves)

    def _allowed(
        self, given: dict[str, Any], causal: bool, n: int, tq: int, tv: int, dtype: Any
    ) -> Any:
        """Return where queries may look, broadcast to (n, heads, Tq, Tv); None for everywhere."""
        allowed = None
        for name, shape in (
            ("query_mask", (n, 1, tq, 1)),
            ("value_mask", (n, 1, 1, tv)),
            ("key_mask", (n, 1, 1, tv)),
        ):
            if name in given:
                allowed = both(allowed, shapes.reshape(given[name], shape=shape))
        mask = given.get("attention_mask")
        if mask is not None:
            if mask.ndim == 2:
                mask = shapes.reshape(mask, shape=(1, 1, *mask.shape))
            elif mask.ndim == 3:
                mask = shapes.reshape(mask, shape=(mask.shape[0], 1, *mask.shape[1:]))
            allowed = both(allowed, mask)
        if causal:
            allowed = both(allowed, past(tq, tv, dtype))
        if self.sliding_window is not None:
            near = np.abs(np.arange(tq)[:, None] - np.arange(tv)) < self.sliding_window
            allowed = both(allowed, near.astype(dtype)[None])
        return allowed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        given.pop("flash_attention", None)
        return given


def _attended(layer: Heads, query: Shape) -> list[int]:
    """Return the axes that are attended over."""
    rank = len(query)
    if rank < 3:
        msg = f"{type(layer).__name__} {layer.name!r}: inputs must be (N, T, features), got shape {query}"
        raise ValueError(msg)
    given = layer.attention_axes
    axes = list(range(1, rank - 1)) if given is None else [a + rank if a < 0 else a for a in given]
    if not all(0 < a < rank - 1 for a in axes):
        msg = f"{type(layer).__name__} {layer.name!r}: attention_axes {given} do not fit {query}"
        raise ValueError(msg)
    return axes


class MultiHeadAttention(Heads, builtin=True):
    """Attention in several heads (Vaswani et al., NeurIPS 2017).

    ``softmax(q k^T / sqrt(key_dim)) v`` for each head, of learned projections q, k, v of `query`, `key`
    and `value`; the heads side by side are projected back. Called as ``layer(query, value)``.

    Parameters
    ----------
    num_heads, key_dim : int
        Number of heads, and the size of queries and keys in each.
    value_dim : int, optional
        Size of values in each; None is `key_dim`.
    dropout : float
        Share of the softmax that training drops.
    use_bias : bool
        Whether projections have biases.
    output_shape : int or tuple of int, optional
        Features of the output; None for those of the query.
    attention_axes : int or tuple of int, optional
        Axes that are attended over; None for all but batch and features.
    sliding_window : int, optional
        How near a key must be to the query, counted from 1.
    flash_attention : bool, optional
        Accepted as Keras does; it changes no result.
    kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
        As for `Dense`, for every projection.
    use_gate : bool
        Whether the heads are multiplied by the sigmoid of another projection of the query.
    seed : int, optional
        As for `Dropout`.
    **kwargs
        `name`, `trainable`, `dtype` of `Layer`, and constraints.

    Raises
    ------
    ValueError
        For inputs that do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.MultiHeadAttention(num_heads=2, key_dim=2)
    >>> x = hl.Input((8, 16))
    >>> layer(x, x).shape, layer.count_params()
    ((None, 8, 16), 284)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        makers = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
        }
        super().__init__(dropout, use_bias, sliding_window, use_gate, seed, makers, **kwargs)
        who = "MultiHeadAttention"
        self.num_heads = self.heads = self.shared = whole(who, "num_heads", num_heads, least=1)
        self.key_dim = self.size = whole(who, "key_dim", key_dim, least=1)
        value_dim = key_dim if value_dim is None else value_dim
        self.value_dim = self.value_size = whole(who, "value_dim", value_dim, least=1)
        if output_shape is not None:
            several = output_shape if isinstance(output_shape, list | tuple) else [output_shape]
            self._output_sizes = tuple(whole(who, "output_shape", n, least=1) for n in several)
        if attention_axes is not None:
            several = (
                attention_axes if isinstance(attention_axes, list | tuple) else [attention_axes]
            )
            attention_axes = [whole(who, "attention_axes", a) for a in several]
        self.attention_axes = attention_axes
        self.flash_attention = flash_attention

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        sizes = self._output_sizes
        return {**given, "output_shape": None if sizes is None else list(sizes)}


class GroupQueryAttention(Heads, builtin=True):
    """Attention whose query heads share keys and values in groups (Ainslie et al., EMNLP 2023).

    Called as `MultiHeadAttention`.

    Parameters
    ----------
    head_dim : int
        Size of each head.
    num_query_heads, num_key_value_heads : int
        Heads of the queries, and of keys and values; the first is a multiple of the second.
    dropout, use_bias, sliding_window, flash_attention, use_gate, seed
        As for `MultiHeadAttention`.
    kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
        As for `Dense`, for every projection.
    **kwargs
        `name`, `trainable`, `dtype` of `Layer`, and constraints.

    Raises
    ------
    ValueError
        When the heads cannot be shared, and for inputs that do not fit.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        makers = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
        }
        super().__init__(dropout, use_bias, sliding_window, use_gate, seed, makers, **kwargs)
        who = "GroupQueryAttention"
        self.head_dim = self.size = self.value_size = whole(who, "head_dim", head_dim, least=1)
        self.num_query_heads = self.heads = whole(who, "num_query_heads", num_query_heads, least=1)
        self.num_key_value_heads = self.shared = whole(
            who, "num_key_value_heads", num_key_value_heads, least=1
        )
        if self.heads % self.shared:
            msg = (
                f"{who}: num_query_heads must be a multiple of num_key_value_heads "
                f"{num_key_value_heads}, got {quoted(num_query_heads)}"
            )
            raise ValueError(msg)
        self.flash_attention = flash_attention
