"""Data behind an index and a length: Keras's PyDataset, PyTorch's Dataset, and objects like them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from keras_oracle import as_numpy, keras

Array = np.ndarray[Any, Any]
LOSS = "sparse_categorical_crossentropy"
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 5)), RNG.integers(0, 3, 20)


def model(units: int = 3) -> hl.Sequential:
    hl.set_seed(1)
    made = hl.Sequential(
        [hl.Input((5,)), hl.layers.Dense(units, activation="softmax")], dtype="float64"
    )
    made.compile(hl.optimizers.SGD(0.1), LOSS, metrics=["accuracy"])
    return made


class Plain:
    """Batches of 5, for any index at all: it never raises an IndexError."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        rows = slice(5 * (index % 4), 5 * (index % 4) + 5)
        return X[rows], Y[rows]


class WithBase(hl.utils.Sequence):
    """The same, as Keras writes it, with a note of each pass."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plain, self.notes = Plain(), []  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return self.plain[index]

    def on_epoch_begin(self) -> None:
        self.notes.append("begin")

    def on_epoch_end(self) -> None:
        self.notes.append("end")


class Samples:
    """Single samples, as PyTorch's data sets hold them."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> Any:
        return X[index], int(Y[index])


@pytest.mark.parametrize("kind", [Plain, WithBase])
def test_fit_evaluate_predict_stop_at_the_length(kind: Callable[[], Any]) -> None:
    by_index, by_rows = model(), model()
    got = by_index.fit(kind(), epochs=3, shuffle=False, validation_data=kind(), verbose=0)
    want = by_rows.fit(
        X, Y, batch_size=5, epochs=3, shuffle=False, validation_data=(X, Y), verbose=0
    )
    for key, values in want.history.items():
        assert got.history[key] == pytest.approx(values, rel=1e-12), key
    assert by_index.evaluate(kind(), verbose=0) == pytest.approx(by_rows.evaluate(X, Y, verbose=0))
    np.testing.assert_array_equal(by_index.predict(kind()), by_rows.predict(X))


def test_each_epoch_takes_every_batch_once_in_a_new_order() -> None:
    data = Plain()
    model().fit(data, epochs=3, verbose=0)
    epochs = [data.asked[i : i + 4] for i in (0, 4, 8)]
    assert [sorted(epoch) for epoch in epochs] == [[0, 1, 2, 3]] * 3
    assert len({tuple(epoch) for epoch in epochs}) > 1
    again = Plain()
    model().fit(again, epochs=3, verbose=0)
    assert again.asked == data.asked  # by the process's seed


def test_progress_knows_the_steps() -> None:
    steps = []
    watch = hl.callbacks.LambdaCallback(
        on_train_begin=lambda _: steps.append(watch.params["steps"])
    )
    model().fit(Plain(), callbacks=watch, verbose=0)
    assert steps == [4]


def test_the_hooks_of_each_pass_are_called() -> None:
    data = WithBase()
    made = model()
    made.fit(data, epochs=2, verbose=0)
    assert data.notes == ["begin", "end"] * 2
    made.fit(data, epochs=2, steps_per_epoch=2, verbose=0)
    assert data.notes == ["begin", "end"] * 4
    made.evaluate(data, verbose=0)
    made.predict(data, steps=1)
    assert data.notes == ["begin", "end"] * 6


def test_data_may_change_at_the_end_of_an_epoch() -> None:
    class Growing(WithBase):
        def __len__(self) -> int:
            return 1 + self.notes.count("end")

    steps: list[int] = []
    watch = hl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, _: steps.append(batch))
    model().fit(Growing(), epochs=3, callbacks=watch, verbose=0)
    assert steps == [0, 0, 1, 0, 1, 2]


def test_data_without_end_needs_steps_and_gets_them() -> None:
    class Endless(WithBase):
        @property
        def num_batches(self) -> None:
            return None

    data = Endless()
    model().fit(data, epochs=2, steps_per_epoch=3, verbose=0)
    assert data.plain.asked == [0, 1, 2, 3, 4, 5]


