"""What parent and workers exchange: jobs as plain arrays and words, and the interface of a peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

CHECK_STEPS = 3


class UnsupportedError(Exception):
    """The library has no form of this job; its cell of the table stays empty."""


@dataclass(frozen=True)
class OpJob:
    """One operation on arrays, named as in ``hotloop.functional``; images are (N, H, W, C).

    ``args`` stand in the order of the arguments; ``saved`` holds what other libraries keep from
    the forward pass; arrays named ``in_place`` are changed, and are then outputs.
    """

    op: str
    args: Mapping[str, Any]
    params: Mapping[str, Any]
    saved: Mapping[str, Any] = field(default_factory=dict)
    in_place: tuple[str, ...] = ()

    @property
    def images(self) -> bool:
        """Whether the job has a data format at all."""
        return "data_format" in self.params


@dataclass(frozen=True)
class TrainingJob:
    """Training steps of a network on one batch (images (N, H, W, C), class ids).

    ``weights`` hold kernels (KH, KW, C / groups, O) and flatten (H, W, C); in
    ``weights_channels_first`` the same network has (O, C / groups, KH, KW) and (C, H, W).
    """

    input_shape: tuple[int, ...]
    layers: Sequence[Mapping[str, Any]]
    optimizer: Mapping[str, Any]
    dtype: str
    x: Array
    labels: Array
    weights: Sequence[Array]
    weights_channels_first: Sequence[Array]

    @property
    def images(self) -> bool:
        """Whether the network takes images."""
        return len(self.input_shape) == 3


Job: TypeAlias = OpJob | TrainingJob


@dataclass(frozen=True)
class Task:
    """A job made ready in one library.

    ``outputs`` does the work and gives what the reference gives: the arrays of an op (None for one
    that the library does not produce), or the losses of ``CHECK_STEPS`` steps and then the weights.
    ``run`` is what is timed; it returns only when the work is done.
    """

    outputs: Callable[[], list[Array | None]]
    run: Callable[[], object]
    channels_first: bool = False


class Peer(Protocol):
    """The two functions of a peer module."""

    def variants(self, job: Job) -> list[str]:
        """Name the ways to do the job; an empty name is the plain one."""

    def build(self, job: Job, variant: str) -> Task:
        """Make the job ready."""


def training_outputs(
    step: Callable[[], Any], weights: Callable[[], Sequence[Array]]
) -> list[Array | None]:
    """Run the steps of the check and put losses and weights in a list."""
    losses = np.array([float(step()) for _ in range(CHECK_STEPS)])
    return [losses, *weights()]
