"""What `compile` was given survives every way to carry a model: each argument, in full."""

from __future__ import annotations

import copy
import inspect
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import callbacks, layers, losses, metrics, optimizers
from hotloop.optimizers import schedules
from hotloop.registry import CUSTOM
from hotloop.saving.model_files import COMPILE_OPTIONS

RNG = np.random.default_rng(5)
X = RNG.normal(size=(12, 4)).astype(np.float32)
T = RNG.uniform(size=(12, 1)).astype(np.float32)
W = RNG.uniform(0.1, 3.0, size=12).astype(np.float32)


def farthest(y_true: Any, y_pred: Any) -> Any:
    return np.abs(y_true - y_pred).max(axis=1)


def apart(y_true: Any, y_pred: Any) -> Any:
    return hl.ops.mean(hl.ops.square(y_true - y_pred) * 3.0, axis=-1)


def rate() -> float:
    return 0.05


def threes(shape: Any, dtype: Any = "float32") -> Any:
    return np.full(shape, 0.3, dtype)


class Pull(hl.losses.Loss):
    """A loss of a user's own, with an argument."""

    def __init__(self, power: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.power = power

    def per_sample(self, outputs: Any, targets: Any, gradient: bool) -> Any:
        apart = outputs - targets
        values = (np.abs(apart) ** self.power).mean(axis=1)
        slope = self.power * np.sign(apart) * np.abs(apart) ** (self.power - 1) / outputs.shape[1]
        return values, slope if gradient else None

    def get_config(self) -> dict[str, Any]:
        return {"power": self.power, **super().get_config()}


class Halving(schedules.LearningRateSchedule):
    def __call__(self, step: int) -> float:
        return 0.1 * 0.5**step

    def get_config(self) -> dict[str, Any]:
        return {}


class Plain(optimizers.Optimizer):
    """An optimizer of a user's own."""

    def update_one(self, param: Any, grad: Any, slots: Any, lr: Any, step: Any) -> None:  # noqa: ARG002
        param -= np.asarray(grad * float(lr), param.dtype)


OWN: dict[str, Any] = {c.__name__: c for c in (farthest, apart, rate, Pull, Halving, Plain)}

# By argument of `compile`, values that are not the default.
ONE: dict[str, list[Callable[[], Any]]] = {
    "optimizer": [
        lambda: "adam",
        lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01, clipnorm=0.2),
        lambda: optimizers.Adam(0.02, 0.8, 0.99, 1e-5, amsgrad=True, clipvalue=0.01, name="mine"),
        lambda: optimizers.AdamW(0.02, weight_decay=0.1, global_clipnorm=0.3),
        lambda: optimizers.RMSprop(0.02, rho=0.8, momentum=0.5, epsilon=1e-4, centered=True),
        lambda: optimizers.Adagrad(0.02, initial_accumulator_value=0.5, epsilon=1e-3),
        lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True)),
        lambda: optimizers.SGD(schedules.CosineDecay(0.1, 5, 0.1, None, 0.2, 3)),
        lambda: optimizers.SGD(Halving()),
        lambda: optimizers.SGD(rate),
        lambda: Plain(0.03),
    ],
    "loss": [
        lambda: "mae",
        lambda: losses.Huber(delta=0.1, name="short"),
        lambda: losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
        lambda: losses.MeanSquaredError(reduction="sum"),
        lambda: losses.mean_absolute_error,
        lambda: Pull(3.0),
        lambda: apart,
        lambda: ["mae"],
        lambda: {"a": "mae"},
    ],
    "metrics": [
        lambda: ["mae", "mse"],
        lambda: [farthest],
        lambda: [metrics.FunctionMetric(farthest, name="far")],
        lambda: [losses.mean_absolute_error],
        lambda: [metrics.LossMetric(Pull(4.0), name="fourth")],
        lambda: [metrics.Precision(thresholds=[0.2, 0.6], class_id=0)],
        lambda: {"a": ["mae"]},
        lambda: metrics.R2Score,
    ],
    "weighted_metrics": [
        lambda: ["mae"],
        lambda: [farthest, "mse"],
        lambda: [[metrics.MeanAbsoluteError(name="off")]],
    ],
    "loss_weights": [lambda: [0.25], lambda: 0.5, lambda: {"a": 3.0}],
    "run_eagerly": [lambda: True],
    "steps_per_execution": [lambda: 4],
    "jit_compile": [lambda: True, lambda: False],
    "auto_scale_loss": [lambda: False],
}
SEVERAL: dict[str, list[Callable[[], Any]]] = {
    "loss": [lambda: {"a": Pull(3.0), "b": apart}, lambda: [None, "mse"]],
    "metrics": [lambda: {"b": [farthest, "mae"]}, lambda: ["mae"]],
    "weighted_metrics": [lambda: {"a": ["mae"], "b": [farthest]}, lambda: ["mae"]],
    "loss_weights": [lambda: {"b": 0.25}, lambda: [2.0, 0.5]],
}
CASES = [
    pytest.param(several, name, make, id=f"{'several' if several else 'one'}-{name}-{i}")
    for several, table in ((False, ONE), (True, SEVERAL))
    for name, makes in table.items()
    for i, make in enumerate(makes)
]


