"""Hooks of modules: functions that see what goes in and comes out, both ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hotloop.torch.core import Op, Tensor, apply, wrap

_next = itertools.count(1).__next__


class RemovableHandle:
    """Takes a hook away again."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self._hooks, self.id = hooks, _next()

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:  # noqa: PYI034 - Self needs Python 3.11
        """Keep the hook for a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self.remove()


def register(hooks: dict[int, Any], hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
    """Enter a hook, and return what takes it away."""
    handle = RemovableHandle(hooks)
    before = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(before)
    return handle


def _listed(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def called(
    module: Any, kinds: dict[str, dict[int, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run the forward of a module with its hooks."""
    for hook in list(kinds.get("pre", {}).values()):
        answer = hook(module, args)
        if answer is not None:
            args = _listed(answer)
    for hook in list(kinds.get("pre_kwargs", {}).values()):
        answer = hook(module, args, kwargs)
        if answer is not None:
            args, kwargs = answer
    back = list(kinds.get("backward", {}).values())
    seen: dict[str, Any] = {}
    if back:
        args = _passed(args, lambda grads: _at_inputs(module, back, seen, grads))
    output = module.forward(*args, **kwargs)
    for hook in list(kinds.get("forward", {}).values()):
        answer = hook(module, args, output)
        output = output if answer is None else answer
    for hook in list(kinds.get("forward_kwargs", {}).values()):
        answer = hook(module, args, kwargs, output)
        output = output if answer is None else answer
    if back:
        waits = any(isinstance(x, Tensor) and x.requires_grad for x in args)

        def at_outputs(grads: tuple[Any, ...]) -> tuple[Any, ...]:
            seen["output"] = grads
            if not waits:
                _at_inputs(module, back, seen, (None,) * len(args))
            return grads

        several = isinstance(output, tuple)
        parts = _passed(_listed(output), at_outputs)
        output = parts if several else parts[0]
    return output


def _at_inputs(
    module: Any, hooks: list[Any], seen: dict[str, Any], grads: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Call the hooks of the way back, and return what they make of the gradients of the inputs."""
    for hook in hooks:
        answer = hook(module, grads, seen.get("output"))
        if answer is not None:
            grads = _listed(answer)
    return grads


def _passed(values: tuple[Any, ...], hook: Callable[[tuple[Any, ...]], Any]) -> tuple[Any, ...]:
    """Return tensors as they are, with a hook on their gradients."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        return values

    def forward(_: Any, *arrays: Any) -> Any:
        # Views of their own, so that an answer is never its own input.
        views = tuple([array.view() for array in arrays])
        return views if len(views) > 1 else views[0]

    def backward(_: Any, *grads: Any) -> Any:
        given: list[Any] = [None] * len(values)
        for place, grad in zip(places, grads, strict=True):
            given[place] = wrap(grad)
        answer = hook(tuple(given))
        return tuple([None if answer[i] is None else answer[i]._array for i in places])

    op = Op("BackwardHookFunctionBackward", forward, backward)
    made = apply(op, *[values[i] for i in places])
    passed = list(values)
    for place, tensor in zip(places, _listed(made), strict=True):
        passed[place] = tensor
    return tuple(passed)
