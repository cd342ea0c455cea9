"""`GradientTape`: gradients of what runs inside a ``with`` block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff.backward import gradients, ones
from hotloop.autodiff.rule import Array, TensorBase, mode
from hotloop.autodiff.tensor import Tensor


class GradientTape(_core.Member):
    """Remembers operations on weights and watched arrays, as TensorFlow's class does.

    Inside the block, what models, layers and `hotloop.ops` compute from trainable weights, from
    watched arrays and from tensors answers tensors.

    Parameters
    ----------
    persistent : bool
        Whether `gradient` may be called more than once.
    watch_accessed_variables : bool
        Whether trainable weights are watched without being named.

    Raises
    ------
    RuntimeError
        From `gradient`, when it is called again on a tape that is not persistent.
    NotImplementedError
        From `gradient` inside another tape's block: second derivatives are not computed.

    Examples
    --------
    >>> import hotloop as hl
    >>> from hotloop import ops
    >>> x = hl.Tensor([1.0, 2.0])
    >>> with hl.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = ops.sum(ops.square(x))
    >>> tape.gradient(y, x)
    array([2., 4.], dtype=float32)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        super().__init__(mode, "tapes")
        self.persistent = bool(persistent)
        self.watches_weights = bool(watch_accessed_variables)
        self._leaves: dict[int, tuple[Any, Tensor]] = {}
        self._used = False

    def watch(self, tensor: Any) -> None:
        """Remember operations on `tensor` (a tensor or array, or a list of them) from here on."""
        for item in tensor if isinstance(tensor, list | tuple) else [tensor]:
            if isinstance(item, Tensor):
                if item.dtype.kind != "f":
                    msg = f"GradientTape.watch: only floats have gradients, got {item.dtype}"
                    raise TypeError(msg)
                item.requires_grad = True
            else:
                self._leaf_of(item)

    def _leaf_of(self, array: Any) -> Tensor:
        key = id(array)
        if key not in self._leaves:
            if not isinstance(array, np.ndarray):
                msg = f"GradientTape.watch: takes tensors and arrays, got {type(array).__name__}"
                raise TypeError(msg)
            # The array is kept, so that no other one can get its id.
            self._leaves[key] = (array, Tensor(np.asarray(array), requires_grad=True))
        return self._leaves[key][1]

    def leaf(self, array: Any) -> Tensor | None:
        """Return the leaf that stands for `array`, or None when it is not watched."""
        found = self._leaves.get(id(array))
        if found is not None:
            return found[1]
        weight = getattr(array, "weight", None)
        if weight is None or not self.watches_weights or not array.trainable:
            return None
        return self.leaf_of_weight(weight)

    def leaf_of_weight(self, weight: Any) -> Tensor:
        """Return the leaf of a weight; one for each weight, however often it is read."""
        key = id(weight)
        if key not in self._leaves:
            self._leaves[key] = (weight, Tensor(weight.value, requires_grad=True))
        return self._leaves[key][1]

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = None,
    ) -> Any:
        """Return the gradient of `target` for each of `sources`.

        Parameters
        ----------
        target : Tensor, or list of Tensor
            Computed inside the block; several elements, and several targets, are summed.
        sources : tensor or array, or list, tuple or dict of them
            Weights (``model.trainable_variables``), or what was watched.
        output_gradients : array_like, optional
            What each element of `target` weighs; 1 by default.
        unconnected_gradients : str, optional
            ``"zero"`` for zeros in place of None where `target` does not depend on a source.

        Returns
        -------
        ndarray or None, or a list or dict of them
            Nested as `sources` are; None where `target` does not depend on a source.
        """
        recorder = mode.recorder
        if any(tape is not self and tape is not recorder for tape in mode.tapes):
            msg = "GradientTape.gradient: second derivatives (a gradient inside another tape) are not computed"
            raise NotImplementedError(msg)
        if self._used and not self.persistent:
            msg = "GradientTape.gradient: a tape that is not persistent answers once; use GradientTape(persistent=True)"
            raise RuntimeError(msg)
        self._used = True
        targets = list(target) if isinstance(target, list | tuple) else [target]
        given = (
            list(output_gradients)
            if isinstance(output_gradients, list | tuple)
            else [output_gradients] * len(targets)
        )
        starts: list[tuple[Tensor, Array]] = []
        for one, start in zip(targets, given, strict=True):
            if not isinstance(one, Tensor):
                msg = (
                    "GradientTape.gradient: the target must be computed inside the tape's block, "
                    f"got {type(one).__name__}"
                )
                raise TypeError(msg)
            if one.requires_grad:
                grad: Array = ones(one.shape, one.dtype)
                if start is not None:
                    if recorder is None or not isinstance(start, TensorBase):
                        grad = np.asarray(start, one.dtype)
                    else:
                        grad = recorder.cast(recorder.live(start), one.dtype)
                    grad = np.broadcast_to(grad, one.shape)
                starts.append((one, grad))
        zero = str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero"
        if isinstance(sources, Mapping):
            items = list(sources.values())
        else:
            items = list(sources) if isinstance(sources, list | tuple) else [sources]
        leaves = [self._source(item) for item in items]
        found = gradients(starts, [leaf for leaf in leaves if leaf is not None], self.persistent)
        grads = []
        for item, leaf in zip(items, leaves, strict=True):
            own = None if leaf is None else found.get(id(leaf))
            if own is None and zero:
                own = np.zeros(np.shape(item), item.dtype)
            if own is not None:
                own = np.asarray(own) if recorder is None else recorder.answer(own)
            grads.append(own)
        if isinstance(sources, Mapping):
            return dict(zip(sources, grads, strict=True))
        return grads if isinstance(sources, list | tuple) else grads[0]

    def _source(self, item: Any) -> Tensor | None:
        """Return the leaf or tensor that stands for a source."""
        if isinstance(item, TensorBase):
            return item  # type: ignore[return-value]
        weight = getattr(item, "weight", None)
        found = self._leaves.get(id(item)) or self._leaves.get(id(weight))
        return found[1] if found is not None else None