def fresh(several: bool, name: str, make: Callable[[], Any]) -> Any:
    hl.utils.set_random_seed(2)
    x = hl.Input((4,))
    h = layers.Dense(5, "tanh")(x)
    a = layers.Dense(1, "sigmoid", name="a")(h)
    b = layers.Dense(1, name="b")(h)
    model = hl.Model(x, [a, b] if several else a)
    given: dict[str, Any] = {"optimizer": optimizers.SGD(0.05), "loss": "mse", "metrics": ["mae"]}
    model.compile(**{**given, name: make()})
    return model


def data(several: bool) -> dict[str, Any]:
    if several:
        return {"x": X, "y": [T, T[::-1].copy()], "sample_weight": [W, W[::-1].copy()]}
    return {"x": X, "y": T, "sample_weight": W}


def trained(several: bool, name: str, make: Callable[[], Any]) -> Any:
    model = fresh(several, name, make)
    model.fit(**data(several), batch_size=4, epochs=2, verbose=0, shuffle=False)
    return model


def saved(model: Any, folder: Path) -> Any:
    model.save(folder / "model.keras")
    return hl.models.load_model(folder / "model.keras", OWN)


WAYS: dict[str, Callable[[Any, Path], Any]] = {
    "file": saved,
    "file of a file": lambda model, folder: saved(saved(model, folder), folder),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "copy of a file": lambda model, folder: copy.deepcopy(saved(model, folder)),
}


def outcome(model: Any, several: bool) -> tuple[Any, ...]:
    """Return all that shows what a model was compiled with: figures before and after two steps, slots, options."""
    given = data(several)
    before = model.evaluate(**given, verbose=0, return_dict=True)
    for _ in range(2):
        model.train_on_batch(**given)
    after = model.evaluate(**given, verbose=0, return_dict=True)
    slots = {
        f"{slot}/{name}": array.tolist()
        for slot, arrays in model.optimizer.slot_values().items()
        for name, array in arrays.items()
    }
    options = [getattr(model, name) for name in COMPILE_OPTIONS]
    plain = [{k: np.asarray(v).tolist() for k, v in figures.items()} for figures in (before, after)]
    weights = [w.tolist() for w in model.get_weights()]
    own = model.optimizer
    config = own.get_config()
    return *plain, slots, options, weights, own.iterations, str(config), type(model.loss).__name__


def test_every_argument_is_walked() -> None:
    arguments = set[str]()
    for owner in hl.Model.__mro__:
        if "compile" in vars(owner):
            arguments |= set(inspect.signature(owner.compile).parameters) - {"self", "kwargs"}  # type: ignore[attr-defined]
    assert arguments == set(ONE)
    assert set(SEVERAL) <= arguments


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("several", "name", "make"), CASES)
def test_carried(
    tmp_path: Path, way: str, several: bool, name: str, make: Callable[[], Any]
) -> None:
    model = trained(several, name, make)
    other = WAYS[way](model, tmp_path)
    assert outcome(other, several) == outcome(model, several)


@pytest.mark.parametrize(("several", "name", "make"), CASES)
def test_a_backup_goes_on_with_it(
    tmp_path: Path, several: bool, name: str, make: Callable[[], Any]
) -> None:
    whole = trained(several, name, make)

    def fit(epochs: int) -> Any:
        model = fresh(several, name, make)
        keep = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        model.fit(
            **data(several), batch_size=4, epochs=epochs, verbose=0, shuffle=False, callbacks=[keep]
        )
        return model

    fit(1)
    assert outcome(fit(2), several) == outcome(whole, several)


@pytest.mark.parametrize(("several", "name", "make"), CASES)
def test_a_clone_is_not_compiled_and_set_weights_keeps_it(
    several: bool, name: str, make: Callable[[], Any]
) -> None:
    model = trained(several, name, make)
    clone: Any = hl.models.clone_model(model)  # as in Keras
    assert clone.optimizer is None
    assert clone.loss is None
    assert [getattr(clone, option) for option in COMPILE_OPTIONS] == [False, 1, "auto", True]
    clone.set_weights(model.get_weights())
    again = copy.deepcopy(model)
    again.set_weights(clone.get_weights())
    assert outcome(again, several) == outcome(model, several)


