"""`compile`: a step of training is recorded, checked against itself, then runs without its Python."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np

from hotloop import random as streams
from hotloop.autodiff.compiling import Outside, Recording
from hotloop.autodiff.record import Part, Recorder
from hotloop.autodiff.recorded import Recorded, where_called
from hotloop.autodiff.rule import Array, Saved, mode
from hotloop.torch import core
from hotloop.torch.core import COPY_SLICES, Node, Op, Tensor, View, edge, note, refresh, wrap

_KEPT = 8
_NUMBERS = (bool, int, float, str, type(None))


class Unrecordable(TypeError):
    """What a recorded step cannot do again."""


class _Recorder(Recorder):
    """Records calls on tensors of this package."""

    def __init__(self, starts: dict[int, Any]) -> None:
        super().__init__()
        self.starts = starts
        self.mine: dict[int, Any] = {}

    def refuse_values(self, what: str = "looking at a tensor's values") -> None:
        """Refuse what would depend on the values of this run."""
        msg = f"compile: {what} ({where_called()}) would not be done again by a recorded step"
        raise Unrecordable(msg)

    def own(self, tensor: Any) -> Any:
        """Note a tensor that the step made."""
        self.mine[id(tensor)] = tensor
        return tensor

    def reads_tensor(self, x: Any) -> None:
        """Let the recording hold only while a tensor from outside keeps its array."""
        if id(x) not in self.mine:
            self.guard(x, "_array")

    def apply_op(
        self, op: Op, inputs: Any, arrays: Any, edges: Any, options: Any, track: bool
    ) -> Any:
        """Record one call."""
        track = track and mode.enabled and op.backward is not None
        for x in inputs:
            if isinstance(x, Tensor):
                self.reads_tensor(x)
        saved, several, parts = self._called(op, arrays, edges, options, track)
        answer: Any = tuple(parts) if several else parts[0]
        if track:
            made = core.tracked(op, answer, saved, edges, inputs)
        else:
            made = tuple(map(wrap, answer)) if several else wrap(answer)
        for part in made if several else (made,):
            self.own(part)
        return made

    def _called(self, op: Op, arrays: Any, edges: Any, options: Any, track: bool) -> Any:
        saved = Saved()
        saved.needs = tuple([track and e is not None for e in edges])
        several = False

        def forward(kept: Any, *given: Any) -> Any:
            nonlocal several
            kept.needs = saved.needs
            found = op.forward(kept, *given, **options)
            several = type(found) is tuple
            return found

        forward.__name__ = op.name
        how = "python" if op.changes else "look"
        parts = self.step(forward, saved, arrays, how, wide=op.changes)
        return saved, several, parts

    def change(self, op: Op, t: Tensor, others: Any, options: Any) -> Tensor:
        """Record a call in place."""
        if mode.enabled:
            core.may_change(t)
        self.reads_tensor(t)
        array = t._array
        enabled = mode.enabled and array.dtype.kind == "f"
        edges: list[Any] = [edge(t) if enabled and t._needs else None]
        arrays: list[Any] = [array]
        for x in others:
            at = None
            if isinstance(x, Tensor):
                self.reads_tensor(x)
                if x._view is not None:
                    refresh(x)
                if enabled and x._needs:
                    at = edge(x)
            edges.append(at)
            arrays.append(x._array if isinstance(x, Tensor) else x)
        track = any(e is not None for e in edges)
        if track and ("a" in op.keeps or "A" in op.keeps):
            arrays[0] = self.step(lambda _, x: x.copy(), Saved(), [array], "python")[0]
        saved, _, parts = self._called(op, arrays, edges, options, track)
        answer = parts[0]
        core.check_fits(t, answer)
        self.writes(array, answer)
        t._version[0] += 1
        if not track:
            return t
        node = Node(op, saved, edges)
        note(node, op, (None, *others), t, 1)
        view: View | None = t._view
        if view is None:
            t._node, t._index, t._needs = node, 0, True
            return t
        base, whole = view.base, Saved()
        whole.needs, whole.steps = (True, True), view.steps
        below = edge(base) if base._needs else None
        base._node, base._index, base._needs = Node(COPY_SLICES, whole, [below, node]), 0, True
        refresh(t)
        return t

    def writes(self, array: Array, source: Array) -> None:
        """Record a copy into memory that may outlive the step."""
        self.changes(array)

        def copy() -> None:
            core.write(array, source)

        self.do(copy, [array, source], [array])

    def torch_backward(self, node: Node, slots: list[Any]) -> Any:
        """Record the way back of one call."""
        if node.hooks:
            self.refuse_values("a hook")
        op = node.op

        def backward(saved: Any, *dy: Any) -> Any:
            return op.backward(saved, *dy)

        backward.__name__ = op.name
        how = "python" if op.changes else "look"
        return self.step(backward, node.saved, slots, how, wide=op.changes, forward=False)

    def torch_accumulate(self, found: dict[int, list[Any]]) -> None:
        """Record that gradients are added to ``grad`` of leaves."""
        fresh: list[tuple[Tensor, Array]] = []
        for tensor, grad in found.values():
            if id(tensor) not in self.starts or tensor.__dict__.get("_hooks"):
                self.refuse_values("a gradient of a tensor that was not there before")
            start, now = self.starts[id(tensor)], tensor._grad
            kind = tensor._array.dtype
            grad = self.cast(grad, kind)  # noqa: PLW2901
            if now is not None and (now is start or id(now) in self.mine):
                self._adds(tensor, grad)
                continue
            if now is not None and now._array.any():
                self.refuse_values("a gradient that was set")
            if now is None and start is None:
                self.guards.append((tensor, "_grad", None))
            fresh.append((tensor, grad))
        self._sets(fresh)

    def _sets(self, found: list[tuple[Tensor, Array]]) -> None:
        """Record that gradients are put where there were none; arrays of their own as they are."""
        held: list[tuple[Tensor, Tensor]] = []
        copies: list[tuple[Array, Array]] = []
        seen: set[int] = set()
        for tensor, grad in found:
            mine = grad
            flags = grad.flags
            if (
                grad.base is not None
                or id(grad) in seen
                or not (flags.c_contiguous and flags.writeable)
            ):
                mine = np.array(grad, order="C")
                copies.append((mine, grad))
            seen.add(id(grad))
            held.append((tensor, self.own(wrap(mine))))

        def put() -> None:
            for buffer, source in copies:
                buffer[...] = source
            for tensor, own in held:
                tensor._grad = own

        self.do(put, [grad for _, grad in found], [buffer for buffer, _ in copies])

    def _adds(self, tensor: Tensor, grad: Array) -> None:
        now = tensor._grad
        assert now is not None
        array = now._array
        if id(now) not in self.mine:
            self.guards.append((tensor, "_grad", now))
            self.changes(array)

        def add() -> None:
            array[...] = array + grad
            tensor._grad = now

        self.do(add, [array, grad], [array])

    def torch_call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Record a function that works on arrays itself as one Python call."""
        given = tuple([list(x) if hasattr(x, "__next__") else x for x in args])
        with self.off():
            answer = function(*given, **kwargs)

        def again() -> None:
            found = function(*given, **kwargs)
            if isinstance(answer, Tensor):
                answer._array[...] = found._array

        self._kept.append((given, kwargs, answer))
        self.parts.append(Part(again, None))
        return self.own(answer) if isinstance(answer, Tensor) else answer


