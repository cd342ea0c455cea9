"""The tensor, the nodes of its graph, and how an operation is called.

An operation is a pair of functions over arrays (`Op`), most of them a rule of the engine. A call
that a gradient leads through leaves a `Node`. Views know the tensor whose memory they share and
how they were made of it; where that tensor was changed in place, they find their node anew.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hotloop.autodiff.rule import Array, Saved, mode
from hotloop.torch import dtypes

_next = itertools.count(1).__next__
_ONE, _BOTH, _FIRST, _SECOND = (True,), (True, True), (True, False), (False, True)
_PLAIN = Saved()
_PLAIN.needs = (False,) * 8


class Op:
    """One operation.

    Parameters
    ----------
    name : str
        Of its node, as PyTorch prints it: ``MulBackward0``.
    forward : callable
        ``forward(saved, *arrays, **options)`` -> array, or a tuple of arrays.
    backward : callable, optional
        ``backward(saved, *dy)`` -> one gradient for each input, None where there is none.
    keeps : str
        What the way back reads, and may not be changed until then: ``a b c`` inputs; ``A B`` the
        first or second where the other one needs a gradient; ``r`` the answer, ``S`` where the second
        input is a tensor; ``D`` the second where it needs a gradient itself; ``R`` the answer, which is computed again where it was changed.
    changes : bool
        Whether it changes or draws something beside its answer.
    """

    __slots__ = ("backward", "changes", "forward", "keeps", "name")

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        backward: Callable[..., Any] | None = None,
        keeps: str = "",
        changes: bool = False,
    ) -> None:
        self.changes = changes
        self.name, self.forward, self.backward, self.keeps = name, forward, backward, keeps

    def __repr__(self) -> str:
        """Return the name."""
        return f"<{self.name}>"


class Node:
    """One remembered call.

    Attributes
    ----------
    order : int
        Calls are numbered, so that the way back can go in reverse.
    edges : sequence
        For each input None, a leaf tensor, a node, or (node, which of its answers).
    outputs : list of (shape, dtype), or None
        Of several answers.
    kept : list
        Version counters, each followed by the version that the way back needs and a name.
    hooks : list of (int, callable), or None
        What sees or changes the gradient of an answer.
    """

    __slots__ = ("__weakref__", "edges", "hooks", "kept", "op", "order", "outputs", "saved")

    def __init__(self, op: Any, saved: Any, edges: Sequence[Any], outputs: Any = None) -> None:
        self.order = _next()
        self.op, self.saved, self.edges, self.outputs = op, saved, edges, outputs
        self.kept: Any = None
        self.hooks: Any = None

    def name(self) -> str:
        """Return the name that PyTorch prints."""
        return str(self.op.name)

    def __repr__(self) -> str:
        """Return the name and a number."""
        return f"<{self.op.name} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[Any, ...]:
        """The nodes of the inputs, and which of their answers these are."""
        pairs = (e if type(e) is tuple else (e, 0) for e in self.edges)
        return tuple(pairs)


class View:
    """How a view was made.

    Attributes
    ----------
    base : Tensor
        The tensor whose memory it is.
    steps : tuple of (Op, dict)
        The calls that make it of the base.
    seen : Node or None
        The base's node when this one's was made.
    kind : str
        "several" for one of several views of one call, "quiet" for one made in `no_grad`.
    """

    __slots__ = ("base", "kind", "seen", "steps")

    def __init__(self, base: Any, steps: tuple[Any, ...], seen: Any, kind: str) -> None:
        self.base, self.steps, self.seen, self.kind = base, steps, seen, kind


class Tensor:
    """An array whose operations are remembered, with PyTorch's methods.

    ``torch.Tensor(2, 3)`` holds no particular values, ``torch.Tensor([1, 2])`` floats of the list;
    `hotloop.torch.tensor` keeps the dtype.

    Attributes
    ----------
    data : Tensor
        The same values without a way back.
    grad : Tensor or None
        Sum of the gradients so far.
    requires_grad : bool
        Whether a gradient leads here.

    Examples
    --------
    >>> import hotloop.torch as torch
    >>> t = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (t * t).sum().backward()
    >>> t.grad
    tensor([2., 4., 6.])
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_array",
        "_grad",
        "_index",
        "_needs",
        "_node",
        "_version",
        "_view",
    )
    _array: Array
    _grad: Tensor | None
    _index: int
    _needs: bool
    _node: Any
    _version: list[int]
    _view: View | None
    __array_priority__ = 1000

    def __new__(cls, *data: Any, **kwargs: Any) -> Any:
        """Make a tensor of sizes, of nested lists, or around an array."""
        if kwargs:
            kwargs.pop("device", None)
        made = object.__new__(cls)
        if len(data) == 1 and not isinstance(data[0], int):
            given = data[0]
            if isinstance(given, Tensor):
                array = given._array
            else:
                array = np.array(given, dtypes.default_float())
        else:
            array = np.empty(data, dtypes.default_float())
        made._array = array
        made._grad = made._node = made._view = None
        made._index, made._needs, made._version = 0, False, [0]
        return made

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Methods are added by `hotloop.torch.tensor`."""

        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __pow__: Any
        __matmul__: Any
        __neg__: Any
        __lt__: Any
        __gt__: Any
        __le__: Any
        __ge__: Any
        __getitem__: Any
        __setitem__: Any
        __len__: Any
        __iter__: Any

    __hash__ = object.__hash__


def wrap(array: Array) -> Tensor:
    """Return a tensor around an array, whose memory it shares."""
    made: Tensor = object.__new__(Tensor)
    made._array = array
    made._grad = made._node = made._view = None
    made._index, made._needs, made._version = 0, False, [0]
    return made


def array_of(x: Any) -> Array:
    """Return the array of a tensor, or of anything that NumPy reads."""
    return x._array if isinstance(x, Tensor) else np.asarray(x)


def refresh(t: Tensor) -> None:
    """Find the node of a view anew, if its base was changed in place since it was made."""
    view: Any = t._view
    base = view.base
    if base._node is view.seen:
        return
    if view.kind == "several":
        msg = (
            f"Output {t._index} of {view.steps[-1][0].name} is a view and its base or another view "
            "of its base has been modified inplace. This view is the output of a function that "
            "returns multiple views. Such functions do not allow the output views to be modified "
            "inplace. You should replace the inplace operation by an out-of-place one."
        )
        raise RuntimeError(msg)
    view.seen = base._node
    array, at = base._array, edge(base)
    for op, options in view.steps:
        saved = Saved()
        saved.needs = _ONE
        array = op.forward(saved, array, **options)
        at = Node(op, saved, [at])
    t._node, t._index, t._needs = at, 0, True


def edge(t: Tensor) -> Any:
    """Return where the gradient of a tensor that needs one goes."""
    node = t._node
    if node is None:
        return t
    return (node, t._index) if t._index else node


def note(node: Node, op: Op, inputs: Sequence[Any], answer: Any, changed: int = 0) -> None:
    """Remember the versions of what the way back reads; the answer's own is `changed` times newer."""
    kept: list[Any] = []
    edges = node.edges
    for code in op.keeps:
        if code in "rRS":
            if code == "S" and not isinstance(inputs[1], Tensor):
                continue
            kept += (answer._version, answer._version[0], code)
            continue
        if code == "D":
            if edges[1] is None:
                continue
            code = "b"  # noqa: PLW2901
        place = ord(code.lower()) - 97
        if place >= len(inputs) or (code < "a" and edges[1 - place] is None):
            continue
        x = inputs[place]
        if isinstance(x, Tensor):
            old = changed if x._version is answer._version else 0
            kept += (x._version, x._version[0] - old, code)
        else:
            kept += (_NEVER, 0, code)
    node.kept = kept


