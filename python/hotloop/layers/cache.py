"""What one call of a layer may keep for its backward, and a layer's weights by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from hotloop.graph.layer import LayerLike
from hotloop.parameters import aligned_zeros

Array = NDArray[Any]


class Cache:
    """What one call of a layer keeps until its backward: a fresh object for each call.

    A layer stores on it what it likes: ``cache.x = x``.

    Attributes
    ----------
    need_dx : bool
        False when nothing before this call can be trained; `backward` may then return None.
    owns_dy : bool
        True when `backward` may write into `dy`.
    logits : bool
        True when the loss takes this call's values before the final softmax or sigmoid; only
        the package's own layers ever see it.
    folded : str or None
        Activation of the call before, whose derivative this backward applies too, at the input;
        only layers with `folds_activation` ever see it.
    recorded : bool
        Whether this call is being recorded rather than run.
    trainable : bool
        Whether the layer trained when the weights of its model were laid out.
    backward_follows : bool
        False in a pass that ends with the outputs.
    roles : tuple of str
        What the inputs behind the layer's own are; forward then gets a tuple.
    further : list of ndarray
        What a layer of several answers answers behind the first.
    dfurther : dict of int to ndarray
        Gradients of those, by place from 1.
    """

    need_dx: bool = True
    owns_dy: bool = False
    logits: bool = False
    folded: str | None = None
    recorded: bool = False
    backward_follows: bool = True
    roles: tuple[str, ...] = ()
    further: Sequence[Array] = ()
    dfurther: Mapping[int, Array] = MappingProxyType({})

    def __init__(self, layer: LayerLike, accumulate: bool = False) -> None:
        self._layer = layer
        self.trainable = layer.trainable
        self.accumulate = accumulate
        self.targets: dict[str, Array] = {}

    def __getattr__(self, name: str) -> Any:
        """Only reached for attributes that the forward did not store."""
        msg = f"the cache of this call holds no {name!r}: forward did not store it"
        raise AttributeError(msg)

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Any attribute may be stored."""

    def grad(self, name: str) -> Array:
        """Return the array that `backward` writes the gradient of weight `name` to.

        It is overwritten, not added to: sums over several calls of one layer are formed by
        the caller.
        """
        live = self._layer.weight(name).grad
        if live is not None and not self.accumulate:
            return live
        if name not in self.targets:
            value = self._layer.weight(name).value
            self.targets[name] = aligned_zeros(value.shape, value.dtype)
        return self.targets[name]


class Views(MutableMapping[str, Array]):
    """Live weights or gradients of one layer by name; setting an item copies into the array."""

    def __init__(self, find: Callable[[str], Array], names: Callable[[], list[str]]) -> None:
        self._find, self._names = find, names

    def __getitem__(self, name: str) -> Array:
        """Return the live array."""
        return self._find(name)

    def __setitem__(self, name: str, value: Any) -> None:
        """Copy into the live array."""
        self._find(name)[...] = value

    def __delitem__(self, name: str) -> None:
        """Refuse."""
        msg = f"weight {name!r} cannot be removed"
        raise TypeError(msg)

    def __iter__(self) -> Iterator[str]:
        """Go over the names."""
        return iter(self._names())

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self._names())
