"""DataLoader: every row once, seeds, copies, errors."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop as hl

X = np.arange(20, dtype=np.uint8).reshape(10, 2)
Y = np.arange(10)


def test_in_order() -> None:
    batches = list(hl.DataLoader(X, Y, batch_size=4))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), X)
    assert batches[0][0].dtype == np.uint8


def test_shuffled_rows_stay_together_and_come_once() -> None:
    loader = hl.DataLoader(X, Y, batch_size=3, shuffle=True, seed=0)
    first = [(x, y) for x, y in loader]
    order = np.concatenate([y for _, y in first])
    assert sorted(order) == list(range(10))
    assert not np.array_equal(order, Y)
    for x, y in first:
        np.testing.assert_array_equal(x, X[y])
    second = np.concatenate([y for _, y in loader])
    assert not np.array_equal(order, second)
    again = hl.DataLoader(X, Y, batch_size=3, shuffle=True, seed=0)
    np.testing.assert_array_equal(np.concatenate([y for _, y in again]), order)
    np.testing.assert_array_equal(np.concatenate([y for _, y in again]), second)


def test_without_a_seed_the_order_comes_from_the_process() -> None:
    loader = hl.DataLoader(Y, batch_size=10, shuffle=True)
    hl.set_seed(3)
    first = next(iter(loader))
    hl.set_seed(3)
    np.testing.assert_array_equal(next(iter(loader)), first)


def test_batches_are_copies() -> None:
    for x in hl.DataLoader(X, batch_size=4):
        x[...] = 0
    assert X.sum() == 190


def test_lengths() -> None:
    assert len(hl.DataLoader(X, batch_size=4)) == 3
    assert len(hl.DataLoader(X, batch_size=4, drop_last=True)) == 2
    assert [len(x) for x in hl.DataLoader(X, batch_size=4, drop_last=True)] == [4, 4]
    assert list(hl.DataLoader(X[:0], batch_size=4)) == []


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"same number of rows, got \[10, 9\]"):
        hl.DataLoader(X, Y[:9])
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 0"):
        hl.DataLoader(X, batch_size=0)
    with pytest.raises(ValueError, match="at least one array"):
        hl.DataLoader()
    with pytest.raises(ValueError, match="needs a first axis"):
        hl.DataLoader(3)
