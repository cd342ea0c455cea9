"""A model checked whole, as it trains; and its calls one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.engine.eager import on_arrays
from hotloop.gradcheck.calls import check_call, check_loss, kinks_of
from hotloop.gradcheck.compare import Settings, compare
from hotloop.gradcheck.faults import Context, name_fault
from hotloop.gradcheck.frozen import freeze
from hotloop.gradcheck.report import ArrayCheck

Array = NDArray[Any]


def check_whole(
    model: Any, x: Any, y: Any, loss: Any, weights: Any, training: bool, settings: Settings
) -> list[ArrayCheck]:
    """Compare the gradient of every weight of a float64 model.

    Parameters
    ----------
    model : Model
        A copy, compiled unless `loss` is given or there are no targets.
    x, y : array_like
        A batch, and its targets or None.
    loss : object or None
        A loss by hand, with ``forward(y, t)`` and ``backward()``.
    weights : array_like or None
        One for each sample.
    training : bool
        What layers are told where there are no targets.
    settings : Settings
        Step, tolerance, number of elements.
    """
    model.executor(x)
    restore = freeze(model.all_layers())
    outputs = answers(model, x, training, restore)
    f, run, size = _function(model, x, y, loss, weights, training, settings, restore, outputs)
    run()
    analytic = {name: grad.copy() for name, grad in model.grads.items()}
    first = f()
    if f() != first:
        whole = ArrayCheck(model.name, ())
        whole.fail("the same batch gives two losses: a layer draws from a generator of its own")
        return [whole]
    kinks = " or ".join(sorted({kinks_of(layer) for layer in model.all_layers()} - {""}))
    n = len(outputs[0])
    numbers = int(sum(part[0].size for part in outputs)) if n else 1
    entries = []
    for name, value in model.params.items():
        found = compare(name, f, value, analytic[name], max(size, abs(first)), settings, kinks)
        if not found.entry.ok:
            found.entry.fail(name_fault(found, Context(n, numbers), "weight"))
        entries.append(found.entry)
    return entries


def _function(
    model: Any,
    x: Any,
    y: Any,
    loss: Any,
    weights: Any,
    training: bool,
    settings: Settings,
    restore: Callable[[], None],
    outputs: list[Array],
) -> tuple[Callable[[], float], Callable[[], object], float]:
    """Return the number that is differentiated, the step that fills the gradients, and the size of its terms."""
    if y is not None and loss is None:

        def step() -> float:
            restore()
            return float(model.loss_and_grads(x, y, sample_weight=weights)[0])

        return step, step, 1.0
    if y is not None:

        def by_hand() -> float:
            restore()
            return float(np.asarray(loss.forward(model.forward(x, training=True), y)).reshape(()))

        def backward() -> None:
            by_hand()
            model.backward(loss.backward())

        return by_hand, backward, 1.0
    rng = np.random.default_rng(settings.seed)
    several = len(outputs) > 1
    dys = [rng.standard_normal(part.shape) for part in outputs]

    def projected() -> float:
        restore()
        parts = model.forward(x, training=True) if training else model.predict(x, verbose=0)
        parts = list(parts.values()) if isinstance(parts, dict) else parts
        pairs = zip(parts if several else [parts], dys, strict=True)
        return float(sum((part * dy).sum() for part, dy in pairs))

    def run() -> None:
        restore()
        model.forward(x, training=True)
        model.backward(dys if several else dys[0])

    size = float(sum(np.abs(part * dy).sum() for part, dy in zip(outputs, dys, strict=True)))
    return projected, run, size


def _run(model: Any, x: Any, training: bool, restore: Callable[[], None]) -> dict[int, Array]:
    """Return every value of a model's graph, each layer called as it is written."""
    restore()
    graph = model.graph(x)
    given = model._trainer.samples("gradient_check", x)
    return on_arrays(graph, given, training, np.float64)


def answers(model: Any, x: Any, training: bool, restore: Callable[[], None]) -> list[Array]:
    """Return the outputs of a model."""
    values = _run(model, x, training, restore)
    return [values[i] for i in model.graph().outputs]


def check_calls(
    model: Any,
    x: Any,
    y: Any,
    loss: Any,
    entries: list[ArrayCheck],
    training: bool,
    settings: Settings,
) -> list[ArrayCheck]:
    """Check calls alone: those of the user's own layers, and all where the whole is wrong."""
    wrong = not all(entry.ok for entry in entries)
    restore = freeze(model.all_layers())
    graph = model.graph(x)
    own = [node for node in graph.nodes if not graph.is_recorded(node)]
    found: dict[str, ArrayCheck] = {}
    if own or wrong:
        values = _run(model, x, training, restore)
        restore()
        for node in graph.nodes if wrong else own:
            # Weights and random numbers as values, and losses on their way: nothing is computed.
            if not node.inputs or node.layer.adds_losses:
                continue
            parts, told = [values[i] for i in node.inputs], node.told(training)
            for entry in check_call(node.layer, parts, told, settings, node.layer.takes_several):
                if entry.name not in found or not entry.ok:
                    found[entry.name] = entry
    checked = list(found.values())
    one = y is not None and len(graph.outputs) == 1
    if one and not isinstance(loss, str) and hasattr(loss, "backward"):
        outputs = answers(model, x, training, restore)[0]
        checked = check_loss(loss, outputs, y, settings) + checked
    if wrong and all(entry.ok for entry in checked):
        _shared(graph, entries)
    return checked


def _shared(graph: Any, entries: list[ArrayCheck]) -> None:
    """Name what no call alone can show: state on the layer, where each call needs its own."""
    calls: dict[int, list[Any]] = {}
    for node in graph.nodes:
        calls.setdefault(id(node.layer), []).append(node)
    for nodes in calls.values():
        layer = nodes[0].layer
        if len(nodes) > 1 and not graph.is_recorded(nodes[0]):
            for entry in entries:
                if not entry.ok:
                    entry.faults = [
                        f"each call alone is right, and {layer.name!r} is called {len(nodes)} times: does it "
                        "keep what backward needs on itself, where the last call overwrites it, not on cache?"
                    ]
