"""Layers around a layer, and one that keeps its kernel's largest singular value at 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import initializers
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.registry import deserialize, own, serialize


class Wrapper(Layer, builtin=True):
    """A layer around another one, whose weights it shares; by itself it does what that does.

    Parameters
    ----------
    layer : Layer
        The other one.
    **kwargs
        As for every layer.

    Raises
    ------
    ValueError
        When it is no layer, or one that consists of others.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer) or layer.is_composite or layer.takes_several:
            msg = f"{type(self).__name__}: it takes a layer of one input, got {quoted(layer)}"
            raise ValueError(msg)
        self.layer = layer

    def build(self, input_shape: Shape) -> None:
        """Build the layer, and share its weights."""
        given = self.layer.given_name
        # A file has the weights under this layer's name.
        self.layer.given_name = self.name
        try:
            self.layer.ensure_built(input_shape, self.dtype)
        finally:
            self.layer.given_name = given
        self._weights.update(self.layer._weights)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that the layer answers."""
        return self.layer.compute_output_shape(input_shape)

    def is_recordable(self, shapes: Any) -> bool:
        """Whether the layer is core calls alone."""
        return self.layer.is_recorded(shapes)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Call the layer."""
        inner = cache.inner = Cache(self.layer)
        inner.recorded, inner.trainable = cache.recorded, cache.trainable
        inner.backward_follows = cache.backward_follows
        return self.layer.forward(x, inner, training)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Follow the layer back."""
        inner = cache.inner
        inner.need_dx, inner.owns_dy = cache.need_dx, cache.owns_dy
        # The weights are the same objects, so their gradients are.
        inner.accumulate, inner.targets = cache.accumulate, cache.targets
        dx: Array | None = self.layer.backward(dy, inner)
        return dx

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:
        """Return what the layer changes."""
        return self.layer.changed_arrays(cache, training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"layer": serialize(self.layer), **super().get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Make the layer and what is around it."""
        inner = deserialize("layer", config["layer"], own("layer"))
        return cls(**{**config, "layer": inner})


class SpectralNormalization(Wrapper, builtin=True):
    """Divides the kernel of a layer by an estimate of its largest singular value in each training call.

    Parameters
    ----------
    layer : Layer
        One with a `kernel` or `embeddings`.
    power_iterations : int
        Steps of the estimate.
    **kwargs
        As for every layer.

    Raises
    ------
    ValueError
        When the layer has neither.

    Notes
    -----
    Source: Miyato et al., ICLR 2018. As in Keras the kernel itself is divided.

    Examples
    --------
    >>> import numpy as np, hotloop as hl
    >>> layer = hl.layers.SpectralNormalization(hl.layers.Dense(2), power_iterations=20)
    >>> y = layer([[1.0, 2.0, 3.0]], training=True)
    >>> bool(abs(np.linalg.norm(layer.layer.kernel, 2) - 1) < 1e-3)
    True
    """

    recordable = False

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        who = "SpectralNormalization"
        self.power_iterations = whole(who, "power_iterations", power_iterations, least=1)

    def is_recordable(self, shapes: Any) -> bool:  # noqa: ARG002
        """Return False: the estimate runs in Python."""
        return False

    def build(self, input_shape: Shape) -> None:
        """Build the layer, and make the vector of the estimate."""
        super().build(input_shape)
        names = [name for name in ("kernel", "embeddings") if name in self._weights]
        if not names:
            msg = (
                f"SpectralNormalization {self.name!r}: layer {self.layer.name!r} has neither kernel "
                "nor embeddings"
            )
            raise ValueError(msg)
        self._divided = names[0]
        start = initializers.TruncatedNormal(stddev=0.02)
        features = self._weights[names[0]].value.shape[-1]
        self.vector_u = self.add_weight("vector_u", (1, features), start, trainable=False)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Divide the kernel in training, and call the layer."""
        kernel = self.weight(self._divided).value
        if training and kernel.any():
            rows, u = kernel.reshape(-1, kernel.shape[-1]), self.weight("vector_u").value
            vector = np.array(u)
            for _ in range(self.power_iterations):
                left = _to_one(vector @ rows.T)
                vector = _to_one(left @ rows)
            kernel /= (left @ rows @ vector.T)[0, 0]
            u[...] = vector
        return super().forward(x, cache, training)

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:
        """Return the vector and the kernel too."""
        mine = [self.weight(name).value for name in (self._divided, "vector_u")]
        return super().changed_arrays(cache, training) + (mine if training else [])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"power_iterations": self.power_iterations, **super().get_config()}


def _to_one(x: Array) -> Array:
    """Return a vector of length 1 in the direction of `x`."""
    found: Array = x * np.minimum(1 / np.sqrt((x * x).sum()), x.dtype.type(1e7))
    return found
