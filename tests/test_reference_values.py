"""What the reference answers to known inputs: vectors, limits, dtypes, Keras's figures."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import hotloop.reference as R
from hotloop.reference.dropout import philox4x32, uniform

DTYPES = [np.float32, np.float64, np.longdouble]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_stays(dtype: Any) -> None:
    x = np.linspace(-2, 2, 24, dtype=dtype).reshape(4, 6)
    images = np.linspace(-2, 2, 48, dtype=dtype).reshape(1, 3, 4, 4)
    gamma, ids = np.ones(6, dtype), np.array([0, 1, 2, 3])
    results = [
        *(
            op(x)
            for op in (
                R.relu,
                R.leaky_relu,
                R.elu,
                R.gelu,
                R.sigmoid,
                R.tanh,
                R.softmax,
                R.log_softmax,
            )
        ),
        *(op(x) for op in (R.step, R.identity)),
        *R.affine_backward(x, x, np.ones((6, 6), dtype)),
        R.affine(x, x.T, x[0, :4], activation="sigmoid"),
        R.softmax_cross_entropy(x, ids, sample_weight=x[:, 0])[1],
        R.softmax_cross_entropy_backward(R.softmax(x), ids),
        R.cross_entropy_backward(R.softmax(x), ids, eps=1e-7),
        R.nll_backward(x, ids),
        R.mean_squared_error_backward(x, x),
        R.binary_cross_entropy_backward(x, x),
        R.gelu_backward(x, x),
        R.conv2d(images, np.ones((2, 3, 2, 2), dtype), np.ones(2, dtype)),
        *R.conv2d_backward(np.ones((1, 2, 3, 3), dtype), images, np.ones((2, 3, 2, 2), dtype)),
        R.max_pool2d(images, 2)[0],
        R.avg_pool2d(images, 2),
        R.avg_pool2d_backward(images, (1, 3, 8, 8), 2),
        R.global_avg_pool2d(images),
        R.global_avg_pool2d_backward(images[:, :, 0, 0], images.shape),
        *R.batch_norm(x, gamma, gamma, np.zeros(6, dtype), np.ones(6, dtype), training=True),
        R.batch_norm(x, gamma, gamma, np.zeros(6, dtype), np.ones(6, dtype), training=False),
        *R.layer_norm(x, gamma, gamma),
        R.dropout(x, 0.5, seed=1)[0],
    ]
    assert {r.dtype for r in results if r is not None} == {np.dtype(dtype)}


def test_lists_integers_and_bools_become_float64() -> None:
    assert R.relu([-5, 0, 4]).dtype == np.float64
    assert R.sigmoid(np.array([True, False])).dtype == np.float64
    assert R.affine(np.ones((1, 2), np.float32), np.ones((2, 1), np.int8)).dtype == np.float64
    with pytest.raises(TypeError, match="float16"):
        R.relu(np.ones(3, np.float16))
    with pytest.raises(TypeError, match="complex"):
        R.tanh([1j])


def test_no_overflow_at_a_thousand() -> None:
    x = np.array([-1000.0, 0, 1000])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(R.sigmoid(x), [0, 0.5, 1])
        np.testing.assert_array_equal(R.softmax(x), [0, 0, 1])
        np.testing.assert_array_equal(R.log_softmax(x), [-2000, -1000, 0])
        np.testing.assert_array_equal(R.elu(x), [-1, 0, 1000])
        np.testing.assert_array_equal(R.gelu(x), [0, 0, 1000])
        assert R.softmax_cross_entropy(x, 0)[0] == 2000
        assert R.binary_cross_entropy(x, np.array([0.0, 0, 1])) == pytest.approx(math.log(2) / 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_is_the_erf_form(dtype: Any) -> None:
    x = np.linspace(-6, 6, 241, dtype=dtype)
    expected = [float(v) * math.erfc(-float(v) / math.sqrt(2)) / 2 for v in x]
    np.testing.assert_allclose(
        R.gelu(x).astype(float), expected, rtol=40 * np.finfo(dtype).eps + 1e-14, atol=0
    )


def test_nan_passes_through() -> None:
    x = np.array([np.nan, 1.0])
    for op in (R.relu, R.leaky_relu, R.elu, R.gelu, R.sigmoid, R.tanh, R.identity):
        np.testing.assert_array_equal(np.isnan(op(x)), [True, False])
    assert np.isnan(R.softmax(x)).all()
    assert math.isnan(R.softmax_cross_entropy(x, 1)[0])


def test_empty_batches() -> None:
    x = np.empty((0, 3))
    assert R.softmax(x).shape == (0, 3)
    assert R.affine(x, np.ones((3, 2))).shape == (0, 2)
    np.testing.assert_array_equal(
        R.affine_backward(np.empty((0, 2)), x, np.ones((3, 2)))[1], np.zeros((3, 2))
    )
    assert R.softmax_cross_entropy_backward(x, []).shape == (0, 3)
    for loss in (
        lambda: R.softmax_cross_entropy(x, []),
        lambda: R.mean_squared_error(x, x),
        lambda: R.nll(x, []),
    ):
        with pytest.raises(ValueError, match="empty batch"):
            loss()
    images = np.empty((0, 2, 5, 5))
    assert R.conv2d(images, np.ones((4, 2, 3, 3))).shape == (0, 4, 3, 3)
    assert R.max_pool2d(images, 2)[1].shape == (0, 2, 2, 2)
    mean, var = np.zeros(3), np.ones(3)
    y, *_ = R.batch_norm(x, np.ones(3), np.zeros(3), mean, var, training=True)
    assert y.shape == (0, 3)
    np.testing.assert_array_equal(var, np.ones(3))
    assert R.dropout(x, 0.5, seed=0)[1].shape == (0, 3)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [[0], [1]], [0.0, 1.0], [True, False]])
def test_bad_labels_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match=r"labels|class ids"):
        R.softmax_cross_entropy(np.zeros((2, 3)), labels)


def test_one_hot() -> None:
    rows = R.one_hot([1, 0], 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 1, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match=r"\[0, 3\)"):
        R.one_hot([3], 3)


def test_ids_and_one_hot_rows_agree() -> None:
    logits, ids = np.random.default_rng(0).normal(size=(5, 4)), np.array([3, 1, 0, 0, 2])
    rows, weight = R.one_hot(ids, 4, "float64"), np.arange(5.0)
    probs = R.softmax(logits)
    assert R.softmax_cross_entropy(logits, ids, sample_weight=weight)[0] == pytest.approx(
        R.softmax_cross_entropy(logits, rows, sample_weight=weight)[0], rel=1e-14
    )
    assert R.cross_entropy(probs, ids) == pytest.approx(R.cross_entropy(probs, rows), rel=1e-14)
    assert R.cross_entropy(probs, ids) == pytest.approx(
        R.softmax_cross_entropy(logits, ids)[0], rel=1e-14
    )
    assert R.nll(np.log(probs), ids) == pytest.approx(R.nll(np.log(probs), rows), rel=1e-14)
    for backward in (R.softmax_cross_entropy_backward, R.cross_entropy_backward, R.nll_backward):
        np.testing.assert_allclose(backward(probs, ids), backward(probs, rows), rtol=1e-14)


def test_batch_norm_moves_the_running_statistics() -> None:
    x = np.random.default_rng(0).normal(2, 3, size=(6, 4, 5, 2))
    mean, var = np.full(2, 10.0), np.full(2, 4.0)
    y, batch_mean, inv_std = R.batch_norm(
        x, np.ones(2), np.zeros(2), mean, var, training=True, eps=0, data_format="channels_last"
    )
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1)
    np.testing.assert_allclose(batch_mean, x.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(inv_std, 1 / x.std(axis=(0, 1, 2)))
    np.testing.assert_allclose(mean, 9 + 0.1 * x.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(var, 3.6 + 0.1 * x.var(axis=(0, 1, 2)))
    seen = mean.copy()
    still = R.batch_norm(
        x, np.ones(2), np.zeros(2), mean, var, training=False, data_format="channels_last"
    )
    np.testing.assert_allclose(still, (x - mean) / np.sqrt(var + 1e-5))
    np.testing.assert_array_equal(mean, seen)


# Known answers of Philox4x32-10: tests/kat_vectors of Random123 (Salmon et al.).
PHILOX = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), PHILOX)
def test_philox_gives_the_published_words(counter: Any, key: Any, words: Any) -> None:
    got = philox4x32(tuple(np.array([c], np.uint64) for c in counter), key)
    np.testing.assert_array_equal(got[0], words)


def test_dropout_counts_from_seed_offset_and_index() -> None:
    seed, offset = 0x299F31D0A4093822, 0x0370734413198A2E
    words = philox4x32(
        tuple(np.array([c], np.uint64) for c in (1, 0, 0x13198A2E, 0x03707344)),
        (0xA4093822, 0x299F31D0),
    )
    np.testing.assert_array_equal(uniform(8, seed, offset)[4:], (words[0] >> np.uint64(8)) / 2**24)
    x = np.ones((40, 50), np.float32)
    y, mask = R.dropout(x, 0.25, seed=7)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(y, np.where(mask, np.float32(1 / 0.75), 0))
    assert 0.22 < 1 - mask.mean() < 0.28
    np.testing.assert_array_equal(R.dropout(x[:3], 0.25, seed=7)[1], mask[:3])
    assert (R.dropout(x, 0.25, seed=7, offset=1)[1] != mask).any()
    assert R.dropout(x, 0.0, seed=7)[1].all()
    with pytest.raises(ValueError, match="rate"):
        R.dropout(x, 1.0, seed=7)


PARAM = [1.0, -2.0, 0.5]
GRADS = [[0.1, -0.3, 0.0], [0.2, 0.1, -1.0], [-0.5, 0.3, 2.0]]

# What Keras 3.15.1 prints in float64 after these gradients, learning rate 0.1, weight decay 0.01.
KERAS = {
    "sgd": (R.sgd_update, 0, {}, [1.017042989, -2.004055968, 0.3984014995000001]),
    "momentum": (R.momentum_update, 1, {}, [0.981951989, -1.961782968, 0.4884014995000001]),
    "nesterov": (
        R.momentum_update,
        1,
        {"nesterov": True},
        [1.00349708, -1.9750552410000002, 0.3893114995],
    ),
    "adagrad": (
        R.adagrad_update,
        1,
        {},
        [0.8991372886720242, -1.994621793523378, 0.5089587762994361],
    ),
    "rmsprop": (
        R.rmsprop_update,
        1,
        {},
        [0.6875533378381321, -2.011948919806432, 0.5286986232353992],
    ),
    "adam": (R.adam_update, 2, {}, [0.8286631392691914, -1.8757795548040057, 0.5414119605954406]),
}


@pytest.mark.parametrize(("update", "slots", "options", "expected"), KERAS.values(), ids=KERAS)
def test_updates_follow_keras(
    update: Any, slots: int, options: dict[str, Any], expected: list[float]
) -> None:
    param, state = np.array(PARAM), [np.zeros(3) for _ in range(slots)]
    for i, grad in enumerate(GRADS, start=1):
        steps = {"step": i} if update is R.adam_update else {}
        update(param, grad, *state, lr=0.1, weight_decay=0.01, **steps, **options)
    np.testing.assert_allclose(param, expected, rtol=1e-13)
    param32 = np.array(PARAM, np.float32)
    state32 = [np.zeros(3, np.float32) for _ in range(slots)]
    update(
        param32,
        np.array(GRADS[0]),
        *state32,
        lr=0.1,
        **({"step": 1} if slots == 2 else {}),
        **options,
    )
    assert param32.dtype == np.float32
    assert all(s.dtype == np.float32 for s in state32)
