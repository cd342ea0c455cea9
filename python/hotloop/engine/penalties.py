"""Penalties on weights within a recorded step."""

from __future__ import annotations

from functools import partial

from hotloop.engine.program import Program
from hotloop.graph.graph import Graph
from hotloop.parameters import Weight


def penalized(graph: Graph) -> list[Weight]:
    """Return the weights of a graph that train under a penalty, each once."""
    layers = {id(node.layer): node.layer for node in graph.nodes}.values()
    weights = (weight for layer in layers for weight in layer.ordered_weights())
    return [w for w in weights if w.regularizer is not None and w.grad is not None]


def penalty(weights: list[Weight]) -> float:
    """Return the sum of the penalties."""
    return sum(float(weight.regularizer(weight.value)) for weight in weights)


def record_penalties(weights: list[Weight], program: Program) -> None:
    """Append what adds the penalties' gradients to those of the weights."""
    for weight in weights:
        regularizer, value, grad = weight.regularizer, weight.value, weight.grad
        if regularizer.recordable:
            with program.recording():
                regularizer.add_gradient(value, grad)
        else:
            program.python(partial(regularizer.add_gradient, value, grad))


__all__ = ["penalized", "penalty", "record_penalties"]
