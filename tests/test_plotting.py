"""The pictures: what is drawn, how it is labelled, what is refused. test_utils.py has the training curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
from hotloop import functional as F

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
    yield plt
    plt.close("all")


def digits(n: int) -> tuple[Array, Array]:
    _, (x, y) = hl.datasets.digits.load_data()
    return x[:n], y[:n]


def small_cnn() -> hl.Sequential:
    hl.set_seed(1)
    return hl.Sequential(
        [
            hl.layers.Rescaling(1 / 16, input_shape=(8, 8, 1)),
            hl.layers.Conv2D(6, 3, activation="relu", name="filters"),
            hl.layers.Flatten(),
            hl.layers.Dropout(0.5),
            hl.layers.Dense(10, activation="softmax", name="answer"),
        ]
    )


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


# --- filters


def test_filters_of_a_model_share_one_scale_around_zero() -> None:
    model = small_cnn()
    kernel = model.get_layer("filters").kernel
    drawn = plotting.filters(model, ax=axes(2, 3))
    limit = float(np.abs(kernel).max())
    for i, ax in enumerate(drawn):
        np.testing.assert_array_equal(ax.images[0].get_array(), kernel[:, :, 0, i])
        assert ax.images[0].get_clim() == (-limit, limit)
    assert [ax.get_ylabel() for ax in drawn[0].figure.axes[6:]] == ["weight"]
    again = plotting.filters(model.get_layer("filters"), limit=2.0, ax=axes(2, 3))
    assert again[0].images[0].get_clim() == (-2, 2)


def test_filters_in_either_layout_and_by_channel() -> None:
    kernel = np.arange(2 * 3 * 4 * 5, dtype=float).reshape(2, 3, 4, 5)
    last = plotting.filters(kernel, channel=2, ax=axes(1, 5))
    first = plotting.filters(
        kernel.transpose(3, 2, 0, 1), channel=2, data_format="channels_first", ax=axes(1, 5)
    )
    for i, (a, b) in enumerate(zip(last, first, strict=True)):
        np.testing.assert_array_equal(a.images[0].get_array(), kernel[:, :, 2, i])
        np.testing.assert_array_equal(b.images[0].get_array(), kernel[:, :, 2, i])


def test_filters_of_many_channels_are_tiled() -> None:
    kernel = np.random.default_rng(0).standard_normal((3, 3, 5, 1))
    shown = plotting.filters(kernel, ax=axes()).images[0].get_array()
    assert shown.shape == (2 * 4 - 1, 3 * 4 - 1)
    np.testing.assert_array_equal(shown[4:7, 4:7], kernel[:, :, 4, 0])
    assert np.ma.getmaskarray(shown)[3].all()  # between the tiles
    assert np.ma.getmaskarray(shown)[4:7, 8:11].all()  # no sixth channel


def test_filters_of_three_channels_are_in_colour() -> None:
    kernel = np.array([0.0, 1.0, -1.0]).reshape(1, 1, 3, 1)
    shown = plotting.filters(kernel, ax=axes()).images[0].get_array()
    np.testing.assert_allclose(shown, [[[0.5, 1.0, 0.0]]])


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (np.zeros((3, 3)), {}, r"the kernel must be \(KH, KW, C, O\), got \(3, 3\)"),
        (np.zeros((3, 3, 2, 1)), {"channel": 2}, r"no channel 2, the kernel \(3, 3, 2, 1\) has 2"),
        (np.zeros((3, 3, 1, 1)), {"data_format": "HWIO"}, r"got 'HWIO'"),
        (hl.Sequential([hl.layers.Dense(2)], name="flat"), {}, r"model 'flat' has no convolution"),
    ],
)
def test_filters_refuses(source: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.filters(source, ax=axes(), **options)


# --- activations


def heights(ax: Any) -> list[float]:
    return [bar.get_height() for bar in ax.patches]


def test_activations_of_a_model_are_those_of_its_layers() -> None:
    model = small_cnn()
    x, _ = digits(20)
    drawn = plotting.activations(model, x, bins=10, ax=axes(1, 2))
    assert [ax.get_title().splitlines()[0] for ax in drawn] == ["filters", "answer"]
    answers = model.predict(x, verbose=0)
    first = drawn[0].get_xlim()
    share = np.histogram(answers, 10, first)[0] / answers.size
    np.testing.assert_allclose(heights(drawn[1]), share)
    assert f"mean {answers.mean():.2g}" in drawn[1].get_title()
    assert drawn[1].get_xlim() == first
    assert drawn[1].get_ylim() == drawn[0].get_ylim()
    assert (drawn[0].get_xlabel(), drawn[0].get_ylabel()) == ("value", "share of values")


def test_activations_of_chosen_layers_also_those_that_only_reshape() -> None:
    model = small_cnn()
    x, _ = digits(4)
    ax = plotting.activations(model, x, layers=["flatten"], ax=axes())
    assert ax.get_title().startswith("flatten")


def test_activations_of_a_model_of_two_inputs() -> None:
    left, right = hl.Input((2,), name="left"), hl.Input((3,), name="right")
    both = hl.layers.Concatenate(name="both")([left, right])
    model = hl.Model([left, right], hl.layers.Dense(1, name="end")(both))
    drawn = plotting.activations(model, [np.zeros((4, 2)), np.ones((4, 3))], ax=axes(1, 2))
    assert drawn[0].get_title().splitlines()[:2] == ["both", "mean 0.6"]


def test_activations_says_what_lies_beyond_the_range() -> None:
    values = [np.array([0.5, 0.5, 3.0, 4.0]), np.r_[np.zeros(999), 9.0]]
    some, few = plotting.activations(values, range=(0, 1), bins=50, ax=axes(1, 2))
    assert len(some.patches) == 50
    assert math.isclose(sum(heights(some)), 0.5)
    assert [text.get_text() for text in some.texts] == ["50% beyond"]
    assert [text.get_text() for text in few.texts] == ["< 1% beyond"]


def test_activations_refuses() -> None:
    model = small_cnn()
    x, _ = digits(2)
    with pytest.raises(ValueError, match=r"a model needs a batch x"):
        plotting.activations(model, ax=axes())
    with pytest.raises(
        ValueError, match=r"no layer \['nowhere'\], there are \['filters', 'answer'\]"
    ):
        plotting.activations(model, x, layers=["nowhere"], ax=axes())
    with pytest.raises(ValueError, match=r"there are no values to draw"):
        plotting.activations([np.zeros(0)], ax=axes())


# --- confusion matrix


def numbers(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_confusion_matrix_counts() -> None:
    ax = plotting.confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2], labels=["a", "b", "c"], ax=axes())
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 0, 0], [0, 1, 1], [0, 0, 1]])
    assert numbers(ax) == ["1", "0", "0", "0", "1", "1", "0", "0", "1"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert ax.figure.axes[1].get_ylabel() == "samples"


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("true", ["1", "0", "0.5", "0.5"]),
        ("pred", ["0.5", "0", "0.5", "1"]),
        ("all", ["0.33", "0", "0.33", "0.33"]),
    ],
)
def test_confusion_matrix_shares(normalize: str, expected: list[str]) -> None:
    scores = np.eye(2)[[0, 0, 1]]
    ax = plotting.confusion_matrix([0, 1, 1], scores, normalize=normalize, ax=axes())
    assert numbers(ax) == expected
    assert ax.figure.axes[1].get_ylabel() == "share"


def test_confusion_matrix_of_a_matrix_with_an_empty_row() -> None:
    ax = plotting.confusion_matrix([[2, 0], [0, 0]], normalize="true", ax=axes())
    assert numbers(ax) == ["1", "0", "0", "0"]


def test_confusion_matrix_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth, answers = rng.integers(0, 4, (2, 50))
    for normalize in (None, "true", "pred", "all"):
        display = metrics.ConfusionMatrixDisplay.from_predictions(
            truth, answers, normalize=normalize, ax=axes()
        )
        ours = plotting.confusion_matrix(truth, answers, normalize=normalize, ax=axes())
        np.testing.assert_allclose(ours.images[0].get_array(), display.confusion_matrix)
        assert numbers(ours) == [text.get_text() for text in display.text_.ravel()]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], [0, 1]), {"normalize": "rows"}, r"normalize must be one of .*got 'rows'"),
        (([[1, 2]],), {}, r"the matrix must be \(K, K\), got \(1, 2\)"),
        (([[1, 2], [3, 4]],), {"labels": ["a"]}, r"2 classes but 1 labels"),
        (([0, 1], [0]), {}, r"y_true has 2 samples but y_pred has 1"),
    ],
)
def test_confusion_matrix_refuses(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.confusion_matrix(*arguments, ax=axes(), **options)


# --- decision boundary

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def regions(ax: Any) -> Array:
    codes: Array = ax.collections[0].get_array()
    return codes


@pytest.mark.parametrize(
    "model",
    [
        lambda p: (p[:, 0] > 0.5).astype(int),
        lambda p: 1 / (1 + np.exp(-(p[:, :1] - 0.5))),
        lambda p: np.stack([0.5 - p[:, 0], p[:, 0] - 0.5], axis=1),
    ],
    ids=["classes", "probability", "scores"],
)
def test_decision_boundary_of_every_kind_of_answer(model: Any) -> None:
    ax = plotting.decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=20, ax=axes())
    codes = regions(ax).reshape(20, 20)
    assert codes[:, :10].max() == 0
    assert codes[:, 10:].min() == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class 0", "class 1"]
    for samples, x0 in zip(ax.collections[-2:], (0.0, 1.0), strict=True):
        assert samples.get_offsets()[:, 0].tolist() == [x0, x0]


def test_decision_boundary_of_a_model_and_of_an_estimator() -> None:
    model = hl.Sequential([hl.layers.Dense(3, activation="softmax", input_shape=(2,))])
    model.set_weights([np.array([[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]), np.array([5.0, 0.0, 0.0])])
    truth = np.eye(3)[[0, 1, 2, 2]]
    ax = plotting.decision_boundary(model, CORNERS, truth, labels="abc", resolution=30, ax=axes())
    assert set(regions(ax).ravel()) == {0, 1, 2}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]
    assert ax.get_xlabel() == "feature 1"
    linear = pytest.importorskip("sklearn.linear_model")
    names = np.array(["no", "yes"])[[0, 1, 0, 1]]
    fitted = linear.LogisticRegression(C=100.0).fit(CORNERS, names)
    ax = plotting.decision_boundary(fitted, CORNERS, names, resolution=20, ax=axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class no", "class yes"]


def test_decision_boundary_leaves_the_samples_below_the_legend() -> None:
    ax = plotting.decision_boundary(
        lambda p: p[:, 0] * 0 + 1, CORNERS, [0, 1, 1, 1], resolution=9, ax=axes()
    )
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    for samples in ax.collections[-2:]:
        for place in ax.transData.transform(samples.get_offsets()):
            assert not legend.contains(*place)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros((3, 3)), None, {}, r"samples of two features \(N, 2\), got \(3, 3\)"),
        (CORNERS, [0, 1], {}, r"x has 4 samples but y has 2"),
        (CORNERS, [0, 1, 0, 1], {"labels": ["a"]}, r"2 classes but 1 labels"),
    ],
)
def test_decision_boundary_refuses(x: Array, y: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.decision_boundary(
            lambda p: (p[:, 0] > 0.5).astype(int), x, y, resolution=5, ax=axes(), **options
        )


def test_decision_boundary_refuses_answers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"the model answered shape \(3,\) to points \(25, 2\)"):
        plotting.decision_boundary(lambda _: np.zeros(3), CORNERS, resolution=5, ax=axes())


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
