"""Pictures of functions and of the paths of descents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hotloop import functional as F

figure = pytest.importorskip("matplotlib.figure")
colors = pytest.importorskip("matplotlib.colors")
plotting: Any = pytest.importorskip("hotloop.plotting")

Array = NDArray[Any]


def axes(*shape: int) -> Any:
    return figure.Figure(figsize=(8, 4)).subplots(*shape)


# --- functions and descents


def test_function_draws_the_values() -> None:
    ax = plotting.function(lambda x: x * np.sin(x**2) + 1, (-2, 3), points=11, ax=axes())
    x = np.linspace(-2, 3, 11)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), np.stack([x, x * np.sin(x**2) + 1], 1))
    assert ax.get_xlim() == (-2, 3)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("x", "f(x)", None)


def test_function_takes_functions_of_one_number() -> None:
    def bent(x: float) -> float:
        return math.sin(x) if x > 0 else 0.0

    ax = plotting.function(bent, (-1, 1), points=5, ax=axes())
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0, 0, 0, math.sin(0.5), math.sin(1)])
    assert ax.get_ylabel() == "bent(x)"


def test_function_leaves_a_gap_at_a_jump_and_none_elsewhere() -> None:
    named = {"step": F.step, "ReLU": "relu", "sigmoid": "sigmoid", "identity": F.identity}
    ax = plotting.function(named, ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(named)
    gaps = [int(np.isnan(line.get_ydata()).sum()) for line in ax.lines]
    assert gaps == [1, 0, 0, 0]
    assert len({line.get_linestyle() for line in ax.lines}) == 4


def test_function_names_what_it_can() -> None:
    ax = plotting.function([np.tanh, lambda x: x, np.tanh, "relu"], ax=axes())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["tanh", "f2", "tanh 3", "relu"]


def test_function_refuses() -> None:
    with pytest.raises(ValueError, match=r"two ends, the lower first, got \(1, -1\)"):
        plotting.function(np.tanh, (1, -1), ax=axes())
    with pytest.raises(ValueError, match=r"there is no function"):
        plotting.function([], ax=axes())
    with pytest.raises(ValueError, match=r"3 is no function"):
        plotting.function([3], ax=axes())
    with pytest.raises(ValueError, match=r"relu"):  # the valid names
        plotting.function("rellu", ax=axes())


def test_descent_path_on_a_curve() -> None:
    ax = plotting.descent_path(lambda x: x**2, [10.0, 5.0, -1.0], ax=axes())
    curve, path = ax.lines
    assert path.get_xydata().tolist() == [[10, 100], [5, 25], [-1, 1]]
    np.testing.assert_allclose(curve.get_ydata(), curve.get_xdata() ** 2)
    assert ax.get_xlim()[0] < -1
    assert ax.get_xlim()[1] > 10
    start, end = ax.collections
    assert start.get_offsets().tolist() == [[10, 100]]
    assert end.get_offsets().tolist() == [[-1, 1]]


@pytest.mark.parametrize(
    "f", [lambda p: np.sum(p**2), lambda a, b: a**2 + b**2], ids=["array", "two"]
)
def test_descent_path_over_contours(f: Any) -> None:
    path = np.array([[-3.0, 4.0], [-1.0, 2.0], [0.0, 0.0]])
    ax = plotting.descent_path(f, path, resolution=21, ax=axes())
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), path)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("x0", "x1", None)
    assert ax.get_xlim()[0] < -3
    assert ax.get_ylim()[1] > 4


def test_descent_paths_by_name_within_bounds() -> None:
    paths = {"SGD": [[-7.0, 2.0], [-5.0, -1.0]], "Adam": [[-7.0, 2.0], [-6.0, 1.0]]}
    box = ((-10, 10), (-5, 5))
    ax = plotting.descent_path(lambda x, y: x**2 / 20 + y**2, paths, bounds=box, ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SGD", "Adam"]
    assert (ax.get_xlim(), ax.get_ylim()) == box
    assert len({line.get_color() for line in ax.lines}) == 2


def test_descent_path_that_leaves_the_numbers_ends_there() -> None:
    ax = plotting.descent_path(lambda x: x**2, [1.0, -2.0, math.inf, math.nan], ax=axes())
    assert ax.lines[1].get_xdata().tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ([], {}, r"must be \(T,\) or \(T, 2\) and not empty, got \(0,\)"),
        (np.zeros((3, 3)), {}, r"got \(3, 3\)"),
        ([math.nan], {}, r"starts at NaN"),
        ({"a": [1.0], "b": [[1.0, 2.0]]}, {}, r"all paths must be of one or of two variables"),
        ([1.0, 2.0], {"bounds": (3, 1)}, r"bounds must be \(low, high\) for each of 1 variables"),
    ],
)
def test_descent_path_refuses(path: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.descent_path(lambda x: x**2, path, ax=axes(), **options)


def test_a_legend_fits_into_a_narrow_panel() -> None:
    names = ["from -2.2", "from -0.5", "from 1.5", "from 1.2"]
    ax = axes(1, 3)[0]
    plotting.descent_path(lambda x: x**2, {name: [3.0, 1.0] for name in names}, ax=ax)
    ax.figure.canvas.draw()
    legend, panel = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert legend.width < panel.width
    assert legend.y0 > ax.transData.transform((3.0, 9.0))[1]  # above the start