def test_class_weights_weigh_batches_by_index() -> None:
    by_index, by_rows = model(), model()
    by_index.fit(Plain(), class_weight={0: 3.0}, shuffle=False, verbose=0)
    by_rows.fit(X, Y, batch_size=5, class_weight={0: 3.0}, shuffle=False, verbose=0)
    for a, b in zip(by_index.get_weights(), by_rows.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore")
def test_keras_data_sets_run_here_and_ours_in_keras() -> None:
    k = keras()

    class Theirs(k.utils.PyDataset):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ends = 0

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]

        def on_epoch_end(self) -> None:
            self.ends += 1

    theirs, ours = Theirs(), model()
    got = ours.fit(theirs, epochs=2, shuffle=False, verbose=0).history
    assert theirs.ends == 2
    net = k.Sequential([k.layers.Input((5,)), k.layers.Dense(3, activation="softmax")])
    net.set_weights(model().get_weights())
    net.compile(k.optimizers.SGD(0.1), LOSS, metrics=["accuracy"])
    want = net.fit(Theirs(), epochs=2, shuffle=False, verbose=0).history
    assert got["loss"] == pytest.approx(want["loss"], rel=1e-4)
    np.testing.assert_allclose(
        ours.predict(Theirs()), as_numpy(net.predict(Theirs(), verbose=0)), rtol=1e-4
    )


