"""`compile`: a Python step is recorded once for each kind of arguments, then runs without Python."""

from __future__ import annotations

import functools
import random as python_random
import threading
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from hotloop import _core, config, random
from hotloop._support.watched import ASSIGNMENTS, settings_of
from hotloop.autodiff.purity import arrays_in, root
from hotloop.autodiff.record import Recorder, restore, roots_of, state_of
from hotloop.autodiff.recorded import Recorded, array_of
from hotloop.autodiff.rule import Array, TensorBase, mode
from hotloop.autodiff.tensor import Tensor
from hotloop.autodiff.variable import Variable
from hotloop.parameters import aligned_zeros

# Recordings that one function keeps.
_KEPT = 8
_NUMBERS = (bool, int, float, str, type(None))


def _listed(array: Array, arrays: list[Array]) -> tuple[Any, ...]:
    """Return the key of an array; NumPy adds up in the order in which elements lie."""
    arrays.append(array)
    order = None if array.flags.c_contiguous else array.strides
    return array.shape, array.dtype, order


def _described(value: Any, arrays: list[Array], held: list[Any]) -> Any:
    """Return a key of nested arguments; arrays are listed, other objects known by identity."""
    kind = type(value)
    if kind is np.ndarray:
        return _listed(value, arrays)
    if kind in _NUMBERS:
        return kind, value
    if kind is tuple or kind is list:
        return kind, tuple([_described(item, arrays, held) for item in value])
    if kind is dict:
        return kind, tuple([(k, _described(v, arrays, held)) for k, v in value.items()])
    if isinstance(value, TensorBase) and not value.requires_grad:
        return "tensor", _listed(value.data, arrays)
    if isinstance(value, np.generic):
        return "number", _listed(np.asarray(value), arrays)
    if isinstance(value, np.ndarray) and not isinstance(value, Variable):
        return _listed(np.asarray(value), arrays)
    held.append(value)
    return id(value)


def _with_tensors(value: Any, tensors: list[Recorded]) -> Any:
    """Return nested arguments with recorded tensors in place of arrays, in the same order."""
    if type(value) in (tuple, list):
        return type(value)(_with_tensors(item, tensors) for item in value)
    if type(value) is dict:
        return {key: _with_tensors(item, tensors) for key, item in value.items()}
    plain = isinstance(value, TensorBase) and not value.requires_grad
    array = isinstance(value, np.ndarray | np.generic) and not isinstance(value, Variable)
    return tensors.pop(0) if plain or array else value


def _leads_back(value: Any) -> bool:
    """Whether an argument was computed from something that wants a gradient."""
    if isinstance(value, tuple | list):
        return any(map(_leads_back, value))
    if isinstance(value, dict):
        return any(map(_leads_back, value.values()))
    return isinstance(value, TensorBase) and getattr(value, "entry", None) is not None


def _answer_of(value: Any) -> Any:
    """Return copies of what the step answered, nested as it came."""
    if isinstance(value, Recorded):
        array = array_of(value)
        if value.kind == "number":
            return array.item()
        copied = np.array(array)
        return copied if value.kind == "array" else Tensor(copied)
    if isinstance(value, dict):
        return {key: _answer_of(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_answer_of, value))
    if isinstance(value, tuple | list):
        return type(value)(map(_answer_of, value))
    if isinstance(value, TensorBase):
        return Tensor(np.array(value.data))
    return np.array(value) if isinstance(value, np.ndarray) else value


