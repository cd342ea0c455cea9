"""The reference is the oracle of the other tests; here its gradients meet central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop.reference as R

Arrays = list[np.ndarray[Any, Any]]
Forward = Callable[..., Any]
Backward = Callable[..., Any]


def central_differences(
    f: Callable[[], float], x: np.ndarray[Any, Any], h: float = 1e-6
) -> np.ndarray[Any, Any]:
    """Gradient of f, which reads x, by moving one element of x at a time."""
    grad = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = f()
        x[i] = kept - h
        grad[i] = (above - f()) / (2 * h)
        x[i] = kept
    return grad


def random(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Draw normal numbers kept away from 0, where ReLU and its kin have a kink."""
    x = np.random.default_rng((seed, *shape)).normal(size=shape)
    return x + 0.1 * np.sign(x)


def distinct(*shape: int) -> np.ndarray[Any, Any]:
    """Shuffle numbers at least 0.1 apart: no small step changes which is the largest."""
    values = np.random.default_rng(shape).permutation(int(np.prod(shape)))
    return 0.1 * values.reshape(shape)


def check(forward: Forward, backward: Backward, arrays: Arrays) -> None:
    """Compare ``backward(dy, y, *arrays)`` with differences of ``sum(dy * forward(*arrays))``."""
    y = forward(*arrays)
    dy = random(*np.shape(y), seed=1)
    grads = backward(dy, y, *arrays)
    for grad, x in zip(grads if isinstance(grads, tuple) else (grads,), arrays, strict=True):
        expected = central_differences(lambda: float(np.sum(dy * forward(*arrays))), x)
        assert grad.shape == x.shape
        np.testing.assert_allclose(
            grad, expected, rtol=1e-6, atol=1e-7 * max(1, np.abs(expected).max(initial=0))
        )


ELEMENTWISE = {
    "relu": (R.relu, lambda dy, y, _: R.relu_backward(dy, y)),
    "leaky_relu": (
        lambda x: R.leaky_relu(x, 0.2),
        lambda dy, y, _: R.leaky_relu_backward(dy, y, 0.2),
    ),
    "elu": (lambda x: R.elu(x, 0.7), lambda dy, y, _: R.elu_backward(dy, y, 0.7)),
    "gelu": (R.gelu, lambda dy, _, x: R.gelu_backward(dy, x)),
    "sigmoid": (R.sigmoid, lambda dy, y, _: R.sigmoid_backward(dy, y)),
    "tanh": (R.tanh, lambda dy, y, _: R.tanh_backward(dy, y)),
    "softmax": (R.softmax, lambda dy, y, _: R.softmax_backward(dy, y)),
    "softmax over axis 0": (
        lambda x: R.softmax(x, 0),
        lambda dy, y, _: R.softmax_backward(dy, y, 0),
    ),
    "log_softmax": (R.log_softmax, lambda dy, y, _: R.log_softmax_backward(dy, y)),
    "log_softmax over axis 0": (
        lambda x: R.log_softmax(x, 0),
        lambda dy, y, _: R.log_softmax_backward(dy, y, 0),
    ),
}


@pytest.mark.parametrize("op", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 2)])
def test_activations(op: str, shape: tuple[int, ...]) -> None:
    check(*ELEMENTWISE[op], [random(*shape)])


@pytest.mark.parametrize("batch", [(), (3,)])
def test_affine(batch: tuple[int, ...]) -> None:
    check(
        R.affine,
        lambda dy, _, x, w, _b: R.affine_backward(dy, x, w),
        [random(*batch, 4), random(4, 2), random(2)],
    )


def test_affine_skips_what_is_not_needed() -> None:
    dx, dw, db = R.affine_backward(
        random(3, 2), random(3, 4), random(4, 2), need_dx=False, need_db=False
    )
    assert dx is None
    assert db is None
    assert dw.shape == (4, 2)


IDS = np.array([2, 0, 1])
ROWS = np.array([[0.2, 0.5, 0.1], [0, 1, 0], [0.3, 0.3, 0.4]])  # the first does not sum to one
WEIGHT = np.array([0.5, 2, 0])


