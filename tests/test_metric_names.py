"""Names and values of metrics in logs, held to Keras; and metrics that others use meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import metrics
from keras_oracle import keras

Array = np.ndarray[Any, Any]
# Keras's own warnings are none of ours.
pytestmark = pytest.mark.filterwarnings("ignore")

N = 40
RNG = np.random.default_rng(5)
X = RNG.standard_normal((N, 5)).astype(np.float32)
ROWS = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, N)]
VALUES = RNG.standard_normal(N).astype(np.float32)
WEIGHTS = RNG.uniform(0.0, 2.0, N).astype(np.float32)


def largest(t: Any, y: Any) -> Any:
    """Return a number for each sample, from arrays and from tensors."""
    return abs(t - y).max(-1)[0] if hasattr(y, "detach") else abs(t - y).max(-1)


ONE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "two of a class": lambda m: {"metrics": [m.Recall(class_id=0), m.Recall(class_id=1)]},
    "three of a class": lambda m: {"metrics": [m.Recall(class_id=i) for i in range(3)]},
    "two of a name": lambda m: {"metrics": [m.Recall(name="r"), m.Precision(name="r")]},
    "a string twice": lambda _: {"metrics": ["accuracy", "accuracy"]},
    "acc and accuracy": lambda _: {"metrics": ["acc", "accuracy"]},
    "also weighted": lambda _: {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]},
    "weighted alone": lambda _: {"weighted_metrics": ["accuracy"]},
    "weighted twice": lambda _: {
        "metrics": ["accuracy", "mse"],
        "weighted_metrics": ["accuracy", "accuracy", "mae"],
    },
    "weighted of one name": lambda m: {
        "metrics": [m.Recall(name="r")],
        "weighted_metrics": [m.Recall(name="r"), m.Precision(name="r"), m.Precision(name="p")],
    },
    "functions": lambda _: {"metrics": [largest, largest]},
    "a name that a number makes": lambda m: {
        "metrics": [m.Recall(name="r_1"), m.Precision(name="r"), m.Recall(name="q")]
    },
}


def one_output(library: Any) -> Any:
    layers = library.layers
    return library.Sequential([library.Input((5,)), layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("case", ONE)
def test_names_and_values_of_one_output(case: str) -> None:
    oracle = keras()
    oracle.utils.clear_session()
    theirs, own = one_output(oracle), one_output(hl)
    own.set_weights(theirs.get_weights())
    theirs.compile("sgd", "categorical_crossentropy", **ONE[case](oracle.metrics))
    own.compile("sgd", "categorical_crossentropy", **ONE[case](metrics))
    options: dict[str, Any] = {"sample_weight": WEIGHTS, "verbose": 0, "return_dict": True}
    expected = theirs.evaluate(X, ROWS, batch_size=16, **options)
    found = own.evaluate(X, ROWS, batch_size=16, **options)
    assert sorted(found) == sorted(expected)
    assert list(found) == own.metrics_names
    for name in sorted(set(expected) - {"largest", "largest_1"}):  # Keras weighs means of batches
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)
    assert (
        own.train_on_batch(X, ROWS, sample_weight=WEIGHTS, return_dict=True).keys() == found.keys()
    )
    history = own.fit(X, ROWS, sample_weight=WEIGHTS, validation_split=0.5, verbose=0).history
    assert list(history) == [*found, *(f"val_{name}" for name in found)]


SEVERAL: dict[str, Callable[[Any], Any]] = {
    "two of a class": lambda m: {"a": [m.Recall(class_id=0), m.Recall(class_id=2)], "b": ["mae"]},
    "a list for each": lambda _: [["accuracy", "accuracy"], ["mse", "mae"]],
    "names with the output's own": lambda m: {"a": [m.Recall(name="a_r")], "b": []},
    "one for all": lambda _: {"a": ["mse"], "b": ["mse"]},
}


def two_outputs(library: Any) -> Any:
    x = library.Input((5,))
    a = library.layers.Dense(3, activation="softmax", name="a")(x)
    return library.Model(x, [a, library.layers.Dense(1, name="b")(x)])


@pytest.mark.parametrize("case", SEVERAL)
def test_names_and_values_of_several_outputs(case: str) -> None:
    oracle = keras()
    oracle.utils.clear_session()
    theirs, own = two_outputs(oracle), two_outputs(hl)
    own.set_weights(theirs.get_weights())
    losses = {"a": "categorical_crossentropy", "b": "mse"}
    theirs.compile("sgd", losses, metrics=SEVERAL[case](oracle.metrics))
    own.compile("sgd", losses, metrics=SEVERAL[case](metrics))
    y = {"a": ROWS, "b": VALUES[:, None]}
    expected = theirs.evaluate(X, y, batch_size=16, verbose=0, return_dict=True)
    found = own.evaluate(X, y, batch_size=16, verbose=0, return_dict=True)
    assert sorted(found) == sorted(expected)
    assert list(found) == own.metrics_names
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def compiled(*found: Any, loss: Any = "categorical_crossentropy") -> hl.Sequential:
    hl.set_seed(1)
    model = one_output(hl)
    model.compile(hl.optimizers.SGD(0.5), loss, metrics=list(found))
    return model  # type: ignore[no-any-return]


def test_a_name_that_is_taken_costs_no_figure() -> None:
    values = [metrics.Recall(name=name) for name in ("loss", "r", "r", "r_1")]
    model = compiled(*values)
    logs = model.evaluate(X, ROWS, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "loss_1", "r", "r_1", "r_1_1"]
    assert logs["loss"] > 0.5 > logs["loss_1"]


class Appending(metrics.Metric):
    """Accumulates in a list that `reset_state` empties, and in a metric of its own."""

    def __init__(self) -> None:
        super().__init__("appending")
        self.seen: list[float] = []
        self.inner = metrics.CategoricalAccuracy()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.inner.update_state(y_true, y_pred, sample_weight)
        self.seen.append(self.inner.result())

    def result(self) -> Any:
        return len(self.seen) + self.inner.result()

    def reset_state(self) -> None:
        super().reset_state()
        if hasattr(self, "seen"):
            self.seen.clear()
            self.inner.reset_state()


def kinds() -> list[Any]:
    return [
        "accuracy",
        metrics.CategoricalAccuracy(name="one"),
        metrics.Recall(thresholds=[0.2, 0.4]),
        metrics.F1Score(average="macro"),
        metrics.R2Score(),
        largest,
        Appending(),
    ]


def test_an_evaluation_inside_an_epoch_leaves_its_figures_alone() -> None:
    class Evaluates(hl.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.model.evaluate(X[:4], ROWS[:4], verbose=0)
            self.model.test_on_batch(X[:3], ROWS[:3])

    histories = []
    for calls in ([], [Evaluates()]):
        model = compiled(*kinds())
        hl.set_seed(2)
        options: dict[str, Any] = {"batch_size": 8, "epochs": 2, "callbacks": calls, "verbose": 0}
        histories.append(model.fit(X, ROWS, validation_data=(X, ROWS), **options).history)
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[0].items():
        np.testing.assert_array_equal(values, histories[1][name], err_msg=name)


def test_one_metric_in_two_models() -> None:
    shared = kinds()
    first, second, alone = compiled(*shared), compiled(*shared), compiled(*kinds())

    class Meanwhile(hl.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            second.train_on_batch(X[:5], ROWS[:5])

    for model, calls in ((first, [Meanwhile()]), (alone, [])):
        hl.set_seed(2)
        model.fit(X, ROWS, batch_size=8, epochs=2, callbacks=calls, verbose=0)
    for name, values in alone.history.history.items():  # type: ignore[union-attr]
        np.testing.assert_array_equal(values, first.history.history[name], err_msg=name)  # type: ignore[union-attr]
    named = two_outputs(hl)
    recall = metrics.Recall()
    for _ in range(2):
        named.compile("sgd", ["categorical_crossentropy", "mse"], metrics={"a": recall, "b": []})
        logs = named.evaluate(X, [ROWS, VALUES], verbose=0, return_dict=True)
        assert list(logs) == ["loss", "a_loss", "b_loss", "a_recall"]
    assert recall.name == "recall"


def test_the_metrics_that_compile_was_given_show_the_last_figures() -> None:
    recall, seen = metrics.Recall(thresholds=0.3), []

    class Looks(hl.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            seen.append(self.model.metrics[0].result() == logs["recall"])

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            seen.append(recall.result() == logs["recall"])

    model = compiled(recall)
    model.fit(X, ROWS, batch_size=8, callbacks=[Looks()], verbose=0)
    assert seen == [True] * 6
    logs = model.evaluate(X, ROWS, verbose=0, return_dict=True)
    assert recall.result() == logs["recall"] == model.metrics[0].result()
    answer = model.train_on_batch(X[:7], ROWS[:7])
    assert recall.result() == answer[1]
    model.reset_metrics()
    assert recall.result() == 0.0


def test_targets_that_lack_the_last_axis_do_not_broadcast() -> None:
    def distance(t: Any, y: Any) -> Any:
        return np.abs(t - y)

    class Distance(metrics.Metric):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
            self.add(float(np.abs(y_true - y_pred).sum()), np.abs(y_true - y_pred).size)

    y = np.arange(4.0)
    for t, p in ((y, y[:, None] + 1), (y[:, None], y + 1), (y[:, None], y[:, None] + 1)):
        assert metrics.FunctionMetric(distance)(t, p) == 1.0
    x = hl.Input((5,))
    outputs = hl.layers.Dense(1)(x)
    for model in (hl.Model(x, outputs), hl.Model(x, [outputs, hl.layers.Dense(1)(x)])):
        ends = len(model.outputs)
        found: Any = [distance, Distance(), "mae"]
        model.compile("sgd", "mse", metrics=found if ends == 1 else [found, []])
        for targets in (VALUES, VALUES[:, None]):
            given: Any = targets if ends == 1 else [targets] * 2
            want = np.abs(np.reshape(model.predict(X), (ends, N))[0] - VALUES).mean()
            for logs in (
                model.evaluate(X, given, verbose=0, return_dict=True, batch_size=16),
                model.test_on_batch(X, given, return_dict=True),
            ):
                np.testing.assert_allclose(list(logs.values())[-3:], want, rtol=1e-5)


def test_a_function_answers_a_number_for_each_sample() -> None:
    def three(t: Any, y: Any) -> Any:  # noqa: ARG001
        return np.zeros(3)

    with pytest.raises(ValueError, match="three: must return one number for each of 5 samples"):
        metrics.FunctionMetric(three)(np.zeros(5), np.zeros(5))


# Arguments that a class cannot do without.
NEEDED: dict[str, tuple[Any, ...]] = {
    **{name: (2, [0]) for name in ("IoU", "OneHotIoU")},
    **dict.fromkeys(("MeanIoU", "OneHotMeanIoU"), (2,)),
    "SensitivityAtSpecificity": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
    "PrecisionAtRecall": (0.5,),
    "RecallAtPrecision": (0.5,),
}
OWN = {"FunctionMetric", "LossMetric", "MeanMetricWrapper"}


@pytest.mark.parametrize("name", sorted({*metrics.CLASSES} - OWN))
def test_directions_are_those_of_keras(name: str) -> None:
    given = NEEDED.get(name, ())
    theirs = getattr(keras().metrics, name)(*given)
    assert metrics.CLASSES[name](*given).direction == getattr(theirs, "_direction", None)


def test_a_loss_as_a_metric_gets_better_downwards() -> None:
    metric = metrics.get(hl.losses.huber)
    assert metric.direction == "down"
    assert type(metric).from_config(metric.get_config()).direction == "down"
    assert metrics.get("huber").direction == "down"
    assert metrics.get(largest).direction is None


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("accuracy", "accuracy"),
        ("val_acc", "acc"),
        ("mse", "mse"),
        ("val_r", metrics.Recall(name="r")),
        ("loss", "accuracy"),
        ("val_loss", "accuracy"),
        ("largest", largest),
        ("score", "accuracy"),
    ],
)
def test_callbacks_decide_as_in_keras(name: str, metric: Any) -> None:
    oracle = keras()
    theirs, own = one_output(oracle), compiled(metric)
    if isinstance(metric, metrics.Metric):
        metric = getattr(oracle.metrics, type(metric).__name__)(name=metric.name)
    theirs.compile("sgd", "categorical_crossentropy", metrics=[metric])
    answers = []
    for model, library in ((theirs, oracle), (own, hl)):
        model.evaluate(X, ROWS, verbose=0)
        stop = library.callbacks.EarlyStopping(name)
        stop.set_model(model)
        try:
            if library is hl:
                answers.append(stop.better(0.9, 0.8))
            else:
                stop._set_monitor_op()
                answers.append(bool(stop._is_improvement(0.9, 0.8)))
        except ValueError:
            answers.append("refused")
    assert answers[0] == answers[1]
