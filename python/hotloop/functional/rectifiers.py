"""ReLU and its kin; each backward stands beside its forward."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def relu(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Keep what is positive.

    ``y = max(x, 0)``; NaN stays NaN.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Nair and Hinton, ICML 2010; "Deep Learning from Scratch", chapter 3.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.relu([-5, 0, 4])
    array([0., 0., 4.])
    """
    return _core.relu(x, out)


def relu_backward(dy: ArrayLike, y: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Carry the gradient back through `relu`.

    ``dx = dy`` where ``y > 0``, else 0.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to the input, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 5.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.relu_backward([1, 2, 3], [0, 0, 4])
    array([0., 0., 3.])
    """
    return _core.relu_backward(dy, y, out)


def leaky_relu(x: ArrayLike, alpha: float = 0.01, *, out: FloatArray | None = None) -> FloatArray:
    """Keep what is positive, scale down what is negative.

    ``y = x`` where ``x > 0``, else ``alpha * x``.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    alpha : float, default 0.01
        Slope below 0.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Maas, Hannun and Ng, ICML 2013.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.leaky_relu([-5, 0, 4], 0.1)
    array([-0.5,  0. ,  4. ])
    """
    return _core.leaky_relu(x, alpha, out)


def leaky_relu_backward(
    dy: ArrayLike, y: ArrayLike, alpha: float = 0.01, *, out: FloatArray | None = None
) -> FloatArray:
    """Carry the gradient back through `leaky_relu`.

    ``dx = dy`` where ``y > 0``, else ``alpha * dy``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    alpha : float, default 0.01
        Slope below 0, as in the forward.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to the input, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Maas, Hannun and Ng, ICML 2013.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.leaky_relu_backward([1, 2, 3], [-0.5, 0, 4], 0.1)
    array([0.1, 0.2, 3. ])
    """
    return _core.leaky_relu_backward(dy, y, alpha, out)


def elu(x: ArrayLike, alpha: float = 1.0, *, out: FloatArray | None = None) -> FloatArray:
    """Keep what is positive, bend what is negative towards ``-alpha``.

    ``y = x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    alpha : float, default 1.0
        Minus the limit at minus infinity.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Clevert, Unterthiner and Hochreiter, ICLR 2016.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.elu([-1, 0, 4]).round(6)
    array([-0.632121,  0.      ,  4.      ])
    """
    return _core.elu(x, alpha, out)


def elu_backward(
    dy: ArrayLike, y: ArrayLike, alpha: float = 1.0, *, out: FloatArray | None = None
) -> FloatArray:
    """Carry the gradient back through `elu`.

    ``dx = dy`` where ``y > 0``, else ``dy * (y + alpha)``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    alpha : float, default 1.0
        As in the forward.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to the input, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Clevert, Unterthiner and Hochreiter, ICLR 2016.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.elu_backward([1, 2, 3], [-0.5, 0, 4])
    array([0.5, 2. , 3. ])
    """
    return _core.elu_backward(dy, y, alpha, out)


def gelu(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Weigh each number by the chance that a normal one is smaller.

    ``y = x * Phi(x) = x / 2 * (1 + erf(x / sqrt(2)))``, the exact form.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Hendrycks and Gimpel, arXiv:1606.08415.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.gelu([-1, 0, 1]).round(6)
    array([-0.158655,  0.      ,  0.841345])
    """
    return _core.gelu(x, out)


def gelu_backward(dy: ArrayLike, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Carry the gradient back through `gelu`.

    ``dx = dy * (Phi(x) + x * exp(-x * x / 2) / sqrt(2 * pi))``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    x : array_like
        Input of the forward function.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to the input, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Hendrycks and Gimpel, arXiv:1606.08415.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.gelu_backward([1, 1, 1], [-1, 0, 1]).round(6)
    array([-0.083315,  0.5     ,  1.083315])
    """
    return _core.gelu_backward(dy, x, out)
