"""Pooling: the maximum or the mean of each window, or of each plane."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import (
    ArrayLike,
    DataFormat,
    FloatArray,
    IntArray,
    Padding,
    Pair,
    Shape4D,
)


def max_pool2d(
    x: ArrayLike,
    pool_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    data_format: DataFormat = "channels_first",
) -> tuple[FloatArray, IntArray]:
    """Take the maximum of each window, and remember where it was.

    ``y[n, c, p, q] = max_ij x[n, c, h, v]`` with ``h = p * stride + i * dilation - top`` and
    ``v = q * stride + j * dilation - left``. Of equals the first counts, in row order; a NaN counts
    as larger than any number; padding is never taken: a window of padding alone gives -inf and -1.

    Parameters
    ----------
    x : array_like (N, C, H, W), or (N, H, W, C) with channels last
        Images.
    pool_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Step between windows; None steps by the window's own size.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    dilation : int or (int, int), default 1
        Distance between the cells that neighbouring kernel elements meet.
    ceil_mode : bool, default False
        Round the output size up. A last window that would start in the end padding is dropped.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.

    Returns
    -------
    y : ndarray (N, C, OH, OW), or (N, OH, OW, C) with channels last
        Maxima, in the promoted dtype.
    argmax : ndarray of int64, of the same shape
        ``h * W + w`` of each maximum within its plane, in either format.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 7; ``MaxPool`` of ONNX.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> y, argmax = F.max_pool2d([[[[1, 2, 1, 0], [0, 1, 2, 3]]]], 2)
    >>> y
    array([[[[2., 3.]]]])
    >>> argmax
    array([[[[1, 7]]]])
    """
    return _core.max_pool2d(x, pool_size, stride, padding, dilation, ceil_mode, data_format)


def max_pool2d_backward(
    dy: ArrayLike,
    argmax: IntArray,
    input_shape: Shape4D,
    *,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray:
    """Carry the gradient back through `max_pool2d`.

    ``dx[n, c].flat[argmax[n, c, p, q]] += dy[n, c, p, q]``; an argmax of -1 receives nothing.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    argmax : ndarray of int64, of the shape of `dy`
        Second result of the forward.
    input_shape : tuple of four ints
        Shape of the forward's input.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray of shape `input_shape`
        Gradient with respect to the images.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or an argmax lies outside the plane.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> F.max_pool2d_backward([[[[5, 6]]]], np.array([[[[1, 7]]]]), (1, 1, 2, 4))
    array([[[[0., 5., 0., 0.],
             [0., 0., 0., 6.]]]])
    """
    return _core.max_pool2d_backward(dy, argmax, input_shape, data_format, out)


def avg_pool2d(
    x: ArrayLike,
    pool_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray:
    """Take the mean of each window.

    ``y = sum of the window / number of its cells``, where padding counts as 0. A window of padding
    alone gives 0.

    Parameters
    ----------
    x : array_like (N, C, H, W), or (N, H, W, C) with channels last
        Images.
    pool_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Step between windows; None steps by the window's own size.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    ceil_mode : bool, default False
        Round the output size up. A last window that would start in the end padding is dropped.
    count_include_pad : bool, default True
        Divide by all cells of a window, or only by those inside the image. Cells beyond the
        padding never count.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (N, C, OH, OW), or (N, OH, OW, C) with channels last
        Means, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: ``AveragePool`` of ONNX; ``AvgPool2d`` of PyTorch.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> x = [[[[1, 2, 1, 0], [0, 1, 2, 3]]]]
    >>> F.avg_pool2d(x, 2)
    array([[[[1. , 1.5]]]])
    >>> F.avg_pool2d(x, 2, padding=(1, 0), count_include_pad=False)
    array([[[[1.5, 0.5],
             [0.5, 2.5]]]])
    """
    return _core.avg_pool2d(
        x, pool_size, stride, padding, ceil_mode, count_include_pad, data_format, out
    )


def avg_pool2d_backward(
    dy: ArrayLike,
    input_shape: Shape4D,
    pool_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray:
    """Carry the gradient back through `avg_pool2d`.

    Every cell of a window receives ``dy / number of cells``, counted as in the forward.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    input_shape : tuple of four ints
        Shape of the forward's input.
    pool_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Step between windows; None steps by the window's own size.
    padding : int, (h, w), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells of padding around the image, as many as you like. ``"valid"`` is 0; ``"same"`` makes
        the output ``ceil(size / stride)``, with the odd cell at the end.
    ceil_mode : bool, default False
        Round the output size up. A last window that would start in the end padding is dropped.
    count_include_pad : bool, default True
        Divide by all cells of a window, or only by those inside the image. Cells beyond the
        padding never count.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray of shape `input_shape`
        Gradient with respect to the images.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, an option is not of the forms above, or the output is empty
        in height or width.

    Notes
    -----
    Source: ``AvgPool2d`` of PyTorch.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.avg_pool2d_backward([[[[4, 8]]]], (1, 1, 2, 4), 2)
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """
    return _core.avg_pool2d_backward(
        dy,
        input_shape,
        pool_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        data_format,
        out,
    )


def global_avg_pool2d(
    x: ArrayLike, *, data_format: DataFormat = "channels_first", out: FloatArray | None = None
) -> FloatArray:
    """Take the mean of each plane.

    ``y[n, c] = mean of x[n, c]``.

    Parameters
    ----------
    x : array_like (N, C, H, W), or (N, H, W, C) with channels last
        Images.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray (N, C)
        Means, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Lin, Chen and Yan, ICLR 2014; ``GlobalAveragePool`` of ONNX.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.global_avg_pool2d([[[[1, 2], [3, 6]], [[0, 0], [0, 2]]]])
    array([[3. , 0.5]])
    """
    return _core.global_avg_pool2d(x, data_format, out)


def global_avg_pool2d_backward(
    dy: ArrayLike,
    input_shape: Shape4D,
    *,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray:
    """Carry the gradient back through `global_avg_pool2d`.

    ``dx = dy / (H * W)`` in every cell of the plane.

    Parameters
    ----------
    dy : array_like (N, C)
        Gradient with respect to the output.
    input_shape : tuple of four ints
        Shape of the forward's input.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray of shape `input_shape`
        Gradient with respect to the images.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Lin, Chen and Yan, ICLR 2014.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.global_avg_pool2d_backward([[4, 8]], (1, 2, 1, 2))
    array([[[[2., 2.]],
    <BLANKLINE>
            [[4., 4.]]]])
    """
    return _core.global_avg_pool2d_backward(dy, input_shape, data_format, out)
