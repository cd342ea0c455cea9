"""Losses of classes: the mean over the batch, and the gradient by the first argument."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> tuple[float, FloatArray]:
    """Compare scores with labels: softmax and cross entropy in one pass.

    ``loss = sum_i(w_i * -sum_k(t_ik * log(softmax(logits)_ik))) / N``.

    Parameters
    ----------
    logits : array_like (N, K) or (K,)
        Scores before the softmax.
    labels : array_like
        Integer class ids (N,), or rows (N, K) of target probabilities (one-hot or not).
        A single sample takes one id, or one row (K,).
    sample_weight : array_like (N,), optional
        A factor for the loss of each sample; the sum is divided by N all the same.

    Returns
    -------
    loss : float
        The loss.
    probs : ndarray (N, K) or (K,)
        ``softmax(logits)``, which the backward takes.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, the batch is empty, or a label is not an integer in [0, K).

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 5 (the Softmax-with-Loss layer).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> loss, probs = F.softmax_cross_entropy([[0.3, 2.9, 4.0]], [2])
    >>> round(loss, 6)
    0.305714
    >>> probs.round(6)
    array([[0.018211, 0.245192, 0.736597]])
    """
    return _core.softmax_cross_entropy(logits, labels, sample_weight)


def softmax_cross_entropy_backward(
    probs: ArrayLike,
    labels: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """Compute the gradient of `softmax_cross_entropy` with respect to the logits.

    ``dx = w_i / N * (probs * sum_k(t_ik) - t)``, which is ``(probs - t) / N`` for labels that sum
    to one and no weights.

    Parameters
    ----------
    probs : array_like (N, K) or (K,)
        Second result of the forward.
    labels : array_like
        Integer class ids (N,), or rows (N, K) of target probabilities (one-hot or not).
        A single sample takes one id, or one row (K,).
    sample_weight : array_like (N,), optional
        A factor for the loss of each sample; the sum is divided by N all the same.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray (N, K) or (K,)
        Gradient with respect to the logits.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or a label is not an integer in [0, K).

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 5 (the Softmax-with-Loss layer).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.softmax_cross_entropy_backward([[0.25, 0.75], [0.5, 0.5]], [1, 0])
    array([[ 0.125, -0.125],
           [-0.25 ,  0.25 ]])
    """
    return _core.softmax_cross_entropy_backward(probs, labels, sample_weight, out)


def cross_entropy(probs: ArrayLike, labels: ArrayLike, *, eps: float = 0.0) -> float:
    """Compare probabilities with labels.

    ``loss = -sum(t * log(probs + eps)) / N``. A probability of 0 under a label is an infinite
    loss unless `eps` is positive; prefer `softmax_cross_entropy` where there are logits.

    Parameters
    ----------
    probs : array_like (N, K) or (K,)
        Probabilities of the classes.
    labels : array_like
        Integer class ids (N,), or rows (N, K) of target probabilities (one-hot or not).
        A single sample takes one id, or one row (K,).
    eps : float, default 0.0
        Added inside the logarithm; the book adds 1e-7.

    Returns
    -------
    float
        The loss.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, the batch is empty, or a label is not an integer in [0, K).

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 4.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> round(F.cross_entropy([0.1, 0.3, 0.6], 2, eps=1e-7), 6)
    0.510825
    """
    return _core.cross_entropy(probs, labels, eps)


def cross_entropy_backward(
    probs: ArrayLike, labels: ArrayLike, *, eps: float = 0.0, out: FloatArray | None = None
) -> FloatArray:
    """Compute the gradient of `cross_entropy` with respect to the probabilities.

    ``dp = -t / (probs + eps) / N``.

    Parameters
    ----------
    probs : array_like (N, K) or (K,)
        Probabilities of the classes.
    labels : array_like
        Integer class ids (N,), or rows (N, K) of target probabilities (one-hot or not).
        A single sample takes one id, or one row (K,).
    eps : float, default 0.0
        As in the forward.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray (N, K) or (K,)
        Gradient with respect to the probabilities.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or a label is not an integer in [0, K).

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 4.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.cross_entropy_backward([[0.25, 0.75], [0.5, 0.5]], [0, 1])
    array([[-2.,  0.],
           [ 0., -1.]])
    """
    return _core.cross_entropy_backward(probs, labels, eps, out)


def nll(log_probs: ArrayLike, labels: ArrayLike) -> float:
    """Compute the negative log likelihood of labels under logarithms of probabilities.

    ``loss = -sum(t * log_probs) / N``; after `log_softmax` it is the cross entropy.

    Parameters
    ----------
    log_probs : array_like (N, K) or (K,)
        Logarithms of probabilities.
    labels : array_like
        Integer class ids (N,), or rows (N, K) of target probabilities (one-hot or not).
        A single sample takes one id, or one row (K,).

    Returns
    -------
    float
        The loss.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, the batch is empty, or a label is not an integer in [0, K).

    Notes
    -----
    Source: ``NLLLoss`` of PyTorch.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> round(F.nll(F.log_softmax([[0.3, 2.9, 4.0]]), [2]), 6)
    0.305714
    """
    return _core.nll(log_probs, labels)


def nll_backward(
    log_probs: ArrayLike, labels: ArrayLike, *, out: FloatArray | None = None
) -> FloatArray:
    """Compute the gradient of `nll` with respect to the log probabilities.

    ``dx = -t / N``.

    Parameters
    ----------
    log_probs : array_like (N, K) or (K,)
        Input of the forward: its shape and dtype count.
    labels : array_like
        Integer class ids (N,), or rows (N, K) of target probabilities (one-hot or not).
        A single sample takes one id, or one row (K,).
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray (N, K) or (K,)
        Gradient with respect to the log probabilities.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or a label is not an integer in [0, K).

    Notes
    -----
    Source: ``NLLLoss`` of PyTorch.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.nll_backward([[-1.0, -0.5], [-2.0, -0.1]], [0, 1])
    array([[-0.5,  0. ],
           [ 0. , -0.5]])
    """
    return _core.nll_backward(log_probs, labels, out)
