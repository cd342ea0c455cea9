"""Each callback in a training that ends differently without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import batch, two_layer_model
from hotloop import callbacks

LOSS = "sparse_categorical_crossentropy"


def compiled(rate: float = 0.5, **kwargs: Any) -> hl.Sequential:
    model = two_layer_model()
    model.compile(hl.optimizers.SGD(rate), LOSS, **kwargs)
    return model


def fit(model: hl.Model, *given: callbacks.Callback, **kwargs: Any) -> callbacks.History:
    x, t = batch(24)
    options = {"batch_size": 8, "epochs": 4, "verbose": 0, **kwargs}
    hl.set_seed(3)
    return model.fit(x, t, callbacks=list(given), **options)


class Figures(callbacks.Callback):
    """Gives an epoch's logs a figure of the test's own, and keeps the weights."""

    def __init__(self, values: list[float], name: str = "val_loss") -> None:
        super().__init__()
        self.values, self.name = values, name
        self.weights: list[Any] = []
        self.rates: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.rates.append(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self.name] = self.values[epoch]
        self.weights.append(self.model.get_weights())


def assert_equal(a: list[Any], b: list[Any]) -> None:
    for v, w in zip(a, b, strict=True):
        np.testing.assert_array_equal(v, w)


def test_early_stopping_ends_after_patience_and_restores_the_best_weights() -> None:
    values = [3.0, 1.0, 2.0, 1.5, 0.5, 0.1]
    figures, model = Figures(values), compiled()
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    assert fit(model, figures, stop, epochs=6).epoch == [0, 1, 2, 3]
    assert (stop.stopped_epoch, stop.best_epoch, stop.best) == (3, 1, 1.0)
    assert_equal(model.get_weights(), figures.weights[1])
    figures, model = Figures(values), compiled()
    assert len(fit(model, figures, callbacks.EarlyStopping(patience=2), epochs=6).epoch) == 4
    assert_equal(model.get_weights(), figures.weights[3])
    assert len(fit(compiled(), Figures(values), epochs=6).epoch) == 6


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({"monitor": "val_accuracy", "patience": 1}, [0.5, 0.6, 0.6, 0.7], 3),
        ({"mode": "max", "patience": 1}, [0.5, 0.6, 0.7, 0.8], 4),
        ({"min_delta": 0.5, "patience": 1}, [3.0, 2.9, 2.8, 0.1], 2),
        ({"start_from_epoch": 2, "patience": 1}, [1.0, 2.0, 3.0, 4.0], 4),
        ({"baseline": 0.5, "patience": 2}, [0.9, 0.8, 0.7, 0.6], 4),
        ({"baseline": 0.5, "patience": 2}, [0.9, 0.8, 0.9, 0.6], 3),
        ({"patience": 1}, [np.nan, np.nan, 1.0, 1.0], 2),
    ],
)
def test_early_stopping_options(options: Any, values: list[float], epochs: int) -> None:
    name = options.get("monitor", "val_loss")
    history = fit(compiled(), Figures(values, name), callbacks.EarlyStopping(**options))
    assert len(history.epoch) == epochs


def test_reduce_lr_on_plateau() -> None:
    figures = Figures([1.0, 1.0, 1.0, 0.2, 0.2, 0.2, 0.2, 0.2])
    reduce = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.2, verbose=0)
    history = fit(compiled(), figures, reduce, epochs=8)
    assert figures.rates == [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2]
    assert history.history["learning_rate"] == figures.rates
    figures = Figures([1.0] * 8)
    cool = callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2)
    fit(compiled(), figures, cool, epochs=8)
    assert figures.rates == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]


def test_learning_rate_scheduler() -> None:
    for schedule in (lambda epoch, rate: rate / 2 if epoch else rate, lambda e: 0.5 / 2**e):
        figures = Figures([0.0] * 4)
        history = fit(compiled(), callbacks.LearningRateScheduler(schedule), figures)
        assert figures.rates == [0.5, 0.25, 0.125, 0.0625]
        assert history.history["learning_rate"] == figures.rates
    with pytest.raises(TypeError, match="schedule must be a function"):
        callbacks.LearningRateScheduler(0.1)  # type: ignore[arg-type]


def test_terminate_on_nan() -> None:
    class Break(callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.batches = batch + 1
            if batch == 1:
                self.model.params["dense/kernel"][...] = np.nan

    hl.config.set_diagnosis(False)
    try:
        breaks = Break()
        assert fit(compiled(), breaks, callbacks.TerminateOnNaN()).epoch == [0]
        assert breaks.batches == 2
        assert fit(compiled(), Break()).epoch == [0, 1, 2, 3]
    finally:
        hl.config.set_diagnosis(True)


def test_model_checkpoint_keeps_only_better_models(tmp_path: Path) -> None:
    figures, path = Figures([3.0, 1.0, 2.0, 1.5]), tmp_path / "best.keras"
    model = compiled()
    fit(model, figures, callbacks.ModelCheckpoint(path, save_best_only=True))
    assert_equal(hl.models.load_model(path).get_weights(), figures.weights[1])
    fit(compiled(), figures, callbacks.ModelCheckpoint(path))
    assert_equal(hl.models.load_model(path).get_weights(), figures.weights[-1])
    above = callbacks.ModelCheckpoint(
        tmp_path / "no.keras", save_best_only=True, initial_value_threshold=0.9
    )
    fit(compiled(), Figures([3.0, 1.0, 2.0, 1.5]), above)
    assert not (tmp_path / "no.keras").exists()


def test_model_checkpoint_names_and_frequency(tmp_path: Path) -> None:
    name = tmp_path / "new" / "m-{epoch:02d}-{val_loss:.1f}.weights.h5"
    figures = Figures([3.0, 1.0, 2.0, 1.5])
    fit(compiled(), figures, callbacks.ModelCheckpoint(name, save_weights_only=True))
    names = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert names == [f"m-0{i + 1}-{v}.weights.h5" for i, v in enumerate([3.0, 1.0, 2.0, 1.5])]
    other = compiled()
    other.load_weights(tmp_path / "new" / names[2])
    assert_equal(other.get_weights(), figures.weights[2])
    every = callbacks.ModelCheckpoint(tmp_path / "b-{epoch}-{loss:.3f}.keras", save_freq=4)
    fit(compiled(), every)
    assert len(list(tmp_path.glob("b-*.keras"))) == 3
    with pytest.raises(ValueError, match="asks for 'val_f1'; there are epoch, loss"):
        fit(compiled(), callbacks.ModelCheckpoint(tmp_path / "{val_f1}.keras"))
    with pytest.raises(ValueError, match="save_freq must be 'epoch' or a positive"):
        callbacks.ModelCheckpoint("m", save_freq=0)


def test_a_best_model_named_by_a_figure_of_every_second_epoch(tmp_path: Path) -> None:
    path = tmp_path / "best-{epoch}-{val_loss:.3f}.hotloop"
    keep = callbacks.ModelCheckpoint(path, save_best_only=True)
    x, t = batch(24)
    history = fit(compiled(), keep, validation_data=(x, t), validation_freq=2).history
    names = [f"best-{e}-{v:.3f}.hotloop" for e, v in zip((2, 4), history["val_loss"], strict=True)]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_validation_figures_of_every_second_epoch_are_not_missed() -> None:
    x, t = batch(24)
    watches = [callbacks.EarlyStopping(patience=9), callbacks.ReduceLROnPlateau()]
    fit(compiled(), *watches, validation_data=(x, t), validation_freq=2)
    assert all(watch.best is not None for watch in watches)
    stop = callbacks.EarlyStopping("val_los", mode="min")
    with pytest.warns(UserWarning, match="there is no 'val_los' to watch"):
        fit(compiled(), stop, validation_data=(x, t), validation_freq=2)


def test_a_missing_figure_is_told_once() -> None:
    with pytest.warns(UserWarning, match="no 'val_loss' to watch, only loss") as told:
        fit(compiled(), callbacks.EarlyStopping())
    assert len(told) == 1


def test_lambda_callback_and_the_other_names_of_batch_hooks() -> None:
    seen: list[Any] = []
    hooks = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: seen.append(("epoch", epoch)),
        on_train_batch_end=lambda n, logs: seen.append((n, sorted(logs))),
        on_train_end=lambda logs: seen.append(("end", sorted(logs))),
        on_test_batch_end=lambda n, _: seen.append(("test", n)),
    )

    class Old(callbacks.Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(("old", batch, sorted(logs)))

    fit(compiled(), hooks, Old(), epochs=1, batch_size=12, validation_split=0.5)
    assert seen == [
        ("epoch", 0),
        (0, ["loss"]),
        ("old", 0, ["loss"]),
        ("test", 0),
        ("end", ["loss", "val_loss"]),
    ]


def test_hooks_of_evaluate_and_predict() -> None:
    seen: list[str] = []

    class Log(callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                return lambda *args: seen.append(f"{name} {len(args)}")
            return super().__getattribute__(name)

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            """Is overridden."""

        def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
            """Is overridden."""

    x, t = batch(10)
    model = compiled()
    model.evaluate(x, t, batch_size=5, verbose=0, callbacks=[Log()])
    model.predict(x, batch_size=5, callbacks=Log())
    assert seen == [
        "on_test_begin 1",
        *["on_test_batch_end 2"] * 2,
        "on_test_end 1",
        "on_predict_begin 1",
        *["on_predict_batch_begin 2"] * 2,
        "on_predict_end 1",
    ]


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: hotloop[tensorboard]")
    from tensorboardX.proto import event_pb2  # noqa: PLC0415 - an extra
    from tensorboardX.record_writer import RecordWriter  # noqa: F401, PLC0415

    board = callbacks.TensorBoard(tmp_path, histogram_freq=2, update_freq=2)
    history = fit(compiled(), board, epochs=3, validation_split=0.25)
    found: dict[str, list[float]] = {}
    for part in ("train", "validation"):
        (file,) = (tmp_path / part).iterdir()
        data = file.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            event = event_pb2.Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            for value in event.summary.value:
                number = value.simple_value if value.HasField("simple_value") else value.histo.num
                found.setdefault(f"{part}/{value.tag}", []).append(number)
    assert found["train/epoch_loss"] == pytest.approx(history.history["loss"], rel=1e-6)
    assert found["validation/epoch_loss"] == pytest.approx(history.history["val_loss"], rel=1e-6)
    assert len(found["train/batch_loss"]) == 4
    assert found["train/dense/kernel"] == [30, 30]


@pytest.mark.filterwarnings("ignore")  # TensorBoard's own
def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: hotloop[tensorboard]")
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1)
    history = fit(compiled(), board, epochs=3, validation_split=0.25)
    for part, key in (("train", "loss"), ("validation", "val_loss")):
        events = reader.EventAccumulator(str(tmp_path / part))
        events.Reload()
        scalars = events.Scalars("epoch_loss")
        assert [event.step for event in scalars] == [0, 1, 2]
        assert [event.value for event in scalars] == pytest.approx(history.history[key], rel=1e-6)
        if part == "train":
            assert "dense/kernel" in events.Tags()["histograms"]


def test_tensorboard_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'hotloop\[tensorboard\]'"):
        fit(compiled(), callbacks.TensorBoard(tmp_path))
    with pytest.raises(ValueError, match="update_freq must be"):
        callbacks.TensorBoard(update_freq="never")


def test_batches_cost_nothing_where_nobody_listens() -> None:
    quiet = [
        callbacks.EarlyStopping("loss"),
        callbacks.ModelCheckpoint("m"),
        callbacks.BackupAndRestore("b"),
        callbacks.TensorBoard(),
        callbacks.LambdaCallback(on_epoch_end=print),
    ]
    listening = callbacks.CallbackList(quiet, compiled(), {})
    assert listening.train_ends == []
    assert len(callbacks.CallbackList([callbacks.TerminateOnNaN()], None, {}).train_ends) == 1


def rising(t: Any, y: Any) -> Any:
    return (t.reshape(-1) == y.argmax(axis=1)).astype(float)


class Silent(hl.metrics.Metric):
    """Does not say which way it gets better."""

    def values(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ARG002
        return y_pred.max(axis=1)


class Written(Silent):
    """As for Keras."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._direction = "up"