class Outside:
    """The plain numbers outside of a function that its code names: closure, globals, attributes.

    They are part of what was recorded, so a step is recorded for each of their values.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._places: list[tuple[str, Any, Any]] = []
        self._collect(function, set())

    def _collect(self, function: Any, seen: set[int]) -> None:
        if isinstance(function, MethodType):
            names = function.__func__.__code__.co_names if _is_plain(function.__func__) else ()
            for name in names:
                if name in getattr(function.__self__, "__dict__", {}):
                    self._places.append((name, function.__self__.__dict__, name))
            function = function.__func__
        if not _is_plain(function) or id(function) in seen or len(seen) > 20:
            return
        seen.add(id(function))
        code = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self._places.append((name, cell, None))
            self._collect(_content(cell), seen)
        for name in code.co_names:
            if name in function.__globals__:
                self._places.append((name, function.__globals__, name))
                self._collect(function.__globals__[name], seen)

    def values(self) -> tuple[Any, ...]:
        """Return the numbers as they are now; None for what is no number."""
        found = []
        for _, place, name in self._places:
            value = _content(place) if name is None else place.get(name)
            found.append(value if type(value) in _NUMBERS else None)
        return tuple(found)

    def tensors(self) -> list[tuple[Any, Array]]:
        """Return the tensors among them and in their lists and dicts, with their arrays."""
        found = []
        for _, place, name in self._places:
            value = _content(place) if name is None else place.get(name)
            items = value.values() if isinstance(value, dict) else value
            for item in items if isinstance(items, list | tuple) else [items]:
                if isinstance(item, TensorBase):
                    found.append((item, item.data))
        return found

    def changed(self, before: tuple[Any, ...]) -> list[str]:
        """Return the names of those that changed."""
        now = zip(self._places, before, self.values(), strict=True)
        return [place[0] for place, old, new in now if type(old) is not type(new) or old != new]


def _is_plain(function: Any) -> bool:
    """Whether a function is Python's and its author no part of the package."""
    return isinstance(function, FunctionType) and not function.__module__.startswith("hotloop.")


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


class Recording:
    """One recorded step: its parts, and how to run them on other arrays."""

    def __init__(self, recorder: Recorder, inputs: list[Array], answer: Any, held: list[Any]):
        self.recorder, self.inputs, self.answer = recorder, inputs, answer
        self._held = held
        parts = _sunk(recorder.parts)
        self.parts = tuple(part.call for part in parts)
        self._settings = self._look()
        self._assignments = ASSIGNMENTS[0]
        last = max((i for i, part in enumerate(parts) if not part.is_plan), default=-1)
        early = {a.ctypes.data for part in parts[: last + 1] for a in part.changes}
        changed = recorder.changed
        unsafe = [array for array in changed if array.ctypes.data in early]
        self.saved = tuple(array for array in unsafe if _core_takes(array))
        self._others = [array for array in unsafe if not _core_takes(array)]
        self.counted = tuple(recorder.counted)
        self.objects = recorder.changed_objects
        private = {id(root(array)) for array in [*changed, *inputs]}
        self._private = private
        self._bound = [self._binds(array, parts) for array in inputs]
        # One more than the runs so far, from the last part on.
        self._runs = np.zeros(1, np.float64)
        self._one = np.ones(1, np.float64)
        self._restores = bool(self.objects or recorder.generators or self._others)
        if self._restores:
            end = _core.Plan()
            with end.recording():
                _core.sgd_update(self._runs, self._one, -1.0)
            self.parts = (*self.parts, end)

    def _look(self) -> Any:
        used = list(self.recorder.used.values())
        return settings_of(used), [getattr(owner, "trainable", None) for owner in used]

    def _binds(self, buffer: Array, parts: list[Any]) -> list[Any] | None:
        """Return the plans that read an input, when they all read it as the array that it is."""
        plans = []
        place = id(root(buffer))
        if buffer.size == 0 or place in roots_of(list(_arrays_of(self.answer))):
            return None
        for part in parts:
            if part.reads is None:
                return None
            if place not in part.reads:
                continue
            if not part.is_plan:
                return None
            for array, _ in part.call.held():
                if id(root(array)) == place and array.ctypes.data != buffer.ctypes.data:
                    return None
            plans.append(part.call)
        return plans

    def holds(self) -> bool:
        """Whether nothing that the recording was made from has changed."""
        for owner, name, value in self.recorder.guards:
            now = getattr(owner, name)
            if now is not value and not (type(now) in _NUMBERS and now == value):
                return False
        if self._assignments != ASSIGNMENTS[0]:
            if self._look() != self._settings:
                return False
            self._assignments = ASSIGNMENTS[0]
        return True

    def run(self, arrays: list[Array]) -> Any:
        """Run the step on other arrays of the same shapes."""
        rebound = []
        try:
            for buffer, plans, array in zip(self.inputs, self._bound, arrays, strict=True):
                flags = array.flags
                fits = plans is not None and flags.c_contiguous and flags.aligned
                if fits and array.dtype.isnative and id(root(array)) not in self._private:
                    rebound.append((plans, buffer, array))
                    for plan in plans or ():
                        plan.rebind(buffer, array)
                else:
                    buffer[...] = array
            if self._restores:
                self._run_or_restore()
            else:
                _core.run_whole(self.parts, self.saved, self.counted)
            return _answer_of(self.answer)
        finally:
            for plans, buffer, array in rebound:
                for plan in plans or ():
                    plan.rebind(array, buffer)

    def _run_or_restore(self) -> None:
        objects = [(owner, state_of(owner)) for owner in self.objects]
        streams = [(rng, rng.bit_generator.state) for rng in self.recorder.generators]
        others = [(array, array.copy()) for array in self._others]
        runs = self._runs[0]
        try:
            _core.run_whole(self.parts, self.saved, self.counted)
        except BaseException:
            if self._runs[0] == runs:
                for owner, state in objects:
                    restore(owner, state)
                for rng, state in streams:
                    rng.bit_generator.state = state
                for array, before in others:
                    array[...] = before
            raise


