"""What Keras scripts configure models with beside: aliases, penalties, variables of metrics, averages."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import callbacks, initializers, layers, metrics, ops, optimizers, regularizers

X = np.linspace(-1, 1, 96, dtype="f4").reshape(24, 4) ** 2
T = (np.arange(24) % 2).astype("f4").reshape(24, 1)


def model_of(**kwargs: Any) -> hl.Sequential:
    hl.set_seed(3)
    model = hl.Sequential(
        [hl.Input((4,)), layers.Dense(3, "tanh", **kwargs), layers.Dense(1, "sigmoid")]
    )
    model.compile(optimizer="sgd", loss="mse")
    return model


def test_initializers_by_other_names() -> None:
    assert initializers.he_normal is initializers.HeNormal
    assert initializers.OrthogonalInitializer is initializers.orthogonal
    assert initializers.get("identity")((2, 3), "float64").tolist() == [[1, 0, 0], [0, 1, 0]]
    assert initializers.identity(gain=2.0)((1, 1)).item() == 2.0
    assert initializers.deserialize(initializers.serialize(initializers.Identity(3.0))).gain == 3.0
    with pytest.raises(ValueError, match=r"Identity: the shape must have two axes, got \(2,\)"):
        initializers.Identity()((2,))
    assert type(initializers.get(None)) is initializers.GlorotUniform
    model = model_of(kernel_initializer=None, bias_initializer=None)
    assert model.get_config()["layers"]
    assert abs(model.get_weights()[1]).max() > 0


# Keras 3.15's penalties of the matrix below.
@pytest.mark.parametrize(("mode", "expected"), [("rows", 0.290104), ("columns", 0.250801)])
def test_orthogonal_regularizer(mode: str, expected: float) -> None:
    w = np.sin(np.arange(12.0)).reshape(4, 3)
    penalty = regularizers.OrthogonalRegularizer(0.3, mode)
    np.testing.assert_allclose(penalty(w), expected, rtol=1e-5)
    again = regularizers.get(regularizers.serialize(penalty))
    assert again is not None
    assert again.get_config() == {"factor": 0.3, "mode": mode}
    model = model_of(kernel_regularizer=penalty)
    kernel = model.get_weights()[0]
    before = float(penalty(kernel))
    model.compile(optimizer=optimizers.SGD(1.0), loss=lambda t, y: ops.sum((y - t) * 0.0, axis=-1))
    model.fit(X, T, epochs=5, verbose=0)
    assert float(penalty(model.get_weights()[0])) < before
    with pytest.raises(ValueError, match="OrthogonalRegularizer: the weight must be a matrix"):
        penalty(np.zeros(3))
    with pytest.raises(ValueError, match="mode must be 'rows' or 'columns', got 'all'"):
        regularizers.OrthogonalRegularizer(mode="all")


class Positives(metrics.Metric):
    """Keras's own example of a metric."""

    def __init__(self, name: str = "positives", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_variable(shape=(), initializer="zeros", name="tp")
        self.seen = self.add_weight("seen", initializer="zeros")
        self.by_column = self.add_weight(shape=(1,), initializer="ones")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        hit = ops.logical_and(ops.equal(y_true, 1), ops.greater(y_pred, 0.5))
        values = ops.cast(hit, "float32")
        if sample_weight is not None:
            values = values * ops.reshape(sample_weight, (-1, 1))
        self.true_positives.assign_add(ops.sum(values))
        self.seen.assign(self.seen + len(y_pred))
        self.by_column.assign_add(ops.sum(values, axis=0))

    def result(self) -> Any:
        return self.true_positives / self.seen if self.seen > 0 else self.true_positives


def test_metrics_with_variables_of_their_own() -> None:
    metric = Positives()
    metric.update_state(T, 1.0 - T * 0.2)
    assert metric.result() == 0.5
    assert metric.by_column.tolist() == [13.0]
    assert len(metric.variables) == 3
    kept = pickle.loads(pickle.dumps(metric))
    kept.true_positives.assign_add(1.0)
    assert kept.result() > metric.result() == 0.5
    state = metric.get_state()
    metric.reset_state()
    assert metric.result() == 0.0
    assert metric.by_column.tolist() == [1.0]
    metric.set_state(state)
    assert metric.result() == 0.5
    with pytest.raises(ValueError, match="positives: the state does not fit variables"):
        metric.set_state({"total": np.zeros(())})

    model = model_of()
    model.compile(optimizer="sgd", loss="mse", metrics=[Positives()])
    history = model.fit(X, T, epochs=2, batch_size=8, validation_data=(X, T), verbose=0).history
    hits = float(((model.predict(X, verbose=0) > 0.5) & (T == 1)).mean())
    assert history["val_positives"][-1] == pytest.approx(hits)
    assert model.evaluate(X, T, verbose=0)[1] == pytest.approx(hits)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averaged_weights_are_what_is_evaluated(swap_on_epoch: bool) -> None:
    model = model_of()
    seen: list[Any] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: seen.append(model.get_weights()))  # noqa: ARG005
    model.compile(optimizer=optimizers.SGD(0.5, use_ema=True, ema_momentum=0.8), loss="mse")
    swap = callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
    run: dict[str, Any] = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    history = model.fit(X, T, validation_data=(X, T), callbacks=[swap, keep], **run)

    plain = model_of()
    plain.compile(optimizer=optimizers.SGD(0.5, use_ema=True, ema_momentum=0.8), loss="mse")
    raw: list[Any] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: raw.append(plain.get_weights()))  # noqa: ARG005
    plain.fit(X, T, callbacks=[keep], **run)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history.history["val_loss"][-1] == pytest.approx(plain.evaluate(X, T, verbose=0))
    same = [np.array_equal(a[0], b[0]) for a, b in zip(seen, raw, strict=True)]
    assert same == [not swap_on_epoch] * 3
    model.compile(optimizer="sgd", loss="mse")
    with pytest.raises(ValueError, match="SwapEMAWeights: the optimizer must have use_ema=True"):
        model.fit(X, T, callbacks=[swap], verbose=0)


def test_loss_scale_optimizer_is_the_optimizer_itself() -> None:
    inner = optimizers.Adam(0.5)
    assert optimizers.LossScaleOptimizer(inner, initial_scale=8.0) is inner
    assert type(optimizers.LossScaleOptimizer("sgd")) is optimizers.SGD
