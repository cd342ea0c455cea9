"""The ready networks of ``hotloop train``: image classifiers that take the pixels as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hotloop.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    Input,
    Layer,
    MaxPool2D,
    Rescaling,
)
from hotloop.models import Sequential
from hotloop.registry import lookup

__all__ = ["MODELS", "build", "deep_cnn", "mlp", "simple_cnn"]

_SMALL = 16  # images of fewer pixels a side get 3x3 filters where larger ones get 5x5


def mlp(
    input_shape: Sequence[int], num_classes: int = 10, *, scale: float | None = 1 / 255
) -> Sequential:
    """Build a perceptron: 256 and 128 ReLU units, softmax.

    Parameters
    ----------
    input_shape : (H, W, C)
        The shape of one image, channels last.
    num_classes : int
        The number of classes K.
    scale : float
        What the pixels are multiplied by on entry, so that they come to lie in [0, 1]; None standardises each
        feature by a `BatchNormalization` instead.

    Returns
    -------
    Sequential
        (N, H, W, C) -> (N, K) probabilities; not compiled.

    Examples
    --------
    >>> mlp((8, 8, 1), scale=1 / 16).count_params()
    50826
    """
    return _classifier(
        input_shape,
        scale,
        [Flatten(), _dense(256), _dense(128), Dense(num_classes, activation="softmax")],
    )


def simple_cnn(
    input_shape: Sequence[int], num_classes: int = 10, *, scale: float | None = 1 / 255
) -> Sequential:
    """Build SimpleConvNet: a convolution with 30 filters, pooling, 100 ReLU units, softmax.

    The filters are 5x5, or 3x3 for images under 16 pixels a side. Parameters and result as for `mlp`.

    Notes
    -----
    Source: K. Saito, "Deep Learning from Scratch", O'Reilly Japan, 2016, chapter 7.

    Examples
    --------
    >>> simple_cnn((28, 28, 1)).count_params()
    433890
    """
    kernel = 3 if min(input_shape[:2]) < _SMALL else 5
    return _classifier(
        input_shape,
        scale,
        [
            _conv(30, kernel, 0),
            _pool(),
            Flatten(),
            _dense(100),
            Dense(num_classes, activation="softmax"),
        ],
    )


def deep_cnn(
    input_shape: Sequence[int], num_classes: int = 10, *, scale: float | None = 1 / 255
) -> Sequential:
    """Build DeepConvNet without its dropout: three pairs of 3x3 convolutions (16, 32, 64), each pooled, 50 ReLU units, softmax.

    Fits images from 4 pixels a side. Parameters and result as for `mlp`.

    Notes
    -----
    Source: K. Saito, "Deep Learning from Scratch", O'Reilly Japan, 2016, chapter 8.

    Examples
    --------
    >>> deep_cnn((28, 28, 1)).count_params()
    123552
    """
    return _classifier(
        input_shape,
        scale,
        [
            *(_conv(16, 3, 1), _conv(16, 3, 1), _pool()),
            *(_conv(32, 3, 1), _conv(32, 3, 2), _pool()),
            *(_conv(64, 3, 1), _conv(64, 3, 1), _pool()),
            *(Flatten(), _dense(50), Dense(num_classes, activation="softmax")),
        ],
    )


MODELS: dict[str, Callable[..., Sequential]] = {
    "mlp": mlp,
    "simple_cnn": simple_cnn,
    "deep_cnn": deep_cnn,
}


def build(
    name: str, input_shape: Sequence[int], num_classes: int = 10, *, scale: float | None = 1 / 255
) -> Sequential:
    """Build the network called `name`: ``"mlp"``, ``"simple_cnn"`` or ``"deep_cnn"``.

    Raises
    ------
    ValueError
        There is no such network.

    Examples
    --------
    >>> build("mlp", (28, 28, 1)).count_params() == mlp((28, 28, 1)).count_params()
    True
    """
    return lookup("network", name, MODELS)(input_shape, num_classes, scale=scale)


def _classifier(input_shape: Sequence[int], scale: float | None, layers: list[Layer]) -> Sequential:
    """Put the entry before the layers: images of one shape, scaled as the batch is gathered."""
    # Columns of a table have each a range of their own.
    entry = BatchNormalization() if scale is None else Rescaling(scale)
    return Sequential([Input(shape=tuple(input_shape)), entry, *layers])


def _dense(units: int) -> Dense:
    return Dense(units, activation="relu", kernel_initializer="he_normal")


def _conv(filters: int, kernel: int, padding: int) -> Conv2D:
    # Named, because a process whose default is channels_first still feeds these networks (N, H, W, C).
    return Conv2D(
        filters,
        kernel,
        padding=padding,
        activation="relu",
        kernel_initializer="he_normal",
        data_format="channels_last",
    )


def _pool() -> MaxPool2D:
    return MaxPool2D(2, data_format="channels_last")
