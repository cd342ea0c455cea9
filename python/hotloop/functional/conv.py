"""Convolution of images, and the patches that the lessons build it from."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import (
    Activation,
    Algorithm,
    ArrayLike,
    DataFormat,
    FloatArray,
    Padding,
    Pair,
    Shape4D,
)


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    activation: Activation | None = None,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """Slide a kernel over images, add a bias, apply an activation.

    ``y[n, o, p, q] = activation(b[o] + sum_cij w[o, c, i, j] * x[n, c, h, v])`` with
    ``h = p * stride + i * dilation - top`` and ``v = q * stride + j * dilation - left``: the kernel
    is not flipped. Cells outside the image count as 0.
    The output has ``floor((size + pads - dilation * (k - 1) - 1) / stride) + 1`` rows and columns.

    Parameters
    ----------
    x : array_like (N, C, H, W), or (N, H, W, C) with channels last
        Images.
    w : array_like (O, C / groups, KH, KW), or (KH, KW, C / groups, O) with channels last
        Kernels.
    b : array_like (O,), optional
        Bias.
    stride : int or (int, int), default 1
        Step between windows, along height and width.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    dilation : int or (int, int), default 1
        Distance between the cells that neighbouring kernel elements meet.
    groups : int, default 1
        Channels are split into this many groups that do not see each other.
    activation : {None, "relu", "sigmoid", "tanh"}
        What to apply before the result is stored.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` with weights ``(O, C / groups, KH, KW)``, or images ``(N, H, W, C)``
        with weights ``(KH, KW, C / groups, O)``.
    algorithm : {None, "im2col", "implicit_gemm"}
        None is the fastest; ``"im2col"`` writes the patches out, then multiplies once;
        ``"implicit_gemm"`` needs no patches. They agree to rounding.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (N, O, OH, OW), or (N, OH, OW, O) with channels last
        Output, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 7; ``Conv`` of ONNX.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> F.conv2d(x, [[[[1, 0], [0, -1]]]], [10])
    array([[[[6., 6.],
             [6., 6.]]]])
    >>> F.conv2d(x, np.ones((1, 1, 3, 3)), padding="same")[0, 0]
    array([[ 8., 15., 12.],
           [21., 36., 27.],
           [20., 33., 24.]])
    """
    return _core.conv2d(
        x, w, b, stride, padding, dilation, groups, activation, data_format, algorithm, out
    )


def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: bool = True,
    need_db: bool = True,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,
) -> tuple[FloatArray | None, FloatArray, FloatArray | None]:
    """Carry the gradient back through `conv2d` without its activation.

    ``dx`` sums ``dy * w`` over the windows that read a cell, ``dw`` sums ``dy * x`` over the batch
    and the windows, ``db`` sums ``dy``.

    Parameters
    ----------
    dy : array_like (N, O, OH, OW), or (N, OH, OW, O) with channels last
        Gradient with respect to the output, before the activation.
    x : array_like (N, C, H, W), or (N, H, W, C) with channels last
        Images of the forward.
    w : array_like (O, C / groups, KH, KW), or (KH, KW, C / groups, O) with channels last
        Kernels of the forward.
    stride : int or (int, int), default 1
        Step between windows, along height and width.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    dilation : int or (int, int), default 1
        Distance between the cells that neighbouring kernel elements meet.
    groups : int, default 1
        Channels are split into this many groups that do not see each other.
    need_dx, need_db : bool, default True
        Whether to compute dx and db.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` with weights ``(O, C / groups, KH, KW)``, or images ``(N, H, W, C)``
        with weights ``(KH, KW, C / groups, O)``.
    algorithm : {None, "im2col", "implicit_gemm"}
        None is the fastest; ``"im2col"`` writes the patches out, then multiplies once;
        ``"implicit_gemm"`` needs no patches. They agree to rounding.

    Returns
    -------
    dx : ndarray of the shape of `x`, or None
        Gradient with respect to the images.
    dw : ndarray of the shape of `w`
        Gradient with respect to the kernels.
    db : ndarray (O,), or None
        Gradient with respect to the bias.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> dx, dw, db = F.conv2d_backward(np.ones((1, 1, 2, 2)), x, [[[[1, 0], [0, -1]]]])
    >>> dx[0, 0]
    array([[ 1.,  1.,  0.],
           [ 1.,  0., -1.],
           [ 0., -1., -1.]])
    >>> dw[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> db
    array([4.])
    """
    return _core.conv2d_backward(
        dy, x, w, stride, padding, dilation, groups, need_dx, need_db, data_format, algorithm
    )


def im2col(
    x: ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    out: FloatArray | None = None,
) -> FloatArray:
    """Write the patches that a convolution reads as the rows of a matrix.

    Row ``(n * OH + p) * OW + q`` is the window at (p, q) of image n, column
    ``(c * KH + i) * KW + j`` its cell (i, j) in channel c: the book's order.

    Parameters
    ----------
    x : array_like (N, C, H, W)
        Images, channels first.
    kernel_size : int or (int, int)
        Height and width of a patch.
    stride : int or (int, int), default 1
        Step between windows, along height and width.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    dilation : int or (int, int), default 1
        Distance between the cells that neighbouring kernel elements meet.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (N * OH * OW, C * KH * KW)
        The patches.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> F.im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    return _core.im2col(x, kernel_size, stride, padding, dilation, out)


def col2im(
    cols: ArrayLike,
    input_shape: Shape4D,
    kernel_size: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    out: FloatArray | None = None,
) -> FloatArray:
    """Add patches to the places they were cut from: the transpose, not the inverse, of `im2col`.

    ``x[cell] = sum of every element of cols that im2col reads from that cell``.

    Parameters
    ----------
    cols : array_like (N * OH * OW, C * KH * KW)
        Patches, as `im2col` orders them.
    input_shape : tuple of four ints
        (N, C, H, W) of the images.
    kernel_size : int or (int, int)
        Height and width of a patch.
    stride : int or (int, int), default 1
        Step between windows, along height and width.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    dilation : int or (int, int), default 1
        Distance between the cells that neighbouring kernel elements meet.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (N, C, H, W)
        The images.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> F.col2im(np.ones((4, 4)), (1, 1, 3, 3), 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return _core.col2im(cols, input_shape, kernel_size, stride, padding, dilation, out)
