"""Slopes by differences, and descents along them.

All of them move the very array that they are given by a little, call the function, and put the
number back: the lessons pass functions that ignore their argument and read the weights of a net.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[Any], Any]

_H = 1e-4
_EPS = 1e-5


def numerical_diff(f: Function, x: Any) -> Any:
    """Slope of a function of one number, ``(f(x + h) - f(x - h)) / 2h`` with h = 1e-4.

    Parameters
    ----------
    f : callable
        The function.
    x : float or ndarray
        Where; an array is moved as a whole, which gives the slope at each of its numbers.

    Returns
    -------
    float or ndarray
        Like ``f(x)``.

    Examples
    --------
    >>> round(numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, 5.0), 6)
    0.2
    """
    return (f(x + _H) - f(x - _H)) / (2 * _H)


def _central(f: Function, x: Array, h: float) -> Array:
    if not np.issubdtype(x.dtype, np.floating):
        msg = f"x must be an array of floats, which a step of {h} can change, got {x.dtype}"
        raise TypeError(msg)
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        before = x[i]
        try:
            x[i] = before + h
            above = f(x)
            x[i] = before - h
            grad[i] = (above - f(x)) / (2 * h)
        finally:
            x[i] = before
    return grad


def differential(f: Function, x: Array) -> Array:
    """Gradient by central differences with step 1e-5, for an array of any shape.

    Parameters
    ----------
    f : callable
        Function of `x`, or of nothing but what `x` is part of.
    x : ndarray of float
        Where. Each number is moved in place and put back, also when `f` raises.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    TypeError
        If `x` holds no floats.

    Examples
    --------
    >>> import numpy as np
    >>> differential(lambda x: (x**2).sum(), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    return _central(f, x, _EPS)


def differential_1d(f: Function, x: Array) -> Array:
    """`differential` of a vector.

    Parameters
    ----------
    f : callable
        The function.
    x : ndarray (n,) of float
        Where.

    Returns
    -------
    ndarray (n,)
        The gradient.

    Examples
    --------
    >>> import numpy as np
    >>> differential_1d(lambda x: (x**2).sum(), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    return differential(f, x)


def differential_2d(f: Function, X: Array) -> Array:
    """`differential` of a matrix, row after row.

    Parameters
    ----------
    f : callable
        Function of what `X` is part of: the lessons' own one is told a row, and ignores it.
    X : ndarray (n,) or (n, m) of float
        Where.

    Returns
    -------
    ndarray
        Of the shape of `X`.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> differential_2d(lambda row: (W**2).sum(), W).round(6)
    array([[2., 4.],
           [6., 8.]])
    """
    if X.ndim == 1:
        return differential(f, X)
    grad = np.zeros_like(X)
    for i, row in enumerate(X):
        grad[i] = differential(f, row)
    return grad


def numerical_gradient(f: Function, x: Array) -> Array:
    """Gradient by central differences with step 1e-4, for an array of any shape.

    Parameters
    ----------
    f : callable
        The function.
    x : ndarray of float
        Where; moved in place and put back.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    TypeError
        If `x` holds no floats: 3 + 1e-4 is 3 in an array of integers, a fault of the book's
        function that answers 0 there.

    Examples
    --------
    >>> import numpy as np
    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    return _central(f, x, _H)


def gradient_descent(f: Function, *args: Any, **kwargs: Any) -> Any:
    """Descend; two lessons use the name, and the second argument tells them apart.

    ``gradient_descent(f, init_x, lr=0.01, step_num=100) -> x`` follows `numerical_gradient` and
    returns where it ends. ``gradient_descent(f, df_dx, init_x, learning_rate=0.01, step_num=100)
    -> x_log, y_log`` follows a slope that is given and returns the whole way.

    Parameters
    ----------
    f : callable
        Function to descend on.
    *args, **kwargs
        As above; `df_dx` is a callable.

    Returns
    -------
    ndarray, or lists x_log and y_log
        The last point, or every point with the first, and `f` there.

    Examples
    --------
    >>> import numpy as np
    >>> end = gradient_descent(lambda x: (x**2).sum(), np.array([-3.0, 4.0]), lr=0.1, step_num=100)
    >>> bool(np.allclose(end, 0, atol=1e-8))
    True
    >>> x_log, y_log = gradient_descent(lambda x: x**2, lambda x: 2 * x, 10.0, 0.1, 3)
    >>> [round(x, 3) for x in x_log]
    [10.0, 8.0, 6.4, 5.12]
    """
    if "df_dx" in kwargs or (args and callable(args[0])):
        return _along_slope(f, *args, **kwargs)
    return _along_differences(f, *args, **kwargs)


def _along_differences(f: Function, init_x: Any, lr: float = 0.01, step_num: int = 100) -> Array:
    x = np.array(init_x, np.result_type(np.asarray(init_x), np.float32))
    for _ in range(step_num):
        x -= lr * numerical_gradient(f, x)
    return x


def _along_slope(
    f: Function, df_dx: Function, init_x: Any, learning_rate: float = 0.01, step_num: int = 100
) -> tuple[list[Any], list[Any]]:
    x = init_x
    x_log, y_log = [x], [f(x)]
    for _ in range(step_num):
        x = x - learning_rate * df_dx(x)
        x_log.append(x)
        y_log.append(f(x))
    return x_log, y_log


def gradient_descent2(
    f: Function, df_dx: Function, init_x: Any, learning_rate: float = 0.01, step_num: int = 100
) -> tuple[list[Any], list[Any], int]:
    """Descend until a move is shorter than 1e-5.

    Parameters
    ----------
    f, df_dx : callable
        Function and slope.
    init_x : float
        First point.
    learning_rate : float
        Factor of the slope.
    step_num : int
        Most moves.

    Returns
    -------
    x_log, y_log : list
        Every point with the first, and `f` there.
    count : int
        Moves made; one shorter than 1e-5 is not made and not counted.

    Examples
    --------
    >>> x_log, y_log, count = gradient_descent2(lambda x: x**2, lambda x: 2 * x, 10.0, 0.1)
    >>> count, x_log[-1] < 1e-4
    (55, True)
    """
    x = init_x
    x_log, y_log = [x], [f(x)]
    for _ in range(step_num):
        new = x - learning_rate * df_dx(x)
        if abs(new - x) < _EPS:
            break
        x = new
        x_log.append(x)
        y_log.append(f(x))
    return x_log, y_log, len(x_log) - 1
