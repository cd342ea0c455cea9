"""What every definition begins with: the promotion of its arguments."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # what numpy.asarray takes: promoted on entry, an ndarray from there on


def promote(*arrays: Array) -> Any:
    """Bring the arguments to one floating dtype: lists, integers and bools count as float64.

    One argument gives one array, several give a list.
    """
    given = [np.asarray(a) for a in arrays]
    dtypes = [np.dtype(np.float64) if a.dtype.kind in "biu" else a.dtype for a in given]
    for dtype in dtypes:
        if dtype.kind != "f" or dtype == np.float16:
            msg = f"the reference computes in float32, float64 or longdouble, not {dtype}"
            raise TypeError(msg)
    common = np.result_type(*dtypes)
    promoted = [a.astype(common, copy=False) for a in given]
    return promoted if len(promoted) > 1 else promoted[0]
