"""The way back through the nodes of tensors."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop.autodiff import numeric as num
from hotloop.autodiff.backward import ones
from hotloop.autodiff.rule import Array, mode, quiet
from hotloop.torch.core import WATCHED, Node, Tensor, edge, refresh, wrap

_AGAIN = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


def _look_at_versions(node: Node) -> None:
    """Refuse to go back over values that were changed in place; compute again what can be."""
    kept = node.kept
    for i in range(0, len(kept), 3):
        counter, version, code = kept[i], kept[i + 1], kept[i + 2]
        if counter[0] == version:
            continue
        if code == "R":
            node.op.forward(node.saved, node.saved.x, node.saved.y)
            continue
        msg = (
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: a tensor read by {node.op.name} is at version {counter[0]}; expected "
            f"version {version} instead. Hint: the operation may be found with "
            "torch.autograd.set_detect_anomaly(True)."
        )
        raise RuntimeError(msg)


def _hooked(node: Node, grads: list[Any]) -> None:
    """Let hooks see, and change, the gradients of a node's answers."""
    for index, hook in node.hooks.values():
        if grads[index] is not None:
            answer = hook(wrap(grads[index]))
            if answer is not None:
                grads[index] = answer._array


def _plus(a: Array, b: Array) -> Array:
    if mode.recorder is not None:
        return mode.recorder.plus(a, b)  # type: ignore[no-any-return]
    return num.add(a, b)


@quiet
def walk(
    starts: Sequence[tuple[Any, Array]], retain: bool, wanted: dict[Any, Any]
) -> dict[int, list[Any]]:
    """Go back from edges with their gradients; return leaves and their gradients, by ``id``.

    Parameters
    ----------
    starts : sequence of (edge, array)
        Where to start.
    retain : bool
        Keep what the nodes saved.
    wanted : dict
        (order of a node, index) -> None for answers whose gradients are to be found; filled.
    """
    found: dict[int, list[Any]] = {}
    nodes: dict[int, Any] = {}
    grads: dict[int, Any] = {}
    heap: list[int] = []
    pending: list[tuple[Any, Any]] = list(starts)
    recorder = mode.recorder
    while True:
        for at, grad in pending:
            if at is None or grad is None:
                continue
            kind = type(at)
            if kind is Node:
                order = at.order
                before = grads.get(order)
                if before is None:
                    nodes[order] = at
                    heapq.heappush(heap, -order)
                    if at.outputs is None:
                        grads[order] = grad
                    else:
                        grads[order] = [grad, *([None] * (len(at.outputs) - 1))]
                elif at.outputs is None:
                    grads[order] = _plus(before, grad)
                else:
                    before[0] = grad if before[0] is None else _plus(before[0], grad)
            elif kind is tuple:
                node, index = at
                order = node.order
                slots = grads.get(order)
                if slots is None:
                    nodes[order] = node
                    heapq.heappush(heap, -order)
                    slots = grads[order] = [None] * len(node.outputs)
                before = slots[index]
                slots[index] = grad if before is None else _plus(before, grad)
            else:
                own = found.get(id(at))
                if own is None:
                    found[id(at)] = [at, grad]
                else:
                    own[1] = _plus(own[1], grad)
        if not heap:
            return found
        order = -heapq.heappop(heap)
        node = nodes.pop(order)
        given = grads.pop(order)
        outputs = node.outputs
        slots = [given] if outputs is None else given
        if node.hooks is not None:
            _hooked(node, slots)
        if wanted:
            for index, part in enumerate(slots):
                if (order, index) in wanted:
                    wanted[order, index] = part
        if outputs is not None:
            slots = [
                np.zeros(*made) if part is None else part
                for part, made in zip(slots, outputs, strict=True)
            ]
        saved = node.saved
        if saved is None:
            raise RuntimeError(_AGAIN)
        if node.kept:
            _look_at_versions(node)
        if recorder is None:
            answer = node.op.backward(saved, *slots)
        else:
            answer = recorder.torch_backward(node, slots)
        if not retain and (node.kept or node.op.keeps == "!"):
            node.saved = None
        pending = list(zip(node.edges, answer, strict=True))


def start_of(tensor: Tensor, gradient: Any) -> Array:
    """Return the gradient that a tensor starts with.

    Raises
    ------
    RuntimeError
        For several elements without `gradient`, one of another shape, or no way back.
    """
    if tensor._view is not None:
        refresh(tensor)
    if not tensor._needs:
        msg = "element 0 of tensors does not require grad and does not have a grad_fn"
        raise RuntimeError(msg)
    array = tensor._array
    if gradient is None:
        if array.size != 1:
            msg = "grad can be implicitly created only for scalar outputs"
            raise RuntimeError(msg)
        return ones(array.shape, array.dtype)
    start = gradient._array if isinstance(gradient, Tensor) else np.asarray(gradient)
    if start.shape != array.shape:
        msg = (
            f"Mismatch in shape: grad_output[0] has a shape of torch.Size({list(start.shape)}) and "
            f"output[0] has a shape of torch.Size({list(array.shape)})."
        )
        raise RuntimeError(msg)
    return start if start.dtype is array.dtype else start.astype(array.dtype)


