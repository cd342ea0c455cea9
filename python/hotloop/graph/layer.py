"""A layer as models see it: what a graph, its program and its steps ask of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hotloop._support.typing import Shape
from hotloop.parameters import Weight


class LayerLike(Protocol):
    """What `hotloop.layers.Layer` offers to the rooms below it."""

    first_output: Any
    trainable: bool
    built: bool
    dtype: str
    given_dtype: str | None
    takes_several: bool
    is_view: bool
    adds_losses: bool
    reads_text: bool
    reads_ids: bool
    is_mask: bool
    activity_regularizer: Any

    @property
    def name(self) -> str:
        """Unique in a model."""

    def ensure_built(self, input_shape: Any, dtype: str | None = None) -> Shape:
        """Build on the first call, and return the output shape."""

    def weight(self, name: str) -> Weight:
        """Return one weight."""

    def ordered_weights(self) -> list[Weight]:
        """Return the weights, trainable ones first."""

    def forward(self, x: Any, cache: Any, training: bool) -> Any:
        """Return the output."""

    def backward(self, dy: Any, cache: Any) -> Any:
        """Return the gradient of the input."""

    def is_recorded(self, shapes: Sequence[Shape]) -> bool:
        """Whether a call on inputs of `shapes` consists of core calls alone."""

    def changed_arrays(self, cache: Any, training: bool) -> list[Any]:
        """Return what `forward` changes and later calls read."""

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the output for arrays, tensors or symbols."""

    def __getattr__(self, name: str) -> Any:
        """Whatever else a layer of some kind has."""