# --- functions, which a file holds by their names


def test_a_checkpoint_of_a_model_with_functions(tmp_path: Path) -> None:
    model = fresh(several=False, name="metrics", make=lambda: [farthest])
    model.optimizer = optimizers.SGD(rate)
    keep = callbacks.ModelCheckpoint(tmp_path / "m.keras")
    model.fit(X, T, verbose=0, callbacks=[keep])
    again = hl.models.load_model(tmp_path / "m.keras", OWN)
    assert again.evaluate(X, T, verbose=0) == model.evaluate(X, T, verbose=0)


def test_loading_asks_for_a_function_or_goes_on_without(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    trained(several=False, name="metrics", make=lambda: [farthest]).save(path)
    for own in (None, {"farthest": Pull}, {"farthest": 3}):
        with pytest.raises(ValueError, match=r"unknown metric function 'farthest'") as caught:
            hl.models.load_model(path, own)
        assert "custom_objects={'farthest': ...}" in str(caught.value)
        assert "compile=False" in str(caught.value)
    model = hl.models.load_model(path, compile=False)
    assert model.optimizer is None
    assert model.predict(X, verbose=0).shape == (12, 1)


def test_a_lambda_is_asked_for_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    nearest = lambda t, y: np.abs(t - y).min(axis=1)  # noqa: E731
    model = trained(several=False, name="metrics", make=lambda: [nearest])
    model.save(path)
    with pytest.raises(ValueError, match="unknown metric function '<lambda>'"):
        hl.models.load_model(path)
    again = hl.models.load_model(path, {"<lambda>": nearest})
    assert again.evaluate(X, T, verbose=0) == model.evaluate(X, T, verbose=0)


def test_a_registered_function_needs_no_custom_objects(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    hl.saving.register_keras_serializable("carried")(farthest)
    try:
        model = trained(several=False, name="metrics", make=lambda: [farthest])
        model.save(path)
        assert hl.models.load_model(path).evaluate(X, T, verbose=0) == model.evaluate(
            X, T, verbose=0
        )
    finally:
        del CUSTOM["carried>farthest"]


def test_an_initializer_that_is_a_function(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    model = hl.Sequential([layers.Dense(2, input_shape=(3,), kernel_initializer=threes)])
    model.save(path)
    with pytest.raises(ValueError, match="unknown initializer 'threes'"):
        hl.models.load_model(path)
    again = hl.models.load_model(path, {"threes": threes})
    clone = hl.models.clone_model(again)
    for each in (again, clone):
        np.testing.assert_array_equal(each.get_weights()[0], model.get_weights()[0])


def test_a_function_is_no_layer_and_a_class_no_function(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    called = []

    def layer(**config: Any) -> Any:
        called.append(config)

    with pytest.raises(ValueError, match="unknown layer class 'layer'"):
        hl.models.model_from_json(
            '{"class": "Sequential", "config": {"name": "s", "dtype": "float32", "input_shape": null, '
            '"layers": [{"class": "layer", "config": {"a": 1}}]}}',
            {"layer": layer},
        )
    assert not called
    assert not path.exists()


@pytest.mark.parametrize(
    "change",
    [
        (b'"weighted": 1', b'"weighted": 7'),
        (b'"weighted": 1', b'"weighted": -1'),
        (b'"jit_compile": "auto"', b'"jit_compile": "fast"'),
        (b'"jit_compile": "auto"', b'"callbacks": "auto"'),
        (b'"steps_per_execution": 1', b'"steps_per_execution": 0'),
    ],
)
def test_a_file_that_says_it_wrongly_is_refused(
    tmp_path: Path, change: tuple[bytes, bytes]
) -> None:
    path = tmp_path / "m.keras"
    trained(several=False, name="weighted_metrics", make=lambda: ["mae"]).save(path)
    altered(path, *change)
    with pytest.raises(ValueError, match="load_model: "):
        hl.models.load_model(path)


@pytest.mark.parametrize(
    "change",
    [(b'"metric_outputs": [', b'"metric_outputs": [9, '), (b'"weights": [', b'"weights": [1.0, ')],
)
def test_losses_of_a_file_are_those_of_its_outputs(
    tmp_path: Path, change: tuple[bytes, bytes]
) -> None:
    path = tmp_path / "m.keras"
    trained(several=True, name="loss_weights", make=lambda: [1.0, 2.0]).save(path)
    altered(path, *change)
    with pytest.raises(ValueError, match=r"load_model: .*compile: "):
        hl.models.load_model(path)


def altered(path: Path, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert old in members["model.json"]
    members["model.json"] = members["model.json"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
