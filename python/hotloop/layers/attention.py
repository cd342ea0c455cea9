"""Attention: means of values, weighted by how well queries fit keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from hotloop import _core
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise as el
from hotloop.autodiff import linalg, nn, reductions, shapes
from hotloop.autodiff import numeric as num
from hotloop.graph.symbol import Symbol
from hotloop.layers.checks import require_known, require_rank
from hotloop.layers.dropout import Seeded
from hotloop.layers.ruled import RuleLayer, Weights

# What softmax sees where a mask forbids.
_FORBIDDEN = -1e9


class Way(NamedTuple):
    """How a layer is called: what each input is, whether later keys are hidden, whether scores come too."""

    roles: tuple[str, ...] = ("query", "value")
    causal: bool = False
    scores: bool = False


# The way of the call under way on arrays and tensors; calls in a model all have that of the layer.
_way: ContextVar[Way | None] = ContextVar("_way", default=None)


@contextmanager
def _called(way: Way) -> Iterator[None]:
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


class AttentionLayer(RuleLayer, Seeded, builtin=True):
    """What attention layers share: roles of inputs, masks, weights of values."""

    takes_several = True

    def __init__(self, dropout: float, seed: int | None, **kwargs: Any) -> None:
        way = kwargs.pop("called", None)
        Seeded.__init__(self, dropout, seed, **kwargs)
        self.dropout = self.rate
        self.way = None if way is None else Way(tuple(way[0]), bool(way[1]), bool(way[2]))

    def run(self, parts: dict[str, Any], causal: bool, scores: bool, training: bool | None) -> Any:
        """Call the layer on inputs by role; None ones are left out."""
        given = {role: part for role, part in parts.items() if part is not None}
        way = Way(tuple(given), bool(causal), bool(scores))
        inputs = list(given.values())
        if any(isinstance(part, Symbol) for part in inputs):
            if self.way not in (None, way):
                msg = (
                    f"{type(self).__name__} {self.name!r}: in a model one layer is called in one way, "
                    f"got {way} after {self.way}"
                )
                raise ValueError(msg)
            self.way = way
        with _called(way):
            y = super().__call__(inputs, training)
        if not scores:
            return y
        # Output and scores came side by side.
        sizes = [part.shape if hasattr(part, "shape") else np.shape(part) for part in inputs]
        cut, rest = self.answer_shapes(sizes, way)
        n = int(np.prod(cut[1:]))
        return tuple(
            shapes.reshape(shapes.getitem(y, index=(slice(None), at)), shape=(-1, *shape[1:]))
            for at, shape in ((slice(0, n), cut), (slice(n, None), rest))
        )

    def answer_shapes(self, given: Any, way: Way) -> tuple[Any, Any]:
        """Return the shapes of output and scores."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the output, or of output and scores in a row."""
        way = self.current(input_shape)
        output, scores = self.answer_shapes(input_shape, way)
        if not way.scores:
            return tuple(output)
        sizes = [*output[1:], *scores[1:]]
        if None in sizes:
            msg = f"{type(self).__name__} {self.name!r}: scores need known sizes, got {input_shape}"
            raise ValueError(msg)
        return output[0], int(np.prod(output[1:]) + np.prod(scores[1:]))

    def current(self, inputs: Any) -> Way:
        """Return the way of the call under way."""
        way = _way.get() or self.way or Way(("query", "value", "key")[: len(inputs)])
        if len(way.roles) != len(inputs):
            msg = (
                f"{type(self).__name__} {self.name!r}: it takes {', '.join(way.roles)}, "
                f"got {len(inputs)} inputs"
            )
            raise ValueError(msg)
        return way

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:
        """Attend; output and scores side by side where both are wanted."""
        way = self.current(x)
        given = dict(zip(way.roles, x, strict=True))
        output, scores = self.attend(given, way.causal, weights, training)
        if not way.scores:
            return output
        rows = [shapes.reshape(part, shape=(part.shape[0], -1)) for part in (output, scores)]
        return shapes.concatenate(*rows, axis=1)

    def attend(
        self, given: dict[str, Any], causal: bool, weights: Weights, training: bool
    ) -> tuple[Any, Any]:
        """Return output and scores for inputs by role."""
        raise NotImplementedError

    def shares(self, scores: Any, allowed: Any, weights: Weights, training: bool) -> Any:
        """Return the softmax of scores where `allowed` is 1, and what dropout leaves of it."""
        if allowed is not None:
            forbidden = el.equal(allowed, num.constant(0.0, scores.data))
            scores = el.where(forbidden, num.constant(_FORBIDDEN, scores.data), scores)
        found = nn.softmax(scores, axis=-1)
        if not training or not self.rate:
            return found, found
        ones = np.ones(found.shape, found.dtype)
        factor, _ = _core.dropout(ones, self.rate, *self.drawn(weights.recorded))
        return found, el.multiply(found, factor)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        given.pop("rate", None)
        return (
            given
            if self.way is None
            else {**given, "called": [list(self.way.roles), *self.way[1:]]}
        )


