"""Losses as modules; each is the function of `nn.functional` that it names.

All take ``reduction``: ``"mean"``, ``"sum"`` or ``"none"``; the older `size_average` and `reduce`
are taken too.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hotloop.torch.nn.modules._table import FunctionModule


class _Loss(FunctionModule):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        average, reduce = kwargs.pop("size_average", None), kwargs.pop("reduce", None)
        if average is not None or reduce is not None:
            mean = "sum" if average is False else "mean"
            kwargs["reduction"] = "none" if reduce is False else mean
        super().__init__(*args, **kwargs)

    def _set(self, key: str, value: Any) -> None:
        if key in ("weight", "pos_weight"):
            self.register_buffer(key, value)
        elif key == "reduction" and value not in ("mean", "sum", "none"):
            msg = f"{str(value)[:60]} is not a valid value for reduction"
            raise ValueError(msg)
        else:
            super()._set(key, value)


_REDUCTION: dict[str, Any] = {"reduction": "mean"}


def _loss(**options: Any) -> dict[str, Any]:
    return {**options, **_REDUCTION}


class MSELoss(_Loss):
    """``(input - target) ** 2``."""

    function = "mse_loss"
    options: ClassVar[dict[str, Any]] = _loss()


class L1Loss(_Loss):
    """``|input - target|``."""

    function = "l1_loss"
    options: ClassVar[dict[str, Any]] = _loss()


class SmoothL1Loss(_Loss):
    """Half the square below `beta`, over beta, and the distance beyond."""

    function = "smooth_l1_loss"
    options: ClassVar[dict[str, Any]] = {**_REDUCTION, "beta": 1.0}


class HuberLoss(_Loss):
    """Half the square up to `delta`, and a line beyond."""

    function = "huber_loss"
    options: ClassVar[dict[str, Any]] = {**_REDUCTION, "delta": 1.0}


class NLLLoss(_Loss):
    """Minus the log-probability of the class."""

    function = "nll_loss"
    options: ClassVar[dict[str, Any]] = {"weight": None, "ignore_index": -100, **_REDUCTION}


class CrossEntropyLoss(_Loss):
    """`NLLLoss` of the log-softmax of scores, for classes or probabilities.

    Examples
    --------
    >>> from hotloop import torch
    >>> torch.nn.CrossEntropyLoss()(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor(1.3863)
    """

    function = "cross_entropy"
    options: ClassVar[dict[str, Any]] = {
        "weight": None,
        "ignore_index": -100,
        **_REDUCTION,
        "label_smoothing": 0.0,
    }


class BCELoss(_Loss):
    """Cross entropy of probabilities and targets in [0, 1]."""

    function = "binary_cross_entropy"
    options: ClassVar[dict[str, Any]] = _loss(weight=None)


class BCEWithLogitsLoss(_Loss):
    """`BCELoss` of the sigmoid of scores."""

    function = "binary_cross_entropy_with_logits"
    options: ClassVar[dict[str, Any]] = {"weight": None, **_REDUCTION, "pos_weight": None}


class KLDivLoss(_Loss):
    """``target * (log(target) - input)``; the input holds logarithms."""

    function = "kl_div"
    options: ClassVar[dict[str, Any]] = {**_REDUCTION, "log_target": False}

    def _set(self, key: str, value: Any) -> None:
        if value == "batchmean":
            self.reduction = value
        else:
            super()._set(key, value)


class PoissonNLLLoss(_Loss):
    """``exp(input) - target * input``, of a Poisson distribution."""

    function = "poisson_nll_loss"
    options: ClassVar[dict[str, Any]] = {
        "log_input": True,
        "full": False,
        "eps": 1e-8,
        **_REDUCTION,
    }


class GaussianNLLLoss(_Loss):
    """``(log(var) + (input - target) ** 2 / var) / 2``."""

    function = "gaussian_nll_loss"
    options: ClassVar[dict[str, Any]] = {"full": False, "eps": 1e-6, **_REDUCTION}


class SoftMarginLoss(_Loss):
    """``log(1 + exp(-target * input))``."""

    function = "soft_margin_loss"
    options: ClassVar[dict[str, Any]] = _loss()


class HingeEmbeddingLoss(_Loss):
    """The distance where the target is 1, ``max(0, margin - input)`` where it is -1."""

    function = "hinge_embedding_loss"
    options: ClassVar[dict[str, Any]] = _loss(margin=1.0)


class MarginRankingLoss(_Loss):
    """``max(0, -target * (input1 - input2) + margin)``."""

    function = "margin_ranking_loss"
    options: ClassVar[dict[str, Any]] = _loss(margin=0.0)


class CosineEmbeddingLoss(_Loss):
    """One minus the cosine where the target is 1, ``max(0, cosine - margin)`` where it is -1."""

    function = "cosine_embedding_loss"
    options: ClassVar[dict[str, Any]] = _loss(margin=0.0)


class TripletMarginLoss(_Loss):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``."""

    function = "triplet_margin_loss"
    options: ClassVar[dict[str, Any]] = {
        "margin": 1.0,
        "p": 2.0,
        "eps": 1e-6,
        "swap": False,
        **_REDUCTION,
    }


class MultiMarginLoss(_Loss):
    """Hinge of several classes."""

    function = "multi_margin_loss"
    options: ClassVar[dict[str, Any]] = {"p": 1, "margin": 1.0, "weight": None, **_REDUCTION}


class MultiLabelSoftMarginLoss(_Loss):
    """Cross entropy of each class for itself."""

    function = "multilabel_soft_margin_loss"
    options: ClassVar[dict[str, Any]] = _loss(weight=None)