_NEVER = [0]


def apply(op: Op, *inputs: Any, **options: Any) -> Any:
    """Call an operation on tensors and arrays; those of one call have one dtype already."""
    arrays: list[Any] = []
    edges: list[Any] = []
    track = False
    for x in inputs:
        if isinstance(x, Tensor):
            arrays.append(x._array)
            if x._view is not None:
                refresh(x)
            if x._needs:
                track = True
                node = x._node
                if node is None:
                    node = x
                elif x._index:
                    node = (node, x._index)
                edges.append(node)
            else:
                edges.append(None)
        else:
            arrays.append(x)
            edges.append(None)
    if mode.recorder is not None:
        return RECORD[0](op, inputs, arrays, edges, options, track)
    if not (track and mode.enabled and op.backward is not None):
        answer = op.forward(_PLAIN, *arrays, **options)
        return wrap(answer) if type(answer) is not tuple else tuple(map(wrap, answer))
    saved = Saved()
    saved.needs = _ONE if len(edges) == 1 else tuple([e is not None for e in edges])
    return tracked(op, op.forward(saved, *arrays, **options), saved, edges, inputs)


def tracked(op: Op, answer: Any, saved: Any, edges: Any, inputs: Any) -> Any:
    """Return what a call answered as tensors that know their node."""
    if type(answer) is tuple:
        node = Node(op, saved, edges, [(part.shape, part.dtype) for part in answer])
        made: Any = tuple([wrap(part) for part in answer])
        for i, part in enumerate(made):
            if part._array.dtype.kind == "f":
                part._node, part._index, part._needs = node, i, True
        if op.keeps:
            note(node, op, inputs, made[0])
        return made
    node = Node(op, saved, edges)
    made = object.__new__(Tensor)
    made._array, made._node, made._version = answer, node, [0]
    made._grad = made._view = None
    made._index = 0
    made._needs = answer.dtype.kind == "f"
    if op.keeps:
        note(node, op, inputs, made)
    return made


