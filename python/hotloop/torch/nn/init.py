"""First values of parameters, by PyTorch's rules; the random streams are hotloop's.

Each changes its tensor in place and returns it; none is remembered for the way back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop._support.names import serve
from hotloop.torch.creation import rng_of

_GAINS = {
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
    **dict.fromkeys(
        (
            "linear",
            "sigmoid",
            *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)),
        ),
        1.0,
    ),
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much weights before a nonlinearity are scaled.

    Examples
    --------
    >>> round(calculate_gain("leaky_relu", 0.2), 6)
    1.38675
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        msg = f"Unsupported nonlinearity {str(nonlinearity)[:60]}"
        raise ValueError(msg)
    return _GAINS[nonlinearity]


def _filled(tensor: Any, values: Any) -> Any:
    tensor._array[...] = values
    tensor._version[0] += 1
    return tensor


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Fill with numbers between a and b, all equally likely."""
    rng = rng_of(generator)
    return _filled(tensor, rng.uniform(a, b, tensor._array.shape))


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Fill with normally distributed numbers."""
    rng = rng_of(generator)
    return _filled(tensor, rng.normal(mean, std, tensor._array.shape))


def trunc_normal_(
    tensor: Any,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Any:
    """Fill with normally distributed numbers between a and b; those beyond are drawn again."""
    rng = rng_of(generator)
    values = rng.normal(mean, std, tensor._array.shape)
    if not a < b or abs(mean - min(max(mean, a), b)) > 8 * std:
        msg = f"trunc_normal_: no normal number of mean {mean}, std {std} lies between {a} and {b}"
        raise ValueError(msg)
    while (beyond := (values < a) | (values > b)).any():
        values[beyond] = rng.normal(mean, std, int(beyond.sum()))
    return _filled(tensor, values)


def constant_(tensor: Any, val: float) -> Any:
    """Fill with one number."""
    return _filled(tensor, val)


def ones_(tensor: Any) -> Any:
    """Fill with ones."""
    return _filled(tensor, 1.0)


def zeros_(tensor: Any) -> Any:
    """Fill with zeros."""
    return _filled(tensor, 0.0)


def eye_(tensor: Any) -> Any:
    """Fill a matrix with the identity."""
    _need_axes("eye_", tensor, 2, 2)
    return _filled(tensor, np.eye(*tensor._array.shape))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """Fill the weights of a convolution so that it answers its input."""
    _need_axes("dirac_", tensor, 3, 5)
    shape = tensor._array.shape
    values = np.zeros(shape)
    out = shape[0] // groups
    n = min(out, shape[1])
    middle = tuple(size // 2 for size in shape[2:])
    for group in range(groups):
        for i in range(n):
            values[(group * out + i, i, *middle)] = 1
    return _filled(tensor, values)


def _need_axes(name: str, tensor: Any, least: int, most: int) -> None:
    if not least <= tensor._array.ndim <= most:
        msg = f"{name}: takes {least} to {most} axes, got shape {tensor._array.shape}"
        raise ValueError(msg)


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    shape = tensor._array.shape
    if len(shape) < 2:
        msg = (
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
            f"got shape {shape}"
        )
        raise ValueError(msg)
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Fill within ``gain * sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Fill normally, of deviation ``gain * sqrt(2 / (fan_in + fan_out))``."""
    std = gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return normal_(tensor, 0.0, std, generator)


def _kaiming(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        msg = f"Mode {str(mode)[:60]} not supported, please use one of ['fan_in', 'fan_out']"
        raise ValueError(msg)
    fan = _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Any:
    """Fill within ``gain * sqrt(3 / fan)`` (He et al., 2015)."""
    bound = math.sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Any:
    """Fill normally, of deviation ``gain / sqrt(fan)``."""
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """Fill with orthogonal rows or columns (Saxe et al., 2013)."""
    shape = tensor._array.shape
    _need_axes("orthogonal_", tensor, 2, 64)
    rng = rng_of(generator)
    rows, columns = shape[0], math.prod(shape[1:])
    flat = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(flat)
    q *= np.sign(np.diag(r))
    return _filled(tensor, gain * (q if rows >= columns else q.T).reshape(shape))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Fill a matrix normally, and a share of each column with zeros (Martens, 2010)."""
    _need_axes("sparse_", tensor, 2, 2)
    rng = rng_of(generator)
    rows, columns = tensor._array.shape
    values = rng.normal(0, std, (rows, columns))
    order = rng.random((rows, columns)).argsort(axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * rows)], 0.0, axis=0)
    return _filled(tensor, values)


def _deprecated(name: str) -> Callable[..., Any]:
    """Return a function of PyTorch's first names, without the underscore."""
    own: Callable[..., Any] = globals()[f"{name}_"]
    return own


uniform, normal, constant, eye, dirac = map(
    _deprecated, ("uniform", "normal", "constant", "eye", "dirac")
)
xavier_uniform, xavier_normal = map(_deprecated, ("xavier_uniform", "xavier_normal"))
kaiming_uniform, kaiming_normal = map(_deprecated, ("kaiming_uniform", "kaiming_normal"))
orthogonal, sparse = map(_deprecated, ("orthogonal", "sparse"))

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

serve(__name__)
