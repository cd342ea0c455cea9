"""The names that lessons written after "Deep Learning from Scratch" use.

Notebooks and courses that imitate the book spell it their own way: ``MyModel(...)`` with
``is_train=``, optimizers with ``learning_rate=`` on dicts, gradients by central differences. Here
are these names over the compiled core. ``from hotloop.book.lessons import *`` brings all of them.

>>> import numpy as np
>>> from hotloop.book.lessons import Adam, MyModel
>>> np.random.seed(42)
>>> model = MyModel(4, [8, 8], 3, decay_lambda=0.1, use_dropout=True, use_batchnorm=True)
>>> x, t = np.random.rand(16, 4), np.random.randint(3, size=16)
>>> optimizer = Adam(learning_rate=0.01)
>>> optimizer.update(model.params, model.gradient(x, t))
>>> model.predict(x, is_train=False).shape
(16, 3)

Weights, masks and batches come from ``numpy.random``, so the seed of a lesson gives its figures:
`RECIPES` holds three trainings that end in every digit that the lesson printed, and `train` is their
loop.

What the lessons do, kept because it makes their figures, and what the rest of hotloop does:

========================================================== ==========================================
here, as in the lessons                                    elsewhere in hotloop
========================================================== ==========================================
`MyModel`: weights scaled by the number of *outputs*       ``initializers.HeNormal``: of inputs
`MyModel`: batch normalisation starts with beta 1          ``layers.BatchNormalization``: beta 0
running mean and variance start at 0                       the variance starts at 1
`BatchNormalization` of images: each pixel for itself      each channel
`Dropout`: mask ``rand > ratio``, outputs not scaled up;   kept outputs are scaled up in training,
inference is scaled down                                   inference does nothing
`mean_squared_error`, `sum_squares_error`: half the sum    ``functional.mean_squared_error``: the mean
`cross_entropy_error`: summed over the batch               ``functional.cross_entropy``: the mean
`cross_entropy_error_for_bin`: half the sum, from          ``functional.binary_cross_entropy``: the
probabilities, infinite at 0 and 1                         mean, from scores, finite everywhere
``log(y + 1e-7)``; `Softmax.backward` leaves it out        ``functional.softmax_cross_entropy``: exact
`softmax_of_batch`: one sum for the whole batch            ``functional.softmax``: one for each row
`relu_grad`: 1 at 0                                        ``functional.relu_backward``: 0 at 0
decay over all W, added to loss and gradient:              ``weight_decay=`` of optimizers: decoupled;
``lambda / 2 * sum(W**2)``                                 ``regularizers.L2``: ``l2 * sum(W**2)``
`AdaGrad`, `RMSProp`: ``sqrt(h) + 1e-7``                   ``optimizers``: ``sqrt(h + 1e-7)``, as Keras
batches drawn with replacement: an epoch misses a third    ``fit`` and ``DataLoader`` shuffle
pixels divided by .255 in `RECIPES`                        any scale, ``layers.Rescaling(1 / 255)``
`XORNet`: two biases for one sum, two equal answers        a ``Dense`` layer has a sum for each unit
`NumericalModel`: two losses for every weight              backpropagation
`conv_op`: one filter for all channels, and 256 wraps to 0 ``functional.conv2d``: one for each; no wrap
`filtered_image`: cut above 255, negative sums stay        ``functional.conv2d``: nothing is cut
`ProbabilityNet`: minus the *probability* of the class as  ``losses.NLL`` takes logarithms:
loss (`probability_nll`)                                   ``RepairedNet``
========================================================== ==========================================

Not kept, since no figure depends on them: ``ReLU.backward`` of the lessons writes into the gradient
that it is given, their ``Sigmoid.backward`` reads an attribute that does not exist, their softmax
and sigmoid overflow, and their numerical gradient answers 0 for integers.
"""

from hotloop.book.lessons.affine import (
    _change_one_hot_label,
    affine_layer_backward,
    affine_layer_forward,
    update_params,
)
from hotloop.book.lessons.descents import (
    differential,
    differential_1d,
    differential_2d,
    gradient_descent,
    gradient_descent2,
    numerical_diff,
    numerical_gradient,
)
from hotloop.book.lessons.exact import RECIPES, Recipe
from hotloop.book.lessons.functions import (
    cross_entropy_error,
    cross_entropy_error_for_batch,
    cross_entropy_error_for_bin,
    mean_squared_error,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    softmax_of_batch,
    sum_squares_error,
)
from hotloop.book.lessons.gates import GATES, INPUTS, LogicGateNet, XORNet
from hotloop.book.lessons.images import conv_op, filtered_image, flatten_for_mnist
from hotloop.book.lessons.judging import Judge
from hotloop.book.lessons.layers import (
    Add,
    BatchNormalization,
    Dropout,
    Layer,
    Mul,
    ReLU,
    Sigmoid,
    Softmax,
)
from hotloop.book.lessons.model import MyModel
from hotloop.book.lessons.networks import (
    BackpropNet,
    NumericalModel,
    ProbabilityNet,
    RepairedNet,
    probability_nll,
)
from hotloop.book.lessons.optimizers import SGD, AdaGrad, Adam, Momentum, RMSProp
from hotloop.book.lessons.training import Line, train

__all__ = [
    "GATES",
    "INPUTS",
    "RECIPES",
    "SGD",
    "AdaGrad",
    "Adam",
    "Add",
    "BackpropNet",
    "BatchNormalization",
    "Dropout",
    "Judge",
    "Layer",
    "Line",
    "LogicGateNet",
    "Momentum",
    "Mul",
    "MyModel",
    "NumericalModel",
    "ProbabilityNet",
    "RMSProp",
    "ReLU",
    "Recipe",
    "RepairedNet",
    "Sigmoid",
    "Softmax",
    "XORNet",
    "_change_one_hot_label",
    "affine_layer_backward",
    "affine_layer_forward",
    "conv_op",
    "cross_entropy_error",
    "cross_entropy_error_for_batch",
    "cross_entropy_error_for_bin",
    "differential",
    "differential_1d",
    "differential_2d",
    "filtered_image",
    "flatten_for_mnist",
    "gradient_descent",
    "gradient_descent2",
    "mean_squared_error",
    "numerical_diff",
    "numerical_gradient",
    "probability_nll",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "softmax_of_batch",
    "sum_squares_error",
    "train",
    "update_params",
]
