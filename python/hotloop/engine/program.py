"""A step as a flat list: recorded plans of core calls, and Python calls between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop.activations import linear
from hotloop.autodiff.tensor import Tensor
from hotloop.graph.graph import Graph, Node
from hotloop.layers.cache import Cache
from hotloop.parameters import aligned_zeros

Array = NDArray[Any]


class Program:
    """Steps in order; neighbouring core calls share one plan.

    Attributes
    ----------
    plans : list of _core.Plan
        Every plan among the steps.
    steps : list
        Plans, and functions that are called between them.
    """

    def __init__(self) -> None:
        self.plans: list[Any] = []
        self.steps: list[Any] = []
        self._open: Any = None

    def recording(self) -> Any:
        """Append the core calls made inside to the plan at the end of the list.

        The core's own object is returned: a generator would go on recording after an interrupt,
        for as long as the traceback keeps it alive.
        """
        if self._open is None:
            self._open = _core.Plan()
        return self._open.recording()

    def holds(self, array: Array) -> bool:
        """Whether the plan at the end of the list reads or writes an array."""
        return self._open is not None and bool(self._open.holds(array))

    def split(self) -> None:
        """End the plan here: no op of the core takes in one from before."""
        self._close()

    def python(self, call: Callable[[], object]) -> None:
        """Append a Python call."""
        self._close()
        self.steps.append(call)

    def _close(self) -> None:
        if self._open is not None and len(self._open):
            self.plans.append(self._open)
            self.steps.append(self._open)
        self._open = None

    def finish(self) -> Program:
        """Close the list; nothing may be appended afterwards."""
        self._close()
        return self

    def whole(self, saved: tuple[Array, ...] = ()) -> Callable[[], None]:
        """Return what runs all steps, or restores the arrays `saved` when one of them raises."""
        return partial(_core.run_whole, tuple(self.steps), saved)


def _add_up(values: Array, total: Array) -> None:
    total[0] = np.sum(values, dtype=np.float64)


def _shown(x: Any) -> Any:
    """Return views that cannot be written to: other calls read the same numbers."""
    if isinstance(x, tuple):
        return tuple(map(_shown, x))
    view = x.view()
    view.flags.writeable = False
    return view


def _same_place(a: Array, b: Array) -> bool:
    """Whether two arrays are the same numbers in memory, whatever their shapes."""
    return a is b or (a.ctypes.data == b.ctypes.data and a.nbytes == b.nbytes)


class PythonCall:
    """One call of a layer that is not the package's own: run in Python, a fresh cache each step."""

    def __init__(self, node: Node, x: Any, y: Array, training: bool, batch: int) -> None:
        self.layer, self.x, self.y, self.training = node.layer, _shown(x), y, training
        self.which, self.batch, self.roles = node.which, batch, node.roles
        # Buffers of further answers by place, and the gradients of those that have one.
        self.further: dict[int, Array] = {}
        self.dfurther: dict[int, Array] = {}
        self.cache = Cache(node.layer)
        self.need_dx = True
        self.accumulate = False
        self.dy: Array | None = None
        self.dx: tuple[Array, ...] = ()

    def forward(self) -> None:
        """Run the layer's forward and keep its answer in the step's own buffer."""
        cache = self.cache = Cache(self.layer)
        cache.need_dx = self.need_dx
        cache.which, cache.batch, cache.roles = self.which, self.batch, self.roles
        y = np.asarray(self.layer.forward(self.x, cache, self.training))
        if y.shape != self.y.shape:
            msg = (
                f"layer {self.layer.name!r} ({type(self.layer).__name__}): forward answered shape "
                f"{y.shape}, compute_output_shape says {self.y.shape}"
            )
            raise ValueError(msg)
        if y is not self.y:
            self.y[...] = y
        for place, buffer in self.further.items():
            buffer[...] = cache.further[place - 1]

    def backward(self) -> None:
        """Run the layer's backward; gradients of a further call of the same layer add up."""
        weights = [w for w in self.layer.ordered_weights() if w.grad is not None]
        before = [w.grad.copy() for w in weights if w.grad is not None] if self.accumulate else []
        for weight in weights:
            if weight.grad is not None:
                weight.grad[...] = 0
        self.cache.dfurther = self.dfurther
        answer = self.layer.backward(self.dy, self.cache)
        for weight, sum_before in zip(weights, before, strict=False):
            if weight.grad is not None:
                weight.grad += sum_before
        if not self.need_dx:
            return
        parts = answer if isinstance(answer, tuple) else (answer,)
        own = len(parts) - len(self.roles)
        if len(parts) != len(self.dx) or any(part is None for part in parts[:own]):
            msg = (
                f"layer {self.layer.name!r} ({type(self.layer).__name__}): backward must return "
                f"the gradient of each of its {len(self.dx)} inputs"
            )
            raise ValueError(msg)
        for target, part in zip(self.dx, parts, strict=True):
            array = np.asarray(0 if part is None else part)
            if part is None:
                array = target
                array[...] = 0
            if array.shape != target.shape:
                msg = (
                    f"layer {self.layer.name!r} ({type(self.layer).__name__}): backward answered "
                    f"shape {array.shape} for an input of shape {target.shape}"
                )
                raise ValueError(msg)
            if array is not target:
                target[...] = array


