"""`hotloop.ops`: every way back passes central differences in float64, whatever the shapes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import ops_cases
from hotloop import autodiff, ops
from ops_case import MAKERS, Case

STEP = 1e-6


def differences(case: Case, weights: list[Any], i: int) -> Any:
    """Return the central differences of the weighted sum of answers for array `i`."""
    found = np.zeros_like(case.arrays[i])
    for place in np.ndindex(found.shape):
        values = []
        for sign in (1.0, -1.0):
            arrays = [np.array(a) for a in case.arrays]
            arrays[i][place] += sign * STEP
            parts = case.call(ops, arrays)
            values.append(sum(np.sum(p * w) for p, w in zip(parts, weights, strict=True)))
        found[place] = (values[0] - values[1]) / (2 * STEP)
    return found


@pytest.mark.parametrize("row", range(ops_cases.COUNT))
def test_gradients_match_central_differences(row: int) -> None:
    checked = 0
    for seed in range(4):
        rng = np.random.default_rng([row, seed])
        case = MAKERS[row](rng)
        plain = case.call(ops, case.arrays)
        wants = [a.dtype.kind == "f" and case.gradient for a in case.arrays]
        tensors = [hl.Tensor(a, requires_grad=w) for a, w in zip(case.arrays, wants, strict=True)]
        answers = case.call(ops, tensors)
        for mine, other in zip(answers, plain, strict=True):
            np.testing.assert_array_equal(np.asarray(mine), other)
        if not any(wants):
            assert not any(
                getattr(a, "requires_grad", False) for a in answers if a.dtype.kind != "f"
            )
            checked += 1
            continue
        weights = [
            rng.uniform(0.5, 1.5, a.shape) if a.dtype.kind == "f" else np.zeros(a.shape)
            for a in answers
        ]
        total: Any = 0.0
        for answer, weight in zip(answers, weights, strict=True):
            if answer.dtype.kind == "f":
                total = total + (answer * weight).sum()
        total.backward()
        for i, (tensor, want) in enumerate(zip(tensors, wants, strict=True)):
            if want and tensor.size < 40:
                expected = differences(case, weights, i)
                given = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
                np.testing.assert_allclose(
                    given, expected, rtol=2e-5, atol=2e-6, err_msg=f"{case.name} {case.options}"
                )
                checked += 1
    assert checked


def test_factors_multiply_back() -> None:
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=(3, 3)), rng.normal(size=(2, 4, 3)), rng.normal(size=(3, 5))):
        q, r = ops.qr(x)
        np.testing.assert_allclose(q @ r, x, atol=1e-12)
        u, s, v = ops.svd(x, full_matrices=False)
        np.testing.assert_allclose((u * s[..., None, :]) @ v, x, atol=1e-12)
        np.testing.assert_allclose(ops.svd(x, compute_uv=False), s, atol=1e-12)
        np.testing.assert_allclose(x @ ops.pinv(x) @ x, x, atol=1e-12)
    a = rng.normal(size=(2, 3, 3))
    a = a @ np.swapaxes(a, -1, -2)
    w, vectors = ops.eigh(a)
    np.testing.assert_allclose(
        (vectors * w[..., None, :]) @ np.swapaxes(vectors, -1, -2), a, atol=1e-12
    )
    low, high = ops.cholesky(a), ops.cholesky(a, upper=True)
    np.testing.assert_allclose(low @ high, a, atol=1e-12)


def test_the_determinant_of_a_singular_matrix_has_its_gradient() -> None:
    t = hl.Tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    ops.det(t).backward()
    assert t.grad is not None
    np.testing.assert_allclose(t.grad, [[4, -2], [-2, 1]], atol=1e-5)


@pytest.mark.parametrize(
    ("call_it", "message"),
    [
        (lambda: ops.inv([[1.0, 2.0], [2.0, 4.0]]), "inv: singular matrix"),
        (lambda: ops.inv([1.0, 2.0]), "inv: needs square matrices"),
        (lambda: ops.cholesky([[-1.0]]), "cholesky: .*positive definite"),
        (lambda: ops.solve(np.eye(3), np.ones(2)), "solve: b must be"),
        (lambda: ops.conv_transpose(np.ones((1, 3, 2)), np.ones((2, 1, 3))), "conv_transpose: the kernel"),
        (lambda: ops.depth_to_space(np.ones((1, 2, 2, 3)), 2), "depth_to_space: 3 channels"),
        (lambda: ops.segment_sum([1.0], [0.5]), "segment_sum: segment_ids must be"),
        (lambda: ops.rearrange(np.ones((2, 3)), "a b -> a c"), "rearrange: the pattern"),
        (lambda: ops.quantile([1.0], 1.5), "quantile: q must lie in 0 to 1"),
        (lambda: ops.correlate([[1.0]], [1.0]), "correlate: needs two vectors"),
    ],
)  # fmt: skip
def test_bad_calls_name_the_operation(call_it: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call_it()


def test_svd_and_triangles_refuse_what_has_no_gradient() -> None:
    t = hl.Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    u, _, _ = ops.svd(t)
    with pytest.raises(ValueError, match="full_matrices=False"):
        ops.sum(u).backward()


def test_nan_quantiles_follow_numpy() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 5, 3))
    x[1:][rng.random((3, 5, 3)) < 0.3] = np.nan
    for axis in (None, 0, (0, 2)):
        for method in ("linear", "lower", "higher", "nearest", "midpoint"):
            for q in (0.3, [0.0, 0.45, 1.0]):
                mine = ops.nanquantile(x, q, axis=axis, method=method)
                theirs = np.nanquantile(x, q, axis=axis, method=method)
                np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert np.isnan(ops.quantile([1.0, np.nan], 0.5))
    np.testing.assert_allclose(ops.nanpercentile(x, 30, axis=1), np.nanpercentile(x, 30, axis=1))


def test_correlate_follows_numpy() -> None:
    rng = np.random.default_rng(2)
    for n in range(1, 7):
        for m in range(1, 7):
            a, b = rng.normal(size=n), rng.normal(size=m)
            for mode in ("valid", "same", "full"):
                np.testing.assert_allclose(
                    ops.correlate(a, b, mode), np.correlate(a, b, mode), rtol=1e-12, atol=1e-12
                )


def test_erfinv_and_its_ends() -> None:
    y = np.concatenate([np.linspace(-0.999999, 0.999999, 101), [1e-12, 1 - 1e-12]])
    np.testing.assert_allclose(ops.erf(ops.erfinv(y)), y, rtol=1e-13, atol=1e-16)
    np.testing.assert_array_equal(ops.erfinv([-1.0, 1.0, 1.5]), [-np.inf, np.inf, np.nan])


def test_associative_scan_is_a_running_sum_both_ways() -> None:
    x = np.arange(1.0, 15.0).reshape(7, 2)
    for n in range(1, 8):
        np.testing.assert_allclose(
            ops.associative_scan(ops.add, x[:n], axis=0), np.cumsum(x[:n], axis=0)
        )
    back = ops.associative_scan(ops.multiply, x, reverse=True, axis=1)
    np.testing.assert_allclose(back, np.cumprod(x[:, ::-1], axis=1)[:, ::-1])
    pair = ops.associative_scan(
        lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (x[:, 0] / 9, x[:, 1])
    )
    state, states = 0.0, []
    for factor, more in zip(x[:, 0] / 9, x[:, 1], strict=True):
        state = factor * state + more
        states.append(state)
    np.testing.assert_allclose(pair[1], states)


def test_custom_gradient_is_followed_on_tensors_and_tapes() -> None:
    @ops.custom_gradient
    def doubled(x: Any, y: Any) -> Any:
        def grad(*args: Any, upstream: Any) -> Any:
            return upstream * 10.0 * args[1], None

        return ops.multiply(x, y), grad

    t = hl.Tensor([1.0, 2.0], requires_grad=True)
    doubled(t, np.array([3.0, 4.0], np.float32)).sum().backward()
    np.testing.assert_array_equal(t.grad, [30, 40])

    @ops.custom_gradient
    def plain(x: Any) -> Any:
        return x * 2.0, lambda upstream: upstream * 7.0

    x = np.array([1.0, 2.0], np.float32)
    with hl.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(plain(x))
    np.testing.assert_array_equal(tape.gradient(y, x), [7, 7])
    np.testing.assert_array_equal(plain(x), [2, 4])
    with pytest.raises(TypeError, match="symbols"):
        plain(hl.Input((2,)))


def test_vectorize_loops_over_what_the_signature_leaves() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 2, 3)), rng.normal(size=3)
    found = ops.vectorize(ops.matmul, signature="(m,n),(n)->(m)")(a, b)
    np.testing.assert_allclose(found, a @ b)
    t = hl.Tensor([1.0, 2.0], requires_grad=True)
    ops.vectorize(lambda x, k: x * k, excluded={1})(t, 3.0).sum().backward()
    np.testing.assert_array_equal(t.grad, [3, 3])


def test_argpartition_and_view() -> None:
    x = np.random.default_rng(4).normal(size=(3, 8)).astype(np.float32)
    order = ops.argpartition(x, 3)
    assert order.dtype == np.int32
    found = np.take_along_axis(x, order, axis=-1)
    np.testing.assert_array_equal(found[:, 3], np.sort(x)[:, 3])
    assert (found[:, :3] <= found[:, 3:4]).all()
    assert (found[:, 4:] >= found[:, 3:4]).all()
    np.testing.assert_array_equal(ops.view(x, "int32"), x.view(np.int32))


def test_new_operations_are_nodes_of_a_model() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2, 4, 4, 4)).astype(np.float32)
    w = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    image = hl.Input((4, 4, 4))
    functions: tuple[Any, ...] = (
        lambda v: ops.conv_transpose(v, w, strides=2, padding="same"),
        lambda v: ops.depth_to_space(v, 2),
        lambda v: ops.space_to_depth(v, 2),
        lambda v: ops.unfold(v, 2),
        lambda v: ops.adaptive_average_pool(v, 3),
        lambda v: ops.rearrange(v, "b (h p) w c -> b h w (c p)", p=2),
        lambda v: ops.median(v, axis=(1, 2)),
        lambda v: ops.svd(v, full_matrices=False)[1],
        lambda v: ops.slogdet(v)[1],
        ops.sparsemax,
    )
    for function in functions:
        model = hl.Model(image, function(image))
        expected = function(x)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
        again = hl.Model.from_config(model.get_config())
        np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_shares_of_quantiles_are_read_in_full() -> None:
    x = np.random.default_rng(6).normal(size=42)
    np.testing.assert_allclose(ops.quantile(x, 0.3), np.quantile(x, 0.3), rtol=1e-14)
    np.testing.assert_allclose(ops.percentile(x, 30), np.percentile(x, 30), rtol=1e-14)


def test_no_operation_of_elements_warns_or_changes_what_numpy_warns_of() -> None:
    before = np.geterr()
    t = hl.Tensor([0.0, -1.0, 3e38], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (ops.log, ops.sqrt, ops.exp, ops.reciprocal, ops.arcsin, ops.floor):
            function(t)
        others: tuple[Any, ...] = (0.0, t, np.array([0.0, np.inf, 3e38], np.float32))
        for other in others:
            for pair in (ops.divide, ops.multiply, ops.power, ops.mod, ops.add):
                ops.sum(pair(t, other)).backward()
    assert np.geterr() == before


def test_python_numbers_and_several_dtypes_meet_as_before() -> None:
    x = hl.Tensor(np.ones((2, 2), np.float32), requires_grad=True)
    whole = np.ones((2, 2), np.int32)
    pairs: tuple[tuple[Any, str], ...] = (
        (2, "float32"), (2.5, "float32"), (True, "float32"), (whole, "float32"),
        (np.float64(2.5), "float64"), (np.ones(2), "float64"), ([1, 2], "float32"),
    )  # fmt: skip
    for other, dtype in pairs:
        for answer in (x * other, other * x if not isinstance(other, np.ndarray) else x * other):
            assert str(answer.dtype) == dtype
            assert answer.requires_grad
    assert str(ops.multiply(whole, 2.5).dtype) == "float32"
    assert str(ops.multiply(whole, 2).dtype) == "int32"
    with autodiff.no_grad():
        assert not (x * 2.0).requires_grad
    assert np.asarray(ops.clip(hl.Tensor(3.0), 0.0, 1.0)).shape == ()


def test_sparsemax_is_the_nearest_point_of_the_simplex() -> None:
    x = np.random.default_rng(7).normal(size=(50, 6))
    y = ops.sparsemax(x)
    np.testing.assert_allclose(y.sum(axis=-1), 1.0)
    # Where y is positive x - y is one number, and x is no larger elsewhere.
    tau = np.max(np.where(y > 0, x - y, -np.inf), axis=-1, keepdims=True)
    np.testing.assert_allclose(np.where(y > 0, x - y, tau), np.broadcast_to(tau, x.shape))
    assert (x[y == 0] <= np.broadcast_to(tau, x.shape)[y == 0]).all()


def test_open_sizes_go_through_shape_and_reshape() -> None:
    x = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    v = hl.Input((3, 4))
    for shaped in (
        ops.reshape(v, (ops.shape(v)[0], 12)),
        ops.reshape(v, (None, 12)),
        ops.reshape(v, (-1, 12)),
    ):
        model = hl.Model(v, shaped)
        for n in (1, 2):
            np.testing.assert_array_equal(model.predict(x[:n], verbose=0), x[:n].reshape(n, 12))
    with pytest.raises(ValueError, match="size: the number of elements"):
        ops.size(v)


def test_unique_tells_places_inverse_and_counts() -> None:
    x = np.array([3.0, 1.0, 3.0, 2.0], np.float32)
    values, first, back, counts = ops.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    np.testing.assert_array_equal(x[first], values)
    np.testing.assert_array_equal(values[back], x)
    np.testing.assert_array_equal(counts, [1, 1, 2])