class _State:
    """What a step may change: leaves, their gradients, other tensors, and state of optimizers."""

    def __init__(self, seen: list[Any], arrays: list[Array]) -> None:
        tensors = [x for x in seen if isinstance(x, Tensor)]
        self._arrays: list[tuple[Array, Array]] = [(a, a.copy()) for a in arrays]
        self._grads = []
        for t in tensors:
            grad = t._grad
            self._arrays.append((t._array, t._array.copy()))
            self._grads.append((t, grad, None if grad is None else grad._array.copy()))
        self._owners: list[tuple[Any, Any]] = []
        for owner in seen:
            for state in (
                getattr(owner, "state", {}).values() if not isinstance(owner, Tensor) else ()
            ):
                for value in state.values():
                    if isinstance(value, Tensor):
                        self._arrays.append((value._array, value._array.copy()))
                self._owners.append((state, dict(state)))
        self._stream = streams.get_state()

    def restore(self) -> None:
        """Give everything back what it held."""
        for array, held in self._arrays:
            array[...] = held
        for tensor, grad, before in self._grads:
            tensor._grad = grad
            if grad is not None:
                grad._array[...] = before
        for state, entries in self._owners:
            state.clear()
            state.update(entries)
        streams.set_state(self._stream)

    def now(self) -> list[Array]:
        """Return copies of what it all holds now."""
        found = [array.copy() for array, _ in self._arrays]
        grads = [t._grad._array.copy() for t, _, _ in self._grads if t._grad is not None]
        return found + grads


