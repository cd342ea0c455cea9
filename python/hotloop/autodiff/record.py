"""The recording of one Python step: a list of plans of core calls and of Python calls between them.

While a `Recorder` is on, the step runs once, call by call. Each call of a rule, layer, loss or
optimizer leaves a part that does the same again on the same arrays, which become the buffers of the
recorded step. What the core does is a plan; everything else runs in Python, between plans.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff import elementwise, purity
from hotloop.autodiff.purity import parts_of, root
from hotloop.autodiff.recorded import Recorded, array_of
from hotloop.autodiff.rule import Array, Entry, Saved, TensorBase, mode, operand, quiet


class Part:
    """One part of a recorded step.

    Attributes
    ----------
    call : Plan or callable
        What runs.
    reads : set of int or None
        Identities of the arrays whose memory it reads; None when that is not known.
    writes : set of int
        Those that it changes, of the arrays that outlive the step.
    changes : tuple of ndarray
        These arrays themselves.
    ends : bool
        Whether it changes nothing else, so that it may come later.
    """

    __slots__ = ("call", "changes", "ends", "reads", "writes")

    def __init__(
        self,
        call: Any,
        reads: set[int] | None,
        changes: Sequence[Array] = (),
        ends: bool = False,
    ) -> None:
        self.call, self.reads, self.changes, self.ends = call, reads, tuple(changes), ends
        self.writes = roots_of(self.changes)

    @property
    def is_plan(self) -> bool:
        """Whether nothing can interrupt it."""
        return isinstance(self.call, _core.Plan)

    def may_change_places(self, other: Part) -> bool:
        """Whether the order of two parts makes no difference."""
        if self.reads is None or other.reads is None:
            return False
        return not (
            self.writes & other.reads or other.writes & self.reads or self.writes & other.writes
        )


def roots_of(arrays: Any) -> set[int]:
    """Return the identities of the memory of nested arrays."""
    return {id(root(array)) for array in purity.arrays_in(arrays)}


class Recorder:
    """Stands first among the tapes of a thread while a step is recorded."""

    watches_weights = False
    records = True

    def __init__(self) -> None:
        self.parts: list[Part] = []
        # What keeps arrays alive, whose identities are looked at.
        self._kept: list[Any] = []
        # Saved values that Python parts make anew in each run.
        self._fresh: set[int] = set()
        # Arrays that outlive the step and are changed by it, and what they held before.
        self._before: dict[int, tuple[Array, Array]] = {}
        self._objects: dict[int, tuple[Any, dict[str, Any]]] = {}
        self.counted: list[Any] = []
        # (object, attribute, value): the recording holds for as long as these are the same.
        self.guards: list[tuple[Any, str, Any]] = []
        self._guarded: set[tuple[int, str]] = set()
        # Objects whose attributes were read by what was recorded.
        self.used: dict[int, Any] = {}
        self.generators: list[Any] = []
        self.lists: list[list[Any]] = []
        self._grads: dict[int, tuple[Any, Any]] = {}

    # -- what a run of Python code sees ------------------------------------------------------

    def on(self) -> _core.Scope:
        """Record what this thread does inside."""
        return _core.Scope(mode, tapes=(self,), recorder=self)

    def off(self) -> _core.Scope:
        """Compute plainly inside."""
        return _core.Scope(mode, tapes=(), recorder=None)

    def leaf(self, array: Any) -> None:
        """Answer that no gradient is wanted, as a tape is asked."""
        del array

    def empty(self) -> None:
        """Empty the lists of tensors that the step passed on, at its end."""
        for collected in self.lists:
            collected.clear()

    def passing(self, collected: list[Any]) -> None:
        """Note a list of tensors that means nothing after the step."""
        self.lists.append(collected)

    # -- what a recording depends on ---------------------------------------------------------

    def guard(self, owner: Any, name: str) -> None:
        """Let the recording hold only while an attribute stays the same object or number."""
        if (id(owner), name) not in self._guarded:
            self._guarded.add((id(owner), name))
            self.guards.append((owner, name, getattr(owner, name)))

    def uses(self, owner: Any) -> None:
        """Note that attributes of an object of the package's were read."""
        self.used[id(owner)] = owner

    def reads_attributes(self, owner: Any) -> None:
        """Let the recording hold only while the plain numbers of an object stay."""
        for name, value in list(vars(owner).items()):
            if isinstance(value, bool | int | float | str):
                self.guard(owner, name)

    def live(self, x: Any) -> Array:
        """Return the array of a tensor, which later runs read where it lies."""
        if isinstance(x, Recorded):
            return array_of(x)
        if isinstance(x, TensorBase):
            self.guard(x, "data")
            return x.data
        weight = getattr(x, "weight", None)
        if weight is not None:
            self.guard(weight, "value")
        self._kept.append(x)
        return np.asarray(x)

    def changes(self, *arrays: Array) -> tuple[Array, ...]:
        """Note that arrays which outlive the step are about to be changed."""
        for array in arrays:
            # Views come as new objects: what counts is where they lie.
            key = array.ctypes.data
            if key not in self._before:
                self._before[key] = (array, array.copy())
        return arrays

    def changes_object(self, owner: Any) -> None:
        """Note that the attributes of an object are about to be changed, as a metric's are."""
        if id(owner) not in self._objects:
            self._objects[id(owner)] = (owner, state_of(owner))

    @property
    def changed(self) -> list[Array]:
        """The arrays that the step changes and that outlive it."""
        return [array for array, _ in self._before.values()]

    @property
    def changed_objects(self) -> list[Any]:
        """The objects whose attributes the step changes."""
        return [owner for owner, _ in self._objects.values()]

    def undo(self) -> None:
        """Give back what the run changed."""
        for array, before in self._before.values():
            array[...] = before
        for owner, state in self._objects.values():
            restore(owner, state)
        for tensor, (before, _) in ((t, g) for t, g in self._grads.values()):
            tensor._grad = before

    # -- parts -------------------------------------------------------------------------------

    def step(
        self,
        function: Callable[..., Any],
        saved: Any,
        arrays: Sequence[Any],
        how: str = "look",
        changes: Sequence[Array] = (),
        wide: bool = False,
        forward: bool = True,
        ends: bool = False,
    ) -> list[Array | None]:
        """Run ``function(saved, *arrays)``, append the part that does it again, return its arrays.

        Parameters
        ----------
        function : callable
            Answers an array, or a tuple of arrays and None.
        saved : Saved or Cache
            What it keeps.
        arrays : sequence of array or number
            What it reads.
        how : str
            "core": it is core calls alone; "python": it is not; "look": find out.
        changes : sequence of ndarray
            What it changes that outlives the step.
        wide : bool
            Whether it may read more than `arrays` and what is saved.
        forward : bool
            Whether it fills `saved`, rather than reading it.
        ends : bool
            Whether it changes nothing but `changes`.
        """
        with self.off():
            if how == "core":
                return self._core_step(function, saved, arrays, changes, ends)
            answer = [
                None if a is None else np.asarray(a) for a in parts_of(function(saved, *arrays))
            ]
            found = None
            if how == "look" and id(saved) not in self._fresh:
                found = self._found(function, saved, arrays, answer, forward)
            if found is not None:
                return found
            return self._python_step(function, saved, arrays, answer, changes, wide)

    def _core_step(
        self,
        function: Callable[..., Any],
        saved: Any,
        arrays: Sequence[Any],
        changes: Sequence[Array],
        ends: bool,
    ) -> list[Array | None]:
        plan = _core.Plan(exact=True)
        with plan.recording():
            parts = parts_of(function(saved, *arrays))
        self._append_plan(plan, changes, ends)
        return [None if part is None else np.asarray(part) for part in parts]

    def _append_plan(self, plan: Any, changes: Sequence[Array] = (), ends: bool = False) -> None:
        if len(plan):
            plan.run()
            held = plan.held()
            self._kept.append(held)
            self.parts.append(Part(plan, roots_of([a for a, _ in held]), changes, ends))

    def _found(
        self,
        function: Callable[..., Any],
        saved: Any,
        arrays: Sequence[Any],
        answer: list[Any],
        forward: bool,
    ) -> list[Array | None] | None:
        """Append a call as a plan, if it is one; the way back needs what the plan saved."""
        found = purity.recorded(function, Saved() if forward else saved, arrays, tuple(answer))
        if found is None:
            return None
        plan, parts, mine = found
        if forward:
            vars(saved).clear()
            vars(saved).update(vars(mine))
        self._append_plan(plan)
        return list(parts)

    def _python_step(
        self,
        function: Callable[..., Any],
        saved: Any,
        arrays: Sequence[Any],
        answer: list[Array | None],
        changes: Sequence[Array],
        wide: bool,
    ) -> list[Array | None]:
        self._fresh.add(id(saved))
        self._kept.append((saved, arrays))
        inputs = roots_of(list(arrays)) | roots_of(saved)
        given = roots_of(list(arrays))
        buffers: list[Array | None] = []
        answers: list[Array | None] = []
        for part in answer:
            if part is None or id(root(part)) in given:
                buffers.append(None)  # nothing, or a view of what lies where it lies
                answers.append(part)
            else:
                # In the order of its elements: NumPy adds up as they lie.
                buffers.append(np.copy(part, order="K"))
                answers.append(buffers[-1])
        if all(buffer is None for buffer in buffers) and not changes and not wide:
            # A view alone: later calls read it where it lies.
            return answers
        name = getattr(function, "__name__", "a call")

        @quiet
        def run() -> None:
            found = parts_of(function(saved, *arrays))
            for buffer, part in zip(buffers, found, strict=True):
                if buffer is None:
                    continue
                if np.shape(part) != buffer.shape:
                    msg = (
                        f"compile: {name} answered shape {np.shape(part)} where the recorded step "
                        f"has {buffer.shape}: a shape may not depend on values"
                    )
                    raise ValueError(msg)
                buffer[...] = part

        self.parts.append(Part(run, None if wide else inputs, changes))
        return answers

    def do(self, call: Callable[[], object], reads: Any = (), changes: Sequence[Array] = ()) -> Any:
        """Run a Python call now and in each later run."""
        with self.off():
            answer = call()
        self._kept.append(reads)
        self.parts.append(Part(call, roots_of(reads), changes))
        return answer

    def check(self, value: Array, function: Callable[[], object]) -> None:
        """Call a function now and in each later run that finds NaN in an array of one float64."""
        if np.isnan(value[0]):
            function()
        self._kept.append(value)
        self.parts.append(Part((value, function), roots_of(value)))

    # -- rules, and the way back -------------------------------------------------------------

    def tensor_of(self, x: Any) -> Any:
        """Return the tensor that an array inside the step is: what a tape watches, or itself."""
        if isinstance(x, TensorBase):
            return x
        for tape in reversed(mode.tapes):
            found = None if tape is self else tape.leaf(x)
            if found is not None:
                return found
        return None

    def apply(self, rule: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Record the call of a rule."""
        arrays: list[Any] = []
        tensors: list[Any] = []
        for x in inputs:
            tensor = None
            if hasattr(x, "__operation__"):
                return x.__operation__(rule, inputs, options)
            if isinstance(x, TensorBase | np.ndarray):
                tensor = self.tensor_of(x)
                arrays.append(self.live(x))
            elif isinstance(x, bool | int | float):
                arrays.append(x)
            else:
                arrays.append(operand(rule.name, x))
            tensors.append(tensor if tensor is not None and tensor.requires_grad else None)
        track = mode.enabled and rule.backward is not None and any(t is not None for t in tensors)
        saved = Saved()
        saved.needs = tuple(t is not None and track for t in tensors)

        def forward(kept: Any, *given: Any) -> Any:
            kept.needs = saved.needs
            return rule.forward(kept, *given, **options)

        forward.__name__ = rule.name
        several = False

        def watched(kept: Any, *given: Any) -> Any:
            nonlocal several
            answer = forward(kept, *given)
            several = isinstance(answer, tuple)
            return answer

        watched.__name__ = rule.name
        how = getattr(rule, "how", "look")
        answers = self.step(watched, saved, arrays, how, wide=how == "python")
        check = vars(saved).get("check")
        if check is not None:
            self.check(*check)
        entry = None
        if track:
            shapes = [(part.shape, part.dtype) for part in answers if part is not None]
            entry = Entry(rule, saved, tensors, shapes if several else None)
        made = [self.made(part, entry, i) for i, part in enumerate(answers)]
        return tuple(made) if several else made[0]

    def made(self, array: Any, entry: Entry | None, index: int) -> Recorded:
        """Return the tensor of one answer."""
        tensor = Recorded(array)
        if entry is not None and array.dtype.kind == "f":
            tensor.requires_grad, tensor.entry, tensor.index = True, entry, index
        return tensor

    def backward(self, entry: Entry, grads: list[Array | None]) -> Sequence[Array | None]:
        """Record the way back of one call."""
        full = entry.filled(grads)
        rule = entry.rule

        def backward(saved: Any, *dy: Any) -> Any:
            return rule.backward(saved, *dy)

        backward.__name__ = rule.name
        how = getattr(rule, "how_back", getattr(rule, "how", "look"))
        if how == "core":
            full = [self.contiguous(dy) for dy in full]
        return self.step(backward, entry.saved, full, how, wide=how == "python", forward=False)

    def answer(self, array: Array) -> Recorded:
        """Return what the step sees of an array that it would get as one."""
        self._kept.append(array)
        return Recorded(np.asarray(array), "array")

    def plus(self, a: Array, b: Array) -> Array:
        """Record the sum of two gradients."""
        function = elementwise.add.forward

        def add(_: Any, x: Array, y: Array) -> Any:
            saved = Saved()
            saved.needs = (False, False)
            if x.flags.c_contiguous and y.flags.c_contiguous and x.shape == y.shape:
                return _core.add(x, y)
            return function(saved, x, y)

        answer = self.step(add, Saved(), [a, b])[0]
        assert answer is not None
        return answer

    def cast(self, array: Array, dtype: Any) -> Array:
        """Record a change of dtype."""
        if array.dtype == dtype:
            return array
        answer = self.step(lambda _, x: x.astype(dtype), Saved(), [array], "python")[0]
        assert answer is not None
        return answer

    def contiguous(self, array: Array, dtype: Any = None) -> Array:
        """Return an array as the core takes it; a copy is a part of the step."""
        array = array if dtype is None else self.cast(array, np.dtype(dtype))
        if array.flags.c_contiguous:
            return array
        answer = self.step(lambda _, x: np.array(x, order="C"), Saved(), [array], "python")[0]
        assert answer is not None
        return answer

    # -- what changes things that outlive the step -------------------------------------------

    def assign(self, target: Array, value: Any, add: float = 0.0) -> None:
        """Record a copy into an array that outlives the step, or that adds to it."""
        array = np.asarray(target)
        source = self.live(value) if isinstance(value, TensorBase | np.ndarray) else value
        self.changes(array)

        def write() -> None:
            if add:
                array[...] = array + source if add > 0 else array - source
            else:
                array[...] = source

        self.do(write, [array, source], [array])

    def accumulate(self, tensor: Any, grad: Array) -> None:
        """Record that a gradient is added to ``tensor.grad``."""
        buffer = np.array(grad)

        def add() -> None:
            before = tensor._grad
            tensor._grad = np.array(grad) if before is None else before + grad
            buffer[...] = tensor._grad

        self._grads.setdefault(id(tensor), (tensor, (tensor._grad, None)))
        self.do(add, [grad])
        self._grads[id(tensor)] = (
            tensor,
            (self._grads[id(tensor)][1][0], Recorded(buffer, "array")),
        )

    def grad_of(self, tensor: Any) -> Any:
        """Return ``tensor.grad`` as the step sees it."""
        known = self._grads.get(id(tensor))
        return known[1][1] if known is not None else tensor._grad

    def set_grad(self, tensor: Any, value: Any) -> None:
        """Record that ``tensor.grad`` is set."""
        before = self._grads.get(id(tensor), (tensor, (tensor._grad, None)))[1][0]
        if value is not None and not isinstance(value, Recorded):
            value = Recorded(np.array(value), "array")
        array = None if value is None else array_of(value)

        def put() -> None:
            tensor._grad = None if array is None else np.array(array)

        self._grads[id(tensor)] = (tensor, (before, value))
        self.do(put, [] if array is None else [array])

    def draw(self, function: Callable[[], Array], generator: Any) -> Array | Recorded:
        """Record numbers that are drawn anew in each run."""
        if mode.recorder is not self:
            return function()
        if not any(generator is known for known in self.generators):
            self.generators.append(generator)
        with self.off():
            buffer = np.array(function())

        def again() -> None:
            buffer[...] = function()

        self.parts.append(Part(again, set()))
        self._kept.append(buffer)
        return Recorded(buffer)

    def call(self, owner: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Record the call of a method that changes its object, such as a metric's.

        What it answers are numbers, which later calls may read.
        """
        given, named = self._lived(args), self._lived(kwargs)
        self.changes_object(owner)
        with self.off():
            answer = function(*given, **named)
        made = _numbers_of(answer)

        def again() -> None:
            _write(made, function(*given, **named))

        self._kept.append((given, named))
        self.parts.append(Part(again, roots_of([given, list(named.values())])))
        return made

    def _lived(self, value: Any) -> Any:
        if isinstance(value, TensorBase):
            return self.live(value)
        if isinstance(value, dict):
            return {key: self._lived(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._lived(item) for item in value)
        return value


def _numbers_of(answer: Any) -> Any:
    """Return numbers and arrays as tensors of the step, nested as they came."""
    if isinstance(answer, dict):
        return {key: _numbers_of(item) for key, item in answer.items()}
    if isinstance(answer, list | tuple):
        return type(answer)(_numbers_of(item) for item in answer)
    if isinstance(answer, bool | str | None):
        return answer
    if isinstance(answer, int | float):
        return Recorded(np.array(answer), "number")
    return Recorded(np.array(answer), "array")


def _write(made: Any, answer: Any) -> None:
    if isinstance(made, dict):
        for key, item in made.items():
            _write(item, answer[key])
    elif isinstance(made, list | tuple):
        for one, other in zip(made, answer, strict=True):
            _write(one, other)
    elif isinstance(made, Recorded):
        array_of(made)[...] = answer


def state_of(owner: Any) -> dict[str, Any]:
    """Return copies of the attributes of an object."""
    return {key: copy.copy(value) for key, value in vars(owner).items()}


def restore(owner: Any, state: dict[str, Any]) -> None:
    """Give an object the attributes that `state_of` saw."""
    vars(owner).clear()
    vars(owner).update(state)
