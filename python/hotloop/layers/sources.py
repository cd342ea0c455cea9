"""Nodes that read no value of the model: weights of a layer with a `call`, and random draws."""

from __future__ import annotations

from typing import Any

from hotloop._support import arguments
from hotloop._support.typing import Shape
from hotloop.graph.symbol import Symbol, connect
from hotloop.layers.base import Layer
from hotloop.layers.cache import Cache
from hotloop.random import generator

# What a layer's weights have from the layer.
_OWNERS = frozenset({"name", "given_name", "model_name", "base_name", "trainable"})


class OwnWeights(Layer, builtin=True):
    """The weights that a layer with a `call` made itself, as values of the model.

    Every node answers one of them, which ``Symbol.which`` names. Made by the trace of a call, and
    from a model's file, where it stands for the layer.

    Parameters
    ----------
    weights : list of [str, list of int, bool]
        Name, shape and whether training moves it.
    **kwargs
        As for every layer.
    """

    recordable = False
    takes_several = True

    def __init__(self, weights: list[Any], **kwargs: Any) -> None:
        self._owner: Layer | None = None
        super().__init__(**kwargs)
        self._listed = [
            (
                str(name),
                arguments.shape("OwnWeights", "the shape of a weight", shape, least=0),
                bool(trains),
            )
            for name, shape, trains in weights
        ]

    @classmethod
    def of(cls, owner: Layer) -> OwnWeights:
        """Return the node's layer of `owner`; always the same one."""
        found: OwnWeights | None = vars(owner).get("_own_weights")
        if found is None:
            found = cls([])
            found._owner, found.dtype, found.built = owner, owner.dtype, True
            found._weights = owner._weights
            object.__setattr__(owner, "_own_weights", found)
        return found

    def __getattribute__(self, name: str) -> Any:
        """Names, and whether it trains, are those of the layer that made the weights."""
        if name in _OWNERS:
            owner = object.__getattribute__(self, "__dict__").get("_owner")
            if owner is not None:
                return getattr(owner, name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set names, and whether it trains, on the layer that made the weights."""
        owner = self.__dict__.get("_owner")
        if name in _OWNERS and owner is not None:
            setattr(owner, name, value)
        else:
            super().__setattr__(name, value)

    def build(self, input_shape: Any) -> None:  # noqa: ARG002
        """Make the weights that a file lists; their values come from it."""
        for name, shape, trains in self._listed:
            self.add_weight(name, tuple(n or 0 for n in shape), "zeros", trains)

    def symbol(self, which: str) -> Symbol:
        """Return the weight `which` as a value of a model."""
        return connect(self, (), True, which=which)

    def output_shape_of(self, which: str) -> Shape:
        """Return the shape of the weight `which`."""
        return self.weight(which).value.shape

    def forward(self, x: Any, cache: Cache, training: bool) -> Any:  # noqa: ARG002
        """Return the weight."""
        return self.weight(cache.which).value

    def backward(self, dy: Any, cache: Cache) -> Any:
        """Its gradient is that of the value."""
        weight = self.weight(cache.which)
        if weight.grad is not None or cache.accumulate:
            cache.grad(cache.which)[...] = dy
        return ()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this again."""
        listed = [[w.name, list(w.value.shape), w.trainable] for w in self._weights.values()]
        return {"weights": listed, **super().get_config()}


class RandomDraw(Layer, builtin=True):
    """Random numbers, new in every run: what `hotloop.random` answers for an open batch size.

    Parameters
    ----------
    distribution : str
        ``"normal"`` or ``"uniform"``.
    shape : list of int or None
        None for the size of the batch.
    low, high : float
        Mean and standard deviation, or bounds.
    **kwargs
        As for every layer.
    """

    recordable = False
    takes_several = True

    def __init__(
        self, distribution: str, shape: list[int | None], low: float, high: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if distribution not in ("normal", "uniform"):
            msg = f"RandomDraw: distribution must be 'normal' or 'uniform', got {distribution!r}"
            raise ValueError(msg)
        self.distribution, self.low, self.high = distribution, float(low), float(high)
        self.shape = arguments.shape("RandomDraw", "shape", shape, least=0)

    def symbol(self, which: str) -> Symbol:
        """Return the draw as a value of a model."""
        return connect(self, (), True, which=which)

    def output_shape_of(self, which: str) -> Shape:  # noqa: ARG002
        """Return the shape of the draw."""
        return self.shape

    def forward(self, x: Any, cache: Cache, training: bool) -> Any:  # noqa: ARG002
        """Draw."""
        shape = tuple(cache.batch if n is None else n for n in self.shape)
        rng = generator()
        if self.distribution == "normal":
            return rng.normal(self.low, self.high, shape).astype(self.dtype)
        return rng.uniform(self.low, self.high, shape).astype(self.dtype)

    def backward(self, dy: Any, cache: Cache) -> Any:  # noqa: ARG002
        """Nothing was read."""
        return ()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this again."""
        own = {"distribution": self.distribution, "shape": list(self.shape)}
        return {**own, "low": self.low, "high": self.high, **super().get_config()}
