"""Three trainings of the lessons come out again in every printed digit, and as plain NumPy has them."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import plain_lessons as plain
from hotloop.book import lessons
from hotloop.book.lessons import RECIPES, Judge, Line, MyModel, Recipe, train
from hotloop.book.lessons.training import Steps

NAMES = list(RECIPES)


def digits(line: Line | tuple[float, ...]) -> list[str]:
    return [f"{figure:.4f}" for figure in line[-3:]]


@pytest.fixture(scope="module")
def mnist(mnist_data: Any) -> tuple[Any, Any, Any, Any]:
    (x, y), (x_test, y_test) = mnist_data
    return x, y, x_test, y_test


@pytest.mark.parametrize("name", NAMES)
def test_first_lines(name: str, mnist: Any) -> None:
    recipe = RECIPES[name]
    first, second = recipe.run(*mnist, steps=51)
    assert digits(first) == digits(recipe.figures[1])
    # Every weight has moved 51 times; the line is the lesson's, printed by plain NumPy.
    later = {
        "decay": ["112.5705", "0.6919", "0.6257"],
        "dropout": ["110.1612", "0.2698", "0.2470"],
        "adam": ["0.3368", "0.8868", "0.8573"],
    }
    assert digits(second) == later[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_printed_line(name: str, mnist: Any) -> None:
    """The figures given, and each line between them as plain NumPy prints it."""
    recipe = RECIPES[name]
    last = max(recipe.figures)
    lines = {line.step: line for line in recipe.run(*mnist, steps=last)}
    assert list(lines) == list(range(1, last + 1, 50))
    for step, figures in recipe.figures.items():
        assert digits(lines[step]) == digits(figures)
    for expected in plain_lines(recipe, mnist, last):
        assert digits(lines[expected.step]) == digits(expected), expected.step


def plain_lines(recipe: Recipe, mnist: Any, steps: int) -> list[Line]:
    model, optimizer = plain_model(recipe)
    n = recipe.images
    x, x_test = (a.reshape(-1, 784) / 0.255 for a in (mnist[0][:n], mnist[2][:3000]))
    t, t_test = np.eye(10)[mnist[1][:n]], np.eye(10)[mnist[3][:3000]]
    lines = []
    for step in range(1, steps + 1):
        batch = np.random.choice(n, recipe.batch_size)  # noqa: NPY002
        optimizer.update(model.params, model.gradient(x[batch], t[batch]))
        if step % 50 == 1:
            judged = model.accuracy(x, t), model.accuracy(x_test, t_test)
            lines.append(Line(step, model.loss(x[batch], t[batch]), *judged))
    return lines


def plain_model(recipe: Recipe, inputs: int = 784) -> tuple[Any, Any]:
    np.random.seed(42)  # noqa: NPY002
    model = plain.PlainModel([inputs, *recipe.hidden, 10], recipe.decay_lambda, recipe.use_dropout)
    kind = plain.SGD if recipe.optimizer is lessons.SGD else plain.Adam
    return model, kind(recipe.learning_rate)


def problem(rows: int = 300, inputs: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    x = rng.random((rows, inputs)) * (rng.random((rows, inputs)) > 0.7) * 1000
    return x, rng.integers(10, size=rows)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "by hand"])
def test_steps_equal_plain_numpy(name: str, recorded: bool) -> None:
    recipe = RECIPES[name]
    x, ids = problem()
    t = np.eye(10)[ids]
    expected, its_optimizer = plain_model(recipe, x.shape[1])
    draws = []
    for _ in range(5):
        batch = np.random.choice(len(x), 50)  # noqa: NPY002
        draws.append(batch)
        its_optimizer.update(expected.params, expected.gradient(x[batch], t[batch]))
    np.random.seed(42)  # noqa: NPY002
    model = MyModel(
        x.shape[1],
        recipe.hidden,
        10,
        decay_lambda=recipe.decay_lambda,
        use_dropout=recipe.use_dropout,
        use_batchnorm=True,
    )
    optimizer: Any = recipe.optimizer(learning_rate=recipe.learning_rate)
    steps = Steps(model, optimizer, 50)
    for expected_batch in draws:
        batch = np.random.choice(len(x), 50)  # noqa: NPY002
        np.testing.assert_array_equal(batch, expected_batch)
        if recorded:
            steps.run(x, ids, batch)
        else:
            optimizer.update(model.params, model.gradient(x[batch], t[batch]))
    assert model.params.keys() == expected.params.keys()
    for key, value in expected.params.items():
        np.testing.assert_allclose(model.params[key], value, rtol=1e-8, atol=1e-10, err_msg=key)
    loss = expected.loss(x[batch], t[batch])
    assert model.loss(x[batch], t[batch]) == pytest.approx(loss, rel=1e-9)
    if recorded:
        assert steps.loss() == pytest.approx(loss, rel=1e-9)
    np.testing.assert_allclose(model.predict(x), expected.predict(x), rtol=1e-8, atol=1e-9)
    assert model.accuracy(x, ids) == expected.accuracy(x, t) == Judge(x, t).accuracy(model)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_gradient_is_that_of_the_loss(activation: str, dropout: bool, batch_norm: bool) -> None:
    np.random.seed(5)  # noqa: NPY002
    model = MyModel(6, [5, 4], 3, activation, 0.2, dropout, 0.4, batch_norm)
    x, t = np.random.randn(8, 6), np.random.randint(3, size=8)  # noqa: NPY002

    def loss(_: Any) -> float:
        np.random.seed(7)  # noqa: NPY002 - the same masks each time
        return model.loss(x, t, is_train=True)

    np.random.seed(7)  # noqa: NPY002
    grads = model.gradient(x, t)
    assert grads.keys() == model.params.keys()
    for key, value in model.params.items():
        numeric = lessons.differential(loss, value)
        # The gradient leaves out the 1e-7 of the logarithm.
        np.testing.assert_allclose(grads[key], numeric, rtol=1e-5, atol=1e-5, err_msg=key)


OPTIMIZERS = [
    lessons.SGD,
    lessons.Momentum,
    lessons.AdaGrad,
    lessons.RMSProp,
    lessons.Adam,
]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizer_on_arrays_as_on_numbers(kind: Any) -> None:
    start = {"x": -7.0, "y": 2.0}
    arrays = {"xy": np.array([-7.0, 2.0]), "single": np.array([2.0], np.float32)}
    by_number, by_array = kind(learning_rate=0.1), kind(learning_rate=0.1)
    live = arrays["xy"]
    for _ in range(20):
        by_number.update(start, {"x": start["x"] / 10, "y": 2 * start["y"]})
        slope = arrays["xy"] * [0.1, 2.0]
        by_array.update(arrays, {"xy": slope, "single": 2 * arrays["single"]})
    assert live is arrays["xy"]
    np.testing.assert_allclose(live, [start["x"], start["y"]], rtol=1e-12)
    np.testing.assert_allclose(arrays["single"], [start["y"]], rtol=1e-4)
    assert arrays["single"].dtype == np.float32


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_trains(kind: Any) -> None:
    np.random.seed(0)  # noqa: NPY002
    x = np.random.rand(60, 2)  # noqa: NPY002
    t = (x[:, 0] > x[:, 1]).astype(int)
    model = MyModel(2, [8], 2, use_batchnorm=True)
    lines = list(
        train(model, kind(learning_rate=0.05), x, t, x, t, batch_size=20, steps=60, every=1)
    )
    assert [line.step for line in lines] == list(range(1, 61))
    assert lines[-1].train_accuracy == lines[-1].test_accuracy == model.accuracy(x, t)
    assert lines[-1].train_accuracy > 0.8
    assert np.mean([line.loss for line in lines[-10:]]) < lines[0].loss


def test_recorded_adam_continues_one_by_hand() -> None:
    x, ids = problem()
    ends = []
    for recorded in itertools.product([True, False], repeat=2):
        np.random.seed(1)  # noqa: NPY002
        model, optimizer = MyModel(x.shape[1], [7], 10, use_batchnorm=True), lessons.Adam(0.01)
        for compiled in recorded:
            batch = np.random.choice(len(x), 30)  # noqa: NPY002
            if compiled:
                Steps(model, optimizer, 30).run(x, ids, batch)
            else:
                optimizer.update(model.params, model.gradient(x[batch], ids[batch]))
        assert optimizer.iter == 2
        ends.append(model.flat.copy())
    for end in ends[1:]:
        np.testing.assert_allclose(end, ends[0], rtol=1e-9, atol=1e-12)


def test_judge_counts_ties_and_doubts_as_float64_does() -> None:
    x, ids = problem(700)
    np.random.seed(2)  # noqa: NPY002
    model = MyModel(x.shape[1], [6], 10, use_batchnorm=True)
    for key in ("W2", "b2"):
        # Two equal columns: every row is in doubt between them, and the first one wins.
        model.params[key][..., 1] = model.params[key][..., 0]
    expected = float((model.predict(x).argmax(1) == ids).mean())
    assert Judge(x, ids).accuracy(model) == model.accuracy(x, ids) == expected
    model.params["W2"][...] = 1e-12 * np.random.randn(6, 10)  # noqa: NPY002
    model.params["b2"][...] = 1.0
    expected = float((model.predict(x).argmax(1) == ids).mean())
    assert Judge(x, ids).accuracy(model) == expected


def test_judge_with_one_row_in_doubt() -> None:
    np.random.seed(0)  # noqa: NPY002
    model = MyModel(2, [2], 2)
    for key, value in model.params.items():
        value[...] = np.eye(2) if key.startswith("W") else 0.0
    x = np.array([[1.0, 1.0 + 1e-9], [1.0, 2.0], [2.0, 1.0]])
    assert Judge(x, [1, 1, 0]).accuracy(model) == 1.0
    assert Judge(x, [0, 1, 0]).accuracy(model) == 2 / 3


@pytest.mark.parametrize("scale", [1e30, 1e60, np.nan])
def test_judge_of_a_model_beyond_float32(scale: float) -> None:
    np.random.seed(0)  # noqa: NPY002
    x, ids = problem(600)
    model = MyModel(x.shape[1], [6], 10)
    model.params["W1"][...] *= scale
    expected = model.accuracy(x, ids)
    assert Judge(x, ids).accuracy(model) == expected
    if scale == 1e30:
        assert expected == float((model.predict(x).argmax(1) == ids).mean())


def test_accuracy_again_and_again_sees_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons.judging.Judges, "smallest", 100)
    x, ids = problem(600)
    np.random.seed(0)  # noqa: NPY002
    model = MyModel(x.shape[1], [6], 10)
    for change in range(8):
        for rows in (x, x.astype(np.float32)):
            for _ in range(3):
                found = model.accuracy(rows, ids)
                assert found == float((model.predict(rows).argmax(1) == ids).mean())
        if change % 2:
            ids[:] = np.roll(ids, 7)
        else:
            x[:] = np.roll(x, 1 + change, axis=0)
        model.params["W1"] *= 1.1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_their_own_way(copied: Any) -> None:
    x, ids = problem()
    np.random.seed(0)  # noqa: NPY002
    model = MyModel(x.shape[1], [6], 10, decay_lambda=0.1, use_batchnorm=True)
    model.gradient(x, ids)
    np.random.seed(9)  # noqa: NPY002
    other = copied(model)
    assert np.random.rand() == np.random.RandomState(9).rand()  # noqa: NPY002 - nothing was drawn
    assert other.loss(x, ids) == model.loss(x, ids)
    before = model.loss(x, ids)
    lessons.SGD(learning_rate=0.1).update(other.params, other.gradient(x, ids))
    assert model.loss(x, ids) == before != other.loss(x, ids)


def test_judge_of_rows_without_ink_and_of_none() -> None:
    model = MyModel(4, [3], 2)
    assert Judge(np.zeros((5, 4)), np.zeros(5, int)).accuracy(model) in (0.0, 1.0)
    with pytest.raises(ValueError, match="no rows"):
        Judge(np.zeros((0, 4)), np.zeros(0, int)).accuracy(model)


def test_unknown_activation() -> None:
    with pytest.raises(ValueError, match="'relu' or 'sigmoid', got 'tanh'"):
        MyModel(4, [3], 2, activation="tanh")
