"""The routes of a convolution: named beforehand, reached by every kind of shape, and those that run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import functional, reference

F: Any = functional
R: Any = reference
PASSES = ("forward", "input_gradient", "weight_gradient")

# Images (N, H, W, C), kernels (KH, KW, C / groups, O), options, and what runs on every machine.
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], tuple[str, str, str]]] = {
    "pairs": ((9, 8, 8, 1), (3, 3, 1, 2), {}, ("pairs", "*", "pairs")),
    "one filter": ((9, 8, 8, 2), (3, 3, 2, 1), {"padding": 1}, ("rows", "*", "rows")),
    "rows": ((9, 9, 9, 2), (3, 3, 2, 2), {"padding": 1}, ("rows", "*", "rows")),
    "one image": ((1, 9, 9, 2), (3, 3, 2, 2), {}, ("rows", "*", "tiles")),
    "stride": ((9, 9, 9, 4), (3, 3, 4, 6), {"stride": 2}, ("tiles", "*", "tiles")),
    "dilation": ((9, 9, 9, 2), (3, 3, 2, 2), {"dilation": 2}, ("rows", "rows", "rows")),
    "four columns": ((9, 9, 9, 40), (4, 4, 40, 40), {"padding": 2}, ("tiles", "tiles", "tiles")),
    "few channels, wide kernel": ((9, 12, 12, 1), (5, 5, 1, 20), {}, ("*", "scatter", "*")),
    "depthwise": ((4, 6, 6, 5), (3, 3, 1, 5), {"groups": 5}, ("depthwise",) * 3),
    "im2col": ((4, 6, 6, 5), (3, 3, 5, 5), {"algorithm": "im2col"}, ("patches",) * 3),
    "frames do not pay": ((1, 2, 2, 1), (2, 2, 1, 1), {"padding": 200, "stride": 300}, ("patches",) * 3),
    "no images": ((0, 6, 6, 5), (3, 3, 5, 5), {}, ("empty",) * 3),
    "no channels": ((2, 6, 6, 0), (3, 3, 0, 5), {}, ("patches", "empty", "empty")),
}  # fmt: skip

RUNNER = """
import json, sys
import numpy as np
from hotloop import functional as F
x_shape, w_shape, options, dtype = json.loads(sys.argv[1])
x, w = np.ones(x_shape, dtype), np.ones(w_shape, dtype)
y = F.conv2d(x, w, data_format="channels_last", **options)
F.conv2d(x, w, data_format="channels_last", **options)
F.conv2d_backward(y, x, w, data_format="channels_last", **options)
"""


def traced(*arguments: Any, **environment: str) -> list[str]:
    """Return what a process of its own says on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stderr.splitlines()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_named_route_is_the_one_that_ran(name: str, dtype: str) -> None:
    x, w, options, expected = CASES[name]
    named = hl.config.explain_conv2d(x, w, data_format="channels_last", dtype=dtype, **options)
    for route, want in zip(named.values(), expected, strict=True):
        halves = {"pairs": ("pairs",) if dtype == "float32" else ("rows",)}
        assert want == "*" or route in halves.get(want, (want,)), named
    lines = traced(x, w, options, dtype, HOTLOOP_TRACE="1")
    ran = {line.split()[2].rstrip(":"): line.split()[3] for line in lines}
    assert ran == {key: route for key, route in named.items() if route != "empty"}
    assert len(lines) == len(ran)  # each once, though the forward ran twice
    for line in lines:
        assert line.startswith("hotloop: conv2d ")
        assert line.endswith(f"groups {options.get('groups', 1)}, {dtype})")


def test_every_route_is_reached() -> None:
    reached = {
        route
        for x, w, options, _ in CASES.values()
        for route in hl.config.explain_conv2d(x, w, data_format="channels_last", **options).values()
    }
    assert reached == {"tiles", "rows", "pairs", "scatter", "depthwise", "patches", "empty"}


def test_nothing_is_traced_unless_asked_for() -> None:
    x, w, options, _ = CASES["rows"]
    assert traced(x, w, options, "float32", HOTLOOP_TRACE="") == []
    assert traced(x, w, options, "float32", HOTLOOP_TRACE="0") == []


def test_weights_that_are_not_finite_go_by_patches() -> None:
    script = RUNNER.replace("np.ones(w_shape, dtype)", "np.full(w_shape, np.inf, dtype)")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script,
         json.dumps(((9, 9, 9, 2), (3, 3, 2, 2), {"padding": 1, "dilation": 2}, "float32"))],
        capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "HOTLOOP_TRACE": "1"},
    )  # fmt: skip
    assert "input_gradient: patches" in done.stderr


def test_the_layout_and_the_threads_do_not_matter() -> None:
    first = hl.config.explain_conv2d((9, 2, 9, 9), (2, 2, 3, 3), padding=1)
    last = hl.config.explain_conv2d(
        (9, 9, 9, 2), (3, 3, 2, 2), padding=1, data_format="channels_last"
    )
    before = hl.get_num_threads()
    hl.set_num_threads(3)
    again = hl.config.explain_conv2d((9, 2, 9, 9), (2, 2, 3, 3), padding=1)
    hl.set_num_threads(before)
    assert first == last == again
    assert tuple(first) == PASSES


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (((2, 3, 8), (4, 3, 3, 3)), {}, ValueError, "explain_conv2d: x must be"),
        (((2, 3, 8, 8), (4, 2, 3, 3)), {}, ValueError, "explain_conv2d: w has 2 input channels"),
        (((2, 3, 8, 8), (4, 3, 9, 9)), {}, ValueError, "explain_conv2d: "),
        ((5, (4, 3, 3, 3)), {}, TypeError, "x_shape must be a tuple of integers, got int"),
        (((2, 3, 8, -8), (4, 3, 3, 3)), {}, ValueError, "x_shape must not be negative"),
        (((2, 3, 8, 8), (4, 3, 3, 3)), {"dtype": "int8"}, ValueError, "dtype must be 'float32' or"),
        (((2, 3, 8, 8), (4, 3, 3, 3)), {"algorithm": "fft"}, ValueError, "algorithm must be None"),
    ],
)
def test_other_arguments_are_refused(
    arguments: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        hl.config.explain_conv2d(*arguments, **options)
    assert len(str(caught.value)) <= 400


@pytest.mark.parametrize("name", [n for n in CASES if n not in {"no images", "no channels"}])
def test_what_runs_is_right(name: str) -> None:
    x_shape, w_shape, options, _ = CASES[name]
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    others = {k: v for k, v in options.items() if k != "algorithm"}
    layout: Any = {"data_format": "channels_last"}
    want = R.conv2d(x, w, **layout, **others)
    np.testing.assert_allclose(F.conv2d(x, w, **layout, **options), want, rtol=1e-10, atol=1e-10)
    got = F.conv2d_backward(want, x, w, **layout, **options)
    for a, b in zip(got, R.conv2d_backward(want, x, w, **layout, **others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
