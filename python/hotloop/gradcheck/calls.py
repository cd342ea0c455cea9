"""One call of a layer, or of a loss, checked alone: its gradients, and what its backward does beside."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.gradcheck.compare import Compared, Settings, compare
from hotloop.gradcheck.faults import Context, name_fault
from hotloop.gradcheck.frozen import freeze
from hotloop.gradcheck.report import ArrayCheck
from hotloop.layers import Cache
from hotloop.losses import Loss

Array = NDArray[Any]


class _Watched(Cache):
    """A cache whose gradients start as NaN: what is added to instead of overwritten shows."""

    start = np.nan

    def grad(self, name: str) -> Array:
        """Return an array of its own for the gradient of a weight."""
        if name not in self.targets:
            value = self._layer.weight(name).value
            self.targets[name] = np.full(value.shape, self.start, value.dtype)
        return self.targets[name]


class _FromZero(_Watched):
    """The same, from zeros."""

    start = 0.0


_KINKED = {
    *("hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "selu"),
    *("soft_shrink", "sparse_plus", "sparse_sigmoid", "sparsemax"),
}


def kinks_of(layer: Any) -> str:
    """Return what about a layer has kinks, in words; "" for nothing known."""
    kind = type(layer).__name__
    name = getattr(getattr(layer, "activation", None), "name", "")
    words = {"relu": "ReLU", "relu6": "ReLU", "leaky_relu": "LeakyReLU"}
    if name in words or name in _KINKED:
        return words.get(name, name)
    if "MaxPool" in kind:
        return "the maximum"
    if kind in ("ReLU", "LeakyReLU", "ELU"):
        return kind
    return "" if getattr(layer, "builtin", False) else kind


def check_call(
    layer: Any, given: list[Array], training: bool, settings: Settings, several: bool = False
) -> list[ArrayCheck]:
    """Check one call of a float64 layer on float64 inputs, under a random gradient of its output.

    Parameters
    ----------
    layer : Layer
        Built; its weights are moved and put back.
    given : list of ndarray
        The inputs; several only for layers that take several.
    training : bool
        What the layer is told.
    settings : Settings
        Step, tolerance, number of elements.
    several : bool
        Whether `forward` takes a tuple.
    """
    inputs = [np.array(part, dtype=np.float64, order="C") for part in given]
    told: Any = tuple(inputs) if several else inputs[0]
    restore = freeze([layer])

    def forward(cache: Cache) -> Array:
        restore()
        return np.asarray(layer.forward(told, cache, training))

    pristine = [part.copy() for part in inputs]
    y = forward(_Watched(layer)).astype(np.float64)
    whole = ArrayCheck(layer.name, y.shape)
    _changed(whole, pristine, inputs, "forward")
    if whole.ok and not np.array_equal(y, forward(_Watched(layer)), equal_nan=True):
        whole.fail(
            "forward answers the same input in two ways: it draws from a generator of its own"
        )
        return [whole]
    rng = np.random.default_rng([settings.seed, *layer.name.encode()])
    dy = rng.standard_normal(y.shape)
    names = _input_names(layer.name, len(inputs))
    found = _backward(layer, forward, inputs, dy, whole)
    if found is None or any("forward writes" in words for words in whole.faults):
        return [whole]
    cache, parts = found

    def f() -> float:
        return float((forward(_Watched(layer)) * dy).sum())

    context = Context(len(y) if y.ndim else 1, 1, getattr(layer, "rate", None), inputs[0], y, dy)
    context.weights = {weight.name: weight.value.copy() for weight in layer.ordered_weights()}
    size, kinks = float(np.abs(y * dy).sum()) + 1e-300, kinks_of(layer)
    entries = [] if whole.ok else [whole]
    for name, x, part in zip(names, inputs, parts, strict=True):
        entries.append(_one(name, f, x, part, size, settings, kinks, context, "input", whole))
    for weight in layer.ordered_weights():
        if not (weight.trainable and layer.trainable):
            continue
        name = f"{layer.name}/{weight.name}"
        part = cache.targets.get(weight.name)
        if part is None:
            entry = ArrayCheck(name, weight.value.shape, difference=1.0)
            entry.fail(f"no gradient: backward never asks for cache.grad({weight.name!r})")
            entries.append(entry)
            continue
        entries.append(
            _one(name, f, weight.value, part, size, settings, kinks, context, "weight", whole)
        )
    _added(layer, forward, dy, cache, entries)
    return entries


def _input_names(layer: str, count: int) -> list[str]:
    return [f"{layer}/input"] if count == 1 else [f"{layer}/input {i}" for i in range(count)]


def _one(
    name: str,
    f: Any,
    x: Array,
    analytic: Any,
    size: float,
    settings: Settings,
    kinks: str,
    context: Context,
    kind: str,
    whole: ArrayCheck,
) -> ArrayCheck:
    """Compare one array, and name the fault."""
    if analytic is None or np.shape(analytic) != x.shape:
        entry = ArrayCheck(name, x.shape, difference=1.0)
        got = "None" if analytic is None else f"shape {np.shape(analytic)}"
        entry.fail(f"backward answered {got} for an array of shape {x.shape}")
        return entry
    found: Compared = compare(name, f, x, np.asarray(analytic), size, settings, kinks)
    if not found.entry.ok:
        known = [words for words in whole.faults if "in place" in words]
        words = name_fault(found, context, kind)
        found.entry.fail(f"{words} (see also: {known[0].split(':')[0]})" if known else words)
    return found.entry


def _backward(
    layer: Any, forward: Any, inputs: list[Array], dy: Array, whole: ArrayCheck
) -> tuple[_Watched, tuple[Any, ...]] | None:
    """Run forward and backward once, and note what they change that is not theirs."""
    cache = _Watched(layer)
    before = [part.copy() for part in inputs]
    weights = [
        (weight.name, weight.value, weight.value.copy()) for weight in layer.ordered_weights()
    ]
    forward(cache)
    kept, told = dy.copy(), dy.copy()
    try:
        answer = layer.backward(told, cache)
    except Exception as error:
        whole.difference = 1.0
        whole.fail(f"backward raised {type(error).__name__}: {error}{_hint(str(error))}")
        return None
    parts = answer if isinstance(answer, tuple) else (answer,)
    # Copies: the next call may write where these lie.
    parts = tuple(None if part is None else np.array(part, dtype=np.float64) for part in parts)
    if told.tobytes() != kept.tobytes():
        whole.fail(
            "input gradient modified in place: backward writes into the dy that it is given, "
            "which others may still need; write dx into an array of its own"
        )
    _changed(whole, before, inputs, "backward")
    for name, value, earlier in weights:
        if layer.weight(name).trainable and value.tobytes() != earlier.tobytes():
            whole.fail(f"weight {name!r} modified in place: forward or backward writes into it")
            value[...] = earlier
    if len(parts) != len(inputs):
        whole.difference = 1.0
        whole.fail(f"backward answered {len(parts)} gradients for {len(inputs)} inputs")
        return None
    return cache, parts


def _changed(whole: ArrayCheck, before: list[Array], inputs: list[Array], who: str) -> None:
    for kept, part in zip(before, inputs, strict=True):
        if kept.tobytes() != part.tobytes():
            whole.fail(f"input modified in place: {who} writes into x, which must stay as it is")
            part[...] = kept


def _hint(text: str) -> str:
    """Return what shapes that do not fit suggest."""
    shapes = [
        tuple(int(n) for n in re.findall(r"\d+", found))
        for found in re.findall(r"\(([\d, ]+)\)", text)
    ]
    if len(shapes) < 2 or shapes[0] == shapes[1]:
        return ""
    if shapes[0] == shapes[1][::-1]:
        return ": is a transpose missing?"
    return ": is a sum taken over the wrong axis?" if len(shapes[1]) == 1 else ""


def _added(layer: Any, forward: Any, dy: Array, cache: _Watched, entries: list[ArrayCheck]) -> None:
    """Say of gradients that are NaN whether they were added to what was there."""
    spoiled = [name for name, grad in cache.targets.items() if np.isnan(grad).any()]
    if not spoiled or np.isnan(dy).any():
        return
    clean = _FromZero(layer)
    forward(clean)
    layer.backward(dy.copy(), clean)
    for entry in entries:
        name = entry.name.split("/")[-1]
        if name in spoiled and not np.isnan(clean.targets[name]).any():
            entry.faults = [
                "added to what cache.grad held, or written in part: every element must be overwritten"
            ]


def check_loss(
    loss: Any, y: Any, t: Any, settings: Settings, weights: Any = None, name: str | None = None
) -> list[ArrayCheck]:
    """Check a loss's gradient by the outputs ``y``, both of `backward` and of `compute`."""
    outputs = np.array(y, dtype=np.float64, order="C")
    name = name or str(getattr(loss, "name", type(loss).__name__))
    entry_name = f"{name}/output"
    whole = ArrayCheck(name, outputs.shape)
    given = np.array(t)
    targets = given.copy()
    kinks = _loss_kinks(loss)

    def value() -> float:
        return float(np.asarray(loss.forward(outputs, targets)).reshape(()))

    first = value()
    before = outputs.copy()
    try:
        analytic = np.array(loss.backward(), dtype=np.float64)
    except Exception as error:
        whole.difference = 1.0
        whole.fail(f"backward raised {type(error).__name__}: {error}{_hint(str(error))}")
        return [whole]
    for what, kept, now in (("outputs", before, outputs), ("targets", given, targets)):
        if kept.tobytes() != now.tobytes():
            whole.fail(f"{what} modified in place: forward or backward writes into them")
            now[...] = kept
    samples = len(outputs) if outputs.ndim else 1
    context = Context(samples, outputs[0].size if outputs.ndim > 1 else 1, None, None, before)
    size = max(1.0, abs(first))
    entries = [] if whole.ok else [whole]
    entry = _one(
        entry_name, value, outputs, analytic, size, settings, kinks, context, "output", whole
    )
    entries.append(entry)
    if hasattr(loss, "compute") and entry.ok:
        entries += _check_compute(
            loss, outputs, targets, weights, context, size, settings, kinks, name
        )
    return entries


def _check_compute(
    loss: Any,
    outputs: Array,
    t: Any,
    weights: Any,
    context: Context,
    size: float,
    settings: Settings,
    kinks: str,
    name: str,
) -> list[ArrayCheck]:
    """Check what training calls, which a loss of the user's own may have changed; with weights, too."""
    if weights is None and type(loss).compute is Loss.compute:
        return []
    targets = loss.targets(t, outputs.shape, outputs.dtype)
    shares = None if weights is None else np.array(weights, dtype=np.float64)
    dy = np.zeros_like(outputs)
    loss.compute(outputs, targets, shares, dy)

    def value() -> float:
        return float(loss.compute(outputs, targets, shares))

    where = f"{name}/output in training" if weights is None else f"{name}/output, weighted"
    whole = ArrayCheck(name, outputs.shape)
    return [_one(where, value, outputs, dy, size, settings, kinks, context, "output", whole)]


def _loss_kinks(loss: Any) -> str:
    kind = type(loss).__name__
    if not getattr(loss, "builtin", False):
        return kind
    if kind == "MeanAbsoluteError":
        return "the absolute value"
    return "the clipping of probabilities" if not getattr(loss, "from_logits", True) else ""
