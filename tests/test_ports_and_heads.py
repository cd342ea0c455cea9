"""One step for every model: several inputs and outputs have what one input and one output have."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import numerical
from hotloop import layers, losses
from keras_oracle import keras

Array = np.ndarray[Any, Any]
N, T, C = 48, 4, 3
RNG = np.random.default_rng(7)
A = RNG.standard_normal((N, 5)).astype(np.float32)
B = RNG.standard_normal((N, T, 2)).astype(np.float32)
IDS = RNG.integers(0, C, N)
STEPS = RNG.integers(0, C, (N, T))
VALUES = RNG.standard_normal((N, 1)).astype(np.float32)
WA = RNG.uniform(0.2, 2.0, N).astype(np.float32)
WB = RNG.uniform(0.2, 2.0, N).astype(np.float32)
CE = "sparse_categorical_crossentropy"


def two_ends(library: Any, dtype: str = "float32") -> Any:
    """Two inputs, of which one has steps; an answer for each sample, and one for each step."""
    if library is hl:
        hl.set_seed(3)
    layer = library.layers
    a, b = library.Input((5,), name="a"), library.Input((T, 2), name="b", dtype=dtype)
    h = layer.Dense(6, activation="tanh", name="h")(a)
    flat = layer.Flatten(name="flat")(b)
    both = layer.Concatenate(name="both")([h, flat])
    one = layer.Dense(C, activation="softmax", name="one")(both)
    wide = layer.Reshape((T, 2), name="fold")(layer.Dense(T * 2, name="wide")(both))
    return library.Model([a, b], [one, layer.Dense(C, activation="softmax", name="each")(wide)])


def by_steps(library: Any) -> Any:
    """One input and one output with an axis of steps."""
    if library is hl:
        hl.set_seed(4)
    b = library.Input((T, 2), name="b")
    return library.Model(b, library.layers.Dense(C, activation="softmax", name="each")(b))


# --- Keras agrees

COMPILED: dict[str, dict[str, Any]] = {
    "plain": {},
    "loss weights": {"loss_weights": [0.3, 1.7]},
    "metrics": {"metrics": [["accuracy"], ["accuracy", "mse"]]},
    "weighted metrics": {
        "metrics": {"one": ["accuracy"], "each": ["accuracy"]},
        "weighted_metrics": {"one": ["accuracy"], "each": []},
        "loss_weights": {"one": 2.0, "each": 0.5},
    },
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights", ["none", "one for all", "by output"])
@pytest.mark.parametrize("case", COMPILED)
def test_keras_agrees(case: str, weights: str) -> None:
    oracle = keras()
    oracle.utils.clear_session()
    theirs, ours = two_ends(oracle), two_ends(hl)
    theirs.set_weights(ours.get_weights())
    given: Any = {"none": None, "one for all": WA, "by output": [WA, WB]}[weights]
    # Keras has no such form for several outputs, and takes weights of steps with their axis.
    others = {"none": None, "one for all": [WA, WA[:, None]], "by output": [WA, WB[:, None]]}
    rows = np.eye(C, dtype=np.float32)
    y = [rows[IDS], rows[STEPS]]
    how: dict[str, Any] = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    for library, model in ((oracle, theirs), (hl, ours)):
        # Keras orders a dict of weights by its keys, unless the losses are a dict too.
        goals = dict.fromkeys(("one", "each"), "categorical_crossentropy")
        model.compile(library.optimizers.SGD(0.1), goals, **copy.deepcopy(COMPILED[case]))
    want = theirs.fit([A, B], y, sample_weight=others[weights], validation_data=([A, B], y), **how)
    got = ours.fit([A, B], y, sample_weight=given, validation_data=([A, B], y), **how)
    assert sorted(got.history) == sorted(want.history)
    for key, values in want.history.items():
        # Keras's losses of single outputs are means of batches, which are of one size here.
        np.testing.assert_allclose(got.history[key], values, rtol=2e-4, err_msg=key)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_keras_agrees_on_steps_with_sample_weights() -> None:
    oracle = keras()
    oracle.utils.clear_session()
    theirs, ours = by_steps(oracle), by_steps(hl)
    theirs.set_weights(ours.get_weights())
    how: dict[str, Any] = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
    for library, model in ((oracle, theirs), (hl, ours)):
        model.compile(library.optimizers.SGD(0.1), CE, metrics=["accuracy"])
    want = theirs.fit(B, STEPS, sample_weight=WA[:, None], **how).history
    got = ours.fit(B, STEPS, sample_weight=WA, **how).history
    for key, values in want.items():
        np.testing.assert_allclose(got[key], values, rtol=1e-4, err_msg=key)


# --- single models agree


def branch(name: str, units: int, end: str | None, shape: tuple[int, ...]) -> list[Any]:
    return [
        hl.Input(shape, name=f"in_{name}"),
        layers.Dense(7, activation="relu", name=f"h_{name}"),
        layers.Dropout(0.2, seed=3, name=f"d_{name}"),
        layers.Dense(units, activation=end, name=name),
    ]


def apart() -> tuple[hl.Model, hl.Model, hl.Model]:
    """Return two models, and a third that is both of them beside each other."""
    ends: list[tuple[Any, Any]] = []
    made: list[hl.Model] = []
    for parts in (branch("p", C, "softmax", (5,)), branch("q", 2, None, (5,))):
        hl.set_seed(5)
        value = parts[0]
        for layer in parts[1:]:
            value = layer(value)
        made.append(hl.Model(parts[0], value))
        ends.append((parts[0], value))
    both = []
    for parts in (branch("p", C, "softmax", (5,)), branch("q", 2, None, (5,))):
        hl.set_seed(5)
        value = parts[0]
        for layer in parts[1:]:
            value = layer(value)
        both.append((parts[0], value))
    inputs, outputs = zip(*both, strict=True)
    return made[0], made[1], hl.Model(list(inputs), list(outputs))


Q = RNG.standard_normal((N, 2)).astype(np.float32)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "class weights of one": {"class_weight": {"p": {0: 3.0, 2: 0.5}}},
    "class weights in a list": {"class_weight": [{0: 3.0, 2: 0.5}, None]},
    "sample weights": {"sample_weight": {"p": WA, "q": WB}},
    "both": {"sample_weight": [WA, WB], "class_weight": [{1: 2.0}, None]},
    "in order": {"shuffle": False},
    "a split": {"validation_split": 0.25},
}


def of_one(given: dict[str, Any], place: int) -> dict[str, Any]:
    """Return what the single model at `place` is given."""
    found = dict(given)
    for key in ("class_weight", "sample_weight"):
        item = found.pop(key, None)
        if item is not None:
            part = item[place] if isinstance(item, list) else item.get("pq"[place])
            found |= {key: part} if part is not None else {}
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_two_models_beside_each_other_are_the_two_models(name: str) -> None:
    """The same bits: every kernel sees the numbers that it would see alone."""
    first, second, both = apart()
    given = SETTINGS[name]
    goals: list[Any] = [CE, "mse"]
    watched: list[Any] = [["accuracy"], ["mae"]]
    seeing: list[Any] = [["accuracy"], ["mse"]]
    for i, model in enumerate((first, second)):
        model.compile(hl.optimizers.SGD(0.1), goals[i], watched[i], weighted_metrics=seeing[i])
    both.compile(hl.optimizers.SGD(0.1), goals, watched, seeing)
    how: dict[str, Any] = {"batch_size": 16, "epochs": 2, "verbose": 0}
    histories = []
    for model, x, y, place in ((first, A, IDS, 0), (second, A, Q, 1)):
        hl.set_seed(8)
        histories.append(model.fit(x, y, **how, **of_one(given, place)).history)
    hl.set_seed(8)
    history = both.fit([A, A], [IDS, Q], **how, **given).history
    for model in (first, second):
        for key, values in model.params.items():
            np.testing.assert_array_equal(values, both.params[key], err_msg=key)
    for single, output in zip(histories, "pq", strict=True):
        for key, figures in single.items():
            val, plain = ("val_", key[4:]) if key.startswith("val_") else ("", key)
            assert history[f"{val}{output}_{plain}"] == figures, key
    total = np.add(histories[0]["loss"], histories[1]["loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-12)


def test_class_weights_come_by_output() -> None:
    model = two_ends(hl)
    model.compile("sgd", CE)
    for given, text in (
        ({0: 2.0}, "class_weight is for models of one output, this one has several"),
        ({"z": {0: 2.0}}, r"class_weight: no \['z'\]; there are \['one', 'each'\]"),
        ([{0: 2.0}], r"class_weight: one item for each of \['one', 'each'\] is needed, got 1"),
        ({"one": {5: 2.0}}, r"class_weight has class 5, but the classes are 0\.\.2"),
        ({"each": {1: 2.0}}, "class_weight needs one class for each sample"),
    ):
        with pytest.raises(ValueError, match=text):
            model.fit([A, B], [IDS, STEPS], class_weight=given, verbose=0)
        with pytest.raises(ValueError, match=text):
            model.train_on_batch([A, B], [IDS, STEPS], class_weight=given)
    only = by_steps(hl)
    only.compile("sgd", CE)
    with pytest.raises(ValueError, match="class_weight needs one class"):
        only.fit(B, STEPS, class_weight={"each": {1: 2.0}}, verbose=0)


def test_two_inputs_train_as_one_with_all_columns() -> None:
    def one() -> hl.Model:
        hl.set_seed(6)
        x = hl.Input((5,))
        return hl.Model(x, layers.Dense(C, activation="softmax")(x))

    def two() -> hl.Model:
        hl.set_seed(6)
        p, q = hl.Input((2,)), hl.Input((3,))
        return hl.Model([p, q], layers.Dense(C, activation="softmax")(layers.Concatenate()([p, q])))

    alone, parted = one(), two()
    for model in (alone, parted):
        model.compile("adam", CE, ["accuracy"], weighted_metrics=["accuracy"], loss_weights=0.5)
    hl.set_seed(1)
    want = alone.fit(A, IDS, class_weight={1: 3.0}, sample_weight=WA, epochs=2, verbose=0)
    hl.set_seed(1)
    parts = [A[:, :2], A[:, 2:]]
    got = parted.fit(parts, IDS, class_weight={1: 3.0}, sample_weight=WA, epochs=2, verbose=0)
    assert list(got.history) == ["loss", "accuracy", "weighted_accuracy"]
    for key, values in want.history.items():
        np.testing.assert_allclose(got.history[key], values, rtol=1e-5)


# --- losses are core calls, of any rank

LOSSES: dict[str, tuple[Callable[[str], Any], str | None]] = {
    "ce": (lambda r: losses.SparseCategoricalCrossentropy(reduction=r), "softmax"),
    "ce of logits": (
        lambda r: losses.SparseCategoricalCrossentropy(from_logits=True, reduction=r),
        None,
    ),
    "cc": (lambda r: losses.CategoricalCrossentropy(reduction=r), "softmax"),
    "bce": (lambda r: losses.BinaryCrossentropy(reduction=r), "sigmoid"),
    "bce smoothed": (
        lambda r: losses.BinaryCrossentropy(label_smoothing=0.2, reduction=r),
        "sigmoid",
    ),
    "mse": (lambda r: losses.MeanSquaredError(reduction=r), None),
    "mae": (lambda r: losses.MeanAbsoluteError(reduction=r), None),
    "huber": (lambda r: losses.Huber(0.7, reduction=r), None),
    "sse": (lambda r: losses.SumSquaredError(reduction=r), "tanh"),
}


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_recorded_and_right(
    name: str, steps: bool, weighted: bool, reduction: str
) -> None:
    make, end = LOSSES[name]
    hl.set_seed(2)
    rng = np.random.default_rng(3)
    shape = (T, 2) if steps else (2,)
    x = hl.Input(shape, dtype="float64")
    model = hl.Model(x, layers.Dense(C, activation=end)(x))
    loss = make(reduction)
    model.compile(hl.optimizers.SGD(0.1), loss, loss_weights=0.5)
    data, lead = rng.standard_normal((6, *shape)), (6, *shape[:-1])
    if name.startswith("ce"):
        t: Array = rng.integers(0, C, lead)
    elif name == "cc":
        t = rng.dirichlet(np.ones(C), lead)
    else:
        t = rng.random((*lead, C))
    w = rng.uniform(0.0, 2.0, 6) if weighted else None
    value, grads = model.loss_and_grads(data, t, w)
    analytic = {key: grad.copy() for key, grad in grads.items()}
    (step,) = (s for key, s in model.executor()._steps.items() if key[0] == "loss")
    assert len(step.forward_program.steps) == 1  # one plan, and no Python in it

    def by_numpy() -> float:
        return 0.5 * float(loss(t, model.predict(data), w))

    assert value == pytest.approx(by_numpy(), rel=1e-6)
    for key, grad in analytic.items():
        np.testing.assert_allclose(grad, numerical(by_numpy, model.params[key]), atol=1e-6)


def test_a_loss_of_ones_own_keeps_its_own_mathematics() -> None:
    class Doubled(losses.MeanSquaredError):
        def per_sample(self, y: Array, t: Array, gradient: bool) -> Any:
            values, slope = super().per_sample(y, t, gradient)
            return 2 * values, None if slope is None else 2 * slope

    model = two_ends(hl)
    model.compile("sgd", [CE, Doubled()])
    rows = np.eye(C, dtype=np.float32)[STEPS]
    logs = model.test_on_batch([A, B], [IDS, rows], return_dict=True)
    model.compile("sgd", [CE, "mse"])
    plain = model.test_on_batch([A, B], [IDS, rows], return_dict=True)
    assert logs["each_loss"] == pytest.approx(2 * plain["each_loss"], rel=1e-5)


# --- arrays are read in place


def test_arrays_of_every_input_and_output_are_read_in_place() -> None:
    n = 4096
    rng = np.random.default_rng(1)
    p, q = hl.Input((4,)), hl.Input((4,))
    ends = [layers.Dense(2)(p), layers.Dense(C, activation="softmax")(q)]
    model = hl.Model([p, q], ends)
    model.compile("sgd", ["mae", CE])
    x = [rng.random((n, 4), np.float32) for _ in range(2)]
    y = [rng.random((n, 2), np.float32), rng.integers(0, C, n)]
    for _ in range(2):
        model.train_on_batch(x, y)
    (step,) = model.executor()._steps.values()
    for port, given in zip(step.ports, [*x, *y], strict=True):
        assert port.bound is given
    model.fit(x, y, batch_size=n // 2, shuffle=False, verbose=0)
    (half,) = (s for s in model.executor()._steps.values() if s.n == n // 2)
    assert all(port.binds and port.bound is port.buffer for port in half.ports)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_array_for_both_inputs_and_the_targets(dtype: str) -> None:
    n = 1024

    def make() -> hl.Model:
        hl.set_seed(1)
        p, q = hl.Input((4,), dtype=dtype), hl.Input((4,))
        both = layers.Concatenate()([layers.Dense(3)(p), layers.Dense(3)(q)])
        model = hl.Model([p, q], [layers.Dense(4)(both), layers.Dense(4)(both)])
        model.compile("sgd", ["mse", "mae"])
        return model

    rng = np.random.default_rng(2)
    same, copied = make(), make()
    for _ in range(3):
        x, other = (rng.random((n, 4)).astype(dtype) for _ in range(2))
        for xs, ys in (([x, x], [x, x]), ([x, other], [other, x]), ([other, x], [x, x])):
            a = same.train_on_batch(xs, ys)
            b = copied.train_on_batch([v.copy() for v in xs], [v.copy() for v in ys])
            assert a == b
    for v, w in zip(same.get_weights(), copied.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


def test_batches_that_need_a_conversion_are_converted() -> None:
    first, second = two_ends(hl), two_ends(hl)
    for model in (first, second):
        model.compile("sgd", CE, ["accuracy"])
    for k in range(3):
        plain = first.train_on_batch([A + k, B], [IDS, STEPS])
        strided = np.repeat(A + k, 2, axis=1)[:, ::2]
        odd = second.train_on_batch(
            {"a": strided.astype(np.float64), "b": B.tolist()},
            {"one": IDS.astype(np.int32)[:, None], "each": STEPS.astype(np.uint8)},
        )
        assert plain == odd


@pytest.mark.parametrize("bad", [C, -1])
def test_a_bad_label_of_any_output_moves_nothing(bad: int) -> None:
    model = two_ends(hl)
    model.compile("adam", CE)
    model.train_on_batch([A, B], [IDS, STEPS])
    before = [*model.get_weights(), *model.optimizer.slot_values()["m"].values()]
    before = [value.copy() for value in before]
    steps = STEPS.copy()
    steps[5, 2] = bad
    with pytest.raises(ValueError, match=rf"labels must lie in 0..2 for 3 outputs, got {bad}"):
        model.train_on_batch([A, B], [IDS, steps])
    after = [*model.get_weights(), *model.optimizer.slot_values()["m"].values()]
    for v, w in zip(before, after, strict=True):
        np.testing.assert_array_equal(v, w)


# --- carried, and stood on


def test_all_of_it_survives_saving_and_pickling(tmp_path: Path) -> None:
    model = two_ends(hl)
    model.compile(
        "adam",
        {"one": CE, "each": losses.SparseCategoricalCrossentropy(reduction="sum")},
        metrics={"each": ["accuracy"]},
        weighted_metrics={"one": ["accuracy"], "each": ["accuracy"]},
        loss_weights={"each": 0.25},
    )
    given: dict[str, Any] = {"class_weight": {"one": {1: 2.0}}, "shuffle": False, "verbose": 0}
    model.fit([A, B], [IDS, STEPS], **given)
    model.save(tmp_path / "m.hotloop")
    others = [
        hl.models.load_model(tmp_path / "m.hotloop"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    want = model.fit([A, B], [IDS, STEPS], **given).history
    for other in others:
        assert other.fit([A, B], [IDS, STEPS], **given).history == want
        for v, w in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(v, w)


def test_a_model_has_a_network_and_a_trainer() -> None:
    names = [cls.__name__ for cls in hl.Sequential.__mro__[:-1]]
    assert names == ["Sequential", "Model", "Trained", "Unit"]


def test_a_loss_for_tensors_is_the_sum_over_the_outputs() -> None:
    model = two_ends(hl)
    model.compile("sgd", CE, loss_weights=[0.5, 2.0])
    outs = model.predict([A, B])
    got = float(model.compute_loss(y=[IDS, STEPS], y_pred=outs))
    assert got == pytest.approx(model.evaluate([A, B], [IDS, STEPS], verbose=0)[0], rel=1e-5)
