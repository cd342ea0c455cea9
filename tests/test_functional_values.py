"""Every compiled operation equals the reference, over odd shapes, both dtypes and all options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop.functional as F
import hotloop.reference as R

Array = np.ndarray[Any, Any]

# Error allowed, relative to the largest of the reference.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
SHAPES = [(0, 3), (1,), (7,), (3, 5), (2, 3, 17), (64, 65)]

pytestmark = pytest.mark.parametrize("dtype", TOLERANCE)


def draw(dtype: str, *shape: int, seed: int = 0) -> Array:
    """Draw normal numbers."""
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(dtype)


def agree(dtype: str, got: Any, expected: Any) -> None:
    """Compare results, one or several, with their shapes and dtypes."""
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            agree(dtype, g, e)
    elif expected is None or isinstance(expected, float):
        assert got == (
            expected if expected is None else pytest.approx(expected, rel=TOLERANCE[dtype])
        )
    else:
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        finite = np.abs(expected[np.isfinite(expected)])
        limit = TOLERANCE[dtype] * float(finite.max(initial=0))
        np.testing.assert_allclose(got, expected, rtol=0, atol=limit)


def both(name: str, dtype: str, *arguments: Any, **options: Any) -> Any:
    """Call the operation of that name twice, compare, and return what the reference said."""
    expected = getattr(R, name)(*arguments, **options)
    agree(dtype, getattr(F, name)(*arguments, **options), expected)
    return expected


@pytest.mark.parametrize("shape", SHAPES)
def test_activations(dtype: str, shape: tuple[int, ...]) -> None:
    x, dy = 3 * draw(dtype, *shape), draw(dtype, *shape, seed=1)
    for name in ("relu", "leaky_relu", "elu", "sigmoid", "tanh"):
        both(f"{name}_backward", dtype, dy, both(name, dtype, x))
    for name in ("gelu", "step", "identity"):
        both(name, dtype, x)
    both("gelu_backward", dtype, dy, x)
    for axis in (0, -1):
        for name in ("softmax", "log_softmax"):
            both(f"{name}_backward", dtype, dy, both(name, dtype, x, axis), axis)


@pytest.mark.parametrize("rows", [(), (0,), (1,), (5,), (130,)])
@pytest.mark.parametrize(("i", "o"), [(1, 1), (3, 17), (65, 10)])
def test_affine(dtype: str, rows: tuple[int, ...], i: int, o: int) -> None:
    x, w, b = draw(dtype, *rows, i), draw(dtype, i, o), draw(dtype, o)
    dy = draw(dtype, *rows, o, seed=1)
    for activation in (None, "relu", "sigmoid", "tanh"):
        both("affine", dtype, x, w, b, activation=activation)
    both("affine", dtype, x, w)
    both("affine_backward", dtype, dy, x, w)
    both("affine_backward", dtype, dy, x, w, need_dx=False, need_db=False)
    if rows:
        both("matmul", dtype, x, w)
        both("matmul", dtype, x, dy, transpose_a=True)
        both("matmul", dtype, dy, w, transpose_b=True)


@pytest.mark.parametrize("case", range(40))
def test_conv2d(dtype: str, case: int) -> None:
    rng = np.random.default_rng(case)
    groups, c, o = (int(n) for n in rng.integers(1, 4, size=3))
    options: dict[str, Any] = {
        "stride": tuple(int(n) for n in rng.integers(1, 4, size=2)),
        "dilation": tuple(int(n) for n in rng.integers(1, 3, size=2)),
        "padding": [0, 1, (2, 1), ((0, 1), (3, 2)), "same", "valid", 5][case % 7],
        "groups": groups,
    }
    h, w, kh, kw = (int(n) for n in (*rng.integers(5, 12, size=2), *rng.integers(1, 4, size=2)))
    x = draw(dtype, case % 3, groups * c, h, w)
    kernel, b = draw(dtype, groups * o, c, kh, kw), draw(dtype, groups * o)
    if case % 5 < 2:
        options["data_format"] = "channels_last"
        x, kernel = x.transpose(0, 2, 3, 1), kernel.transpose(2, 3, 1, 0)
    for algorithm in (None, "im2col", "implicit_gemm"):
        options["algorithm"] = algorithm
        y = both(
            "conv2d", dtype, x, kernel, b, activation=[None, "relu", "tanh"][case % 3], **options
        )
        dy = draw(dtype, *y.shape, seed=1)
        both("conv2d_backward", dtype, dy, x, kernel, need_dx=case % 4 > 0, **options)
    if case % 5 >= 2:
        geometry = {name: options[name] for name in ("stride", "dilation", "padding")}
        cols = both("im2col", dtype, x, (kh, kw), **geometry)
        both("col2im", dtype, cols, x.shape, (kh, kw), **geometry)


@pytest.mark.parametrize("case", range(20))
def test_pools(dtype: str, case: int) -> None:
    rng = np.random.default_rng(case)
    options: dict[str, Any] = {
        "stride": [None, 1, (2, 3)][case % 3],
        "padding": [0, 1, ((0, 2), (3, 1)), "same", 6][case % 5],
        "ceil_mode": case % 2 == 1,
        "data_format": ["channels_first", "channels_last"][case // 10],
    }
    window = tuple(int(n) for n in rng.integers(1, 4, size=2))
    x = draw(dtype, case % 4, 5, 7, 6, seed=case)
    data_format = options["data_format"]
    y, argmax = both("max_pool2d", dtype, x, window, dilation=1 + case % 2, **options)
    dy = draw(dtype, *y.shape, seed=1)
    both("max_pool2d_backward", dtype, dy, argmax, x.shape, data_format=data_format)
    for count in (True, False):
        y = both("avg_pool2d", dtype, x, window, count_include_pad=count, **options)
        dy, more = draw(dtype, *y.shape, seed=2), {**options, "count_include_pad": count}
        both("avg_pool2d_backward", dtype, dy, x.shape, window, **more)
    y = both("global_avg_pool2d", dtype, x, data_format=data_format)
    both("global_avg_pool2d_backward", dtype, y, x.shape, data_format=data_format)


@pytest.mark.parametrize("n", [1, 5, 33])
@pytest.mark.parametrize("k", [1, 3, 10, 33])
def test_losses(dtype: str, n: int, k: int) -> None:
    x, ids = 3 * draw(dtype, n, k), np.random.default_rng(0).integers(0, k, size=n)
    rows, weight = R.softmax(draw(dtype, n, k, seed=1)), np.abs(draw(dtype, n))
    probs = R.softmax(x)
    for labels in (ids, rows):
        for w in (None, weight):
            both("softmax_cross_entropy", dtype, x, labels, sample_weight=w)
            both("softmax_cross_entropy_backward", dtype, probs, labels, sample_weight=w)
        for name, y in (("cross_entropy", probs), ("nll", x)):
            both(name, dtype, y, labels)
            both(f"{name}_backward", dtype, y, labels)
    for name in ("mean_squared_error", "binary_cross_entropy"):
        both(name, dtype, x, rows)
        both(f"{name}_backward", dtype, x, rows)
    np.testing.assert_array_equal(F.one_hot(ids, k, dtype), R.one_hot(ids, k, dtype))


@pytest.mark.parametrize(
    ("shape", "data_format"),
    [
        ((6, 3), "channels_first"),
        ((33, 65), "channels_last"),
        ((3, 5, 4, 7), "channels_first"),
        ((3, 4, 7, 17), "channels_last"),
    ],
)
def test_norms(dtype: str, shape: tuple[int, ...], data_format: Any) -> None:
    x, dy = draw(dtype, *shape), draw(dtype, *shape, seed=1)
    f = shape[1 if data_format == "channels_first" else -1]
    gamma, beta = draw(dtype, f), draw(dtype, f, seed=1)
    for training in (True, False):
        ours, theirs = ([np.zeros(f, dtype), np.ones(f, dtype)] for _ in range(2))
        got = F.batch_norm(
            x, gamma, beta, ours[0], ours[1], training=training, data_format=data_format
        )
        expected = R.batch_norm(
            x, gamma, beta, theirs[0], theirs[1], training=training, data_format=data_format
        )
        agree(dtype, got, expected)
        agree(dtype, tuple(ours), tuple(theirs))
        if training:
            saved = (expected[1], expected[2])
            both("batch_norm_backward", dtype, dy, x, gamma, *saved, data_format=data_format)
    gamma, beta = draw(dtype, shape[-1]), draw(dtype, shape[-1], seed=1)
    _, mean, inv_std = both("layer_norm", dtype, x, gamma, beta)
    both("layer_norm_backward", dtype, dy, x, gamma, mean, inv_std)


@pytest.mark.parametrize("shape", SHAPES)
def test_dropout(dtype: str, shape: tuple[int, ...]) -> None:
    x = draw(dtype, *shape)
    for seed, offset, rate in ((0, 0, 0.5), (2**63 + 5, 2**40 + 1, 0.1), (7, 3, 0.0)):
        _, mask = both("dropout", dtype, x, rate, seed=seed, offset=offset)
        both("dropout_backward", dtype, x, mask, rate)


UPDATES: dict[str, tuple[int, dict[str, Any]]] = {
    "sgd": (0, {}),
    "momentum": (1, {}),
    "momentum with nesterov": (1, {"nesterov": True, "momentum": 0.8}),
    "adagrad": (1, {"eps": 1e-3}),
    "rmsprop": (1, {"rho": 0.7}),
    "adam": (2, {"step": 3}),
}


@pytest.mark.parametrize("rule", UPDATES)
@pytest.mark.parametrize("shape", SHAPES)
def test_updates(dtype: str, rule: str, shape: tuple[int, ...]) -> None:
    slots, options = UPDATES[rule]
    grad = draw(dtype, *shape, seed=1)
    ours = [draw(dtype, *shape), *(np.abs(draw(dtype, *shape, seed=2)) for _ in range(slots))]
    theirs = [a.copy() for a in ours]
    for decay in (0.0, 0.1):
        for module, (param, *state) in ((F, ours), (R, theirs)):
            step = getattr(module, f"{rule.split(maxsplit=1)[0]}_update")
            assert step(param, grad, *state, lr=0.1, weight_decay=decay, **options) is None
        agree(dtype, tuple(ours), tuple(theirs))