def _same(a: list[Array], b: list[Array]) -> bool:
    if len(a) != len(b):
        return False
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a, b, strict=True)
    )


def _described(value: Any, arrays: list[Array]) -> Any:
    """Return a key of nested arguments; tensors are listed."""
    kind = type(value)
    if isinstance(value, Tensor):
        if value._needs or value._node is not None:
            return id(value)
        arrays.append(value._array)
        steps = None if value._array.flags.c_contiguous else value._array.strides
        return value._array.shape, value._array.dtype, steps
    if kind in _NUMBERS:
        return kind, value
    if kind is tuple or kind is list:
        return kind, tuple([_described(item, arrays) for item in value])
    if kind is dict:
        return kind, tuple([(k, _described(v, arrays)) for k, v in value.items()])
    return id(value)


def _replaced(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return value if value._needs or value._node is not None else tensors.pop(0)
    if type(value) in (tuple, list):
        return type(value)(_replaced(item, tensors) for item in value)
    if type(value) is dict:
        return {key: _replaced(item, tensors) for key, item in value.items()}
    return value


def _mapped(value: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """Return nested answers with a function called on those of a kind."""
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, tuple | list):
        items = [_mapped(item, kind, function) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _mapped(item, kind, function) for key, item in value.items()}
    return value


def _tensors_of(answer: Any) -> list[Array]:
    found: list[Array] = []
    _mapped(answer, Tensor, lambda t: found.append(t._array))
    return found


class _Kept:
    """What is known of one kind of arguments: what a run touched, a recording, whether it may run."""

    def __init__(self, seen: list[Any], held: Any) -> None:
        self.seen, self.held = seen, held
        self.recording: Recording | None = None
        self.plain = self.checked = False


@contextmanager
def _watching(seen: list[Any]) -> Any:
    before = core.WATCHED[0]
    core.WATCHED[0] = seen.append
    try:
        yield
    finally:
        core.WATCHED[0] = before


class CompiledStep:
    """A step that records itself; made by `compile`."""

    def __init__(self, function: Callable[..., Any], full: bool) -> None:
        functools.update_wrapper(self, function)
        self._function, self._full = function, full
        self._kept: dict[Any, _Kept] = {}
        self._outside: Outside | None = None
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the step: as it is, recording, or recorded."""
        if mode.recorder is not None:
            return self._function(*args, **kwargs)
        with self._lock:
            if self._outside is None:
                self._outside = Outside(self._function)
            arrays: list[Array] = []
            given = _described(args, arrays), _described(kwargs, arrays)
            key = given, self._outside.values(), mode.enabled
            known = self._kept.get(key)
            if known is None:
                while len(self._kept) >= _KEPT:
                    self._kept.pop(next(iter(self._kept)))
                seen: list[Any] = []
                with _watching(seen):
                    answer = self._function(*args, **kwargs)
                unique = list({id(x): x for x in seen}.values())
                self._kept[key] = _Kept(unique, (args, kwargs))
                return answer
            if known.plain:
                return self._function(*args, **kwargs)
            if known.recording is None or not known.recording.holds():
                known.checked = False
                return self._record(known, args, kwargs, arrays)
            if not known.checked:
                return self._check(known, args, kwargs, arrays)
            return _mapped(known.recording.run(arrays), np.ndarray, wrap)

    def _record(self, known: _Kept, args: Any, kwargs: Any, arrays: list[Array]) -> Any:
        """Record one run; where that cannot be, run it as it is from now on."""
        starts = {id(t): t._grad for t in known.seen if isinstance(t, Tensor)}
        recorder = _Recorder(starts)
        self._guard_modules(recorder)
        buffers = [np.array(a, order="K") for a in arrays]
        inputs = [recorder.own(wrap(buffer)) for buffer in buffers]
        state = _State(known.seen, [])
        try:
            with recorder.on():
                given = _replaced(args, inputs)
                answer = self._function(*given, **_replaced(kwargs, inputs))
            inner = _mapped(answer, Tensor, lambda t: Recorded(t._array, "array"))
            known.recording = Recording(recorder, buffers, inner, [args, kwargs])
        except TypeError:
            recorder.undo()
            state.restore()
            known.plain = True
            if self._full:
                raise
            return self._function(*args, **kwargs)
        except BaseException:
            recorder.undo()
            state.restore()
            raise
        return _mapped(answer, Tensor, lambda t: wrap(t._array.copy()))

    def _check(self, known: _Kept, args: Any, kwargs: Any, arrays: list[Array]) -> Any:
        """Run a recording and the step itself from one state; keep the recording if both agree."""
        assert known.recording is not None
        state = _State(known.seen, known.recording.recorder.changed)
        try:
            found = known.recording.run(arrays)
            mine = state.now() + _tensors_of(_mapped(found, np.ndarray, wrap))
            failed = False
        except (ValueError, TypeError, RuntimeError):
            failed = True
        state.restore()
        answer = self._function(*args, **kwargs)
        if failed or not _same(mine, state.now() + _tensors_of(answer)):
            known.plain = True
        known.checked = True
        return _mapped(answer, Tensor, lambda t: wrap(t._array.copy()))

    def _guard_modules(self, recorder: _Recorder) -> None:
        """Let the recording hold only while the modules that the step names keep their settings."""
        assert self._outside is not None
        for _, place, name in self._outside._places:
            try:
                value = place.cell_contents if name is None else place.get(name)
            except ValueError:
                continue
            if hasattr(value, "training") and callable(getattr(value, "modules", None)):
                for module in value.modules():
                    recorder.reads_attributes(module)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,  # noqa: ARG001
    backend: str = "inductor",  # noqa: ARG001
    mode: str | None = None,  # noqa: ARG001
    options: Any = None,  # noqa: ARG001
    disable: bool = False,
) -> Any:
    """Return a step that is recorded, and then runs without most of its Python.

    The first call with arguments of new shapes runs as it is, the second records, the third runs
    both and compares their bits. What cannot be recorded, or does not agree, runs as it is.

    Parameters
    ----------
    model : callable or Module
        A function that does a whole step (``zero_grad``, forward, ``backward``, ``step``), or computes
        without gradients. A module is returned as it is: record the step that it is part of.
    fullgraph : bool
        Whether what cannot be recorded is an error: a TypeError that names the place.
    dynamic, backend, mode, options : optional
        Taken and not needed.
    disable : bool
        Return the function.

    Examples
    --------
    >>> import hotloop.torch as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> @torch.compile
    ... def step(x):
    ...     w.grad = None
    ...     loss = (w * x).sum()
    ...     loss.backward()
    ...     with torch.no_grad():
    ...         w.sub_(w.grad * 0.5)
    ...     return loss
    >>> [step(torch.ones(2)).item() for _ in range(4)]
    [2.0, 1.0, 0.0, -1.0]
    """
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, disable=disable)
    if disable or hasattr(model, "modules"):
        return model
    if not callable(model):
        msg = f"compile: takes a function or a module, got {type(model).__name__}"
        raise TypeError(msg)
    return CompiledStep(model, fullgraph)


def _recorded(*args: Any) -> Any:
    return mode.recorder.apply_op(*args)


def _changed(*args: Any) -> Any:
    return mode.recorder.change(*args)


core.RECORD[:] = [_recorded, _changed]
