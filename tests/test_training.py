"""fit, evaluate, predict: against loops in NumPy; splits, weights, logs, interrupts, threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import TwoLayer, batch, two_layer_model
from hotloop import layers

Array = np.ndarray[Any, Any]
LOSS = "sparse_categorical_crossentropy"


def compiled(dtype: str = "float64", optimizer: Any = None, **kwargs: Any) -> hl.Sequential:
    model = two_layer_model(dtype)
    model.compile(optimizer or hl.optimizers.SGD(0.5), LOSS, **kwargs)
    return model


def assert_same_weights(a: hl.Model, b: hl.Model) -> None:
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


def test_fit_is_the_loop_by_the_formulas() -> None:
    model = compiled(metrics=["accuracy"])
    plain = TwoLayer(*model.get_weights())
    x, t = batch(50)
    hl.set_seed(9)
    history = model.fit(x, t, batch_size=16, epochs=3, verbose=0)
    hl.set_seed(9)
    for epoch in range(3):
        order = hl.random.generator().permutation(50)
        total = right = 0.0
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            right += (plain.probabilities(x[rows]).argmax(axis=1) == t[rows]).sum()
            total += plain.sgd(x[rows], t[rows], 0.5) * len(rows)
        assert history.history["loss"][epoch] == pytest.approx(total / 50, rel=1e-10)
        assert history.history["accuracy"][epoch] == pytest.approx(right / 50)
    for a, b in zip(model.get_weights(), plain.params, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert history.epoch == [0, 1, 2]
    assert model.history is history


def test_fit_without_shuffle_is_train_on_batch_in_order() -> None:
    first, second = compiled("float32"), compiled("float32")
    x, t = batch(50)
    first.fit(x, t, batch_size=16, shuffle=False, verbose=0)
    for start in range(0, 50, 16):
        second.train_on_batch(x[start : start + 16], t[start : start + 16])
    assert_same_weights(first, second)


def test_the_same_seed_gives_the_same_bits() -> None:
    x, t = batch(60)
    runs = []
    for _ in range(2):
        hl.set_seed(5)
        model = hl.Sequential(
            [layers.Dense(8, "relu", input_shape=(6,)), layers.Dense(4, "softmax")]
        )
        model.compile("adam", LOSS)
        model.fit(x, t, epochs=3, verbose=0)
        runs.append(model)
    assert_same_weights(*runs)


@pytest.mark.usefixtures("team")
def test_thread_counts_change_no_bit() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.random((64, 300)).astype(np.float32), rng.integers(0, 10, 64)
    before = hl.get_num_threads()
    runs = []
    try:
        for threads in (1, 2, 3):
            hl.set_num_threads(threads)
            hl.set_seed(5)
            model = hl.Sequential(
                [layers.Dense(256, "relu", input_shape=(300,)), layers.Dense(10, "softmax")]
            )
            model.compile("adam", LOSS)
            model.fit(x, t, epochs=2, verbose=0)
            runs.append(model)
    finally:
        hl.set_num_threads(before)
    assert_same_weights(runs[0], runs[1])
    assert_same_weights(runs[0], runs[2])


@pytest.mark.parametrize("form", ["column", "float", "rows", "uint8", "list"])
def test_labels_in_every_form_train_alike(form: str) -> None:
    first, second = compiled(), compiled()
    x, t = batch(20)
    forms: dict[str, Any] = {
        "column": t.reshape(-1, 1),
        "float": t.astype(np.float64),
        "rows": np.eye(4, dtype=np.uint8)[t],
        "uint8": t.astype(np.uint8),
        "list": t.tolist(),
    }
    first.fit(x, t, batch_size=8, shuffle=False, verbose=0)
    second.fit(x, forms[form], batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_uint8_images_with_a_leading_rescaling() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 256, (40, 4, 4), np.uint8), rng.integers(0, 3, 40)

    def make(*first: hl.layers.Layer) -> hl.Sequential:
        hl.set_seed(2)
        model = hl.Sequential(
            [hl.Input((4, 4)), *first, layers.Flatten(), layers.Dense(3, "softmax")]
        )
        model.compile("sgd", LOSS)
        return model

    scaled, plain = make(layers.Rescaling(1 / 255, -0.5)), make()
    by_numpy = (x * (1 / 255) - 0.5).astype(np.float32)
    hl.set_seed(3)
    scaled.fit(x, t, epochs=2, verbose=0)
    hl.set_seed(3)
    plain.fit(by_numpy, t, epochs=2, verbose=0)
    for a, b in zip(scaled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(scaled.predict(x), plain.predict(by_numpy), atol=1e-6)
    np.testing.assert_allclose(scaled.forward(x[:3]), plain.forward(by_numpy[:3]), atol=1e-6)
    assert scaled.train_on_batch(x[:5], t[:5]) == pytest.approx(
        plain.train_on_batch(by_numpy[:5], t[:5]), rel=1e-4
    )


def test_sample_and_class_weights() -> None:
    x, t = batch(12)
    weight = np.linspace(0, 2, 12)
    by_class = {0: 2.0, 2: 0.5}
    both = weight * np.array([by_class.get(int(k), 1.0) for k in t])
    model = compiled()
    plain = TwoLayer(*model.get_weights())
    assert model.train_on_batch(x, t, weight) == pytest.approx(plain.sgd(x, t, 0.5, weight))
    model.fit(
        x, t, sample_weight=weight, class_weight=by_class, batch_size=12, shuffle=False, verbose=0
    )
    plain.sgd(x, t, 0.5, both)
    loss = model.evaluate(x, t, sample_weight=weight, verbose=0)
    assert loss == pytest.approx(plain.loss_and_grads(x, t, weight)[0], rel=1e-10)
    for a, b in zip(model.get_weights(), plain.params, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_weights_with_a_loss_that_numpy_computes() -> None:
    hl.set_seed(1)
    model = hl.Sequential([layers.Dense(2, input_shape=(6,))], dtype="float64")
    model.compile(hl.optimizers.SGD(0.1), "mse")
    x, _ = batch(8)
    y, w = np.ones((8, 2)), np.arange(8.0)
    k, b = model.get_weights()
    d = x @ k + b - y
    assert model.train_on_batch(x, y, w) == pytest.approx(((d**2).mean(axis=1) * w).sum() / 8)
    dz = 2 * d / 2 * w[:, None] / 8
    np.testing.assert_allclose(model.get_weights()[0], k - 0.1 * x.T @ dz, rtol=1e-12)


def test_validation_split_takes_the_end_before_the_shuffle() -> None:
    x, t = batch(50)
    first, second = compiled(metrics=["accuracy"]), compiled(metrics=["accuracy"])
    hl.set_seed(1)
    a = first.fit(x, t, validation_split=0.3, verbose=0).history
    hl.set_seed(1)
    b = second.fit(x[:35], t[:35], validation_data=(x[35:], t[35:]), verbose=0).history
    assert a == b
    assert list(a) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    loss, accuracy = first.evaluate(x[35:], t[35:], verbose=0)
    assert a["val_loss"][-1] == pytest.approx(loss)
    assert a["val_accuracy"][-1] == pytest.approx(accuracy)


def test_evaluate_does_not_depend_on_the_batch_size() -> None:
    model = compiled(metrics=["accuracy", "mse"])
    x, t = batch(50)
    rows = np.eye(4)[t]
    values = [model.evaluate(x, rows, batch_size=n, verbose=0) for n in (1, 7, 50, 100)]
    p = TwoLayer(*model.get_weights()).probabilities(x)
    expected = [
        -np.log(p[np.arange(50), t]).mean(),
        (p.argmax(axis=1) == t).mean(),
        ((p - rows) ** 2).mean(),
    ]
    for value in values:
        np.testing.assert_allclose(value, expected, rtol=1e-12)
    as_dict = model.evaluate(x, rows, verbose=0, return_dict=True)
    assert list(as_dict) == ["loss", "accuracy", "mse"]
    assert model.metrics_names == ["loss", "accuracy", "mse"]


def test_evaluate_without_metrics_is_a_float() -> None:
    model = compiled()
    x, t = batch(5)
    assert isinstance(model.evaluate(x, t, verbose=0), float)
    assert model.evaluate(x, t, verbose=0) == model.test_on_batch(x, t)
    assert model.train_on_batch(x, t, return_dict=True).keys() == {"loss"}


def test_a_data_loader_and_a_list_of_batches() -> None:
    x, t = batch(50)
    first, second, third = compiled(), compiled(), compiled()
    hl.set_seed(4)
    first.fit(x, t, batch_size=16, epochs=2, verbose=0)
    hl.set_seed(4)
    second.fit(hl.DataLoader(x, t, batch_size=16, shuffle=True), epochs=2, verbose=0)
    assert_same_weights(first, second)
    third.fit(((x[i : i + 16], t[i : i + 16]) for i in range(0, 50, 16)), verbose=0)
    fourth = compiled()
    fourth.fit(x, t, batch_size=16, shuffle=False, verbose=0)
    assert_same_weights(third, fourth)
    assert first.evaluate(hl.DataLoader(x, t), verbose=0) == pytest.approx(
        first.evaluate(x, t, verbose=0)
    )
    history = first.fit(x, t, validation_data=hl.DataLoader(x, t), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(first.evaluate(x, t, verbose=0))


def test_memmaps_are_read_where_they_are(tmp_path: Any) -> None:
    x, t = batch(50)
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(50, 6))
    mapped[:] = x
    mapped.flush()
    read = np.memmap(tmp_path / "x", np.float32, "r", shape=(50, 6))
    first, second = compiled("float32"), compiled("float32")
    hl.set_seed(1)
    first.fit(read, t, verbose=0)
    hl.set_seed(1)
    second.fit(x.astype(np.float32), t, verbose=0)
    assert_same_weights(first, second)
    np.testing.assert_array_equal(first.predict(read), first.predict(np.array(read)))


def test_initial_epoch_and_stop_training() -> None:
    class Stop(hl.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.model.stop_training = epoch == 4

    x, t = batch(10)
    model = compiled()
    assert model.fit(x, t, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
    assert model.fit(x, t, epochs=9, callbacks=[Stop()], verbose=0).epoch == [0, 1, 2, 3, 4]


def test_hooks_come_in_keras_order_with_running_means() -> None:
    class Log(hl.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
            self.seen.append(("train", self.params["epochs"], self.params["steps"]))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.seen.append(("epoch", epoch))

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.seen.append(("batch", batch))

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen.append(("end", batch, sorted(logs)))
            self.last = dict(logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            assert self.last == logs
            self.seen.append(("done", epoch))

        def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
            self.seen.append(("out",))

    log = Log()
    x, t = batch(10)
    compiled(metrics=["accuracy"]).fit(x, t, batch_size=5, callbacks=log, verbose=0)
    names = ["accuracy", "loss"]
    assert log.seen == [
        ("train", 1, 2),
        ("epoch", 0),
        ("batch", 0),
        ("end", 0, names),
        ("batch", 1),
        ("end", 1, names),
        ("done", 0),
        ("out",),
    ]


def test_metrics_of_every_kind_of_target() -> None:
    x, t = batch(20)
    for target, end, loss, kind in (
        (t, layers.Dense(4, "softmax"), LOSS, hl.metrics.SparseCategoricalAccuracy),
        (np.eye(4)[t], layers.Dense(4, "softmax"), "mse", hl.metrics.CategoricalAccuracy),
        (t % 2, layers.Dense(1, "sigmoid"), "binary_crossentropy", hl.metrics.BinaryAccuracy),
    ):
        model = hl.Sequential([hl.Input((6,)), end])
        model.compile("sgd", loss, ["acc"])
        value = model.evaluate(x, target, verbose=0, return_dict=True)["acc"]
        y = model.predict(x)
        right = y.argmax(axis=1) == t if y.shape[1] > 1 else (y[:, 0] > 0.5) == target
        assert value == pytest.approx(right.mean())
        assert type(model.metrics[0]) is kind


def test_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    x, t = batch(10)
    model = compiled(metrics=["accuracy"])
    model.fit(x, t, verbose=0)
    assert capsys.readouterr() == ("", "")
    model.fit(x, t, epochs=2, verbose=2)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert out[1].startswith("Epoch 2/2 - ")
    assert "loss: " in out[1]
    assert "accuracy: " in out[1]
    model.fit(x, t, batch_size=5, verbose=1)
    bar = capsys.readouterr().err
    assert "Epoch 1/1" in bar
    assert "2/2" in bar
    assert "accuracy=" in bar
    model.evaluate(x, t, verbose=1)
    assert capsys.readouterr().out.startswith("loss: ")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda m, x, t: m.fit(x, t[:5]), ValueError, "fit: x has 10 samples but y has 5"),
        (lambda m, x, _: m.fit(x), ValueError, "fit: y is missing"),
        (lambda m, x, t: m.fit(x[:0], t[:0]), ValueError, "fit: the data has no samples"),
        (
            lambda m, x, t: m.train_on_batch(x[:0], t[:0]),
            ValueError,
            "train_on_batch: the data has",
        ),
        (lambda m, x, t: m.evaluate(x[:0], t[:0]), ValueError, "mean loss of an empty batch"),
        (lambda m, x, t: m.fit(x, t, batch_size=0), ValueError, "positive integer, got 0"),
        (lambda m, x, t: m.fit(x[:, :5], t), ValueError, r"fit: layer 'dense' expects .*\(10, 5\)"),
        (lambda m, x, t: m.fit(x, t, validation_split=1.0), ValueError, "must lie in"),
        (lambda m, x, t: m.fit(x, t, validation_split=0.99), ValueError, "leaves one part empty"),
        (lambda m, x, t: m.fit(x, t, sample_weight=t[:3]), ValueError, r"must have shape \(10,\)"),
        (lambda m, x, t: m.fit(x, t, verbose=3), ValueError, "verbose must be 'auto', 0, 1 or 2"),
        (lambda m, x, t: m.fit(x, t + 9), ValueError, "labels must lie in 0..3 for 4 outputs"),
        (lambda m, x, t: m.fit(x, t + 0.5), ValueError, "labels must be whole class ids"),
        (lambda m, x, t: m.fit(x, t * np.nan), ValueError, "labels must be whole .* nan"),
        (lambda m, x, _: m.fit(x, np.array(["a"] * 10)), TypeError, "y must be real numbers"),
        (lambda m, x, t: m.fit(hl.DataLoader(x, t), t), ValueError, "leave out y"),
        (lambda m, x, t: m.fit([x, x], t), ValueError, "expects input of shape"),
        (lambda m, *_: m.backward(np.ones((3, 4))), RuntimeError, "call model.forward"),
    ],
)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    model = compiled()
    before = model.get_weights()
    with pytest.raises(error, match=text):
        call(model, *batch(10))
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_uncompiled_models_and_unknown_names() -> None:
    model = two_layer_model()
    x, t = batch(10)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.loss_and_grads):
        with pytest.raises(
            RuntimeError, match=r"call model.compile\(optimizer=..., loss=...\) first"
        ):
            call(x, t)
    with pytest.raises(ValueError, match="unknown optimizer 'adamix'; valid names: adadelta, "):
        model.compile("adamix", LOSS)
    with pytest.raises(ValueError, match="unknown loss 'hinj'; valid"):
        model.compile("sgd", "hinj")
    with pytest.raises(ValueError, match="unknown metric 'acuracy'; valid names: acc, accuracy"):
        model.compile("sgd", LOSS, ["acuracy"])
    assert model.optimizer is None