class Pass:
    """The forward of a graph for one batch size, recorded, and its backward.

    Parameters
    ----------
    graph : Graph
        The calls.
    inputs : dict of int to ndarray
        Buffers that the inputs will be in.
    program : Program
        Where the forward is appended.
    training : bool
        What layers are told.
    logits : bool or set of int
        Whether the last call leaves its softmax or sigmoid to the loss, or the outputs whose
        calls do.
    frozen : set of int
        Identities of the layers that did not train when the weights were laid out.
    dtype : dtype, optional
        Of the values; without it that of the first input.

    Attributes
    ----------
    state : list of ndarray
        What the forward changes and a later run reads: running statistics, counts of calls.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: dict[int, Array],
        program: Program,
        training: bool,
        logits: bool | frozenset[int] = False,
        frozen: frozenset[int] = frozenset(),
        dtype: Any = None,
    ) -> None:
        self.graph = graph
        if isinstance(logits, bool):
            logits = frozenset({graph.nodes[-1].output}) if logits else frozenset()
        self._program = program
        self._pooled: dict[int, int] = {}
        self._calls: list[Cache | PythonCall] = []
        # Losses of outputs and of calls, and the gradients of the values that they are of.
        self._penalties: list[Array] = []
        self._slopes: dict[int, list[Array]] = {}
        self.state: list[Array] = []
        first = next(iter(inputs.values()))
        self._dtype = dtype or first.dtype

        def record(node: Node, parts: tuple[Array, ...]) -> Any:
            told, x = node.told(training), parts[0] if len(parts) == 1 else parts
            cache = Cache(node.layer)
            cache.trainable = id(node.layer) not in frozen
            self.state += node.layer.changed_arrays(cache, told)
            if not graph.is_recorded(node):
                return self._python(node, x, told, first)
            cache.logits = node.output in logits
            cache.recorded, cache.backward_follows = True, training
            cache.roles = node.roles
            self._calls.append(cache)
            with program.recording():
                answer: Array = node.layer.forward(x, cache, told)
            # Neither recorded nor a view of what was given: computed once, outside of the step.
            if (
                answer.size
                and not program.holds(answer)
                and not any(np.may_share_memory(answer, part) for part in parts)
            ):
                msg = (
                    f"layer {node.layer.name!r} ({type(node.layer).__name__}): code that is not the "
                    "package's runs in its forward; write a subclass, which has its own forward"
                )
                raise RuntimeError(msg)
            return [answer, *cache.further] if node.parts else answer

        self.values: dict[int, Array] = graph.evaluate(inputs, record)
        # Collected once: to look for them at each of n nodes would take n^2 steps.
        outputs = (node.output for node in graph.nodes)
        self._makers = dict(zip(outputs, self._calls, strict=True))
        self._readers: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for value in set(node.inputs):
                self._readers.setdefault(value, []).append(node)

    def _python(self, node: Node, x: Any, told: bool, like: Array) -> Any:
        """Append a call that runs in Python, and return the buffers of its answers."""
        n, dtype = like.shape[0], np.uint8 if node.layer.is_mask else self._dtype

        def buffer(value: int) -> Array:
            sizes = self.graph.shapes[value]
            return aligned_zeros(tuple(n if size is None else size for size in sizes), dtype)

        y = buffer(node.output)
        call = PythonCall(node, x, y, told, n)
        call.further = {place: buffer(value) for place, value in node.parts}
        self._program.python(call.forward)
        self._calls.append(call)
        if not node.parts:
            return y
        return [y, *(call.further.get(k, y) for k in range(1, 1 + max(call.further)))]

    def penalize(self, backward: bool) -> None:
        """Append the losses that layers add: of their outputs, and those of a `call`."""
        for node in self.graph.nodes:
            if node.layer.activity_regularizer is not None:
                self._penalize(node, backward)
            if node.layer.adds_losses:
                for value in node.inputs[1:]:
                    total, loss = np.zeros(1), self.values[value]
                    self._program.python(partial(_add_up, loss, total))
                    self._penalties.append(total)
                    self._slopes.setdefault(value, []).append(np.ones_like(loss))

    def _penalize(self, node: Node, backward: bool) -> None:
        layer, y, total = node.layer, self.values[node.output], np.zeros(1)
        slope = aligned_zeros(y.shape, y.dtype) if backward else None
        if slope is not None:
            self._slopes.setdefault(node.output, []).append(slope)

        def run() -> None:
            tensor = Tensor(y, requires_grad=backward)
            loss = layer.activity_penalty(tensor)
            total[0] = float(loss)
            if slope is not None and loss.requires_grad:
                loss.backward()
                slope[...] = 0 if tensor.grad is None else tensor.grad

        self._program.python(run)
        self._penalties.append(total)

    @property
    def adds_losses(self) -> bool:
        """Whether there are such losses."""
        return bool(self._penalties)

    def penalty(self) -> float:
        """Return the sum of these losses in the last run."""
        return float(sum(total[0] for total in self._penalties))

    @property
    def output(self) -> Array:
        """Buffer of the only output."""
        return self.values[self.graph.outputs[0]]

    def finish(self) -> Program:
        """Close the forward's program, and free it from writing what nothing reads.

        A convolution whose output only a max-pool reads hands it over a few images at a time. Its
        own backward does not need it either: the pool's applies the derivative of the activation.
        """
        program = self._program.finish()
        for node in self.graph.nodes:
            readers, value = self._readers.get(node.output, []), node.output
            if len(readers) != 1 or value in self.graph.outputs or value in self._slopes:
                continue
            if getattr(readers[0].layer, "folds_activation", False) and any(
                plan.forget(self.values[node.output]) for plan in program.plans
            ):
                self._pooled[node.output] = readers[0].output
        return program

    def seen(self, value: int) -> Array:
        """Return a value to look at: of one that is not written, the maxima of its windows."""
        return self.values[self._pooled.get(value, value)]

    def binds(self, value: int) -> bool:
        """Whether only core calls read input `value`, as the array that it is."""
        views = {value}
        for node in self.graph.nodes:
            if not views.intersection(node.inputs):
                continue
            if not self.graph.is_recorded(node):
                return False
            if node.layer.is_view:
                views.add(node.output)
            elif not getattr(node.layer, "binds_input", False):
                return False
        return views.isdisjoint(self.graph.outputs)

    def backward(self, program: Program, output_grads: dict[int, Array]) -> None:
        """Append the backward, from gradients of outputs whose buffers it may write to."""
        needed = self.graph.needs_gradient()
        grads: dict[int, Array] = {k: v for k, v in output_grads.items() if k in needed}
        owned = set(grads)
        visited: set[int] = set()
        for node, call in zip(reversed(self.graph.nodes), reversed(self._calls), strict=True):
            for slope in self._slopes.get(node.output, []) if node.output in needed else []:
                self._collect(program, grads, owned, node.output, slope, False)
            dy = grads.pop(node.output, None)
            further = {place: grads.pop(v, None) for place, v in node.parts}
            call.dfurther = {place: d for place, d in further.items() if d is not None}
            if dy is None and call.dfurther:
                dy = aligned_zeros(self.values[node.output].shape, self._dtype)
            if dy is None:
                continue
            need_dx = any(i in needed for i in node.inputs)
            again = id(node.layer) in visited
            visited.add(id(node.layer))
            parts: tuple[Array | None, ...]
            if isinstance(call, PythonCall):
                seen = dy if node.output in owned else _shown(dy)
                parts = self._python_backward(program, call, seen, need_dx, again)
            else:
                call.need_dx, call.owns_dy, call.accumulate = need_dx, node.output in owned, again
                if need_dx:
                    self._fold_activation(node, call)
                if any(np.may_share_memory(other, dy) for other in grads.values()):
                    # A convolution that takes in the pool's backward leaves no dy for others.
                    program.split()
                with program.recording():
                    dx = node.layer.backward(dy, call)
                    for name, target in call.targets.items():
                        live = node.layer.weight(name).grad
                        if live is not None:
                            _core.add(live, target, out=live)
                parts = dx if isinstance(dx, tuple) else (dx,)
            if need_dx:
                # A gradient that is passed on, whole or as a view, is owned as it was before.
                kept = node.output in owned or not any(
                    part is not None and np.may_share_memory(part, dy) for part in parts
                )
                alone = kept and len({id(part) for part in parts}) == len(parts)
                for i, part in zip(node.inputs, parts, strict=True):
                    if i in needed and part is not None:
                        self._collect(program, grads, owned, i, part, alone)

    def _fold_activation(self, node: Node, cache: Cache) -> None:
        """Leave the derivative of the activation before `node` to it, when it can apply it."""
        value = node.inputs[0]
        folds = getattr(node.layer, "folds_activation", False)
        seen = value in self.graph.outputs or value in self._slopes
        if not folds or len(self._readers[value]) > 1 or seen:
            return
        call = self._makers.get(value)
        if isinstance(call, Cache):
            act = vars(call).get("act")
            saved, y = vars(call).get("saved"), self.values[value]
            # A layer over sequences keeps its output as images.
            if act is not None and act.fused and saved is not None and _same_place(saved, y):
                cache.folded, call.act = act.name, linear

    @staticmethod
    def _python_backward(
        program: Program, call: PythonCall, dy: Array, need_dx: bool, again: bool
    ) -> tuple[Array, ...]:
        inputs = call.x if isinstance(call.x, tuple) else (call.x,)
        call.need_dx, call.accumulate, call.dy = need_dx, again, dy
        call.dx = tuple(aligned_zeros(x.shape, x.dtype) for x in inputs)
        program.python(call.backward)
        return call.dx

    @staticmethod
    def _collect(
        program: Program,
        grads: dict[int, Array],
        owned: set[int],
        value: int,
        part: Array,
        alone: bool,
    ) -> None:
        """Add `part` to the gradient of `value`; values read by several calls sum theirs."""
        if value not in grads:
            grads[value] = part
            if alone:
                owned.add(value)
            return
        with program.recording():
            out = grads[value] if value in owned else None
            grads[value] = _core.add(grads[value], part, out=out)
        owned.add(value)
