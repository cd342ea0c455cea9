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
from .arithmetic import add, divide, maximum, minimum, multiply, power, subtract
from .comparison import equal, greater, greater_equal, less, less_equal, not_equal, where
from .conv import col2im, conv2d, conv2d_backward, im2col
from .dropout import dropout, dropout_backward
from .elementary import cos, erf, exp, expm1, log, log1p, silu, sin, softplus
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
from .moves import concatenate, flip, pad, transpose
from .norm import batch_norm, batch_norm_backward, layer_norm, layer_norm_backward
from .picks import cumsum, scatter_add, scatter_add_along_axis, take, take_along_axis, top_k
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
from .recurrent import (
    gru,
    gru_backward,
    lstm,
    lstm_backward,
    simple_rnn,
    simple_rnn_backward,
)
from .reductions import argmax, argmin, max, mean, min, prod, sum
from .rounding import absolute, ceil, floor, negative, reciprocal, rint, rsqrt, sign, sqrt, square
from .softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from .updates import adagrad_update, adam_update, momentum_update, rmsprop_update, sgd_update

__all__ = [
    "absolute",
    "adagrad_update",
    "adam_update",
    "add",
    "affine",
    "affine_backward",
    "argmax",
    "argmin",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "ceil",
    "col2im",
    "concatenate",
    "conv2d",
    "conv2d_backward",
    "cos",
    "cross_entropy",
    "cross_entropy_backward",
    "cumsum",
    "divide",
    "dropout",
    "dropout_backward",
    "elu",
    "elu_backward",
    "equal",
    "erf",
    "exp",
    "expm1",
    "flip",
    "floor",
    "gelu",
    "gelu_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "greater",
    "greater_equal",
    "gru",
    "gru_backward",
    "identity",
    "im2col",
    "layer_norm",
    "layer_norm_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_softmax",
    "log_softmax_backward",
    "lstm",
    "lstm_backward",
    "matmul",
    "max",
    "max_pool2d",
    "max_pool2d_backward",
    "maximum",
    "mean",
    "mean_squared_error",
    "mean_squared_error_backward",
    "min",
    "minimum",
    "momentum_update",
    "multiply",
    "negative",
    "nll",
    "nll_backward",
    "not_equal",
    "one_hot",
    "pad",
    "power",
    "prod",
    "reciprocal",
    "relu",
    "relu_backward",
    "rint",
    "rmsprop_update",
    "rsqrt",
    "scatter_add",
    "scatter_add_along_axis",
    "sgd_update",
    "sigmoid",
    "sigmoid_backward",
    "sign",
    "silu",
    "simple_rnn",
    "simple_rnn_backward",
    "sin",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "softplus",
    "sqrt",
    "square",
    "step",
    "subtract",
    "sum",
    "take",
    "take_along_axis",
    "tanh",
    "tanh_backward",
    "top_k",
    "transpose",
    "where",
]

serve(__name__)
