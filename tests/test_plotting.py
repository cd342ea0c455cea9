"""The pictures: what is drawn, how it is labelled, what is refused. test_utils.py has the training curves."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl

figure = pytest.importorskip("matplotlib.figure")
colors = pytest.importorskip("matplotlib.colors")
plotting: Any = pytest.importorskip("hotloop.plotting")

Array = NDArray[Any]


def axes(*shape: int) -> Any:
    return figure.Figure(figsize=(8, 4)).subplots(*shape)


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give pyplot without a screen; show() fails, and no figure is left open."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.use("agg")

    def show(*_: Any, **__: Any) -> None:
        pytest.fail("a plotting function called show()")

    monkeypatch.setattr(plt, "show", show)
    plt.close("all")  # what doctests and examples left
    yield plt
    plt.close("all")


def digits(n: int) -> tuple[Array, Array]:
    _, (x, y) = hl.datasets.digits.load_data()
    return x[:n], y[:n]


EVERY: dict[str, Callable[[Any], Any]] = {
    "history": lambda ax: plotting.history({"loss": [1.0, 0.5]}, ax=ax),
    "images": lambda ax: plotting.images(np.zeros((4, 3, 3)), ax=ax),
    "filters": lambda ax: plotting.filters(np.ones((3, 3, 1, 4)), ax=ax),
    "activations": lambda ax: plotting.activations([np.zeros(5), np.ones(5)], ax=ax),
    "confusion_matrix": lambda ax: plotting.confusion_matrix([0, 1], [0, 1], ax=ax),
    "decision_boundary": lambda ax: plotting.decision_boundary(
        lambda p: (p[:, 0] > 0).astype(int), [[-1.0, 0.0], [1.0, 0.0]], resolution=5, ax=ax
    ),
    "descent_path": lambda ax: plotting.descent_path(lambda x: x**2, [2.0, 1.0], ax=ax),
    "function": lambda ax: plotting.function(np.tanh, ax=ax),
}


def test_every_name_of_the_interface_is_here() -> None:
    assert sorted(plotting.__all__) == sorted(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_draws_into_ax_and_returns_it(name: str) -> None:
    ax = axes()
    assert EVERY[name](ax) is ax
    ax.figure.savefig("/dev/null", format="png")  # every label can be laid out


@pytest.mark.parametrize("name", EVERY)
def test_makes_a_figure_of_at_most_800_pixels_and_never_shows_it(name: str, pyplot: Any) -> None:
    drawn = np.ravel(EVERY[name](None))
    assert len(pyplot.get_fignums()) == 1
    assert {ax.figure for ax in drawn} == {pyplot.gcf()}
    assert pyplot.gcf().get_figwidth() * pyplot.gcf().dpi <= 800


@pytest.mark.parametrize("name", EVERY)
def test_no_text_is_cut_off(name: str, pyplot: Any) -> None:
    EVERY[name](None)
    canvas = pyplot.gcf()
    canvas.canvas.draw()
    width, height = canvas.canvas.get_width_height()
    texts = [
        text
        for ax in canvas.axes
        for text in [
            ax.title,
            ax.xaxis.label,
            ax.yaxis.label,
            *ax.texts,
            *ax.get_xticklabels(),
            *ax.get_yticklabels(),
        ]
    ]
    # Labels of ticks outside the view are never drawn.
    shown = [
        t for t in texts if t.get_text() and t.get_visible() and t not in _hidden_ticks(canvas)
    ]
    assert shown or name in ("images", "filters")
    for text in shown:
        box = text.get_window_extent()
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text


def _hidden_ticks(canvas: Any) -> list[Any]:
    hidden = []
    for ax in canvas.axes:
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks():
                if not min(low, high) <= tick.get_loc() <= max(low, high):
                    hidden += [tick.label1, tick.label2]
    return hidden


# --- history


def test_history_of_several_runs_has_a_colour_for_each() -> None:
    runs = {
        "SGD": {"loss": [1.0, 0.9], "val_loss": [1.0, 0.95]},
        "Adam": {"loss": [1.0, 0.5], "accuracy": [0.5, 0.8]},
    }
    loss, accuracy = plotting.history(runs, ax=axes(1, 2))
    assert [line.get_ydata().tolist() for line in loss.lines] == [
        [1.0, 0.9],
        [1.0, 0.95],
        [1.0, 0.5],
        [],
    ]
    sgd, held, adam, _ = loss.lines
    assert sgd.get_color() == held.get_color() != adam.get_color()
    assert sgd.get_linestyle() != held.get_linestyle()
    names = [text.get_text() for text in loss.get_legend().get_texts()]
    assert names == ["SGD", "Adam", "validation"]
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ["Adam"]


def test_history_draws_each_figure_at_its_own_epoch() -> None:
    model = hl.Sequential([hl.Input((2,)), hl.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2)), np.ones(4)
    options: Any = {"validation_data": (x, y), "validation_freq": 2, "verbose": 0}
    fitted = model.fit(x, y, epochs=6, initial_epoch=1, **options)
    train, validation = plotting.history(fitted, ax=axes()).lines
    assert list(train.get_xdata()) == [2, 3, 4, 5, 6]
    assert list(validation.get_xdata()) == [2, 4, 6]
    copied = pickle.loads(pickle.dumps(model)).history
    assert copied.epochs == fitted.epochs == {"loss": [1, 2, 3, 4, 5], "val_loss": [1, 3, 5]}
    del fitted.history["val_loss"][0]  # what a user changed begins at 1
    assert list(plotting.history(fitted, ax=axes()).lines[1].get_xdata()) == [1, 2]


def test_history_of_more_than_two_metrics_stays_800_pixels_wide(pyplot: Any) -> None:
    drawn = plotting.history({"loss": [1.0], "accuracy": [0.5], "learning_rate": [0.1]})
    assert [ax.get_ylabel() for ax in drawn] == ["loss", "accuracy", "learning rate"]
    assert len(pyplot.gcf().axes) == 3
    assert pyplot.gcf().get_figwidth() == 8


# --- images


def test_images_draws_the_pixels_and_names_them() -> None:
    x, y = digits(6)
    drawn = plotting.images(x, y, ax=axes(2, 3))
    assert drawn.shape == (6,)
    for ax, image, label in zip(drawn, x, y, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
        assert ax.get_title() == str(label)
        assert ax.images[0].get_clim() == (0, 16)


def test_images_says_what_was_read_as_what() -> None:
    x, _ = digits(2)
    scores = [[0.1, 0.9, 0.0], [0.2, 0.1, 0.7]]
    right, wrong = plotting.images(x, [1, 0], scores, ax=axes(1, 2))
    assert (right.get_title(), wrong.get_title()) == ("1 read as 1", "0 read as 2")
    assert right.title.get_color() == "black"
    assert colors.to_hex(wrong.title.get_color()) == "#d55e00"
    alone = plotting.images(x, predictions=[3, 4], ax=axes(1, 2))
    assert [ax.get_title() for ax in alone] == ["3", "4"]


@pytest.mark.parametrize(
    ("images", "options", "shape"),
    [
        (np.zeros((5, 4)), {}, (5, 4)),
        (np.zeros((1, 5, 4, 1)), {}, (5, 4)),
        (np.zeros((1, 5, 4, 3)), {}, (5, 4, 3)),
        (np.zeros((1, 3, 5, 4)), {"data_format": "channels_first"}, (5, 4, 3)),
        (np.zeros((1, 1, 5, 4)), {"data_format": "channels_first"}, (5, 4)),
        (np.zeros((1, 20)), {"shape": (5, 4)}, (5, 4)),
        (np.zeros(20), {"shape": (5, 4)}, (5, 4)),
        (np.zeros((1, 60)), {"shape": (3, 5, 4), "data_format": "channels_first"}, (5, 4, 3)),
    ],
)
def test_images_of_every_layout(images: Array, options: Any, shape: tuple[int, ...]) -> None:
    ax = plotting.images(images, ax=axes(), **options)
    assert ax.images[0].get_array().shape == shape


@pytest.mark.parametrize(
    ("images", "clim"),
    [
        (np.array([[0, 200]], np.uint8), (0, 255)),
        (np.array([[0.0, 0.9]]), (0, 1)),
        (np.array([[-2.0, 6.0]]), (-2, 6)),
        (np.array([[3.0, 3.0]]), (3, 4)),
        (np.array([[1.0, np.nan, 4.0]]), (1, 4)),
    ],
)
def test_images_spans_black_to_white(images: Array, clim: tuple[float, float]) -> None:
    assert plotting.images(images, ax=axes()).images[0].get_clim() == clim
    chosen = plotting.images(images, limits=(0, 9), ax=axes())
    assert chosen.images[0].get_clim() == (0, 9)


def test_images_in_colour_are_scaled_alike() -> None:
    x = np.stack([np.full((2, 2, 3), 10.0), np.full((2, 2, 3), 30.0)])
    dark, bright = plotting.images(x, ax=axes(1, 2))
    assert dark.images[0].get_array().max() == 0
    assert bright.images[0].get_array().min() == 1


def test_images_divides_a_single_axes() -> None:
    ax = axes()
    assert plotting.images(np.zeros((6, 4, 4)), columns=3, ax=ax) is ax
    insets = ax.child_axes
    assert len(insets) == 6
    boxes = [inset.get_position(original=True) for inset in insets]
    assert sum(a.overlaps(b) for a in boxes for b in boxes) == 6  # each with itself alone


@pytest.mark.parametrize("shape", [(1, 1), (2, 4)])
def test_titles_of_images_stay_apart(shape: tuple[int, int]) -> None:
    panels = axes(*shape)
    x, y = digits(8)
    plotting.images(x, y, y[::-1], columns=4, ax=panels)
    drawn = panels.child_axes if shape == (1, 1) else panels.ravel()
    drawn[0].figure.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in drawn]
    assert sum(a.overlaps(b) for a in boxes for b in boxes) == 8  # each with itself alone


def test_images_fills_its_rows(pyplot: Any) -> None:
    drawn = plotting.images(np.zeros((40, 8, 8)))
    rows = {round(ax.get_position().y0, 3) for ax in drawn}
    assert len(drawn) == len(pyplot.gcf().axes) == 40
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (
            np.zeros((2, 3, 3)),
            {"labels": [1]},
            r"2 images need as many labels, but got shape \(1,\)",
        ),
        (np.zeros((2, 3, 3)), {"predictions": [1]}, r"as many predictions"),
        (np.zeros((2, 3, 3)), {"ax": "one"}, r"2 panels need as many axes, but got 1"),
        (np.zeros((2, 3, 3, 2)), {}, r"with 1 or 3 channels, got \(2, 3, 3, 2\)"),
        (
            np.zeros((2, 9)),
            {"shape": (2, 4)},
            r"images of shape \(2, 4\) cannot be made of rows \(2, 9\)",
        ),
        (np.zeros((500, 2, 2)), {}, r"500 images are too many for one picture"),
        (np.zeros((0, 2, 2)), {}, r"images must be \(N, H, W\)"),
        (np.array(["a"]), {}, r"must hold real numbers, got dtype <U1"),
        (np.zeros((2, 3, 3)), {"data_format": "NCHW"}, r"got 'NCHW'"),
    ],
)
def test_images_refuses(images: Array, options: Any, message: str) -> None:
    if options.get("ax") == "one":
        options = {"ax": [axes()]}
    with pytest.raises(ValueError, match=message):
        plotting.images(images, **{"ax": axes(), **options})


@pytest.mark.parametrize("longest", [2, 11, 22, 30])
def test_no_label_of_a_confusion_matrix_is_cut(longest: int) -> None:
    names = ["T-shirt/top", "Ankle boot", "n" * longest, "Pullover", "Sneaker"]
    ax = plotting.confusion_matrix(np.eye(5, dtype=int), labels=names)
    figure: Any = ax.figure
    figure.savefig(io.BytesIO())
    box, frame = ax.get_tightbbox(), figure.bbox
    assert box.x0 >= frame.x0
    assert box.y0 >= frame.y0
    assert box.x1 <= frame.x1
    assert box.y1 <= frame.y1


def test_a_legend_hides_nothing_of_the_plane() -> None:
    x = np.array([[0.0, 0.0], [1.0, 1.0]])
    ax = plotting.decision_boundary(lambda p: (p[:, 0] > 0.5).astype(int), x, [0, 1])
    figure: Any = ax.figure
    figure.canvas.draw()
    plane = max(path.get_extents().y1 for c in ax.collections for path in c.get_paths()[:1])
    legend: Any = ax.get_legend()
    bottom = ax.transData.inverted().transform(legend.get_window_extent())[0, 1]
    assert plane <= 1.1 + 0.01
    assert bottom >= 1.1


def test_the_greys_of_the_picture_in_the_readme_are_grey() -> None:
    image = pytest.importorskip("PIL.Image")
    file = Path(__file__).parent.parent / "docs" / "pictures.png"
    assert file.stat().st_size < 200_000
    with image.open(file) as opened:
        digits = np.asarray(opened.convert("RGB"))[50:130, 75:355].astype(int)
    assert np.ptp(digits, axis=2).max() <= 2
