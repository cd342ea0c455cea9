"""Where batches come from: generators, endless data, memmaps, odd arrays; and what it costs."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import batch, two_layer_model
from hotloop import layers

LOSS = "sparse_categorical_crossentropy"


def compiled(dtype: str = "float64", **kwargs: Any) -> hl.Sequential:
    model = two_layer_model(dtype)
    model.compile(hl.optimizers.SGD(0.5), LOSS, **kwargs)
    return model


def assert_same_weights(a: hl.Model, b: hl.Model) -> None:
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


def endless() -> Iterator[Any]:
    for i in itertools.count():
        yield batch(8, seed=i)


def test_steps_per_epoch_of_an_endless_generator() -> None:
    first, second = compiled(), compiled()
    steps: list[Any] = []
    counter = hl.callbacks.LambdaCallback(
        on_train_begin=lambda _: steps.append(counter.params["steps"])
    )
    history = first.fit(
        endless(), steps_per_epoch=3, epochs=2, verbose=0, callbacks=counter
    ).history
    losses = [second.train_on_batch(*batch(8, seed=i)) for i in range(6)]
    assert_same_weights(first, second)
    assert history["loss"] == pytest.approx([np.mean(losses[:3]), np.mean(losses[3:])])
    assert steps == [3]


def test_steps_per_epoch_goes_on_through_arrays() -> None:
    x, t = batch(40)
    first, second = compiled(), compiled()
    hl.set_seed(1)
    first.fit(x, t, batch_size=8, steps_per_epoch=2, epochs=5, verbose=0)
    hl.set_seed(1)
    second.fit(x, t, batch_size=8, epochs=2, verbose=0)
    assert_same_weights(first, second)


def test_data_that_runs_out_is_told() -> None:
    batches = list(itertools.islice(endless(), 5))
    with pytest.warns(UserWarning, match="the data ran out before the epochs were over"):
        history = compiled().fit(iter(batches), epochs=3, verbose=0)
    assert history.epoch == [0]
    with pytest.warns(UserWarning, match="the data ran out"):
        history = compiled().fit(iter(batches), epochs=3, steps_per_epoch=2, verbose=0)
    assert history.epoch == [0, 1, 2]
    with pytest.raises(ValueError, match="the data yielded no batch"):
        compiled().fit(iter([]), verbose=0)
    with pytest.raises(ValueError, match="steps_per_epoch must be a positive integer, got 0"):
        compiled().fit(endless(), steps_per_epoch=0, verbose=0)


def test_validation_by_steps_and_now_and_then() -> None:
    x, t = batch(40)
    model = compiled()
    history = model.fit(
        x, t, epochs=4, validation_data=endless(), validation_steps=2, validation_freq=2, verbose=0
    ).history
    assert len(history["val_loss"]) == 2
    assert model.evaluate(endless(), steps=3, verbose=0) == pytest.approx(
        np.mean([model.test_on_batch(*batch(8, seed=i)) for i in range(3)])
    )
    y = model.predict((b[0] for b in endless()), steps=2)
    np.testing.assert_array_equal(y[8:], model.predict(batch(8, seed=1)[0]))
    np.testing.assert_array_equal(
        model.predict(hl.DataLoader(x, t, batch_size=7)), model.predict(x)
    )


def test_weighted_metrics_see_the_weights() -> None:
    x, t = batch(20)
    weight = np.linspace(0, 2, 20)
    model = compiled(metrics=["accuracy"], weighted_metrics=["acc", "mse"])
    rows = np.eye(4)[t]
    logs = model.evaluate(x, rows, sample_weight=weight, verbose=0, return_dict=True)
    y = model.predict(x)
    right = y.argmax(axis=1) == t
    assert logs["accuracy"] == pytest.approx(right.mean())
    assert logs["acc"] == pytest.approx((right * weight).sum() / weight.sum())
    squares = ((y - rows) ** 2).mean(axis=1)
    assert logs["mse"] == pytest.approx((squares * weight).sum() / weight.sum())
    history = model.fit(x, rows, sample_weight=weight, epochs=1, verbose=0).history
    assert list(history) == ["loss", "accuracy", "acc", "mse"]


def test_figures_of_several_numbers() -> None:
    x, t = batch(20)
    model = compiled(metrics=[hl.metrics.F1Score()])
    history = model.fit(x, np.eye(4)[t], verbose=2)
    assert history.history["f1_score"][0].shape == (4,)


@pytest.mark.parametrize("target", ["binary", "multi-label"])
def test_binary_and_multi_label_targets(target: str) -> None:
    x, _ = batch(64)
    t = (x[:, :1] > 0).astype(int) if target == "binary" else (x[:, :3] > 0).astype(int)
    hl.set_seed(0)
    model = hl.Sequential([layers.Dense(t.shape[1], "sigmoid", input_shape=(6,))])
    model.compile("adam", "binary_crossentropy", ["binary_accuracy", hl.metrics.Recall()])
    model.optimizer.learning_rate = 0.05
    weights = {0: 1.0, 1: 3.0} if target == "binary" else None
    history = model.fit(
        x, t[:, 0] if target == "binary" else t, epochs=40, class_weight=weights, verbose=0
    ).history
    assert history["binary_accuracy"][-1] > 0.8
    assert history["recall"][-1] > 0.9


@pytest.mark.parametrize("kind", ["float16", ">f4", "strided", "longdouble", "bool"])
def test_arrays_that_the_core_does_not_take_as_they_are(kind: str) -> None:
    x, t = batch(30)
    x = (x > 0).astype(np.float64) if kind == "bool" else x.astype(np.float16).astype(np.float64)
    odd = x.repeat(2, axis=1)[:, ::2] if kind == "strided" else x.astype(kind)
    first, second = compiled(), compiled()
    for model, values in ((first, odd), (second, x)):
        hl.set_seed(1)
        model.fit(values, t, batch_size=8, epochs=2, verbose=0)
    assert_same_weights(first, second)
    np.testing.assert_array_equal(first.predict(odd), first.predict(x))
    np.testing.assert_array_equal(first.forward(odd), first.forward(x))
    assert first.evaluate(odd, t, verbose=0) == first.evaluate(x, t, verbose=0)


@pytest.mark.parametrize("dtype", ["uint8", ">u2"])
def test_a_memmap_larger_than_the_memory(tmp_path: Path, dtype: str) -> None:
    # A sparse file: 64 GiB that take no room on the disk, and that nobody could copy.
    n, features = 2**20, 2**16 // np.dtype(dtype).itemsize
    with (tmp_path / "x").open("wb") as file:
        try:
            file.truncate(n * 2**16)
        except OSError:
            pytest.skip("the file system has no sparse files of 64 GiB")
    x = np.memmap(tmp_path / "x", dtype, "r+", shape=(n, features))
    x[:4, :100] = 200
    hl.set_seed(0)
    model = hl.Sequential(
        [hl.Input((features,)), layers.Rescaling(1 / 255), layers.Dense(2, "softmax")]
    )
    model.compile("sgd", LOSS)
    t = np.zeros(n, np.uint8)
    tracemalloc.start()
    try:
        history = model.fit(
            x, t, batch_size=4, steps_per_epoch=2, epochs=2, validation_split=0.5,
            validation_steps=2, verbose=0,
        )  # fmt: skip
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert history.epoch == [0, 1]
    assert peak < 2**28
    predicted = model.predict(x, batch_size=4, steps=1)
    np.testing.assert_allclose(predicted, model.predict(np.array(x[:4])), rtol=1e-6)


def test_predict_allocates_its_output_alone() -> None:
    model = two_layer_model("float32")
    x = np.random.default_rng(0).standard_normal((10_000, 6)).astype(np.float32)
    model.predict(x[:5], batch_size=1)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        out = model.predict(x, batch_size=1)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < out.nbytes + 16_384


def test_a_batch_of_fit_allocates_nothing_that_stays() -> None:
    model = compiled("float32", metrics=["accuracy"])
    x, t = batch(4000)
    x = x.astype(np.float32)
    model.fit(x, t, batch_size=8, verbose=0)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        model.fit(x, t, batch_size=8, verbose=0)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The order of the shuffle, twice over while it is drawn, and small change.
    assert peak < 3 * t.nbytes + 32_768


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_a_bar_in_a_terminal_and_lines_in_a_log(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    x, t = batch(20)
    compiled().fit(x, t, batch_size=5, epochs=2)
    out, err = capsys.readouterr()
    if terminal:
        assert out == ""
        assert "Epoch 2/2: 100%" in err
    else:
        assert err == ""
        assert [line[:9] for line in out.splitlines()] == ["Epoch 1/2", "Epoch 2/2"]
        assert "\r" not in out


def test_progress_is_a_bar_in_a_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a kernel has it: standard error is no terminal. tqdm.auto then draws its own widget
    # where ipywidgets are, else the bar of a terminal.
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    x, t = batch(20)
    compiled().fit(x, t, batch_size=5, epochs=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Epoch 2/2: 100%" in err