def past(queries: int, keys: int, dtype: Any) -> Any:
    """Return 1 where a key is not later than the query, else 0, ``(1, queries, keys)``."""
    return np.tri(queries, keys, dtype=dtype)[None]


def both(a: Any, b: Any) -> Any:
    """Return where two masks allow, either of which may be None."""
    return b if a is None else a if b is None else el.multiply(a, b)


class Attention(AttentionLayer, builtin=True):
    """Dot-product attention (Luong et al., EMNLP 2015): ``softmax(query key^T) value``.

    Called on ``[query, value]`` or ``[query, value, key]``, ``(N, Tq, D)``, ``(N, Tv, V)`` and
    ``(N, Tv, D)``; answers ``(N, Tq, V)``.

    Parameters
    ----------
    use_scale : bool
        Whether the scores are multiplied by a learned number.
    score_mode : str
        ``"dot"``, or ``"concat"``: sums of ``tanh(query + key)``, times a learned number.
    dropout : float
        Share of the softmax that training drops.
    seed : int, optional
        As for `Dropout`.
    **kwargs
        `name`, `trainable`, `dtype` of `Layer`.

    Raises
    ------
    ValueError
        For another mode, and inputs that do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> query, value = hl.ops.ones((1, 2, 3)), hl.ops.ones((1, 4, 3))
    >>> hl.layers.Attention()([query, value], use_causal_mask=True).shape
    (1, 2, 3)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dropout, seed, **kwargs)
        self.use_scale = bool(use_scale)
        if score_mode not in ("dot", "concat"):
            msg = f"{type(self).__name__}: score_mode must be 'dot' or 'concat', got {quoted(score_mode)}"
            raise ValueError(msg)
        self.score_mode = score_mode

    def _call_on(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the output for ``[query, value]`` or ``[query, value, key]``, and the scores if asked.

        Parameters
        ----------
        inputs : list
            Arrays, tensors or symbols.
        mask : list, optional
            ``[query_mask, value_mask]``, ``(N, Tq)`` and ``(N, Tv)``, either of which may be None; 1
            where there is something.
        training : bool, optional
            Whether there is dropout.
        return_attention_scores : bool
            Whether the scores ``(N, Tq, Tv)`` come too.
        use_causal_mask : bool
            Whether no query sees later values.
        """
        if not isinstance(inputs, list | tuple) or len(inputs) not in (2, 3):
            msg = (
                f"{type(self).__name__} {self.name!r}: it takes a list [query, value] or "
                f"[query, value, key], got {quoted(inputs)}"
            )
            raise ValueError(msg)
        parts = dict(zip(("query", "value", "key"), inputs, strict=False))
        masks = dict(zip(("query_mask", "value_mask"), mask or (), strict=False))
        return self.run(parts | masks, use_causal_mask, return_attention_scores, training)

    # More arguments than other layers take.
    __call__: Any = _call_on

    def build(self, input_shape: Any) -> None:
        """Make the learned numbers."""
        super().build(input_shape)
        if self.use_scale:
            self.add_weight("scale", (), "ones")
        if self.score_mode == "concat":
            self.add_weight("concat_score_weight", (), "ones")

    def answer_shapes(self, given: Any, way: Way) -> tuple[Any, Any]:
        """(N, Tq, V) and (N, Tq, Tv)."""
        by = dict(zip(way.roles, given, strict=True))
        query, value = by["query"], by["value"]
        key = by.get("key", value)
        for shape in (query, value, key):
            require_rank(self, shape, 3, "(N, T, D)")
        fits = query[2] == key[2] and key[1] == value[1]
        if not fits:
            msg = (
                f"{type(self).__name__} {self.name!r}: query {query}, value {value} and key {key} must "
                "agree: (N, Tq, D), (N, Tv, V), (N, Tv, D)"
            )
            raise ValueError(msg)
        return (query[0], query[1], value[2]), (query[0], query[1], value[1])

    def scored(self, query: Any, key: Any, weights: Weights) -> Any:
        """Return the scores (N, Tq, Tv)."""
        if self.score_mode == "dot":
            found = linalg.matmul(query, shapes.transpose(key, axes=(0, 2, 1)))
            return el.multiply(found, weights["scale"]) if self.use_scale else found
        summed = _sums(query, key)
        if self.use_scale:
            summed = el.multiply(summed, weights["scale"])
        found = reductions.sum_(el.tanh(summed), axis=-1, keepdims=False)
        return el.multiply(found, weights["concat_score_weight"])

    def attend(
        self, given: dict[str, Any], causal: bool, weights: Weights, training: bool
    ) -> tuple[Any, Any]:
        """Attend."""
        query, value = given["query"], given["value"]
        scores = self.scored(query, given.get("key", value), weights)
        mask, allowed = given.get("value_mask"), None
        if mask is not None:
            allowed = shapes.reshape(mask, shape=(mask.shape[0], 1, mask.shape[1]))
        if causal:
            allowed = both(allowed, past(scores.shape[1], scores.shape[2], scores.dtype))
        _, shares = self.shares(scores, allowed, weights, training)
        y = linalg.matmul(shares, value)
        hides = given.get("query_mask")
        if hides is not None:
            y = el.multiply(y, shapes.reshape(hides, shape=(*hides.shape, 1)))
        return y, shares