def _core_takes(array: Array) -> bool:
    """Whether the core can give an array back what it held."""
    plain = array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
    return plain and array.dtype.kind == "f" and array.itemsize in (4, 8)


def _arrays_of(answer: Any) -> list[Array]:
    if isinstance(answer, Recorded):
        return [array_of(answer)]
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, tuple | list):
        return [array for item in answer for array in _arrays_of(item)]
    return list(arrays_in(answer))


def _sunk(parts: list[Any]) -> list[Any]:
    """Return the parts with those that change weights as late as they may come.

    After the last Python call nothing can fail, so what is changed there needs no copy.
    """
    order = list(parts)
    for i in range(len(order) - 1, -1, -1):
        part = order[i]
        if not part.ends:
            continue
        place = i
        while place + 1 < len(order) and part.may_change_places(order[place + 1]):
            place += 1
        order.insert(place, order.pop(i))
    return order


class Compiled:
    """A function that records itself; made by `compile`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._outside: Outside | None = None
        self._recordings: OrderedDict[Any, Recording] = OrderedDict()
        self._name = f"_compiled_{getattr(self._function, '__name__', 'step')}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the step of an object, which records for that object alone."""
        if instance is None:
            return self
        own = vars(instance).get(self._name)
        if own is None or own._made_by is not self:
            own = _Bound(self, MethodType(self._function, instance))
            instance.__dict__[self._name] = own
        return own

    def __reduce__(self) -> Any:
        """Pickle as a new one: recordings stay behind."""
        return compile, (self._function,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the recorded step; record it first where these arguments are new."""
        if mode.tapes or (mode.enabled and _leads_back((args, kwargs))):
            # Inside another recording, or where a gradient leads through.
            return self._function(*args, **kwargs)
        with self._lock:
            if self._outside is None:
                self._outside = Outside(self._function)
            arrays: list[Array] = []
            held: list[Any] = []
            given = _described(args, arrays, held)
            named = _described(kwargs, arrays, held) if kwargs else None
            key = given, named, self._outside.values(), mode.enabled, config.floatx()
            found = self._recordings.get(key)
            if found is not None and found.holds():
                self._recordings.move_to_end(key)
                return found.run(arrays)
            return self._record(key, args, kwargs, arrays, held)

    def _record(
        self, key: Any, args: Any, kwargs: Any, arrays: list[Array], held: list[Any]
    ) -> Any:
        recorder, outside = Recorder(), self._outside
        assert outside is not None
        inputs = []
        for array in arrays:
            if array.flags.c_contiguous:
                buffer = aligned_zeros(array.shape, array.dtype)
                buffer[...] = array
            else:
                buffer = np.copy(array, order="K")
            inputs.append(buffer)
        tensors = [Recorded(buffer) for buffer in inputs]
        before, tensors_before = outside.values(), outside.tensors()
        streams = _streams()
        try:
            with recorder.on(), random.drawn_by(recorder.draw):
                given = _with_tensors(args, tensors)
                answer = self._function(*given, **_with_tensors(kwargs, tensors))
            self._check(outside.changed(before), streams, tensors_before)
        except BaseException:
            recorder.undo()
            for tensor, data in tensors_before:
                tensor.data = data
            raise
        finally:
            recorder.empty()
        for owner in recorder.counted:
            owner.iterations += 1
        recording = Recording(recorder, inputs, answer, held)
        self._recordings[key] = recording
        self._recordings.move_to_end(key)
        while len(self._recordings) > _KEPT:
            self._recordings.popitem(last=False)
        return _answer_of(answer)

    def _check(
        self, changed: list[str], streams: tuple[Any, ...], tensors: list[tuple[Any, Array]]
    ) -> None:
        """Refuse what the run of Python code did that later runs would leave out."""
        name = getattr(self._function, "__name__", "the step")
        if changed:
            msg = (
                f"compile: {name} changes {changed[0]!r}, a Python number, which a recorded step "
                "would not do again: change it outside of the step, or keep it in an array"
            )
            raise TypeError(msg)
        if streams != _streams():
            msg = (
                f"compile: {name} draws from numpy.random or random, which a recorded step would not "
                "do again: use hotloop.random.normal or hotloop.random.uniform"
            )
            raise TypeError(msg)
        for tensor, data in tensors:
            if tensor.data is not data:
                msg = (
                    f"compile: {name} replaces the .data of a tensor; change it in place, as in "
                    "t.data -= rate * t.grad"
                )
                raise TypeError(msg)


class _Bound(Compiled):
    """The recorded method of one object."""

    def __init__(self, made_by: Compiled, function: Callable[..., Any]) -> None:
        self._made_by = made_by
        super().__init__(function)

    def __reduce__(self) -> Any:
        """Leave everything behind: the class makes it again."""
        return type(None), ()

    def __deepcopy__(self, memo: Any) -> None:
        """Leave everything behind."""


def _streams() -> tuple[Any, ...]:
    """Return where Python's and NumPy's own generators stand."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - it is looked at alone
    return python_random.getstate(), state["state"]["pos"], state["state"]["key"].tobytes()


def compile(fn: Callable[..., Any]) -> Any:
    """Return a function that records `fn` once for each kind of arguments, then runs it without Python.

    The step may compute anything with models, layers, losses, `hotloop.ops` and tensors, take
    gradients with a `GradientTape` or ``backward()``, and apply them with optimizers. It runs whole or
    not at all, and answers the bits of the plain step.

    Parameters
    ----------
    fn : callable
        Its array arguments (arrays, tensors, and lists, tuples and dicts of them) come in as
        tensors. Other arguments are part of the recording, as are numbers that its code reads
        from closures, globals and attributes of its object: where one changes, the step is
        recorded again, as for other shapes and dtypes. The last 8 recordings are kept.

    Returns
    -------
    callable
        Answers copies, nested as `fn` answers them; tensors among them have no way back. Works as
        a decorator of functions and of methods, such as ``train_step``.

    Raises
    ------
    TypeError
        From the recording, where `fn` looks at values: ``if loss > 1``, ``float(loss)``,
        ``.numpy()``. The text names the place and says what to do instead. Nothing has changed then.

    Notes
    -----
    Python code runs while the step is recorded, and not again: a ``print`` prints once. Arrays and
    weights from outside are read in each run. Random numbers of `hotloop.random` and of dropout
    are drawn in each run. Inside a `GradientTape`, and for tensors that were computed from others,
    `fn` runs as it is.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> w = np.array([1.0, 2.0])
    >>> optimizer = hl.optimizers.SGD(0.5)
    >>> @hl.compile
    ... def step(x):
    ...     with hl.GradientTape() as tape:
    ...         tape.watch(w)
    ...         loss = hl.ops.sum(hl.ops.square(w * x))
    ...     optimizer.apply_gradients([(tape.gradient(loss, w), w)])
    ...     return loss
    >>> step(np.ones(2)), step(np.ones(2))
    (Tensor(5., dtype=float64), Tensor(0., dtype=float64))
    """
    if isinstance(fn, Compiled):
        return fn
    if not callable(fn):
        msg = f"compile: takes a function, got {type(fn).__name__}"
        raise TypeError(msg)
    return Compiled(fn)
