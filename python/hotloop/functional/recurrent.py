"""Recurrent layers over whole sequences."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import Activation, ArrayLike, FloatArray

Arrays = tuple[FloatArray | None, ...]


def lstm(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    *,
    activation: Activation | None = "tanh",
    recurrent_activation: Activation | None = "sigmoid",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
) -> Arrays:
    """Long short-term memory over sequences.

    ``i, f, o = sigmoid(...)``, ``g = tanh(...)`` of ``x kernel + h recurrent_kernel + bias``;
    ``c = f c + i g``, ``h = o tanh(c)``

    Parameters
    ----------
    x : array_like ``(N, T, I)``
        Sequences; T at least 1.
    kernel, recurrent_kernel : array_like ``(I, 4 U)``, ``(U, 4 U)``
        Gates in the order i, f, g, o.
    bias : array_like ``(4 U,)``, optional
        Added to the gates.
    h0, c0 : array_like ``(N, U)``, optional
        States to begin with; zeros without.
    mask : array_like of bool ``(N, T)``, optional
        A step where it is false keeps the states and answers the output before it.
    recurrent_dropout : array_like ``(N, U)``, optional
        Times the state in each product with `recurrent_kernel`.
    activation, recurrent_activation : str, optional
        "tanh", "sigmoid", "relu" or None, of candidate and gates.
    go_backwards : bool
        Go from the last step to the first; outputs come in that order.
    return_sequences : bool
        Answer every output, else the last.
    zero_output_for_mask : bool
        Answer 0 at masked steps.

    Returns
    -------
    y, h, c, tape : ndarray
        Outputs ``(N, T, U)`` or the last ``(N, U)``, last states ``(N, U)``, and what
        `lstm_backward` reads: ``(T + 1, N, S, U)``, row 0 the states to begin with. Slots: i f g o c tanh(c) h, S = 7, and one
        more with `recurrent_dropout`, the state times it.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Source: Hochreiter & Schmidhuber, 1997; gates as in Keras.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> y, h, c, tape = F.lstm([[[1.0], [1.0]]], [[0.0, 9, 1, 9]], [[0.0] * 4])
    >>> c.round(3)
    array([[0.762]])
    """
    return _core.recurrent(
        "lstm",
        x,
        kernel,
        recurrent_kernel,
        bias,
        h0,
        c0,
        mask,
        recurrent_dropout,
        activation,
        recurrent_activation,
        True,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
    )


def lstm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    tape: ArrayLike,
    dh: ArrayLike | None = None,
    dc: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    *,
    activation: Activation | None = "tanh",
    recurrent_activation: Activation | None = "sigmoid",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
) -> Arrays:
    """Compute the gradients of `lstm`: of ``sum(dy y) + sum(dh h)``, by each array that it was given.

    Parameters
    ----------
    dy : array_like, shape of y
        Gradient of the outputs.
    x, kernel, recurrent_kernel, tape, mask, recurrent_dropout : array_like
        As in `lstm`.
    dh, dc : array_like ``(N, U)``, optional
        Gradients of the last states.
    activation, recurrent_activation, go_backwards, return_sequences, zero_output_for_mask : optional
        As in `lstm`.
    need_dx, need_db, need_d0 : bool
        Whether gradients of inputs, bias and first states are wanted; None in their place if not.

    Returns
    -------
    dx, dkernel, drecurrent_kernel, dbias, dh0, dc0 : ndarray
        Shapes of what they are gradients of. Weight gradients are summed over all steps at once.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Source: Werbos, "Backpropagation through time", 1990.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> w = [[0.0] * 4]
    >>> y, h, c, tape = F.lstm([[[1.0]]], w, w)
    >>> F.lstm_backward([[[1.0]]], [[[1.0]]], w, w, tape)[1].round(3)
    array([[0.  , 0.  , 0.25, 0.  ]])
    """
    return _core.recurrent_backward(
        "lstm",
        dy,
        x,
        kernel,
        recurrent_kernel,
        tape,
        dh,
        dc,
        mask,
        recurrent_dropout,
        activation,
        recurrent_activation,
        True,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
        need_dx,
        need_db,
        need_d0,
    )


def gru(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    *,
    activation: Activation | None = "tanh",
    recurrent_activation: Activation | None = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
) -> Arrays:
    """Gated recurrent units over sequences.

    ``z, r = sigmoid(...)`` of ``x kernel + h recurrent_kernel + bias``, ``g = tanh(x W + r (h R))``,
    ``h = z h + (1 - z) g``

    Parameters
    ----------
    x : array_like ``(N, T, I)``
        Sequences; T at least 1.
    kernel, recurrent_kernel : array_like ``(I, 3 U)``, ``(U, 3 U)``
        Gates in the order z, r, g.
    bias : array_like ``(2, 3 U)``, optional
        For inputs and state; ``(3 U,)`` without `reset_after`.
    h0 : array_like ``(N, U)``, optional
        States to begin with; zeros without.
    mask : array_like of bool ``(N, T)``, optional
        A step where it is false keeps the states and answers the output before it.
    recurrent_dropout : array_like ``(N, U)``, optional
        Times the state in each product with `recurrent_kernel`.
    activation, recurrent_activation : str, optional
        "tanh", "sigmoid", "relu" or None, of candidate and gates.
    reset_after : bool
        Reset behind the recurrent product, else before it.
    go_backwards : bool
        Go from the last step to the first; outputs come in that order.
    return_sequences : bool
        Answer every output, else the last.
    zero_output_for_mask : bool
        Answer 0 at masked steps.

    Returns
    -------
    y, h, tape : ndarray
        Outputs ``(N, T, U)`` or the last ``(N, U)``, last states ``(N, U)``, and what
        `gru_backward` reads: ``(T + 1, N, S, U)``, row 0 the states to begin with. Slots: z r g q h, S = 5; q is the recurrent part of g, or r h, and one
        more with `recurrent_dropout`, the state times it.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Source: Cho et al., 2014; `reset_after` as in cuDNN.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> y, h, tape = F.gru([[[1.0]]], [[0.0, 0, 1]], [[0.0] * 3])
    >>> h.round(3)
    array([[0.381]])
    """
    y, h, _, tape = _core.recurrent(
        "gru",
        x,
        kernel,
        recurrent_kernel,
        bias,
        h0,
        None,
        mask,
        recurrent_dropout,
        activation,
        recurrent_activation,
        reset_after,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
    )
    return y, h, tape


def gru_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    tape: ArrayLike,
    dh: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    *,
    activation: Activation | None = "tanh",
    recurrent_activation: Activation | None = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
) -> Arrays:
    """Compute the gradients of `gru`: of ``sum(dy y) + sum(dh h)``, by each array that it was given.

    Parameters
    ----------
    dy : array_like, shape of y
        Gradient of the outputs.
    x, kernel, recurrent_kernel, tape, mask, recurrent_dropout : array_like
        As in `gru`.
    dh : array_like ``(N, U)``, optional
        Gradients of the last states.
    activation, recurrent_activation, reset_after, go_backwards, return_sequences, zero_output_for_mask : optional
        As in `gru`.
    need_dx, need_db, need_d0 : bool
        Whether gradients of inputs, bias and first states are wanted; None in their place if not.

    Returns
    -------
    dx, dkernel, drecurrent_kernel, dbias, dh0 : ndarray
        Shapes of what they are gradients of. Weight gradients are summed over all steps at once.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Source: Werbos, "Backpropagation through time", 1990.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> w = [[0.0] * 3]
    >>> y, h, tape = F.gru([[[1.0]]], w, w)
    >>> F.gru_backward([[[1.0]]], [[[1.0]]], w, w, tape)[1].round(3)
    array([[0. , 0. , 0.5]])
    """
    found = _core.recurrent_backward(
        "gru",
        dy,
        x,
        kernel,
        recurrent_kernel,
        tape,
        dh,
        None,
        mask,
        recurrent_dropout,
        activation,
        recurrent_activation,
        reset_after,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
        need_dx,
        need_db,
        need_d0,
    )
    return found[:5]


def simple_rnn(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    *,
    activation: Activation | None = "tanh",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
) -> Arrays:
    """Fully connected recurrent layer over sequences.

    ``h = tanh(x kernel + h recurrent_kernel + bias)``

    Parameters
    ----------
    x : array_like ``(N, T, I)``
        Sequences; T at least 1.
    kernel, recurrent_kernel : array_like ``(I, U)``, ``(U, U)``
        Of inputs and state.
    bias : array_like ``(U,)``, optional
        Added to the sum.
    h0 : array_like ``(N, U)``, optional
        States to begin with; zeros without.
    mask : array_like of bool ``(N, T)``, optional
        A step where it is false keeps the states and answers the output before it.
    recurrent_dropout : array_like ``(N, U)``, optional
        Times the state in each product with `recurrent_kernel`.
    activation : str, optional
        "tanh", "sigmoid", "relu" or None.
    go_backwards : bool
        Go from the last step to the first; outputs come in that order.
    return_sequences : bool
        Answer every output, else the last.
    zero_output_for_mask : bool
        Answer 0 at masked steps.

    Returns
    -------
    y, h, tape : ndarray
        Outputs ``(N, T, U)`` or the last ``(N, U)``, last states ``(N, U)``, and what
        `simple_rnn_backward` reads: ``(T + 1, N, S, U)``, row 0 the states to begin with. Slots: h, S = 1, and one
        more with `recurrent_dropout`, the state times it.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Source: Elman, 1990.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> y, h, tape = F.simple_rnn([[[1.0], [2.0]]], [[1.0]], [[1.0]], activation=None)
    >>> y.ravel()
    array([1., 3.])
    """
    y, h, _, tape = _core.recurrent(
        "simple_rnn",
        x,
        kernel,
        recurrent_kernel,
        bias,
        h0,
        None,
        mask,
        recurrent_dropout,
        activation,
        None,
        True,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
    )
    return y, h, tape


def simple_rnn_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    tape: ArrayLike,
    dh: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    *,
    activation: Activation | None = "tanh",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
) -> Arrays:
    """Compute the gradients of `simple_rnn`: of ``sum(dy y) + sum(dh h)``, by each array that it was given.

    Parameters
    ----------
    dy : array_like, shape of y
        Gradient of the outputs.
    x, kernel, recurrent_kernel, tape, mask, recurrent_dropout : array_like
        As in `simple_rnn`.
    dh : array_like ``(N, U)``, optional
        Gradients of the last states.
    activation, go_backwards, return_sequences, zero_output_for_mask : optional
        As in `simple_rnn`.
    need_dx, need_db, need_d0 : bool
        Whether gradients of inputs, bias and first states are wanted; None in their place if not.

    Returns
    -------
    dx, dkernel, drecurrent_kernel, dbias, dh0 : ndarray
        Shapes of what they are gradients of. Weight gradients are summed over all steps at once.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Source: Werbos, "Backpropagation through time", 1990.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> w = [[1.0]]
    >>> y, h, tape = F.simple_rnn([[[1.0], [2.0]]], w, w, activation=None)
    >>> F.simple_rnn_backward([[[0.0], [1.0]]], [[[1.0], [2.0]]], w, w, tape, activation=None)[1]
    array([[3.]])
    """
    found = _core.recurrent_backward(
        "simple_rnn",
        dy,
        x,
        kernel,
        recurrent_kernel,
        tape,
        dh,
        None,
        mask,
        recurrent_dropout,
        activation,
        None,
        True,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
        need_dx,
        need_db,
        need_d0,
    )
    return found[:5]
