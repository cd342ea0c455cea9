"""Pictures of what a network learnt: filters, activations, confusion matrices, decision boundaries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
from hotloop.plotting.inside import layer_outputs

figure = pytest.importorskip("matplotlib.figure")
colors = pytest.importorskip("matplotlib.colors")
plotting: Any = pytest.importorskip("hotloop.plotting")

Array = NDArray[Any]


def axes(*shape: int) -> Any:
    return figure.Figure(figsize=(8, 4)).subplots(*shape)


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


def test_activations_says_how_tall_a_cut_bar_is() -> None:
    values = [np.r_[np.zeros(60), np.linspace(0.1, 0.9, 38), 7.0, 8.0], np.linspace(0, 1, 100)]
    cut, whole = plotting.activations(values, range=(0, 1), top=0.1, ax=axes(1, 2))
    assert cut.get_ylim() == whole.get_ylim() == (0, 0.1)
    assert numbers(cut) == ["2% beyond\n60% at 0"]
    assert numbers(whole) == []
    assert heights(cut)[0] == pytest.approx(0.6)


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


def test_weights_that_are_values_of_a_model_are_no_answers() -> None:
    class Scaled(hl.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.k = self.add_weight("k", (input_shape[-1],), "ones")

        def call(self, x: Any) -> Any:
            return hl.ops.multiply(x, self.k)

    model = hl.Sequential([hl.Input((4,)), Scaled(name="own"), hl.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    found = layer_outputs(model, x)
    assert list(found) == ["multiply", "dense"]
    np.testing.assert_array_equal(found["multiply"], x)
    np.testing.assert_allclose(found["dense"], model.predict(x, verbose=0), rtol=1e-6)