@pytest.mark.parametrize("kind", ["ours", "torch"])
def test_samples_go_through_the_data_loader(kind: str) -> None:
    data: Any = Samples()
    if kind == "torch":
        torch = pytest.importorskip("torch", reason="holds PyTorch's data sets to ours")
        data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = hl.DataLoader(data, batch_size=6)
    assert len(loader) == 4
    x, y = next(iter(loader))
    np.testing.assert_array_equal(x, X[:6])
    np.testing.assert_array_equal(y, Y[:6])
    by_index, by_rows = model(), model()
    by_index.fit(loader, epochs=2, verbose=0)
    by_rows.fit(X, Y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(by_index.get_weights(), by_rows.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(by_index.predict(loader), by_rows.predict(X))
    shuffled = hl.DataLoader(data, batch_size=6, shuffle=True, seed=3, drop_last=True)
    same = hl.DataLoader(X, Y, batch_size=6, shuffle=True, seed=3, drop_last=True)
    for (a, s), (b, t) in zip(shuffled, same, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(s, t)


def test_a_pytorch_data_set_is_put_together_by_fit() -> None:
    torch = pytest.importorskip("torch", reason="holds PyTorch's data sets to ours")
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    by_index, by_rows = model(), model()
    hl.set_seed(5)
    by_index.fit(data, batch_size=7, epochs=2, validation_data=data, verbose=0)
    hl.set_seed(5)
    by_rows.fit(hl.DataLoader(X, Y, batch_size=7, shuffle=True), epochs=2, verbose=0)
    for a, b in zip(by_index.get_weights(), by_rows.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    part = torch.utils.data.Subset(data, range(9))
    assert by_index.predict(part, batch_size=4).shape == (9, 3)
    assert by_index.evaluate(data, verbose=0) == pytest.approx(by_index.evaluate(X, Y, verbose=0))


def test_dicts_and_nested_samples_are_stacked() -> None:
    class Two:
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> Any:
            return {"a": X[index], "b": (X[index, :2], index)}, Y[index]

    (batch, y), *_ = hl.DataLoader(Two(), batch_size=3)
    np.testing.assert_array_equal(batch["a"], X[:3])
    np.testing.assert_array_equal(batch["b"][0], X[:3, :2])
    np.testing.assert_array_equal(batch["b"][1], [0, 1, 2])
    np.testing.assert_array_equal(y, Y[:3])


def test_samples_where_batches_are_needed_name_the_loader() -> None:
    calls: list[Callable[[hl.Model], Any]] = [
        lambda m: m.fit(Samples(), verbose=0),
        lambda m: m.evaluate(Samples(), verbose=0),
        lambda m: m.predict(Samples()),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"is one sample.*hl\.DataLoader\(dataset"):
            call(model())


def test_batches_are_refused_by_the_data_loader() -> None:
    with pytest.raises(ValueError, match="the items of WithBase are batches; give it to fit"):
        hl.DataLoader(WithBase())


def test_samples_that_do_not_fit_each_other_are_named() -> None:
    class Ragged(Samples):
        def __getitem__(self, index: int) -> Any:
            return X[index, : 2 + index % 2], 1

    with pytest.raises(ValueError, match=r"must have one shape, got \[\(2,\), \(3,\)\]"):
        list(hl.DataLoader(Ragged(), batch_size=4))


def test_an_index_where_an_array_is_needed_is_refused_at_once() -> None:
    made = model()
    for call in (
        lambda: made.fit(X, Plain(), verbose=0),
        lambda: made.forward(Plain()),
        lambda: made.train_on_batch(X, Plain()),
        lambda: made.fit(X, Y, sample_weight=Plain(), verbose=0),
        lambda: hl.DataLoader(X, Plain()),
    ):
        with pytest.raises(TypeError, match="Plain"):
            call()


def test_targets_beside_batches_are_refused_in_evaluate_too() -> None:
    with pytest.raises(ValueError, match="evaluate: with batches as x, leave out y and"):
        model().evaluate(Plain(), Y, verbose=0)


def test_a_size_beside_batches_has_no_effect_and_says_so() -> None:
    made = model()
    for call in (
        lambda: made.fit(Plain(), batch_size=3, verbose=0),
        lambda: made.evaluate(hl.DataLoader(X, Y), batch_size=3, verbose=0),
        lambda: made.predict(Plain(), batch_size=3),
        lambda: made.fit(X, Y, validation_data=Plain(), validation_batch_size=3, verbose=0),
    ):
        with pytest.warns(UserWarning, match="batch_size=3 has no effect"):
            call()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.evaluate(X, Y, batch_size=3, verbose=0)


def test_a_step_of_an_evaluation_is_a_batch_whatever_its_size() -> None:
    x, y = np.tile(X, (30, 1)), np.tile(Y, 30)
    loader = hl.DataLoader(x, y, batch_size=300)
    made = model()
    want = made.evaluate(x[:300], y[:300], verbose=0)
    assert made.evaluate(loader, steps=1, verbose=0) == pytest.approx(want)


def one_shot() -> Iterator[Any]:
    yield X, Y


def test_an_iterator_that_is_used_up_says_so() -> None:
    made, used = model(), one_shot()
    made.evaluate(used, verbose=0)
    with pytest.raises(ValueError, match=r"evaluate: .*no batch.* is used up"):
        made.evaluate(used, verbose=0)
    with pytest.raises(ValueError, match=r"fit: .*no batch.* is used up"):
        made.fit(used, verbose=0)
    with pytest.raises(ValueError, match=r"predict: .*no batch.* is used up"):
        made.predict(used)
    with pytest.raises(ValueError, match=r"fit: validation_data: .*no batch.* is used up"):
        made.fit(X, Y, epochs=2, validation_data=one_shot(), verbose=0)
    assert len(made.fit(X, Y, validation_data=one_shot(), verbose=0).history["val_loss"]) == 1


def test_a_dataset_may_have_an_attribute_that_arrays_have() -> None:
    class Typed(hl.utils.PyDataset):
        dtype = "float32"

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return np.ones((3, 1), np.float32), np.ones((3, 1), np.float32)

        def __iter__(self) -> Any:
            while True:
                yield self[0]

    model = hl.Sequential([hl.Input((1,)), hl.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(Typed(), epochs=1, verbose=0).history["loss"]) == 1
    assert model.predict(Typed(), verbose=0).shape == (6, 1)
