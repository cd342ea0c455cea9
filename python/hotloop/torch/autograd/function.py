"""Functions whose way back their author wrote."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff.rule import Saved, mode
from hotloop.torch.core import Node, Op, Tensor, edge, refresh, wrap
from hotloop.torch.grad_mode import no_grad


class Context:
    """What `forward` leaves for `backward`.

    Attributes
    ----------
    saved_tensors : tuple of Tensor
        What `save_for_backward` was given.
    needs_input_grad : tuple of bool
        Which arguments need a gradient.
    """

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs
        self._saved: Any = ()
        self._versions: list[Any] = []
        self._dirty: tuple[Any, ...] = ()
        self._flat: set[int] = set()
        self.materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`; they may not be changed in place until then."""
        self._saved = tensors
        self._versions = [t._version[0] if isinstance(t, Tensor) else 0 for t in tensors]

    @property
    def saved_tensors(self) -> Any:
        """The tensors that were kept."""
        for t, version in zip(self._saved, self._versions, strict=True):
            if isinstance(t, Tensor) and t._version[0] != version:
                msg = (
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: it is at version {t._version[0]}; expected version {version} "
                    "instead."
                )
                raise RuntimeError(msg)
        return self._saved

    def mark_dirty(self, *args: Any) -> None:
        """Name the inputs that `forward` changed in place."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Name the answers that have no gradient."""
        self._flat = {id(t) for t in args}

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients come as zeros."""
        self.materialize = bool(value)


class Function:
    """An operation with a way back of one's own: static methods ``forward(ctx, ...)`` and ``backward(ctx, ...)``.

    Examples
    --------
    >>> import hotloop.torch as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, dy):
    ...         return dy * 2
    >>> x = torch.ones(1, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor([2.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute; written by the user."""
        msg = "You must implement the forward function for custom autograd.Function."
        raise NotImplementedError(msg)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return a gradient for each argument; written by the user."""
        msg = "You must implement the backward function for your custom autograd.Function."
        raise NotImplementedError(msg)

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function."""
        edges = []
        for x in args:
            at = None
            if isinstance(x, Tensor):
                if x._view is not None:
                    refresh(x)
                if x._needs:
                    at = edge(x)
            edges.append(at)
        needs = tuple(e is not None for e in edges)
        ctx = Context(needs)
        own_context = getattr(cls, "setup_context", None)
        with no_grad():
            if own_context is None:
                answer = cls.forward(ctx, *args)
            else:
                answer = cls.forward(*args)
                own_context(ctx, args, answer)
        if not (mode.enabled and any(needs)):
            return answer
        single = not isinstance(answer, tuple)
        outputs = [answer] if single else list(answer)
        made: list[Any] = []
        dirty = {id(t) for t in ctx._dirty}
        given = {id(t) for t in args}
        for part in outputs:
            fresh = id(part) in dirty or (id(part) not in given and part._node is None)
            made.append(part if not isinstance(part, Tensor) or fresh else _alias(part))
        shapes = [
            (p._array.shape, p._array.dtype) if isinstance(p, Tensor) else ((), np.float32)
            for p in made
        ]
        op = Op(f"{cls.__name__}Backward", _no_forward, _backward_of(cls, ctx), "!")
        node = Node(op, Saved(), edges, shapes)
        for i, (part, source) in enumerate(zip(made, outputs, strict=True)):
            if (
                isinstance(part, Tensor)
                and id(source) not in ctx._flat
                and part._array.dtype.kind == "f"
            ):
                if id(part) in dirty:
                    part._version[0] += 1
                part._node, part._index, part._needs = node, i, True
        return made[0] if single else tuple(made)


def _alias(tensor: Tensor) -> Tensor:
    """Return another tensor of the same memory."""
    made = wrap(tensor._array)
    made._version = tensor._version
    return made


def _no_forward(*_: Any) -> Any:
    return None


def _backward_of(cls: Any, ctx: Context) -> Any:
    def backward(_: Any, *dy: Any) -> Any:
        with no_grad():
            answer = cls.backward(ctx, *map(wrap, dy))
        grads = list(answer) if isinstance(answer, tuple) else [answer]
        count = len(ctx.needs_input_grad)
        while len(grads) > count and grads[-1] is None:
            grads.pop()
        if len(grads) != count:
            msg = (
                f"function {cls.__name__}Backward returned an incorrect number of gradients "
                f"(expected {count}, got {len(grads)})"
            )
            raise RuntimeError(msg)
        return [g._array if isinstance(g, Tensor) else None for g in grads]

    return backward
