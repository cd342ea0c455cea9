"""Class weights count in training alone, and name classes that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from keras_oracle import keras

Array = np.ndarray[Any, Any]
LOSS = "sparse_categorical_crossentropy"
HEAVY = {0: 100.0}


def data(n: int = 60) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 5)).astype(np.float32), rng.integers(0, 3, n)


def model(**kwargs: Any) -> hl.Sequential:
    hl.set_seed(1)
    made = hl.Sequential([hl.Input((5,)), hl.layers.Dense(3, activation="softmax")])
    made.compile(hl.optimizers.SGD(0.01), LOSS, **kwargs)
    return made


def two_inputs() -> hl.Model:
    hl.set_seed(1)
    a, b = hl.Input((2,), name="a"), hl.Input((3,), name="b")
    ends = hl.layers.Dense(3, activation="softmax")(hl.layers.Concatenate()([a, b]))
    made = hl.Model([a, b], ends)
    made.compile(hl.optimizers.SGD(0.01), LOSS)
    return made


def test_the_split_off_part_is_not_weighed_by_class() -> None:
    x, y = data()
    cut = 30
    split = model(weighted_metrics=["accuracy"]).fit(
        x, y, validation_split=0.5, class_weight=HEAVY, epochs=3, shuffle=False, verbose=0
    )
    apart = model(weighted_metrics=["accuracy"]).fit(
        x[:cut],
        y[:cut],
        validation_data=(x[cut:], y[cut:]),
        class_weight=HEAVY,
        epochs=3,
        shuffle=False,
        verbose=0,
    )
    assert split.history == apart.history
    plain = model()
    plain.fit(x[:cut], y[:cut], class_weight=HEAVY, epochs=3, shuffle=False, verbose=0)
    assert split.history["val_loss"][-1] == pytest.approx(
        plain.evaluate(x[cut:], y[cut:], verbose=0)
    )


def test_the_split_off_part_keeps_its_sample_weights() -> None:
    x, y = data()
    w = np.linspace(0.0, 2.0, len(x))
    both = model().fit(
        x, y, validation_split=0.5, sample_weight=w, class_weight=HEAVY, shuffle=False, verbose=0
    )
    apart = model().fit(
        x[:30],
        y[:30],
        sample_weight=w[:30] * np.where(y[:30] == 0, 100.0, 1.0),
        validation_data=(x[30:], y[30:], w[30:]),
        shuffle=False,
        verbose=0,
    )
    assert both.history["val_loss"] == pytest.approx(apart.history["val_loss"], rel=1e-6)
    assert both.history["loss"] == pytest.approx(apart.history["loss"], rel=1e-6)


def test_several_inputs_and_one_output() -> None:
    x, y = data()
    parts = [x[:, :2], x[:, 2:]]
    split = two_inputs().fit(parts, y, validation_split=0.5, class_weight=HEAVY, verbose=0)
    one = model()
    one.set_weights(two_inputs().get_weights())
    same = one.fit(x, y, validation_split=0.5, class_weight=HEAVY, verbose=0)
    assert split.history["val_loss"] == pytest.approx(same.history["val_loss"], rel=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights", ["class", "sample"])
def test_keras_agrees(weights: str) -> None:
    k = keras()
    x, y = data()
    given: dict[str, Any] = (
        {"class_weight": HEAVY}
        if weights == "class"
        else {"sample_weight": np.linspace(0.0, 2.0, len(x)).astype(np.float32)}
    )
    ours = model()
    theirs = k.Sequential([k.layers.Input((5,)), k.layers.Dense(3, activation="softmax")])
    theirs.set_weights(ours.get_weights())
    theirs.compile(k.optimizers.SGD(0.01), LOSS)
    how: dict[str, Any] = {"validation_split": 0.5, "epochs": 2, "shuffle": False, "verbose": 0}
    want = theirs.fit(x, y, **how, **given).history
    got = ours.fit(x, y, **how, **given).history
    for key, values in want.items():
        assert got[key] == pytest.approx(values, rel=1e-4), key


def test_early_stopping_looks_at_what_validation_really_is() -> None:
    x, y = data()
    stop = hl.callbacks.EarlyStopping(monitor="val_loss", patience=0, restore_best_weights=True)
    split = model()
    split.fit(x, y, validation_split=0.5, class_weight=HEAVY, epochs=20, callbacks=stop, verbose=0)
    again = hl.callbacks.EarlyStopping(monitor="val_loss", patience=0, restore_best_weights=True)
    apart = model()
    apart.fit(
        x[:30],
        y[:30],
        validation_data=(x[30:], y[30:]),
        class_weight=HEAVY,
        epochs=20,
        callbacks=again,
        verbose=0,
    )
    for a, b in zip(split.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def batches() -> Iterator[Any]:
    yield data()


UNKNOWN: dict[str, Callable[[Array, Array], Any]] = {
    "fit": lambda x, y: model().fit(x, y, class_weight={7: 2.0}, verbose=0),
    "generator": lambda x, y: model().fit(batches(), class_weight={7: 2.0}, verbose=0),  # noqa: ARG005
    "loader": lambda x, y: model().fit(hl.DataLoader(x, y), class_weight={7: 2.0}, verbose=0),
    "train_on_batch": lambda x, y: model().train_on_batch(x, y, class_weight={7: 2.0}),
    "inputs": lambda x, y: two_inputs().train_on_batch(
        [x[:, :2], x[:, 2:]], y, class_weight={7: 2.0}
    ),
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_a_class_that_does_not_exist_is_named(way: str) -> None:
    with pytest.raises(ValueError, match=r"class_weight has class 7, but the classes are 0\.\.2"):
        UNKNOWN[way](*data())


def test_one_sigmoid_unit_has_two_classes() -> None:
    x, y = data()
    made = hl.Sequential([hl.Input((5,)), hl.layers.Dense(1, activation="sigmoid")])
    made.compile("sgd", "binary_crossentropy")
    made.fit(x, y > 0, class_weight={0: 1.0, 1: 2.0}, verbose=0)
    with pytest.raises(ValueError, match=r"class 2, but the classes are 0\.\.1"):
        made.fit(x, y > 0, class_weight={2: 2.0}, verbose=0)


def test_a_class_weight_needs_one_class_for_each_sample() -> None:
    rng = np.random.default_rng(0)
    made = hl.Sequential([hl.Input((4, 5)), hl.layers.Activation("softmax")])
    made.compile("sgd", LOSS)
    x, ids = rng.standard_normal((6, 4, 5)), rng.integers(0, 5, (6, 4))
    with pytest.raises(ValueError, match="one class for each sample"):
        made.train_on_batch(x, ids, class_weight={0: 2.0})


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, ">f4", np.uint8, bool])
def test_every_real_dtype_is_taken_each_time(dtype: Any) -> None:
    x, y = data()
    x = np.abs(x).astype(dtype)
    one, cast = model(), model()
    for _ in range(3):
        got = one.train_on_batch(x, y)
        assert got == cast.train_on_batch(x.astype(np.float32), y)
    parts = two_inputs()
    for _ in range(2):
        assert np.isfinite(parts.train_on_batch([x[:, :2], x[:, 2:]], y)).all()
    assert parts.predict([x[:, :2], x[:, 2:]]).shape == (60, 3)


@pytest.mark.parametrize("split", [0.0, 0.5])
def test_several_outputs_take_no_class_weight(split: float) -> None:
    given = hl.Input((4,))
    model = hl.Model(given, [hl.layers.Dense(3)(given), hl.layers.Dense(1)(given)])
    model.compile("sgd", ["mse", "mse"])
    x = np.ones((8, 4), np.float32)
    with pytest.raises(ValueError, match="class_weight is for models of one output"):
        model.fit(x, [x[:, :3], x[:, :1]], class_weight={0: 2.0}, validation_split=split, verbose=0)


class OwnStep(hl.Model):
    def train_step(self, data: Any) -> dict[str, Any]:
        return {"loss": float(np.sum(data[0]))}


def test_a_train_step_of_ones_own_gets_what_fit_was_given_or_an_error() -> None:
    given = hl.Input((4,))
    model = OwnStep(given, hl.layers.Dense(1)(given))
    model.compile("sgd")
    x = np.ones((8, 4), np.float32)
    with pytest.raises(ValueError, match="class_weight does not reach"):
        model.fit(x, x, class_weight={0: 2.0}, verbose=0)
    with pytest.raises(ValueError, match="x has masked values"):
        model.fit(np.ma.masked_less(x, 2.0), x, verbose=0)
    with pytest.raises(ValueError, match="used up"):
        model.fit(iter([(x, x)]), epochs=2, verbose=0)
