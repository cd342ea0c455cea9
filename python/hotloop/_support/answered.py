"""What calls answer where Keras answers tensors: arrays and numbers that also have `numpy`."""

from __future__ import annotations

from typing import Any

import numpy as np


class array(np.ndarray[Any, Any]):
    """An array with `numpy`; what is computed from it is a plain one."""

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the values as a plain array."""
        return np.asarray(self)

    def __array_wrap__(self, values: Any, *_: Any) -> Any:
        """Return results of NumPy's functions as plain arrays, and single ones as numbers."""
        return np.asarray(values)[()]

    def __reduce__(self) -> Any:
        """Pickle as a plain array."""
        return np.asarray(self).__reduce__()


class Number(float):
    """A float with `numpy`."""

    def numpy(self) -> np.float32:
        """Return the value as Keras's float."""
        return np.float32(self)

    def __reduce__(self) -> Any:
        """Pickle as a plain float."""
        return float, (float(self),)


def answered(x: Any) -> Any:
    """Return an array, or a list of them, as what has `numpy`."""
    if isinstance(x, list | tuple):
        return type(x)(answered(part) for part in x)
    return x.view(array) if type(x) is np.ndarray else x