M = hl.metrics
UP: list[Any] = [
    M.F1Score(average="macro", name="figure"),
    M.Precision(name="figure"),
    M.Recall(class_id=1, name="figure"),
    M.R2Score(name="figure"),
    M.TopKCategoricalAccuracy(k=2, name="figure"),
    M.SparseCategoricalAccuracy(name="figure"),
    M.BinaryAccuracy(name="figure"),
    M.CategoricalAccuracy(name="val_loss_of_mine"),
    Written("figure"),
    "accuracy",
    "acc",
]
DOWN: list[Any] = [
    M.MeanSquaredError(name="accuracy"),
    M.LossMetric("huber", name="figure"),
    "categorical_crossentropy",
    "mae",
    hl.losses.mean_squared_error,
]
MONITORS = [
    callbacks.EarlyStopping,
    callbacks.ReduceLROnPlateau,
    lambda monitor: callbacks.ModelCheckpoint("unused", monitor, save_best_only=True),
]


@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("make", MONITORS)
def test_a_metric_knows_its_direction_under_any_name(make: Any, validation: bool) -> None:
    x, t = batch(24)
    for metric, larger in [*((m, True) for m in UP), *((m, False) for m in DOWN)]:
        model = compiled(metrics=[metric])
        model.evaluate(x, np.eye(4)[t], verbose=0)
        watching = make("val_" * validation + model.metrics_names[1])
        watching.set_model(model)
        watching.on_train_begin()
        assert watching.better(0.9, than=0.8) == larger, metric
        assert watching.better(0.8, than=0.9) != larger, metric


