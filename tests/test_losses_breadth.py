"""The breadth of Keras's losses: values and gradients of Keras itself, training, files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import keras_oracle
from hotloop import losses
from loss_cases import CASES, data, probe

DATA = data()
NAMES = sorted({case[0] for case in CASES})


def made(name: str, config: dict[str, Any]) -> losses.Loss:
    loss: losses.Loss = getattr(losses, name)(**config)
    return loss


@pytest.mark.parametrize(("name", "config", "t", "y", "right"), CASES)
def test_values_and_gradients(
    name: str, config: dict[str, Any], t: str, y: str, right: list[float]
) -> None:
    loss = made(name, config)
    found: list[float] = [loss.forward(DATA[y], DATA[t]), probe(loss.backward())]
    tensor = hl.Tensor(DATA[y], requires_grad=True)
    value = loss(DATA[t], tensor, sample_weight=DATA["weights"])
    value.backward()
    found += [float(value), probe(np.asarray(tensor.grad))]
    for got, want in zip(found, right, strict=True):
        assert got == pytest.approx(want, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("name", "config", "t", "y", "right"), CASES)
def test_gradient_by_differences(
    name: str, config: dict[str, Any], t: str, y: str, right: list[float]
) -> None:
    del right
    loss = made(name, config)
    outputs = DATA[y].astype(np.float64)
    loss.forward(outputs, DATA[t])
    gradient = loss.backward()
    step = np.random.default_rng(2).standard_normal(outputs.shape)
    ends = [loss.forward(outputs + h * step, DATA[t]) for h in (1e-6, -1e-6)]
    slope = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose((gradient * step).sum(), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("reduction", [None, "sum", "mean", "mean_with_sample_weight"])
@pytest.mark.parametrize(("name", "config", "t", "y", "right"), CASES)
def test_reductions_as_keras(
    name: str, config: dict[str, Any], t: str, y: str, right: list[float], reduction: Any
) -> None:
    del right
    keras = keras_oracle.keras()
    theirs = getattr(keras.losses, name)(**config, reduction=reduction)
    own = made(name, {**config, "reduction": reduction})
    for weights in (None, DATA["weights"]):
        want = keras_oracle.as_numpy(theirs(DATA[t], DATA[y], sample_weight=weights))
        got = own(DATA[t], DATA[y], sample_weight=weights)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-5)
    assert set(theirs.get_config()) - {"fn"} <= set(own.get_config())
    assert own.name == theirs.name


@pytest.mark.parametrize(("name", "config", "t", "y", "right"), CASES)
def test_models_train_by_them_and_files_keep_them(
    name: str, config: dict[str, Any], t: str, y: str, right: list[float], tmp_path: Path
) -> None:
    del right
    hl.set_seed(1)
    end = {"probs": "softmax", "logits": "linear", "unit": "linear"}[y]
    model = hl.Sequential([hl.layers.Dense(DATA[y].shape[1], end, input_shape=(3,))])
    x = np.random.default_rng(4).standard_normal((len(DATA[t]), 3)).astype("f4")
    model.compile(hl.optimizers.Adam(0.003), made(name, config))
    first = model.evaluate(x, DATA[t], verbose=0)
    model.fit(x, DATA[t], epochs=30, verbose=0, batch_size=7)
    last = model.evaluate(x, DATA[t], verbose=0)
    assert np.isfinite(last)
    assert last < first
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    assert again.loss.get_config() == model.loss.get_config()
    assert again.evaluate(x, DATA[t], verbose=0) == last


def test_functions_classes_strings_and_short_names() -> None:
    for name in dir(losses):
        found = getattr(losses, name)
        ours = getattr(found, "__module__", "").startswith("hotloop.losses.")
        if ours and name.islower():
            assert isinstance(losses.get(found), losses.Loss), name
    for name in ("mse", "MSE", "mape", "msle", "MSLE", "kld", "bce", "BCE", "log_cosh", "hinge"):
        assert type(losses.get(name)) is type(losses.get(getattr(losses, name)))
    for name in NAMES:
        own = losses.get(name)
        assert type(losses.deserialize(losses.serialize(own))) is type(own)
    np.testing.assert_allclose(losses.hinge([[1, -1]], [[0.5, 2.0]]), [1.75])


def test_circle_with_itself_and_with_references() -> None:
    ids, unit = DATA["ids"], DATA["unit"]
    loss = losses.Circle(margin=0.25, remove_diagonal=False)
    assert loss(ids, unit) == pytest.approx(98.756676, rel=1e-5)
    apart = losses.circle(ids, unit, ids, unit, remove_diagonal=False, margin=0.25)
    np.testing.assert_array_equal(apart, losses.Circle(80, 0.25, False, None, None)(ids, unit))


def test_ignored_classes_in_pictures_and_in_training() -> None:
    logits = np.random.default_rng(1).standard_normal((2, 3, 3, 4)).astype("f4")
    ids = np.random.default_rng(2).integers(0, 4, (2, 3, 3))
    ids[0, :2] = 255
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    keep = ids != 255
    chosen = np.take_along_axis(logs, np.where(keep, ids, 0)[..., None], -1)[..., 0]
    assert loss(ids, logits) == pytest.approx(-chosen[keep].mean(), rel=1e-5)
    gradient = loss.backward() if loss.forward(logits, ids) else None
    assert gradient is not None
    assert not gradient[0, :2].any()
    assert gradient[1].any()
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.3"):
        loss(np.where(keep, 7, ids), logits)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("CosineSimilarity", {"axis": True}, "axis must be an integer, got True"),
    ("Dice", {"axis": 0.5}, "axis must be an integer, got 0.5"),
    ("Circle", {"gamma": 0.0}, "Circle: gamma must be positive"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 1.0}, r"q must lie in \(0, 1\), got 1.0"),
    ("BinaryFocalCrossentropy", {"label_smoothing": 2.0}, r"label_smoothing must lie in \[0, 1\]"),
    ("CategoricalFocalCrossentropy", {"alpha": ["x"]}, "alpha must be a number, got 'x'"),
    ("Tversky", {"reduction": "median"}, "Tversky: reduction must be one of"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 0.5}, "ignore_class must be an integer"),
]


@pytest.mark.parametrize(("name", "config", "text"), BAD)
def test_what_is_refused(name: str, config: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        made(name, config)


def test_refusals_that_need_data() -> None:
    with pytest.raises(ValueError, match=r"targets \(7, 3\) do not match outputs \(7, 4\)"):
        losses.Hinge()(DATA["bits"][:, :3], DATA["logits"])
    with pytest.raises(ValueError, match="need as many labels, got 3"):
        losses.Circle()([0, 1, 2], DATA["unit"])
    with pytest.raises(ValueError, match="training needs one number"):
        losses.MeanSquaredError(reduction="none").forward(DATA["logits"], DATA["values"])
    with pytest.raises(ValueError, match="the classes must lie along the last axis"):
        losses.CategoricalCrossentropy(axis=0)(DATA["rows"], DATA["probs"])
