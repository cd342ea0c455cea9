"""Normalisation of batches, layers and groups, and dropout."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop.torch.core import one_call, wrap
from hotloop.torch.nn import functional
from hotloop.torch.nn.modules._made import buffer, parameter
from hotloop.torch.nn.modules._table import FunctionModule
from hotloop.torch.nn.modules.module import Module


@one_call
def _count(batches: Any) -> None:
    """Count a batch."""
    batches._array += 1


class _Affine(Module):
    """A module with a scale that begins at 1 and a shift that begins at 0, or neither."""

    def _make(self, shape: tuple[int, ...], affine: bool, bias: bool, **kind: Any) -> None:
        for name, there in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, parameter(*shape, **kind) if there else None)

    def reset_parameters(self) -> None:
        """Set first values."""
        for name, value in (("weight", 1.0), ("bias", 0.0)):
            if self._parameters[name] is not None:
                self._parameters[name]._array[...] = value


class _BatchNorm(_Affine):
    """Normalises each channel over the batch (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float or None
        Share of a batch in the running statistics; None counts all batches alike.
    affine, bias : bool
        Whether there are a scale and a shift to learn; the shift goes with the scale.
    track_running_stats : bool
        Whether running statistics are kept, for `eval`.
    """

    _version = 2
    _axes: ClassVar[tuple[int, ...]] = (4,)
    _say = "4D"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = whole(type(self).__name__, "num_features", num_features, least=0)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make((num_features,), affine, bias, device=device, dtype=dtype)
        kept = track_running_stats
        for name in ("running_mean", "running_var"):
            made = buffer(num_features, device=device, dtype=dtype) if kept else None
            self.register_buffer(name, made)
        count = wrap(np.zeros((), np.int64)) if kept else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running statistics to those of nothing seen."""
        if self.track_running_stats:
            self.running_mean._array[...] = 0
            self.running_var._array[...] = 1
            self.num_batches_tracked._array[...] = 0

    def reset_parameters(self) -> None:
        """Set first values."""
        self.reset_running_stats()
        super().reset_parameters()

    def _may_lack(self, version: Any) -> set[str]:
        return {"num_batches_tracked"} if version is None or version < 2 else set()

    def forward(self, input: Any) -> Any:
        """Return the input, normalised."""
        if input.ndim not in self._axes:
            msg = f"expected {self._say} input (got {input.ndim}D input)"
            raise ValueError(msg)
        buffers, own = self._buffers, self._parameters
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            count = buffers["num_batches_tracked"]
            _count(count)
            if self.momentum is None:
                share = 1.0 / float(count._array)
        return functional.batch_norm(
            input,
            buffers["running_mean"],
            buffers["running_var"],
            own["weight"],
            own["bias"],
            self.training or not self.track_running_stats,
            share,
            self.eps,
        )

    def extra_repr(self) -> str:
        """List the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of images (N, C, H, W) over the batch."""


class BatchNorm1d(_BatchNorm):
    """Normalises each feature of (N, C) or (N, C, L) over the batch."""

    _axes = (2, 3)
    _say = "2D or 3D"


class LayerNorm(_Affine):
    """Normalises the last axes of each sample (Ba, Kiros and Hinton, 2016)."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape, self.eps = tuple(shape), eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        """Return the input, normalised."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """List the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """Normalises groups of channels of each sample (Wu and He, 2018)."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            msg = f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            raise ValueError(msg)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._make((num_channels,), affine, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        """Return the input, normalised."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """List the options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class Dropout(FunctionModule):
    """Sets elements to 0 with probability `p` while training, and scales the others up.

    Examples
    --------
    >>> from hotloop import torch
    >>> torch.nn.Dropout().eval()(torch.ones(2))
    tensor([1., 1.])
    """

    function = "dropout"
    options: ClassVar[dict[str, Any]] = {"p": 0.5, "inplace": False}
    shown = ("p", "inplace")
    trains = True

    def _set(self, key: str, value: Any) -> None:
        if key == "p":
            number(type(self).__name__, "p", value, "lie in [0, 1]", lambda p: 0.0 <= p <= 1.0)
        super()._set(key, value)


class Dropout1d(Dropout):
    """Sets whole channels of sequences to 0."""

    function = "dropout1d"


class Dropout2d(Dropout):
    """Sets whole channels of images to 0."""

    function = "dropout2d"


class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of self-normalising networks."""

    function = "alpha_dropout"