class AdditiveAttention(Attention, builtin=True):
    """Additive attention (Bahdanau et al., ICLR 2015): scores ``sum(scale * tanh(query + key))``.

    Called as `Attention`.

    Parameters
    ----------
    use_scale : bool
        Whether `scale` ``(D,)`` is learned; else it is 1.
    dropout, seed
        As for `Attention`.
    **kwargs
        `name`, `trainable`, `dtype` of `Layer`.
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(use_scale, "dot", dropout, seed, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        Seeded.build(self, input_shape)
        if self.use_scale:
            self.add_weight("scale", (require_known(self, input_shape[0], -1),), "glorot_uniform")

    def scored(self, query: Any, key: Any, weights: Weights) -> Any:
        """Return the scores (N, Tq, Tv)."""
        summed = el.tanh(_sums(query, key))
        if self.use_scale:
            summed = el.multiply(summed, weights["scale"])
        return reductions.sum_(summed, axis=-1, keepdims=False)


def _sums(query: Any, key: Any) -> Any:
    """Return each query plus each key, (N, Tq, Tv, D)."""
    (n, tq, d), tv = query.shape, key.shape[1]
    wide = shapes.reshape(query, shape=(n, tq, 1, d))
    return el.add(wide, shapes.reshape(key, shape=(n, 1, tv, d)))
