"""Beyond the conformance table: other types than floats, strided views in plans, batches of products."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers import assert_close
from hotloop import _core
from hotloop import functional as F

TYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")  # fmt: skip


def filled(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)


def same(got: Any, want: Any) -> None:
    assert got.dtype == want.dtype
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_of_element_is_moved_as_it_is(dtype: str) -> None:
    x = filled((5, 6, 7), dtype)
    at = np.array([4, 0, -1, 2])
    for view in (x, x[::-1, 1:, ::2], x.transpose(2, 0, 1), np.broadcast_to(x[:1], x.shape)):
        same(_core.copy(view), np.array(view, order="C"))
        same(F.transpose(view, axes=(1, 2, 0)), np.ascontiguousarray(view.transpose(1, 2, 0)))
        same(F.flip(view, axis=(0, 2)), np.ascontiguousarray(np.flip(view, (0, 2))))
        width = ((1, 0), (0, 2), (3, 1))
        same(F.pad(view, width, value=1), np.pad(view, width, constant_values=1))
        same(F.concatenate([view, view[:, :2]], axis=1), np.concatenate([view, view[:, :2]], 1))
        same(F.take(view, at[:, None], axis=0), np.take(view, at[:, None], axis=0))
        index = np.random.default_rng(1).integers(0, view.shape[-1], (*view.shape[:-1], 3))
        same(F.take_along_axis(view, index), np.take_along_axis(view, index, -1))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(700, 401), (33, 1000, 3), (3, 1000, 33), (1_000_003,)])
def test_large_arrays_of_any_strides(dtype: str, shape: tuple[int, ...]) -> None:
    x = filled(shape, dtype)
    for axes in itertools.permutations(range(len(shape))):
        same(F.transpose(x, axes=axes), np.ascontiguousarray(x.transpose(axes)))
    same(_core.copy(x[::2]), x[::2].copy())
    same(_core.copy(x[..., ::-1]), x[..., ::-1].copy())


@settings(max_examples=60)
@given(data=st.data())
def test_joins_of_different_sizes(data: st.DataObject) -> None:
    shape = list(data.draw(hnp.array_shapes(max_dims=4, max_side=5)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for i, n in enumerate(data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=12))):
        shape[axis] = n
        parts.append(filled(tuple(shape), data.draw(st.sampled_from(TYPES[1:])), i))
    same(F.concatenate(parts, axis=axis), np.concatenate(parts, axis=axis))


def test_indices_of_any_integer_type() -> None:
    x = filled((6, 4), "float32")
    for dtype in ("int8", "uint8", "int16", "uint32", "int32", "int64", ">i4", "bool"):
        at = np.array([1, 0, 1]).astype(dtype)
        same(F.take(x, at, axis=0), x[[1, 0, 1]])
        same(F.scatter_add(x[:3], at, 2), np.stack([x[1], x[0] + x[2]]))
    same(F.take(x, np.arange(12, dtype=np.int32)[::-5], axis=None), x.reshape(-1)[11::-5])
    assert F.take(x, [], axis=0).shape == (0, 4)


def test_copy_into_views() -> None:
    target = np.zeros((4, 6), np.float32)
    _core.copy_into(target[1:3, ::2], np.array([1, 2, 3], np.float32))
    want = np.zeros((4, 6), np.float32)
    want[1:3, ::2] = [1, 2, 3]
    np.testing.assert_array_equal(target, want)
    fixed = np.zeros(3)
    fixed.flags.writeable = False
    folded = np.lib.stride_tricks.as_strided(np.zeros(3), (3,), (0,))
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        ([1.0], np.ones(1), TypeError, "target must be a numpy array"),
        (np.zeros(3), np.ones(3, np.float32), TypeError, "target must have the dtype of x"),
        (np.zeros(3), np.ones(4), ValueError, "target and x must have one shape"),
        (np.zeros(1), np.ones(4), ValueError, "x must have the shape of target"),
        (fixed, np.ones(3), ValueError, "target is read-only"),
        (folded, np.ones(3), ValueError, "target overlaps itself"),
        (want[1:], want[:-1], ValueError, "target overlaps x"),
    ]
    for to, x, error, text in cases:
        with pytest.raises(error, match=f"^copy_into: .*{text}"):
            _core.copy_into(to, x)


def recorded(call: Any) -> tuple[_core.Plan, Any]:
    plan = _core.Plan()
    with plan.recording():
        answer = call()
    return plan, answer


VIEWS: dict[str, Any] = {
    "columns": lambda x: x[:, 1:5],
    "rows": lambda x: x[::2],
    "turned": lambda x: x.T,
    "flipped": lambda x: x[::-1, ::-1],
    "repeated": lambda x: np.broadcast_to(x[:1], (4, 6)),
}
CALLS: dict[str, Any] = {
    "add": lambda v: _core.add(v, v),
    "add the rows of a view": lambda v: _core.add(v, v[:1]),
    "exp": _core.exp,
    "less": lambda v: _core.less(v, v[:1]),
    "where": lambda v: _core.where(v > 0, v, v[:1]),
    "sum": lambda v: _core.sum(v, 0),
    "argmax": lambda v: _core.argmax(v, 1),
    "softmax": lambda v: _core.softmax(v, -1),
    "relu": _core.relu,
    "matmul": lambda v: _core.matmul(v, v, transpose_b=True),
    "affine": lambda v: _core.affine(v, np.ones((v.shape[1], 2), v.dtype)),
    "copy": _core.copy,
    "flip": lambda v: _core.flip(v, 0),
    "pad": lambda v: _core.pad(v, ((1, 1), (0, 2))),
    "concatenate": lambda v: _core.concatenate([v, v[:1]], 0),
    "take": lambda v: _core.take(v, np.array([0, 1, 0]), 1),
    "cumsum": lambda v: _core.cumsum(v, 0),
    "top_k": lambda v: _core.top_k(v, 2)[0],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", CALLS)
def test_recorded_calls_read_views_and_follow_the_array_that_is_bound(name: str, view: str) -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(4, 6)).astype(np.float32) for _ in range(2))
    call = CALLS[name]
    if name == "where":
        mask = VIEWS[view](first) > 0
        call = lambda v: _core.where(mask, v, v[:1])  # noqa: E731
    plan, answer = recorded(lambda: call(VIEWS[view](first)))
    plan.run()
    np.testing.assert_array_equal(answer, call(VIEWS[view](first)))
    first *= -2
    plan.run()
    np.testing.assert_array_equal(answer, call(VIEWS[view](first)))
    plan.rebind(first, second)
    plan.run()
    np.testing.assert_array_equal(answer, call(VIEWS[view](second)))


def test_a_recorded_place_outside_is_found_when_the_step_runs() -> None:
    x, at = np.arange(6.0), np.array([0, 5])
    plan, answer = recorded(lambda: _core.take(x, at))
    plan.run()
    assert answer.tolist() == [0, 5]
    at[1] = 6
    with pytest.raises(ValueError, match="take: index 6 lies outside an axis of 6"):
        plan.run()


def test_what_a_plan_cannot_record_is_named() -> None:
    x = np.ones((2, 3), ">f4")
    for call in (
        lambda: _core.add(x, x),
        lambda: _core.copy(x),
        lambda: _core.concatenate([x.astype("f4"), np.ones((2, 3))]),
        lambda: _core.take(np.ones(3), np.array([1], np.int8)),
        lambda: _core.where(np.ones(3), np.ones(3), np.ones(3)),
    ):
        with pytest.raises(RuntimeError, match="would have to be converted"):
            recorded(call)


BATCHES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((7, 1, 3, 4), (1, 5, 4, 2)), ((2, 1, 1, 4), (3, 4, 1)),
    ((0, 3, 4), (4, 5)), ((2, 3, 0), (2, 0, 5)), ((2, 0, 4), (4, 5)), ((40, 33, 17), (40, 17, 9)), ((3, 200, 300), (3, 300, 150)),
    ((64, 40, 40), (40, 40)), ((2, 2, 2, 2, 3, 4), (2, 1, 4, 5)), ((5, 8, 300), (5, 300, 8)),
)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("a", "b"), BATCHES)
def test_batches_of_products(a: tuple[int, ...], b: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=s).astype(dtype) for s in (a, b))
    want = np.matmul(x.astype(np.float64), y.astype(np.float64))
    plain = F.matmul(x, y)
    assert_close(plain, want, dtype, float(np.sqrt(max(a[-1], 1)) * 3))
    turned_x, turned_y = (np.ascontiguousarray(np.swapaxes(v, -1, -2)) for v in (x, y))
    assert F.matmul(turned_x, y, transpose_a=True).tobytes() == plain.tobytes()
    assert F.matmul(x, turned_y, transpose_b=True).tobytes() == plain.tobytes()
    views: tuple[Any, ...] = (
        lambda v: np.swapaxes(np.ascontiguousarray(np.swapaxes(v, -1, -2)), -1, -2),
        np.asfortranarray,
        lambda v: np.repeat(v, 2, -1)[..., ::2],
        lambda v: np.ascontiguousarray(v[..., ::-1, :])[..., ::-1, :],
        lambda v: np.concatenate([v, v], -1)[..., : v.shape[-1]],
    )
    for left, right in itertools.product(views, views):
        assert F.matmul(left(x), right(y)).tobytes() == plain.tobytes()
    before = _core.get_num_threads()
    try:
        for threads in (1, 2, 5):
            _core.set_num_threads(threads)
            assert F.matmul(x, y).tobytes() == plain.tobytes()
    finally:
        _core.set_num_threads(before)


def test_batches_that_do_not_fit() -> None:
    for a, b, text in (
        ((2, 3, 4), (3, 4, 5), r"the batch axes of a and of b .*\(2,\).*\(3,\)"),
        ((2, 3, 4), (2, 3, 4), "the inner sizes 4 and 3 differ"),
        ((3,), (3, 4), "a and b must have at least 2 axes"),
    ):
        with pytest.raises(ValueError, match=f"^matmul: {text}"):
            F.matmul(np.ones(a), np.ones(b))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sine_and_cosine_far_from_zero(name: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=3000) * 10.0**e for e in range(-8, 30)]).astype(dtype)
    x = np.concatenate([x, (np.arange(-60_000, 60_000) * (np.pi / 4)).astype(dtype)])
    want = getattr(np, name)(x.astype(np.longdouble))
    got = getattr(F, name)(x)
    bound = 2 * np.finfo(dtype).eps
    assert float(np.abs(got - want).max()) < bound
    near = np.abs(want) > 1e-4
    assert float((np.abs(got - want)[near] / np.abs(want[near])).max()) < 4 * bound
    np.testing.assert_array_equal(getattr(F, name)(np.array([np.inf, np.nan], dtype)), [np.nan] * 2)


def test_sums_of_many_equal_numbers() -> None:
    x = np.full(3_000_000, 0.1, np.float32)
    want = 3_000_000 * float(np.float32(0.1))
    assert abs(float(F.sum(x)) / want - 1) < 5e-6
    assert abs(float(F.mean(x)) / float(np.float32(0.1)) - 1) < 5e-6
    assert abs(float(F.cumsum(x)[-1]) / want - 1) < 5e-6
    for shape, axis in (((3, 1_000_000), 1), ((1_000_000, 3), 0), ((10, 30_000, 10), (0, 1))):
        sums = F.sum(x.reshape(shape), axis=axis)
        np.testing.assert_allclose(sums, want / sums.size, rtol=5e-6)


def test_a_list_that_holds_itself_is_refused() -> None:
    width: Any = []
    width.append(width)
    nested: Any = [[[1, 2]]]
    with pytest.raises((TypeError, ValueError), match="width"):
        F.pad(np.ones(3), width)
    with pytest.raises((TypeError, ValueError), match="width"):
        F.pad(np.ones(3), nested)
