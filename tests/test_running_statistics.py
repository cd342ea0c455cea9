"""Statistics that batch_norm keeps: apart from its results, and quiet where there is no batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hotloop import _core, functional

# Any: the tests also pass what the signatures forbid.
F: Any = functional
C: Any = _core


@pytest.mark.parametrize("training", [False, True])
def test_out_is_apart_from_the_running_statistics(training: bool) -> None:
    x = np.arange(6.0).reshape(2, 3)
    gamma, beta, mean = np.ones(3), np.zeros(3), np.zeros(3)
    room = np.ones(8)
    var = room[:3]
    out = room[2:8].reshape(2, 3)
    given = (out, np.empty(3), np.empty(3)) if training else out
    with pytest.raises(ValueError, match="batch_norm: out overlaps a running array"):
        C.batch_norm(x, gamma, beta, mean, var, training, 0.9, 1e-5, "channels_first", given)
    np.testing.assert_array_equal(room, 1.0)


def test_backward_of_an_empty_batch_is_zero_whatever_the_statistics() -> None:
    empty, vector = np.empty((0, 3)), np.ones(3)
    dx, dgamma, dbeta = F.batch_norm_backward(empty, empty, vector, vector, np.full(3, np.nan))
    assert dx.shape == (0, 3)
    np.testing.assert_array_equal(dgamma, np.zeros(3))
    np.testing.assert_array_equal(dbeta, np.zeros(3))
