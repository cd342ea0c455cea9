"""The scikit-learn estimators: scikit-learn's own checks, weights as repeats, searches in processes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl

pytest.importorskip("sklearn")

from joblib import parallel_backend
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from hotloop.estimators import HotloopClassifier, HotloopRegressor

Array = NDArray[Any]

# Few epochs are no error here.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.SkipTestWarning",
)


@pytest.fixture(scope="module")
def iris() -> tuple[Array, Array]:
    x, y = load_iris(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


@parametrize_with_checks([HotloopClassifier(), HotloopRegressor()])  # type: ignore[untyped-decorator]
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def build(n_features: int, n_outputs: int, units: int = 8) -> hl.Sequential:
    final = "softmax" if n_outputs > 1 else None
    return hl.Sequential(
        [
            hl.layers.Dense(units, activation="tanh", input_shape=(n_features,)),
            hl.layers.Dense(n_outputs, activation=final),
        ]
    )


def compiled(n_features: int, n_outputs: int) -> hl.Sequential:
    model = build(n_features, n_outputs)
    model.compile(hl.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    return model


def dropping(n_features: int, n_outputs: int) -> hl.Sequential:
    model = build(n_features, n_outputs)
    last = model.pop()
    model.add(hl.layers.Dropout(0.5))
    model.add(last)
    return model


def wrong(n_features: int, n_outputs: int) -> Any:
    return (n_features, n_outputs)


def test_classifier_learns_and_stops(iris: tuple[Array, Array]) -> None:
    x, y = iris
    model = HotloopClassifier((20,), learning_rate=0.01, max_iter=500, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.97
    assert model.n_iter_ == len(model.loss_curve_) < 500
    assert model.best_loss_ == min(model.loss_curve_) < 0.06
    assert model.model_.dtype == "float64"
    probs = model.predict_proba(x)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    np.testing.assert_array_equal(
        np.exp(model.predict_log_proba(x)).argmax(axis=1), model.predict(x)
    )


def test_labels_may_be_strings(iris: tuple[Array, Array]) -> None:
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = HotloopClassifier((10,), learning_rate=0.02, max_iter=100, random_state=0)
    assert model.fit(x, names).score(x, names) > 0.9
    assert set(model.predict(x)) <= set(names)


def test_data_are_computed_in_their_own_dtype(iris: tuple[Array, Array]) -> None:
    x, y = iris
    single = HotloopClassifier(max_iter=2).fit(x.astype(np.float32), y)
    assert single.predict_proba(x.astype(np.float32)).dtype == np.float32
    assert HotloopClassifier(max_iter=2).fit(x.astype(int), y).model_.dtype == "float64"
    assert HotloopClassifier(max_iter=2, dtype="float32").fit(x, y).model_.dtype == "float32"


@pytest.mark.parametrize("kind", ["classifier", "regressor", "multilabel"])
def test_weights_count_as_repeats_and_zero_as_absence(kind: str, iris: tuple[Array, Array]) -> None:
    x, y = iris[0][::2], iris[1][::2]
    t: Array = {"classifier": y, "regressor": x[:, 0] ** 2, "multilabel": np.eye(3, dtype=int)[y]}[
        kind
    ]
    cls: Any = HotloopRegressor if kind == "regressor" else HotloopClassifier
    weights = np.random.default_rng(0).integers(0, 4, len(x))
    weights[np.cumsum(weights) > 190] = 0  # the repeats fit into one batch of 200
    settings = {"hidden_layer_sizes": (10,), "max_iter": 100, "random_state": 1}
    weighted = cls(**settings).fit(x, t, sample_weight=weights)
    repeated = cls(**settings).fit(np.repeat(x, weights, axis=0), np.repeat(t, weights, axis=0))
    plain = cls(**settings).fit(x, t)
    predict = "predict" if kind == "regressor" else "predict_proba"
    answers = [getattr(m, predict)(x) for m in (weighted, repeated, plain)]
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-9)
    assert abs(answers[0] - answers[2]).max() > 1e-3
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_a_batch_is_divided_by_its_own_weight() -> None:
    x = np.random.default_rng(0).normal(size=(8, 2))
    y = x[:, 0] + 1
    weights = np.array([1.0, 1, 1, 1, 7, 7, 7, 7])
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (), "shuffle": False, "optimizer": "sgd", "batch_size": 4,
        "max_iter": 3, "random_state": 0,
    }  # fmt: skip
    # Within each batch all weigh the same, so the weights change nothing but the mean over the epoch.
    weighted = HotloopRegressor(**settings).fit(x, y, sample_weight=weights)
    plain = HotloopRegressor(**settings).fit(x, y)
    np.testing.assert_allclose(weighted.predict(x), plain.predict(x), rtol=1e-12)


def test_class_weights(iris: tuple[Array, Array]) -> None:
    x, y = iris
    settings: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 60, "random_state": 0}
    heavy = HotloopClassifier(**settings, class_weight={2: 50}).fit(x, y)
    by_hand = HotloopClassifier(**settings).fit(x, y, sample_weight=np.where(y == 2, 50.0, 1.0))
    np.testing.assert_array_equal(heavy.predict_proba(x), by_hand.predict_proba(x))
    plain = HotloopClassifier(**settings).fit(x, y)
    assert (heavy.predict(x) == 2).sum() > (plain.predict(x) == 2).sum()
    # Balanced classes of unequal size weigh n / (K * count) each.
    part = slice(0, 120)
    balanced = HotloopClassifier(**settings, class_weight="balanced").fit(x[part], y[part])
    w = (120 / (3 * np.bincount(y[part])))[y[part]]
    same = HotloopClassifier(**settings).fit(x[part], y[part], sample_weight=w)
    np.testing.assert_array_equal(balanced.predict_proba(x), same.predict_proba(x))


def test_early_stopping_keeps_the_best_weights(iris: tuple[Array, Array]) -> None:
    x, y = iris
    model = HotloopClassifier(
        (10,), early_stopping=True, validation_fraction=0.3, learning_rate=0.02, max_iter=300,
        n_iter_no_change=5, random_state=3,
    ).fit(x, y)  # fmt: skip
    scores = model.validation_scores_
    assert scores is not None
    assert model.best_validation_score_ == max(scores)
    assert model.n_iter_ == len(scores) < 300
    # It ended more than 5 epochs after the first best score, and took that epoch's weights back.
    first = int(np.argmax(scores))
    assert model.n_iter_ >= first + 6
    short = clone(model).set_params(max_iter=first + 1).fit(x, y)
    np.testing.assert_array_equal(short.predict_proba(x), model.predict_proba(x))
    assert HotloopClassifier(max_iter=2).fit(x, y).validation_scores_ is None


def test_early_stopping_of_a_regressor_scores_r2() -> None:
    x, y = make_regression(300, 5, noise=1.0, random_state=0)
    y = y / y.std()
    model = HotloopRegressor(
        (20,), early_stopping=True, learning_rate=0.01, random_state=0, max_iter=100
    )
    model.fit(x, y)
    assert model.best_validation_score_ is not None
    assert 0.9 < model.best_validation_score_ < 1.0


def test_random_state_repeats_a_fit_and_leaves_the_process_alone(iris: tuple[Array, Array]) -> None:
    x, y = iris
    hl.set_seed(5)
    state = hl.random.get_state()
    first = HotloopClassifier(max_iter=3, random_state=7).fit(x, y).predict_proba(x)
    second = HotloopClassifier(max_iter=3, random_state=7).fit(x, y).predict_proba(x)
    other = HotloopClassifier(max_iter=3, random_state=8).fit(x, y).predict_proba(x)
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert hl.random.get_state() == state


def test_random_state_settles_dropout_too(iris: tuple[Array, Array]) -> None:
    x, y = iris
    settings: dict[str, Any] = {"model": dropping, "max_iter": 5}
    first, second, other = (
        HotloopClassifier(random_state=seed, **settings).fit(x, y).predict_proba(x)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_a_fit_goes_on_where_it_was_with_warm_start(iris: tuple[Array, Array]) -> None:
    x, y = iris
    whole = HotloopClassifier(max_iter=6, random_state=0).fit(x, y)
    parts = HotloopClassifier(max_iter=3, random_state=0, warm_start=True).fit(x, y).fit(x, y)
    np.testing.assert_array_equal(whole.predict_proba(x), parts.predict_proba(x))
    assert parts.n_iter_ == 6
    again = HotloopClassifier(max_iter=3, random_state=0).fit(x, y).fit(x, y)
    assert again.n_iter_ == 3


def test_partial_fit_is_one_epoch(iris: tuple[Array, Array]) -> None:
    x, y = iris
    whole = HotloopClassifier(max_iter=3, random_state=0, learning_rate=0.01).fit(x, y)
    parts = HotloopClassifier(random_state=0, learning_rate=0.01)
    for _ in range(3):
        parts.partial_fit(x, y)
    np.testing.assert_array_equal(whole.predict_proba(x), parts.predict_proba(x))
    assert parts.n_iter_ == 3
    regressor = HotloopRegressor(random_state=0).partial_fit(x, y).partial_fit(x, y)
    assert regressor.loss_curve_[1] < regressor.loss_curve_[0]


def test_partial_fit_needs_all_classes_at_first(iris: tuple[Array, Array]) -> None:
    x, y = iris
    model = HotloopClassifier(random_state=0).partial_fit(x[:50], y[:50], classes=[0, 1, 2])
    model.partial_fit(x, y)
    assert model.predict_proba(x).shape == (150, 3)
    late = HotloopClassifier().partial_fit(x[:100], y[:100])
    with pytest.raises(ValueError, match=r"labels \[2\] that are not among the classes \[0 1\]"):
        late.partial_fit(x, y)
    with pytest.raises(ValueError, match="cannot balance classes"):
        HotloopClassifier(class_weight="balanced").partial_fit(x, y)


def test_several_labels(iris: tuple[Array, Array]) -> None:
    x, y = iris
    rows = np.stack([y == 0, y != 1], axis=1).astype(int)
    model = HotloopClassifier((20,), learning_rate=0.02, random_state=0, max_iter=200).fit(x, rows)
    assert model.predict(x).shape == (150, 2)
    assert model.score(x, rows) > 0.9
    assert model.predict_proba(x).sum(axis=1).max() > 1.5  # a sigmoid for each


def test_several_targets() -> None:
    x, y = make_regression(100, 4, n_targets=3, random_state=0)
    y /= y.std(axis=0)
    model = HotloopRegressor((30,), learning_rate=0.01, max_iter=300, random_state=0).fit(x, y)
    assert model.predict(x).shape == (100, 3)
    assert model.score(x, y) > 0.95
    with pytest.raises(ValueError, match="y has 1 targets, but 3 were learnt before"):
        model.partial_fit(x, y[:, 0])
    with pytest.warns(DataConversionWarning):
        assert HotloopRegressor(max_iter=2).fit(x, y[:, :1]).predict(x).shape == (100,)


def test_losses_and_optimizers_by_name_or_object(iris: tuple[Array, Array]) -> None:
    x, _ = iris
    y = x[:, 0] * 2
    optimizer = hl.optimizers.SGD(0.1, momentum=0.9)
    model = HotloopRegressor((), loss="mae", optimizer=optimizer, max_iter=20, random_state=0).fit(
        x, y
    )
    assert optimizer.iterations == 0
    assert model.model_.optimizer.iterations == 20
    assert isinstance(model.model_.loss, hl.losses.MeanAbsoluteError)
    decayed = HotloopRegressor(
        (), optimizer="sgd", learning_rate=0.05, weight_decay=2.0, max_iter=50, random_state=0
    )
    plain = clone(decayed).set_params(weight_decay=0.0)
    norms = [abs(m.fit(x, y).model_.get_weights()[0]).sum() for m in (decayed, plain)]
    assert norms[0] < 0.7 * norms[1]


def test_a_model_of_ones_own(iris: tuple[Array, Array]) -> None:
    x, y = iris
    model = HotloopClassifier(model=build, model_params={"units": 5}, max_iter=20, random_state=0)
    assert model.fit(x, y).model_.count_params() == 4 * 5 + 5 + 5 * 3 + 3
    regressor = HotloopRegressor(model=compiled, max_iter=200, random_state=0).fit(x, x[:, 0])
    assert isinstance(regressor.model_.optimizer, hl.optimizers.SGD)
    assert regressor.score(x, x[:, 0]) > 0.95
    with pytest.raises(TypeError, match=r"model must return a hotloop model, got \(4, 3\)"):
        HotloopClassifier(model=wrong).fit(x, y)


def test_pickle_and_clone(iris: tuple[Array, Array]) -> None:
    x, y = iris
    model = HotloopClassifier(max_iter=5, random_state=0, warm_start=True).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(
        again.fit(x, y).predict_proba(x), model.fit(x, y).predict_proba(x)
    )
    with pytest.raises(NotFittedError):
        clone(model).predict(x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_iter": 0}, "max_iter must be a positive integer, got 0"),
        ({"batch_size": 0}, "batch_size must be 'auto' or a positive integer, got 0"),
        ({"early_stopping": True, "validation_fraction": 1.0}, "validation_fraction must be a number from 0 to below 1, got 1.0"),
        ({"activation": "nope"}, "unknown activation 'nope'"),
        ({"optimizer": "sgd", "learning_rate": 1e200}, "scale the features or lower learning_rate"),
    ],
)  # fmt: skip
def test_wrong_settings(settings: dict[str, Any], message: str, iris: tuple[Array, Array]) -> None:
    with pytest.raises(ValueError, match=message), np.errstate(all="ignore"):
        HotloopRegressor(**{"max_iter": 5, **settings}).fit(iris[0], iris[0][:, 0])


WRONG: dict[str, list[Any]] = {
    "hidden_layer_sizes": [0, (10, 0), (2.5,), "10", True, None],
    "activation": ["nope"],
    "model": ["mlp"],
    "model_params": [3],
    "optimizer": ["nope"],
    "learning_rate": [0, -0.1, np.nan, np.inf, "fast"],
    "weight_decay": [-1, np.nan, np.inf, None, "l2"],
    "batch_size": [0, -3, 2.5, True, "all"],
    "max_iter": [0, 1.5, True, None],
    "shuffle": [2, "no", None],
    "random_state": [-1, 2**32, 0.5, "seed"],
    "tol": [-1e-4, np.nan, None],
    "n_iter_no_change": [0, 2.5, np.nan],
    "early_stopping": [1, "yes"],
    "validation_fraction": [-0.1, 1.0, np.nan, "half"],
    "warm_start": [1, None],
    "dtype": ["int32", "float16", "nope"],
    "verbose": [-1, "loud"],
}


@pytest.mark.parametrize("cls", [HotloopClassifier, HotloopRegressor])
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_each_parameter_is_checked(cls: Any, name: str, value: Any) -> None:
    x, y = np.eye(8), np.arange(8) % 2
    for train in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=rf"{name} must be .*, got |unknown {name} 'nope'"):
            getattr(cls(**{"max_iter": 1, name: value}), train)(x, y)


def test_every_parameter_has_a_rule() -> None:
    ours = {*HotloopClassifier().get_params(), *HotloopRegressor().get_params()}
    assert ours - {"loss", "class_weight"} == set(WRONG)
    with pytest.raises(ValueError, match="unknown loss 'nope'"):
        HotloopRegressor(loss="nope").fit(np.eye(3), [0, 1, 2])


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("even", "class_weight must be None, 'balanced' or a dict"),
        ({7: 2.0}, r"class_weight names \[7\], which are not among the classes \[0 1 2\]"),
        ({0: 1.0, 1: 1.0, 2: 1.0, 3: 2.0}, r"class_weight names \[3\]"),
        ({0: -1.0, 1: 1.0, 2: 1.0}, "class_weight must be finite, not negative"),
        ({0: np.nan, 1: 1.0, 2: 1.0}, "class_weight must be finite, not negative"),
    ],
)
def test_wrong_class_weights(class_weight: Any, message: str, iris: tuple[Array, Array]) -> None:
    for train in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(HotloopClassifier(class_weight=class_weight), train)(*iris)


@pytest.mark.parametrize(
    "columns",
    [
        lambda y: np.stack([y, y], axis=1),
        lambda y: np.stack([y, y], axis=1) % 2 + 1,  # scikit-learn calls two values an indicator
        lambda y: np.stack([y, y], axis=1).astype(str),
        lambda y: np.stack([y, y], axis=1) + 0.5,
    ],
)
def test_columns_of_labels_are_refused(
    columns: Callable[[Array], Array], iris: tuple[Array, Array]
) -> None:
    x, y = iris
    for train in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=r"one label a sample|Unknown label type"):
            getattr(HotloopClassifier(max_iter=1), train)(x, columns(y))


def test_later_calls_keep_classes_and_kind_of_labels(iris: tuple[Array, Array]) -> None:
    x, y = iris
    rows = np.eye(3, dtype=int)[y]
    model = HotloopClassifier(random_state=0).partial_fit(x, y, classes=[2, 1, 0])
    model.partial_fit(x, y, classes=[0, 1, 2]).partial_fit(x[:50], y[:50])
    for classes in ([0, 1], [0, 1, 2, 3], ["a", "b", "c"]):
        with pytest.raises(ValueError, match="classes must stay those of the first call"):
            model.partial_fit(x, y, classes=classes)
    with pytest.raises(ValueError, match=r"y must be one label a sample, got shape \(150, 3\)"):
        model.partial_fit(x, rows)
    several = HotloopClassifier(random_state=0, warm_start=True, max_iter=1).fit(x, rows)
    for train in (several.fit, several.partial_fit):
        with pytest.raises(ValueError, match=r"y must be rows of 3 labels, got shape \(150,\)"):
            train(x, y)
        with pytest.raises(ValueError, match=r"y must be rows of 3 labels, got shape \(150, 2\)"):
            train(x, rows[:, :2])


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_array"])
def test_sparse_labels_train_as_dense_ones(form: str, iris: tuple[Array, Array]) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x, y = iris
    rows = np.stack([y == 0, y != 1], axis=1).astype(int)
    settings: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0}
    given = getattr(sparse, form)(rows)
    dense = HotloopClassifier(**settings, class_weight="balanced").fit(x, rows)
    model: Any = HotloopClassifier(**settings, class_weight="balanced").fit(x, given)
    np.testing.assert_array_equal(model.predict_proba(x), dense.predict_proba(x))
    # As scikit-learn's MLPClassifier: sparse in, sparse out.
    assert sparse.issparse(model.predict(x))
    np.testing.assert_array_equal(model.predict(x).toarray(), dense.predict(x))
    assert model.score(x, given) == dense.score(x, rows)
    model.set_params(class_weight=None).partial_fit(x, given)
    targets = HotloopRegressor(**settings).fit(x, given)
    np.testing.assert_array_equal(
        targets.predict(x), HotloopRegressor(**settings).fit(x, rows).predict(x)
    )


@pytest.mark.parametrize(
    ("cls", "y", "fraction", "message"),
    [
        (HotloopRegressor, np.arange(10.0), 0.1, "scores R2, .*, but it is 1 of 10 samples: raise"),
        (HotloopRegressor, np.ones(10), 0.3, "but it is 3 of 10 samples, all equal"),
        (HotloopRegressor, np.arange(10.0), 0.0, "cannot hold out validation_fraction=0.0 of 10"),
        (HotloopRegressor, np.arange(10.0), 0.99, "of 10 samples: that is 10"),
        (HotloopClassifier, [0] * 5 + [1] * 4 + [2], 0.3, r"one sample of \[2\]"),
        (HotloopClassifier, ["a"] * 9 + ["b"], 0.3, r"one sample of \['b'\]"),
        (HotloopClassifier, [0, 1] * 5, 0.1, "each of the 2 classes .* 10 samples into 9 and 1"),
        (HotloopClassifier, [0, 1] * 5, 0.9, "each of the 2 classes .* 10 samples into 1 and 9"),
    ],
)
def test_a_validation_part_that_cannot_judge_is_refused(
    cls: Any, y: Any, fraction: float, message: str
) -> None:
    x = np.random.default_rng(0).normal(size=(10, 3))
    model = cls(early_stopping=True, validation_fraction=fraction, max_iter=3, random_state=0)
    with pytest.raises(ValueError, match=message):
        model.fit(x, y)


def test_the_smallest_validation_part_judges() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    settings: dict[str, Any] = {"early_stopping": True, "max_iter": 3, "random_state": 0}
    models: list[Any] = [HotloopRegressor(**settings).fit(x, x[:, 0])]
    models.append(HotloopClassifier(**settings).fit(x, [0, 1] * 10))
    for model in models:
        assert len(model.validation_scores_) == 3
        assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(7), r"sample_weight must have shape \(150,\), got \(7,\)"),
        (-np.ones(150), "sample_weight must not be negative, got -1.0"),
        (np.zeros(150), "sample_weight is zero for every sample"),
    ],
)
def test_wrong_weights(weights: Array, message: str, iris: tuple[Array, Array]) -> None:
    with pytest.raises(ValueError, match=message):
        HotloopClassifier().fit(*iris, sample_weight=weights)


def test_an_end_by_max_iter_is_a_warning(iris: tuple[Array, Array]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match="still improving after max_iter=2 epochs"):
            HotloopClassifier(max_iter=2).fit(*iris)


def test_verbose_prints_a_line_an_epoch(
    iris: tuple[Array, Array], capsys: pytest.CaptureFixture[str]
) -> None:
    HotloopClassifier(max_iter=2, verbose=1, early_stopping=True).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Epoch 2 - loss: ")
    assert "validation score: " in lines[1]


def test_pipeline_in_cross_validation() -> None:
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(), HotloopClassifier((20,), learning_rate=0.02, max_iter=50, random_state=0)
    )
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.9


def test_search_in_two_processes_gives_the_scores_of_one(iris: tuple[Array, Array]) -> None:
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), HotloopClassifier(max_iter=10, random_state=0))
    grid = {
        "hotloopclassifier__hidden_layer_sizes": [(5,), (20,)],
        "hotloopclassifier__learning_rate": [0.001, 0.03],
    }
    results = [
        GridSearchCV(pipeline, grid, cv=3, n_jobs=jobs).fit(x, y).cv_results_["mean_test_score"]
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    assert len(set(results[0])) > 1


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
# Python 3.12 warns of forks in a process that has threads: one of the cases tested here.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_search_in_threads_and_after_a_fork(
    backend: str, iris: tuple[Array, Array], restore_threads: Callable[[int], None]
) -> None:
    restore_threads(2)
    # Layers wide enough for both threads.
    estimator = HotloopClassifier((500, 500), max_iter=4, random_state=0)
    expected = cross_val_score(estimator, *iris, cv=4)
    with parallel_backend(backend, n_jobs=2):
        np.testing.assert_array_equal(cross_val_score(estimator, *iris, cv=4), expected)


def test_without_scikit_learn_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['sklearn'] = None\nimport hotloop\nhotloop.estimators"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert (
        last == "ImportError: hotloop.estimators needs scikit-learn: pip install 'hotloop[sklearn]'"
    )


def test_training_is_that_of_fit(iris: tuple[Array, Array]) -> None:
    """The same bits, from the same weights and the same generator."""
    x, y = iris
    made: list[Any] = []

    def network(features: int, units: int) -> hl.Sequential:
        model = hl.Sequential(
            [hl.Input((features,)), hl.layers.Dense(8, "relu"), hl.layers.Dense(units, "softmax")],
            dtype="float64",
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        made.extend([copy.deepcopy(model), copy.deepcopy(hl.random.generator())])
        return model

    ours = HotloopClassifier(model=network, max_iter=5, batch_size=32, random_state=3)
    with pytest.warns(ConvergenceWarning):
        ours.fit(x, y)
    theirs, generator = made
    with hl.random.using(generator):
        log = theirs.fit(x, y, batch_size=32, epochs=5, verbose=0)
    assert log.history["loss"] == ours.loss_curve_
    for a, b in zip(ours.model_.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
