"""Connectionist temporal classification: the sum over all paths, and its gradient."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import ops

RNG = np.random.default_rng(2)
Y = RNG.standard_normal((4, 7, 5)).astype("f4")
T = np.array([[1, 2, 2], [3, 0, 0], [4, 4, 0], [0, 0, 0]])
COUNTS, STEPS = np.array([3, 1, 2, 0]), np.array([7, 5, 6, 3])
# Keras 3.15 (JAX behind it): losses, and weighted sums of the gradients, times 1, .5, 2, 3.
KERAS = [7.552366, 6.675686, 7.007166, 3.98729]
SLOPES = [0.377065, 0.72033, 0.12638, 4.079523]


def spelled(path: Any) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label]


def by_all_paths(t: list[int], y: Any) -> float:
    """Return the loss by its definition."""
    p = np.exp(y) / np.exp(y).sum(axis=-1, keepdims=True)
    steps = range(len(y))
    paths = itertools.product(range(y.shape[1]), repeat=len(y))
    total = sum(np.prod([p[i, path[i]] for i in steps]) for path in paths if spelled(path) == t)
    return float(-np.log(total))


def test_values_and_gradients_are_those_of_keras() -> None:
    np.testing.assert_allclose(ops.ctc_loss(T, Y, COUNTS, STEPS), KERAS, rtol=1e-5)
    x = hl.Tensor(Y, requires_grad=True)
    (ops.ctc_loss(T, x, COUNTS, STEPS) * np.array([1, 0.5, 2, 3], "f4")).sum().backward()
    assert x.grad is not None
    probe = np.sin(np.arange(35.0)).reshape(7, 5)
    np.testing.assert_allclose((x.grad * probe).sum(axis=(1, 2)), SLOPES, rtol=1e-4)
    assert x.grad.dtype == "float32"
    assert (x.grad[1, 5:] == 0).all()


@pytest.mark.parametrize("labels", [[], [1], [2, 2], [1, 2], [1, 2, 1]])
def test_the_loss_is_the_sum_over_all_paths(labels: list[int]) -> None:
    y = RNG.standard_normal((1, 5, 3))
    target = np.array([[*labels, 0, 0, 0][:3]])
    loss = ops.ctc_loss(target, y, [len(labels)], [5])
    np.testing.assert_allclose(loss, by_all_paths(labels, y[0]), rtol=1e-9)
    x = hl.Tensor(y, requires_grad=True)
    ops.ctc_loss(target, x, [len(labels)], [5]).sum().backward()
    step = 1e-6
    for place in np.ndindex(y.shape):
        ends = []
        for sign in (step, -step):
            moved = y.copy()
            moved[place] += sign
            ends.append(ops.ctc_loss(target, moved, [len(labels)], [5])[0])
        assert x.grad is not None
        np.testing.assert_allclose(x.grad[place], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def test_another_blank_and_labels_that_do_not_fit() -> None:
    shifted = np.roll(Y, -1, axis=-1)  # class 0 becomes the last
    loss = ops.ctc_loss(T - 1, shifted, COUNTS, STEPS, mask_index=4)
    np.testing.assert_allclose(loss, KERAS, rtol=1e-5)
    x = hl.Tensor(Y, requires_grad=True)
    loss = ops.ctc_loss(T, x, COUNTS, [3, 1, 2, 1])
    assert np.isinf(loss.numpy()).tolist() == [True, False, True, False]
    loss.sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad).all()
    with pytest.raises(ValueError, match=r"ctc_loss: lengths must lie in \[0, 3\] and \[1, 7\]"):
        ops.ctc_loss(T, Y, [4, 0, 0, 0], STEPS)
    with pytest.raises(ValueError, match=r"labels and mask_index must lie in \[0, 5\)"):
        ops.ctc_loss(T + 3, Y, COUNTS, STEPS)
    with pytest.raises(ValueError, match=r"target must be \(N, L\) and output \(N, T, K\)"):
        ops.ctc_loss(T[0], Y, COUNTS, STEPS)


def test_decoding_takes_the_likeliest_labels() -> None:
    y = np.eye(3, dtype="f4")[[[1, 1, 0, 1, 2, 2]]] * 2
    labels, scores = ops.ctc_decode(y, [5])
    assert labels.tolist() == [[[1, 1, 2, -1, -1, -1]]]
    assert scores.tolist() == [[-10.0]]
    labels, _ = ops.ctc_decode(y, [5], merge_repeated=False)
    assert labels.tolist() == [[[1, 1, 1, 2, -1, -1]]]
    with pytest.raises(ValueError, match="strategy must be 'greedy', got 'beam_search'"):
        ops.ctc_decode(y, [5], strategy="beam_search")


def test_a_model_learns_labels_without_places() -> None:
    x = RNG.standard_normal((4, 7, 3)).astype("f4")
    np.testing.assert_allclose(hl.losses.CTC()(T, Y), 9.285503, rtol=1e-5)
    np.testing.assert_allclose(hl.losses.ctc(T, Y).mean(), 9.285503, rtol=1e-5)
    model = hl.Sequential([hl.Input((7, 3)), hl.layers.Dense(16, "tanh"), hl.layers.Dense(5)])
    model.compile(hl.optimizers.Adam(0.05), hl.losses.CTC())
    history = model.fit(x, T, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    np.testing.assert_allclose(
        model.evaluate(x, T, verbose=0), hl.losses.CTC()(T, model.predict(x, verbose=0)), rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"ctc: targets must be \(N, L\) for outputs \(N, T, K\)"):
        model.fit(x, T[:, 0], verbose=0)


def test_parts_of_real_numbers() -> None:
    x = np.array([-2.0, 0.0, 3.0], "f4")
    np.testing.assert_allclose(ops.angle(x), [np.pi, 0, 0], rtol=1e-6)
    assert ops.imag(np.array([np.inf, np.nan, -1.0])).tolist() == [0.0, 0.0, 0.0]
    assert ops.conj(x).tolist() == ops.conjugate(x).tolist() == x.tolist()