# What records a call while a step is compiled; put here by `hotloop.torch.compiling`.
RECORD: list[Any] = [None, None]
# What hears of the tensors and objects that a step changes, while one is watched.
WATCHED: list[Any] = [None]


def one_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that works on arrays itself be one call of a recorded step."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if mode.recorder is not None:
            return mode.recorder.torch_call(function, args, kwargs)
        if WATCHED[0] is not None:
            WATCHED[0](args[0])
        return function(*args, **kwargs)

    return called


def view_of(op: Op, t: Tensor, several: bool = False, sure: bool = False, **options: Any) -> Tensor:
    """Call an operation that answers a view of a tensor's memory (or, where it cannot, a copy)."""
    made: Tensor = apply(op, t, **options)
    array, own = made._array, t._array
    if mode.recorder is not None:
        made._version = t._version
        return made
    if not sure and (array.base is None or not (array.base is own or array.base is own.base)):
        return made
    above = t._view
    base = t if above is None else above.base
    steps = ((op, options),) if above is None else (*above.steps, (op, options))
    kind = "several" if several else "" if mode.enabled else "quiet"
    if above is not None and above.kind and not kind:
        kind = above.kind
    made._version = t._version
    made._view = View(base, steps, base._node, kind)
    return made


# -- in place --------------------------------------------------------------------------------------


def may_change(t: Tensor) -> None:
    """Refuse to change a tensor in place where that would lose gradients.

    Raises
    ------
    RuntimeError
        For leaves that require a gradient, their views, and views of which there are several.
    """
    view = t._view
    if view is None:
        if t._needs and t._node is None:
            msg = "a leaf Variable that requires grad is being used in an in-place operation."
            raise RuntimeError(msg)
        return
    refresh(t)
    base = view.base
    if view.kind and (view.kind == "several" or base._needs):
        if view.kind == "several" and t._needs:
            name = t._node.op.name if t._node is not None else "UnbindBackward0"
            msg = (
                f"Output {t._index} of {name} is a view and is being modified inplace. This view is "
                "the output of a function that returns multiple views. Such functions do not allow "
                "the output views to be modified inplace. You should replace the inplace operation "
                "by an out-of-place one."
            )
            raise RuntimeError(msg)
        if view.kind == "quiet" and base._needs:
            msg = (
                "A view was created in no_grad mode and is being modified inplace with grad mode "
                "enabled. Given that this use case is ambiguous and error-prone, it is forbidden. "
                "You can clarify your code by moving both the view and the inplace either both "
                "inside the no_grad block or both outside."
            )
            raise RuntimeError(msg)
    if base._needs and base._node is None:
        msg = "a view of a leaf Variable that requires grad is being used in an in-place operation."
        raise RuntimeError(msg)


def _piece_of(array: Array, steps: Any) -> Array:
    for op, options in steps:
        array = op.forward(_PLAIN, array, **options)
    return array


