"""`hotloop.book.common.layers` against the book's formulas in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import book_oracle as plain
from hotloop.book.common.layers import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Pooling,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)

rng = np.random.default_rng(5)


def close(found: Any, wanted: Any, dtype: Any = np.float64) -> None:
    found = np.asarray(found)
    assert found.shape == np.shape(wanted)
    assert found.dtype == dtype
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


def normal(*shape: int) -> NDArray[np.float64]:
    return rng.standard_normal(shape)


@pytest.mark.parametrize("shape", [(7, 12), (3, 2, 3, 2), (1, 12)])
@pytest.mark.parametrize("outputs", [5, 1])
def test_affine(shape: tuple[int, ...], outputs: int) -> None:
    x, w, b, dy = normal(*shape), normal(12, outputs), normal(outputs), normal(shape[0], outputs)
    layer = Affine(w, b)
    y, dx, dw, db = plain.affine(x, w, b, dy)
    close(layer.forward(x), y)
    close(layer.backward(dy), dx)
    close(layer.dW, dw)
    close(layer.db, db)
    assert layer.W is w
    assert layer.original_x_shape == shape
    assert layer.x.shape == (shape[0], 12)


@pytest.mark.parametrize("b", [0, 2.5, np.zeros((1, 200)), np.arange(200)])
def test_affine_of_many_inputs_and_any_bias(b: Any) -> None:
    x, w, dy = normal(20, 1500), normal(1500, 200), normal(20, 200)
    layer = Affine(w, b)
    close(layer.forward(x), x @ w + b)
    close(layer.backward(dy), dy @ w.T)
    with pytest.raises(ValueError, match="affine: x has 1501 features but w takes 1500"):
        layer.forward(normal(20, 1501))


@pytest.mark.parametrize("b", [0, np.arange(5.0)])
def test_affine_of_many_rows_of_float32_has_the_bits_of_few(b: Any) -> None:
    x, w = normal(2345, 7).astype(np.float32), normal(7, 5)
    found = Affine(w, b).forward(x)
    close(found, x @ w + b)
    few = [Affine(w, b).forward(x[i : i + 100]) for i in range(0, 2345, 100)]
    np.testing.assert_array_equal(found, np.concatenate(few))
    with pytest.raises(ValueError, match="affine: x has 6 features but w takes 7"):
        Affine(w, b).forward(x[:, :6])


def test_affine_of_integers_and_float16_is_numpy() -> None:
    x, w, b = np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4), np.arange(4)
    layer = Affine(w, b)
    found = layer.forward(x)
    np.testing.assert_array_equal(found, x @ w + b)
    assert found.dtype == x.dtype
    half = Affine(w.astype(np.float16), b.astype(np.float16)).forward(x.astype(np.float16))
    assert half.dtype == np.float16
    close(Affine(w.astype(float), b.astype(float)).forward(x.astype(np.float16)), x @ w + b)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pad", [0, 1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_convolution(dtype: Any, stride: int, pad: int, channels: int) -> None:
    x, w, b = (
        a.astype(dtype) for a in (normal(4, channels, 7, 6), normal(5, channels, 3, 2), normal(5))
    )
    layer = Convolution(w, b, stride, pad)
    out = layer.forward(x)
    dy = normal(*out.shape).astype(dtype)
    y, dx, dw, db = plain.conv(x, w, b, dy, stride, pad)
    close(out, y, dtype)
    found = layer.backward(dy)
    close(layer.dW, dw, dtype)
    close(layer.db, db, dtype)
    close(found, dx, dtype)
    # Once one has been looked at, the next gradients are arrays at once.
    close(layer.backward(dy), dx, dtype)
    assert layer.x is x
    assert layer.col.shape == (y.size // 5, channels * 6)
    close((layer.col @ layer.col_W + b).reshape(4, *y.shape[2:], 5).transpose(0, 3, 1, 2), y, dtype)


def test_convolution_of_float16_and_with_a_number_for_b() -> None:
    x, w = rng.integers(0, 9, (2, 1, 5, 5)), normal(3, 1, 2, 2)
    y, *_ = plain.conv(x, w, np.zeros(3), None, 1, 0)
    for kind in (np.float16, np.float32, np.uint8, np.int64):
        close(Convolution(w, 0).forward(x.astype(kind)), y)
    close(Convolution(w, 1.5).forward(x), y + 1.5)
    with pytest.raises(ValueError, match="no window fits"):
        Convolution(w, 0).forward(x[:, :, :1])
    with pytest.raises(ValueError, match="channel"):
        Convolution(w, 0).forward(np.zeros((1, 2, 5, 5)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("pool", "stride"), [((2, 2), 2), ((3, 2), 2), ((2, 2), 1), ((3, 3), 3)])
def test_pooling(dtype: Any, pool: tuple[int, int], stride: int) -> None:
    x = rng.integers(0, 4, (3, 2, 7, 6)).astype(dtype)  # full of equals
    layer = Pooling(*pool, stride=stride)
    out = layer.forward(x)
    dy = normal(*out.shape).astype(dtype)
    y, dx = plain.max_pool(x, pool, stride, dy)
    close(out, y, dtype)
    close(layer.backward(dy), dx, dtype)
    places = [
        x[n, c, i * stride : i * stride + pool[0], j * stride : j * stride + pool[1]].argmax()
        for n in range(3)
        for i in range(y.shape[2])
        for j in range(y.shape[3])
        for c in range(2)
    ]
    np.testing.assert_array_equal(layer.arg_max, places)
    assert layer.x is x


def test_pooling_counts_windows_without_pad_and_pads_with_zeros() -> None:
    x = -1 - rng.random((2, 1, 4, 4))
    with pytest.raises(ValueError, match="the book counts"):
        Pooling(2, 2, stride=2, pad=1).forward(x)
    layer = Pooling(4, 4, stride=4, pad=1)
    close(layer.forward(x), np.zeros((2, 1, 1, 1)))
    close(layer.backward(np.ones((2, 1, 1, 1))), np.zeros(x.shape))


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_convolution_and_pooling_together(
    rectified: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotloop.book._deferred._CHUNK_BYTES", chunk)
    x, w, b, dy = normal(5, 2, 8, 8), normal(4, 2, 3, 3), normal(4), normal(5, 4, 3, 3)
    convolution, relu, pooling = Convolution(w, b), Relu(), Pooling(2, 2, 2)
    hidden, *_ = plain.conv(x, w, b, None, 1, 0)
    seen = np.maximum(hidden, 0) if rectified else hidden
    y, dseen = plain.max_pool(seen, (2, 2), 2, dy)
    dhidden = dseen * (hidden > 0) if rectified else dseen
    _, dx, dw, db = plain.conv(x, w, b, dhidden, 1, 0)
    for _ in range(2):
        out = convolution.forward(x)
        kept = out
        if rectified:
            out = relu.forward(out)
        close(pooling.forward(out), y)
        gradient = pooling.backward(dy)
        if rectified:
            assert relu.backward(gradient) is gradient
            np.testing.assert_array_equal(relu.mask, hidden <= 0)
        found = convolution.backward(gradient)
        close(convolution.dW, dw)
        close(convolution.db, db)
        w_before = w.copy()
        w += 1  # what was handed on before an update is of the weights before it
        close(found, dx)
        close(gradient, dhidden)
        close(kept, hidden)
        close(pooling.x, seen)
        w[...] = w_before


def test_what_a_convolution_hands_on_is_an_array_to_whoever_looks() -> None:
    x, w = normal(2, 1, 4, 4), normal(3, 1, 2, 2)
    wanted, *_ = plain.conv(x, w, np.zeros(3), None, 1, 0)

    def fresh() -> Any:
        return Convolution(w, 0).forward(x)

    assert fresh().shape == wanted.shape
    assert (fresh().ndim, fresh().size, fresh().dtype, len(fresh())) == (
        4,
        wanted.size,
        np.float64,
        2,
    )
    close(fresh() + 1, wanted + 1)
    close(1 - fresh(), 1 - wanted)
    close(np.maximum(fresh(), 0), np.maximum(wanted, 0))
    close(np.concatenate([fresh(), fresh()]), np.concatenate([wanted, wanted]))
    close(fresh().reshape(2, -1), wanted.reshape(2, -1))
    close(fresh()[0, 1], wanted[0, 1])
    close(fresh().T, wanted.T)
    close(np.dot(fresh().reshape(2, -1), np.ones(27)), wanted.sum(axis=(1, 2, 3)))
    close(np.array(fresh()), wanted)
    close(np.asarray(fresh(), dtype=np.float32), wanted, np.float32)
    close([row.sum() for row in fresh()], wanted.sum(axis=(1, 2, 3)))
    assert repr(fresh()) == repr(np.asarray(fresh()))
    assert str(fresh()) == str(np.asarray(fresh()))
    changed = fresh()
    changed *= 2
    changed[0] = 0
    close(changed[1], 2 * wanted[1])
    assert not np.asarray(changed)[0].any()
    out = fresh()
    mask = out <= 0
    out[mask] = 0
    close(Pooling(3, 3).forward(out), np.maximum(wanted, 0).max(axis=(2, 3), keepdims=True))
    close(Affine(np.ones((27, 1)), 0).forward(fresh()), wanted.sum(axis=(1, 2, 3))[:, None])
    close(Sigmoid().forward(fresh()), 1 / (1 + np.exp(-wanted)))


@pytest.mark.parametrize("shape", [(6,), (4, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
def test_relu_writes_into_its_argument(shape: tuple[int, ...], dtype: Any) -> None:
    x = rng.integers(-3, 4, shape).astype(dtype)
    before = x.copy()
    layer = Relu()
    y = layer.forward(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    assert y.dtype == dtype
    assert y is not x
    np.testing.assert_array_equal(x, before)
    for dout in (np.ones(shape, dtype), np.ones(shape[::-1], dtype).T):
        assert layer.backward(dout) is dout
        np.testing.assert_array_equal(dout, x > 0)
    np.testing.assert_array_equal(layer.mask, x <= 0)
    turned = np.ones(shape, dtype)
    if x.ndim == 4:  # as a convolution leaves it
        turned = np.ones((2, 4, 5, 3), dtype).transpose(0, 3, 1, 2)
        held = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(layer.forward(held), y)
    assert layer.backward(turned) is turned
    np.testing.assert_array_equal(turned, x > 0)
    turned.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        layer.backward(turned)


def test_sigmoid() -> None:
    x, dy = normal(3, 4), normal(3, 4)
    layer = Sigmoid()
    y = 1 / (1 + np.exp(-x))
    close(layer.forward(x), y)
    close(layer.backward(dy), dy * y * (1 - y))
    close(layer.out, y)


@pytest.mark.parametrize("one_hot", [False, True])
def test_softmax_with_loss(one_hot: bool) -> None:
    x, t = normal(6, 4), rng.integers(0, 4, 6)
    loss, dx = plain.softmax_loss(x, t)
    layer = SoftmaxWithLoss()
    given = np.eye(4)[t] if one_hot else t.astype(np.uint8)
    close(layer.forward(x, given), loss)
    close(layer.backward(dout=17), dx)  # dout counts for nothing
    close(layer.y, plain.softmax(x))
    assert layer.t is given
    assert float(layer.loss) == pytest.approx(loss)


def test_softmax_with_loss_has_the_faults_of_the_book() -> None:
    x = normal(5)
    layer = SoftmaxWithLoss()
    layer.forward(x, np.eye(5)[2])
    close(layer.backward(), (plain.softmax(x) - np.eye(5)[2]) / 5)  # one sample, divided by K
    # Ids in a column pick all pairs.
    x, t = normal(3, 4), np.array([[0], [1], [2]])
    y = plain.softmax(x)
    wanted = -sum(np.log(y[i, j] + 1e-7) for i in range(3) for j in range(3)) / 3
    close(layer.forward(x, t), wanted)


def test_dropout_draws_from_numpy_and_is_not_inverted() -> None:
    x, dy = normal(8, 9), normal(8, 9)
    layer = Dropout(0.3)
    np.random.seed(7)  # noqa: NPY002 - as scripts of the book seed
    y = layer.forward(x)
    np.random.seed(7)  # noqa: NPY002
    mask = np.random.rand(8, 9) > 0.3  # noqa: NPY002
    np.testing.assert_array_equal(layer.mask, mask)
    close(y, x * mask)
    close(layer.backward(dy), dy * mask)
    close(layer.forward(x, False), x * 0.7)
    np.testing.assert_array_equal(layer.mask, mask)
    np.testing.assert_array_equal(Dropout(0.0).forward(np.arange(1, 5)), np.arange(1, 5))


@pytest.mark.parametrize("shape", [(8, 6), (8, 2, 3, 1), (1, 6)])
def test_batch_normalization(shape: tuple[int, ...]) -> None:
    x, dy, gamma, beta = normal(*shape) + 3, normal(*shape), normal(6), normal(6)
    start_mean, start_var = normal(6), rng.random(6)
    kept = start_mean.copy()
    for mean, var in ((None, None), (start_mean, start_var)):
        layer = BatchNormalization(gamma, beta, 0.8, mean, var)
        y, dx, dgamma, dbeta, batch_mean, batch_var = plain.batch_norm(x, gamma, beta, dy)
        close(layer.forward(x), y)
        close(layer.backward(dy), dx)
        close(layer.dgamma, dgamma)
        close(layer.dbeta, dbeta)
        flat = x.reshape(shape[0], -1)
        close(layer.xc, flat - batch_mean)
        close(layer.std, np.sqrt(batch_var + 1e-6))
        close(layer.xn, (flat - batch_mean) / np.sqrt(batch_var + 1e-6))
        running_mean = 0.8 * (0 if mean is None else mean) + 0.2 * batch_mean
        running_var = 0.8 * (0 if var is None else var) + 0.2 * batch_var
        close(layer.running_mean, running_mean)
        close(layer.running_var, running_var)
        wanted = gamma * (flat - running_mean) / np.sqrt(running_var + 1e-6) + beta
        close(layer.forward(x, train_flg=False), wanted.reshape(shape))
        assert (layer.input_shape, layer.batch_size, layer.momentum) == (shape, shape[0], 0.8)
    np.testing.assert_array_equal(start_mean, kept)
