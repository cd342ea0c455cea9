"""Operations as nodes of a model, with options, constants and shapes of a file that nobody sane would write."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import ops
from hotloop.autodiff import elementwise
from hotloop.autodiff.answers import answer_shape, standing
from hotloop.autodiff.rule import RULES, Saved
from hotloop.layers.operation import Operation

Array = np.ndarray[Any, Any]
HUGE = 10**10


def node(operation: Any, inputs: Any, options: Any = None, shape: tuple[int, ...] = (3,)) -> Any:
    """Return a model of one operation, as a file describes it."""
    count = max(1, sum(x is None for x in inputs) if isinstance(inputs, list) else 1)
    config = {"operation": operation, "inputs": inputs, "options": options}
    symbols = [hl.Input(shape) for _ in range(count)]
    layer = Operation.from_config(config)
    return hl.Model(symbols, layer(symbols if count > 1 else symbols[0]))


INDICES = {"array": [[0]], "dtype": "int64"}


@pytest.mark.parametrize(
    ("operation", "inputs", "options"),
    [
        ("tile", [None], {"repeats": [1, HUGE]}),
        ("repeat", [None], {"repeats": HUGE, "axis": 1}),
        ("repeat", [None], {"repeats": [HUGE, 1, 1], "axis": 1}),
        ("repeat", [None], {"repeats": HUGE, "axis": None}),
        ("pad", [None], {"width": [[0, 0], [HUGE, 0]], "mode": "constant", "value": 0}),
        ("pad", [None], {"width": [[0, 0], [0, HUGE]], "mode": "wrap", "value": 0}),
        ("broadcast_to", [None], {"shape": [HUGE, 2, 3]}),
        ("scatter_add", [INDICES, None], {"shape": [HUGE]}),
        ("getitem", [None], {"index": {"array": [0] * 6_000_000, "dtype": "int64"}}),
        ("segment_sum", [None, {"array": [0, 1], "dtype": "int64"}], {"count": HUGE}),
        ("scatter_columns", [None], {"places": [0, 1, 2], "size": HUGE}),
        (
            "conv2d_transpose",
            [None, {"array": [[[[1]]]]}],
            {"stride": [HUGE, 1], "dilation": [1, 1]},
        ),
        ("exp", [{"array": [1.0]}], {}),
        ("cast", [None], {"dtype": "V1000000000"}),
        ("cast", [None], {"dtype": "U100000000"}),
    ],
)
def test_a_description_takes_no_memory(operation: str, inputs: Any, options: Any) -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        try:
            node(operation, inputs, options)
        except ValueError as error:
            assert len(str(error)) <= 400  # noqa: PT017 - a large shape alone is no fault
        assert tracemalloc.get_traced_memory()[1] - before < 2**28
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["exp", "sum", "softmax", "sort", "reshape"])
def test_a_wide_input_takes_no_memory(name: str) -> None:
    options = {
        "sum": {"axis": 1, "keepdims": False},
        "softmax": {"axis": 1},
        "sort": {"axis": 1},
        "reshape": {"shape": [-1, 5]},
    }
    tracemalloc.start()
    try:
        try:
            node(name, [None], options.get(name), (HUGE,))
        except ValueError as error:
            assert "too large" in str(error)  # noqa: PT017 - what needs no trial is taken
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("operation", "inputs", "options"),
    [
        ("add", [None], None),
        ("add", [None, None, None], None),
        ("logical_and", [None, None, None], None),
        ("add", [], None),
        ("add", [1.0, 2.0], None),
        ("add", 5, None),
        ("add", [None, "abc"], None),
        ("add", [None, 10**400], None),
        ("add", [None, 2.0], [1]),
        ("add", [None, 2.0], {"saved": 1}),
        ("add", [None, {"array": [1], "dtype": "O"}], None),
        ("nothing", [None], None),
        (["add"], [None], None),
        ("tril", [None], {"k": 2**70}),
        ("diagonal", [None], {"offset": 2**40, "axis1": 0, "axis2": 1}),
        ("tile", [None], {"repeats": [1, -5]}),
        ("tile", [None], {"repeats": [1, 1.5]}),
        ("tile", [None], {"repeats": [1, 2**62]}),
        ("tile", [None], {}),
        ("pad", [None], {"width": [[0, 0], [0, 3]], "mode": "empty", "value": 0}),
        ("pad", [None], {"width": [[0, 0], [0, 3]], "mode": "linear_ramp", "value": 0}),
        ("broadcast_to", [None], {"shape": [2**62, 2, 3]}),
        ("top_k", [None], {"k": HUGE, "largest_first": True}),
        ("einsum", [None], {"subscripts": "ab->" + "a" * 40}),
        ("einsum", [None], {"subscripts": "ab->abc"}),
        ("getitem", [None], {"index": {"slice": [None, None, "x"]}}),
        ("leaky_relu", [None], {"slope": "x"}),
        ("cast", [None], {"dtype": "O"}),
    ],
)
def test_what_no_operation_takes_is_refused(operation: Any, inputs: Any, options: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        node(operation, inputs, options)
    assert len(str(caught.value)) <= 400


@pytest.mark.parametrize(
    ("name", "shapes", "options"),
    [
        ("tile", [(2, 3)], {"repeats": (2, 1, 3)}),
        ("tile", [(2, 3, 4)], {"repeats": (2,)}),
        ("repeat", [(2, 3)], {"repeats": 2, "axis": 1}),
        ("repeat", [(2, 3)], {"repeats": [1, 0, 4], "axis": -1}),
        ("repeat", [(2, 3)], {"repeats": 3, "axis": None}),
        ("pad", [(2, 3)], {"width": [(1, 2), (0, 4)], "mode": "edge", "value": 0}),
        ("broadcast_to", [(3, 1)], {"shape": (2, 3, 4)}),
        ("matmul", [(2, 3), (3, 4)], {}),
        ("matmul", [(3,), (3, 4)], {}),
        ("matmul", [(5, 2, 3), (3,)], {}),
        ("matmul", [(3,), (3,)], {}),
        ("matmul", [(5, 1, 2, 3), (4, 3, 6)], {}),
        ("matmul", [(3,), (4, 3, 6)], {}),
        ("einsum", [(2, 3), (3, 4)], {"subscripts": "ij,jk"}),
        ("einsum", [(5, 2, 3), (1, 3, 4)], {"subscripts": "...ij,...jk->...ik"}),
        ("einsum", [(3, 3)], {"subscripts": "ii->i"}),
        ("einsum", [(3, 3)], {"subscripts": "ii"}),
        ("maximum", [(2, 1), (3,)], {}),
        ("scatter_columns", [(2, 3, 4)], {"places": [0, 1, 1, 6], "size": 7}),
        ("conv2d_transpose", [(2, 5, 4, 3), (3, 2, 6, 3)], {"stride": (2, 1), "dilation": (1, 2)}),
        ("where", [(2, 1), (3,), ()], {}),
        ("exp", [(0, 3)], {}),
    ],
)
def test_shapes_without_computing_are_those_of_the_answer(
    name: str, shapes: Any, options: Any
) -> None:
    saved = Saved()
    saved.needs = (False,) * len(shapes)
    y = RULES[name].forward(saved, *(np.ones(s, np.float32) for s in shapes), **options)
    found = answer_shape(RULES[name], [standing(s, np.float32) for s in shapes], options)
    assert found == y.shape


def test_every_rule_of_elements_answers_the_broadcast_shape() -> None:
    rules = {name: rule for name, rule in RULES.items() if vars(elementwise).get(name) is rule}
    assert len(rules) > 50
    options: dict[str, Any] = {
        "leaky_relu": {"slope": 0.1},
        "elu": {"alpha": 1.0},
        "cast": {"dtype": "float64"},
    }
    for name, rule in rules.items():
        for count in (1, 2, 3):
            for dtype in (np.float32, np.int32):
                arrays = [standing((2, 1)[i % 2 :] or (3,), dtype) for i in range(count)]
                saved = Saved()
                saved.needs = (False,) * count
                try:
                    y = rule.forward(saved, *arrays, **options.get(name, {}))
                except TypeError:
                    continue
                assert y.shape == answer_shape(rule, arrays, options.get(name, {})), name


# --- gradients


def slopes(function: Any, x: Array, step: float = 1e-5) -> Array:
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        found[i] = (float(function(up)) - float(function(down))) / (2 * step)
    return found


def weighted(y: Any) -> Any:
    size = math.prod(y.shape)
    return ops.sum(y * np.sin(np.arange(1.0, size + 1)).reshape(y.shape))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.clip(x, x[0, 0] * 0.3, 0.5),
        lambda x: ops.clip(x, -0.5, x[:1]),
        lambda x: ops.clip(x, x[0, :1], x[1]),
        lambda x: ops.take_along_axis(x, np.array([[0, 1, 1]]), axis=1),
        lambda x: ops.take_along_axis(x[:1], np.array([[0], [3], [3]]), axis=1),
        lambda x: ops.scatter_update(x, np.array([[0, 1], [0, 1], [2, 2]]), x[0, :3] * 3.0),
        lambda x: ops.scatter_update(x, np.array([[1], [1]]), x[1:] * 3.0),
    ],
)
def test_gradients_reach_every_input(function: Any) -> None:
    x = np.random.default_rng(4).normal(size=(3, 4))
    tensor = hl.Tensor(x.copy(), requires_grad=True)
    weighted(function(tensor)).backward()
    expected = slopes(lambda x: weighted(function(x)), x)
    np.testing.assert_allclose(np.asarray(tensor.grad), expected, atol=1e-8)