@pytest.mark.parametrize("labels", [IDS, ROWS], ids=["ids", "rows"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_softmax_cross_entropy(labels: Any, weight: Any) -> None:
    def backward(dy: float, _: float, x: Any) -> Any:
        probs = R.softmax_cross_entropy(x, labels, sample_weight=weight)[1]
        return dy * R.softmax_cross_entropy_backward(probs, labels, sample_weight=weight)

    check(
        lambda x: R.softmax_cross_entropy(x, labels, sample_weight=weight)[0],
        backward,
        [random(3, 3)],
    )


@pytest.mark.parametrize("labels", [IDS[0], ROWS[0]], ids=["id", "row"])
def test_losses_of_one_sample(labels: Any) -> None:
    x = random(3)
    loss, probs = R.softmax_cross_entropy(x, labels)
    assert probs.shape == (3,)
    batch_loss, batch_probs = R.softmax_cross_entropy(x[np.newaxis], labels[np.newaxis])
    assert loss == batch_loss
    np.testing.assert_array_equal(probs, batch_probs[0])
    check(
        lambda x: R.softmax_cross_entropy(x, labels)[0],
        lambda dy, _, x: dy * R.softmax_cross_entropy_backward(R.softmax(x), labels),
        [x],
    )
    check(lambda p: R.nll(p, labels), lambda dy, _, p: dy * R.nll_backward(p, labels), [x])


@pytest.mark.parametrize("labels", [IDS, ROWS], ids=["ids", "rows"])
def test_losses_of_probabilities(labels: Any) -> None:
    probs = R.softmax(random(3, 3))
    for eps in (0.0, 1e-2):
        check(
            lambda p, eps=eps: R.cross_entropy(p, labels, eps=eps),
            lambda dy, _, p, eps=eps: dy * R.cross_entropy_backward(p, labels, eps=eps),
            [probs.copy()],
        )
    check(
        lambda p: R.nll(p, labels), lambda dy, _, p: dy * R.nll_backward(p, labels), [random(3, 3)]
    )


def test_losses_of_elements() -> None:
    t = np.random.default_rng(0).random((3, 4))
    for loss, backward in (
        (R.mean_squared_error, R.mean_squared_error_backward),
        (R.binary_cross_entropy, R.binary_cross_entropy_backward),
    ):
        check(
            lambda x, loss=loss: loss(x, t),
            lambda dy, _, x, backward=backward: dy * backward(x, t),
            [random(3, 4)],
        )


CONVS = {
    "plain": {},
    "stride": {"stride": (2, 1), "padding": 1},
    "dilation": {"dilation": (1, 2), "padding": ((0, 2), (1, 0))},
    "groups": {"groups": 2, "padding": "same"},
    "same with stride": {"stride": 2, "padding": "same"},
    "wide padding": {"padding": 4, "stride": 3},
}


@pytest.mark.parametrize("options", CONVS.values(), ids=CONVS)
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_conv2d(options: dict[str, Any], data_format: str) -> None:
    options = {**options, "data_format": data_format}
    x, w = random(2, 4, 5, 6), random(6, 4 // options.get("groups", 1), 3, 2)
    if data_format == "channels_last":
        x, w = x.transpose(0, 2, 3, 1).copy(), w.transpose(2, 3, 1, 0).copy()
    check(
        lambda x, w, b: R.conv2d(x, w, b, **options),
        lambda dy, _, x, w, _b: R.conv2d_backward(dy, x, w, **options),
        [x, w, random(6)],
    )


def test_im2col_and_col2im_are_transposes() -> None:
    options: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "dilation": (2, 1)}
    check(
        lambda x: R.im2col(x, (2, 3), **options),
        lambda dy, _, x: R.col2im(dy, x.shape, (2, 3), **options),
        [random(2, 3, 5, 4)],
    )


POOLS = {
    "plain": {},
    "overlap": {"stride": 1},
    "padding": {"padding": 1, "stride": (2, 1)},
    "wide padding": {"padding": ((4, 3), (0, 5))},
    "ceil_mode": {"stride": 2, "ceil_mode": True, "padding": (1, 0)},
    "same": {"padding": "same", "stride": 2},
}


@pytest.mark.parametrize("options", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_pools(options: dict[str, Any], data_format: Any) -> None:
    options = {**options, "data_format": data_format}
    shape = (2, 3, 5, 6) if data_format == "channels_first" else (2, 5, 6, 3)

    def finite(x: Any, **more: Any) -> Any:
        y, _ = R.max_pool2d(x, (3, 2), **options, **more)
        return np.where(np.isinf(y), 0, y)

    dilations: list[dict[str, Any]] = [{}, {"dilation": (1, 2)}]
    for more in dilations:
        check(
            lambda x, more=more: finite(x, **more),
            lambda dy, _, x, more=more: R.max_pool2d_backward(
                dy, R.max_pool2d(x, (3, 2), **options, **more)[1], x.shape, data_format=data_format
            ),
            [distinct(*shape)],
        )
    for count in (True, False):
        more = {**options, "count_include_pad": count}
        check(
            lambda x, more=more: R.avg_pool2d(x, (3, 2), **more),
            lambda dy, _, x, more=more: R.avg_pool2d_backward(dy, x.shape, (3, 2), **more),
            [random(*shape)],
        )
    check(
        lambda x: R.global_avg_pool2d(x, data_format=data_format),
        lambda dy, _, x: R.global_avg_pool2d_backward(dy, x.shape, data_format=data_format),
        [random(*shape)],
    )


@pytest.mark.parametrize(("shape", "data_format"), [
    ((6, 3), "channels_first"),
    ((6, 3), "channels_last"),
    ((2, 3, 2, 4), "channels_first"),
    ((2, 2, 4, 3), "channels_last"),
])  # fmt: skip
def test_batch_norm(shape: tuple[int, ...], data_format: Any) -> None:
    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        return R.batch_norm(
            x,
            gamma,
            beta,
            np.zeros(3),
            np.ones(3),
            training=True,
            eps=1e-3,
            data_format=data_format,
        )

    check(
        lambda *args: forward(*args)[0],
        lambda dy, _, *args: R.batch_norm_backward(
            dy, *args[:2], *forward(*args)[1:], data_format=data_format
        ),
        [random(*shape), random(3), random(3, seed=2)],
    )


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    check(
        lambda *args: R.layer_norm(*args, eps=1e-3)[0],
        lambda dy, _, *args: R.layer_norm_backward(
            dy, args[0], args[1], *R.layer_norm(*args, eps=1e-3)[1:]
        ),
        [random(*shape), random(4), random(4, seed=2)],
    )


def test_dropout() -> None:
    def backward(dy: Any, _: Any, x: Any) -> Any:
        return R.dropout_backward(dy, R.dropout(x, 0.3, seed=5)[1], 0.3)

    check(lambda x: R.dropout(x, 0.3, seed=5)[0], backward, [random(5, 7)])