def _piece_backward(saved: Saved, dy: Array) -> tuple[Array, Array]:
    rest = dy.copy()
    piece = _piece_of(rest, saved.steps)
    own = piece.copy()
    piece[...] = 0
    return rest, own


# A tensor of which a view was changed: outside of the view nothing happened.
COPY_SLICES = Op("CopySlices", _piece_of, _piece_backward)


# Operations that write the same into elements that share a place.
ALIKE = frozenset({"FillBackward0", "MaskedFillBackward0"})


def _repeats(array: Array) -> bool:
    """Whether several elements share a place in memory."""
    return any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))


def write(target: Array, source: Array, alike: bool = False) -> None:
    """Copy into memory that a tensor shares.

    Raises
    ------
    RuntimeError
        For memory that several elements share (`expand`), or that may not be written.
    """
    shared = not alike and target.base is not None and _repeats(target)
    if shared or not target.flags.writeable:
        msg = (
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
        raise RuntimeError(msg)
    target[...] = source


def in_place(op: Op, t: Tensor, *others: Any, **options: Any) -> Tensor:
    """Replace the values of a tensor by those of a call whose first input it is.

    Raises
    ------
    RuntimeError
        Where that is not allowed, or the answer fits neither shape nor kind of the tensor.
    """
    if not isinstance(t, Tensor):
        msg = f"an in-place operation needs a tensor, got {type(t).__name__}"
        raise TypeError(msg)
    if mode.recorder is not None:
        return RECORD[1](op, t, others, options)  # type: ignore[no-any-return]
    enabled = mode.enabled
    if enabled:
        may_change(t)
    array = t._array
    enabled = enabled and array.dtype.kind == "f"
    arrays: list[Any] = [array]
    edges: list[Any] = [None]
    track = False
    if enabled:
        if t._needs:
            track, edges[0] = True, edge(t)
        for x in others:
            at = None
            if isinstance(x, Tensor):
                if x._view is not None:
                    refresh(x)
                if x._needs:
                    track, at = True, edge(x)
            edges.append(at)
    for x in others:
        if isinstance(x, Tensor):
            if x._version is t._version and x is not t:
                _apart(array, x._array)
            arrays.append(x._array)
        else:
            arrays.append(x)
    if not track:
        answer = op.forward(_PLAIN, *arrays, **options)
        check_fits(t, answer)
        write(array, answer, op.name in ALIKE)
        t._version[0] += 1
        return t
    if "a" in op.keeps or "A" in op.keeps:
        arrays[0] = array.copy()
    saved = Saved()
    saved.needs = tuple([e is not None for e in edges])
    answer = op.forward(saved, *arrays, **options)
    check_fits(t, answer)
    write(array, answer, op.name in ALIKE)
    t._version[0] += 1
    node = Node(op, saved, edges)
    if op.keeps:
        note(node, op, (None, *others), t, 1)
    view = t._view
    if view is None:
        t._node, t._index, t._needs = node, 0, True
        return t
    base, whole = view.base, Saved()
    whole.needs, whole.steps = _BOTH, view.steps
    below = edge(base) if base._needs else None
    base._node, base._index, base._needs = Node(COPY_SLICES, whole, [below, node]), 0, True
    refresh(t)
    return t


def _apart(target: Array, source: Array) -> None:
    """Refuse to read what is being written, unless element by element."""
    same = target.ctypes.data == source.ctypes.data and target.strides == source.strides
    if not (same and target.shape == source.shape) and np.shares_memory(target, source):
        msg = (
            "unsupported operation: some elements of the input tensor and the written-to tensor "
            "refer to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )
        raise RuntimeError(msg)


def check_fits(t: Tensor, answer: Array) -> None:
    """Refuse an answer of another shape or a higher kind than the tensor that it goes into.

    Raises
    ------
    RuntimeError
        As described.
    """
    own = t._array
    if answer.shape != own.shape:
        msg = (
            f"output with shape {list(own.shape)} doesn't match the broadcast shape "
            f"{list(answer.shape)}"
        )
        raise RuntimeError(msg)
    if answer.dtype is not own.dtype and not dtypes.fits(answer.dtype, own.dtype):
        words = dtypes.WORDS
        msg = (
            f"result type {words[answer.dtype.char]} can't be cast to the desired output type "
            f"{words[own.dtype.char]}"
        )
        raise RuntimeError(msg)