def own_array(grad: Array, tensor: Tensor, shared: set[int]) -> Array:
    """Return a gradient as an array that no one else holds."""
    kind = tensor._array.dtype
    if grad.dtype is not kind:
        return grad.astype(kind)
    flags = grad.flags
    if id(grad) in shared or grad.base is not None or not (flags.c_contiguous and flags.writeable):
        return np.array(grad, order="C")
    shared.add(id(grad))
    return grad


def accumulate(found: dict[int, list[Any]], starts: Sequence[Any], retain: bool = False) -> None:
    """Add gradients to ``grad`` of their leaves."""
    shared = {id(grad) for _, grad in starts}
    watched = WATCHED[0]
    for tensor, grad in found.values():
        if watched is not None:
            watched(tensor)
        hooks = tensor.__dict__.get("_hooks") if tensor.__dict__ else None
        if hooks:
            for hook in list(hooks.values()):
                answer = hook(wrap(np.array(grad)))
                if answer is not None:
                    grad = answer._array  # noqa: PLW2901
        before = tensor._grad
        if before is None:
            tensor._grad = wrap(
                np.array(grad, tensor._array.dtype) if retain else own_array(grad, tensor, shared)
            )
        else:
            own = before._array
            own[...] = num.add(own, grad)
            before._version[0] += 1
        after = tensor.__dict__.get("_after") if tensor.__dict__ else None
        if after:
            for hook in list(after.values()):
                hook(tensor)


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple | list) else [x]


def _starts(name: str, tensors: Any, gradients: Any) -> list[tuple[Any, Array]]:
    outputs = _listed(tensors)
    given = [None] * len(outputs) if gradients is None else _listed(gradients)
    if len(given) != len(outputs):
        msg = f"{name}: got {len(outputs)} tensors and {len(given)} gradients"
        raise RuntimeError(msg)
    return [
        (edge(tensor), start)
        for tensor, start in [(t, start_of(t, g)) for t, g in zip(outputs, given, strict=True)]
    ]


def _no_second(create_graph: bool) -> None:
    if create_graph:
        msg = "create_graph=True: second derivatives are not computed by hotloop.torch"
        raise NotImplementedError(msg)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to ``grad`` of the leaves that they were made of.

    Raises
    ------
    RuntimeError
        As PyTorch does: no way back, several elements without a gradient, a graph that was used
        up, or values that were changed in place.
    NotImplementedError
        For ``create_graph=True``.
    """
    _no_second(create_graph)
    starts = _starts("backward", tensors, grad_tensors)
    found = walk(starts, bool(retain_graph), {})
    if inputs is not None:
        chosen = {id(t) for t in _listed(inputs)}
        found = {key: value for key, value in found.items() if key in chosen}
    if mode.recorder is not None:
        mode.recorder.torch_accumulate(found)
    else:
        accumulate(found, starts, bool(retain_graph))


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of the sum of `outputs` for each of `inputs`; ``grad`` stays as it is.

    Raises
    ------
    RuntimeError
        Where an input was not used, unless `allow_unused`, and as `backward`.
    NotImplementedError
        For ``create_graph`` and ``is_grads_batched``.
    """
    _no_second(create_graph or is_grads_batched)
    starts = _starts("grad", outputs, grad_outputs)
    wanted: dict[Any, Any] = {}
    places: list[Any] = []
    for t in _listed(inputs):
        if t._view is not None:
            refresh(t)
        if not t._needs:
            msg = "One of the differentiated Tensors does not require grad"
            raise RuntimeError(msg)
        if t._node is None:
            places.append(None)
        else:
            places.append((t._node.order, t._index))
            wanted[places[-1]] = None
    found = walk(starts, bool(retain_graph), wanted)
    answers: list[Any] = []
    for t, place in zip(_listed(inputs), places, strict=True):
        array = found.get(id(t), (None, None))[1] if place is None else wanted[place]
        if array is not None:
            answers.append(wrap(np.array(array, t._array.dtype)))
        elif materialize_grads:
            answers.append(wrap(np.zeros_like(t._array)))
        elif allow_unused:
            answers.append(None)
        else:
            msg = (
                "One of the differentiated Tensors appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
            raise RuntimeError(msg)
    return tuple(answers)
