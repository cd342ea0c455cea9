"""Matrix products: dense layers in one call each way."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import Activation, ArrayLike, FloatArray


def matmul(
    a: ArrayLike,
    b: ArrayLike,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Multiply two matrices.

    ``y = op(a) @ op(b)``, where op transposes if asked.

    Parameters
    ----------
    a : array_like (M, K), or (K, M) with `transpose_a`
        Left factor.
    b : array_like (K, N), or (N, K) with `transpose_b`
        Right factor.
    transpose_a, transpose_b : bool, default False
        Transpose the factor first.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (M, N)
        The product, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: BLAS ``gemm``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.matmul([[1, 2], [3, 4]], [[1, 1], [0, 1]], transpose_b=True)
    array([[3., 2.],
           [7., 4.]])
    """
    return _core.matmul(a, b, transpose_a, transpose_b, out)


def affine(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    activation: Activation | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """Multiply by a weight matrix, add a bias, apply an activation: one dense layer.

    ``y = activation(x @ w + b)``.

    Parameters
    ----------
    x : array_like (N, I) or (I,)
        Batch of rows, or a single one.
    w : array_like (I, O)
        Weights.
    b : array_like (O,), optional
        Bias.
    activation : {None, "relu", "sigmoid", "tanh"}
        What to apply before the result is stored.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (N, O) or (O,)
        Output, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapters 3 and 5 (the Affine layer).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.affine([[1, 0.5]], [[1, 2], [3, 4]], [0.5, -5], activation="relu")
    array([[3., 0.]])
    """
    return _core.affine(x, w, b, activation, out)


def affine_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    need_dx: bool = True,
    need_db: bool = True,
) -> tuple[FloatArray | None, FloatArray, FloatArray | None]:
    """Carry the gradient back through ``x @ w + b``.

    ``dx = dy @ w.T``, ``dw = x.T @ dy``, ``db = dy.sum(axis=0)``. Where the forward applied an
    activation, go back through that first.

    Parameters
    ----------
    dy : array_like (N, O) or (O,)
        Gradient with respect to ``x @ w + b``.
    x : array_like (N, I) or (I,)
        Input of the forward.
    w : array_like (I, O)
        Weights of the forward.
    need_dx, need_db : bool, default True
        Whether to compute dx and db.

    Returns
    -------
    dx : ndarray (N, I) or (I,), or None
        Gradient with respect to `x`.
    dw : ndarray (I, O)
        Gradient with respect to `w`, summed over the batch.
    db : ndarray (O,), or None
        Gradient with respect to the bias, summed over the batch.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 5 (the Affine layer).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> dx, dw, db = F.affine_backward([[1, 2]], [[3, 4]], [[5, 6], [7, 8]])
    >>> dx
    array([[17., 23.]])
    >>> dw
    array([[3., 6.],
           [4., 8.]])
    >>> db
    array([1., 2.])
    """
    return _core.affine_backward(dy, x, w, need_dx, need_db)
