"""The compiled operations: arrays in, arrays out, float32 and float64.

Inputs are promoted as NumPy promotes: lists, Python numbers, integers and bools become
float64, float32 beside float64 becomes float64; other dtypes are a ``TypeError``. Any strides, byte
order and read-only flags are accepted.
No operation writes to its inputs, except the optimizer updates, the running statistics of
``batch_norm`` and arrays given as ``out``. Errors name the operation, the rule and the shapes.

Letters in shapes: N batch, C channels in, O channels out, H W image, KH KW kernel, OH OW output,
I features in, K classes.
"""

from __future__ import annotations

from hotloop._support.names import serve

from .activations import identity, sigmoid, sigmoid_backward, step, tanh, tanh_backward
from .affine import affine, affine_backward, matmul
from .conv import col2im, conv2d, conv2d_backward, im2col
from .dropout import dropout, dropout_backward
from .elementwise_losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    mean_squared_error,
    mean_squared_error_backward,
)
from .encoding import one_hot
from .losses import (
    cross_entropy,
    cross_entropy_backward,
    nll,
    nll_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from .norm import batch_norm, batch_norm_backward, layer_norm, layer_norm_backward
from .pool import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from .rectifiers import (
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
)
from .softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from .updates import adagrad_update, adam_update, momentum_update, rmsprop_update, sgd_update

__all__ = [
    "adagrad_update",
    "adam_update",
    "affine",
    "affine_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "col2im",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "identity",
    "im2col",
    "layer_norm",
    "layer_norm_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "mean_squared_error_backward",
    "momentum_update",
    "nll",
    "nll_backward",
    "one_hot",
    "relu",
    "relu_backward",
    "rmsprop_update",
    "sgd_update",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "step",
    "tanh",
    "tanh_backward",
]

serve(__name__)