def test_directions_with_several_outputs_and_equal_names() -> None:
    inputs = hl.Input((3,))
    ends = [hl.layers.Dense(2, "softmax", name=name)(inputs) for name in ("a", "b")]
    model = hl.Model(inputs, ends)
    found = {"a": ["accuracy", M.Recall(), M.Recall()], "b": ["mse"]}
    model.compile("sgd", "categorical_crossentropy", metrics=found)
    x, rows = np.ones((8, 3)), np.eye(2)[np.arange(8) % 2]
    larger = {"a_accuracy": True, "a_recall": True, "a_recall_1": True, "b_mse": False}
    for name, is_up in {**larger, "a_loss": False, "b_loss": False, "loss": False}.items():
        for key in (name, f"val_{name}"):
            watch = callbacks.EarlyStopping(key)
            model.fit(x, [rows, rows], callbacks=[watch], validation_split=0.5, verbose=0)
            assert watch.better(0.9, than=0.8) == is_up, key


def batches() -> Any:
    x, t = batch(24)
    yield x, t


@pytest.mark.parametrize("make", MONITORS)
@pytest.mark.parametrize("data", ["arrays", "batches"])
def test_a_name_that_says_nothing_needs_a_mode(make: Any, data: str) -> None:
    x, t = batch(24)
    for metric, name in ((rising, "rising"), (Silent(), "silent"), ("accuracy", "figure")):
        model = compiled(metrics=[metric])
        calls = [Figures([1.0], "val_figure"), make(f"val_{name}")]
        options: Any = {"callbacks": calls, "verbose": 0}
        given: Any = (x, t) if data == "arrays" else (batches(),)
        with pytest.raises(ValueError, match=f"larger or a smaller 'val_{name}' is better; give"):
            model.fit(*given, **options)


def test_figures_of_callbacks_say_it_by_name_or_mode() -> None:
    for name, mode, larger in (
        ("val_auc", "auto", True),
        ("figure", "max", True),
        ("figure", "min", False),
        ("my_accuracy", "auto", True),
    ):
        watch = callbacks.EarlyStopping(name, mode=mode)
        fit(compiled(), Figures([1.0] * 4, name), watch)
        assert watch.better(0.9, than=0.8) == larger


def test_a_figure_of_several_numbers_cannot_be_watched() -> None:
    x, t = batch(24)
    model = compiled(metrics=[M.F1Score()])
    watch = callbacks.EarlyStopping("f1_score")
    with pytest.raises(ValueError, match="'f1_score' is 4 figures, of which none says"):
        model.fit(x, np.eye(4)[t], callbacks=[watch], verbose=0)
