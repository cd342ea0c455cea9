"""The affine layer as two functions, steps on arrays listed by hand, and one-hot labels."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core

Array = NDArray[Any]


def affine_layer_forward(
    X: ArrayLike,
    W: ArrayLike,
    b: ArrayLike,
) -> tuple[Array, tuple[ArrayLike, ArrayLike, ArrayLike]]:
    """``y = X W + b``, with what the backward needs.

    Parameters
    ----------
    X : array_like (N, I) or (I,)
        Inputs.
    W : array_like (I, O)
        Weights.
    b : array_like (O,)
        Bias.

    Returns
    -------
    y : ndarray (N, O) or (O,)
        Outputs.
    cache : tuple
        ``(X, W, b)``.

    Examples
    --------
    >>> y, cache = affine_layer_forward([1.0, 2.0], [[1.0], [1.0]], [0.5])
    >>> y
    array([3.5])
    """
    return _core.affine(X, W, b), (X, W, b)


def affine_layer_backward(
    dy: ArrayLike, cache: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> tuple[Array, Array, Array]:
    """Gradients of the affine layer: ``dX = dy W'``, ``dW = X' dy``, ``db = sum of dy``.

    Parameters
    ----------
    dy : array_like (N, O) or (O,)
        Gradient of the outputs.
    cache : tuple
        What `affine_layer_forward` returned.

    Returns
    -------
    dX, dW, db : ndarray
        Of the shapes of X, W and b; for one sample dX is (I,).

    Examples
    --------
    >>> y, cache = affine_layer_forward([1.0, 2.0], [[1.0], [3.0]], [0.5])
    >>> dX, dW, db = affine_layer_backward([2.0], cache)
    >>> dX, dW, db
    (array([2., 6.]), array([[2.],
           [4.]]), array([2.]))
    """
    X, W, _ = cache
    dX, dW, db = _core.affine_backward(dy, X, W)
    return cast("Array", dX), dW, cast("Array", db)


def update_params(*values: Any) -> tuple[Array, ...]:
    """One step of gradient descent on arrays listed by hand.

    ``W1, b1, W2, b2 = update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, learning_rate)``.

    Parameters
    ----------
    *values : array_like
        The parameters, as many gradients in the same order, and last the learning rate.

    Returns
    -------
    tuple of ndarray
        New arrays ``p - learning_rate * dp``; those given stay as they are.

    Raises
    ------
    ValueError
        If the number of gradients is not that of the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> update_params(np.array([1.0]), np.array([2.0]), 0.25)
    (array([0.5]),)
    """
    *arrays, rate = values
    half, odd = divmod(len(arrays), 2)
    if odd or not half:
        msg = (
            "update_params: give the parameters, as many gradients and the learning rate, "
            f"got {len(values)} arguments"
        )
        raise ValueError(msg)
    moved = []
    for param, grad in zip(arrays[:half], arrays[half:], strict=True):
        new = np.array(param, np.result_type(np.asarray(param), np.float32))
        _core.sgd_update(new, np.asarray(grad, new.dtype), float(rate))
        moved.append(new)
    return tuple(moved)


def _change_one_hot_label(X: ArrayLike, num_category: int = 10) -> Array:
    """One-hot rows of class ids.

    Parameters
    ----------
    X : array_like of int
        Class ids, any shape.
    num_category : int
        Number of classes.

    Returns
    -------
    ndarray (X.size, num_category), float64
        1 at the class of each id, else 0.

    Examples
    --------
    >>> _change_one_hot_label([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    return _core.one_hot(np.asarray(X).reshape(-1), num_category, "float64")


def class_ids(t: ArrayLike) -> NDArray[np.int64]:
    """Return labels as class ids (N,), from one-hot rows or ids."""
    t = np.asarray(t)
    return (t.argmax(1) if t.ndim == 2 and t.shape[1] > 1 else t.reshape(-1)).astype(np.int64)
