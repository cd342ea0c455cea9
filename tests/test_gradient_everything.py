"""No class with a gradient is left unchecked: every module of the package is looked through for one.

The layers, losses and models of the Keras face are in `gradient_cases`; here are the regularizers and what the
book and the lessons write by hand. A class that is new fails `test_every_gradient_is_known`, until it is in a list.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
import layer_cases
from gradient_cases import ACTIVATIONS, LAYERS, LOSSES, MODELS, normal
from hotloop import zoo
from hotloop.book import lessons
from hotloop.book.common import layers as book
from hotloop.book.common.multi_layer_net import MultiLayerNet
from hotloop.book.common.multi_layer_net_extend import MultiLayerNetExtend
from hotloop.utils import gradient_check, numerical_gradient

Array = NDArray[Any]

# What a class with a gradient calls it.
MARKS = ("backward", "gradient", "get_gradient")
# Bases, and what carries out gradients that the lists hold: the executor and its parts.
MACHINERY = {
    *("ActivationFunction", "ByHand", "CategoricalLoss", "InputLayer", "Layer", "LayerLike", "Loss"),
    *("Model", "Network", "Pass", "PythonCall", "Regularizer", "Sequential", "Step"),
    # Automatic differentiation, whose rules test_ops.py checks, and nodes without an input.
    *("AddedLoss", "ByRules", "Entry", "CoupledLoss",
    "FormulaLoss",
    "FunctionLoss", "GradientTape", "Lambda", "OwnWeights"),
    *("RandomDraw", "Recorded", "Recorder", "Rule", "Tensor"),
    # What draws anew in each call or takes ids, and their bases: test_picture_layers.py, test_tabular_layers.py.
    *("CategoryEncoding", "Encoding", "IntegerLookup", "Lookup", "StringLookup", "TextVectorization"),
    *("Images", "RandomCrop", "RandomFlip", "RandomImages", "RandomWarp", "Warp"),
    # Bases of layers, and layers around a layer (test_wrappers.py).
    *("AdaptivePool", "AffineNormalization", "AttentionLayer", "AvgPool", "ConvTranspose"),
    *("Convolution", "DepthwiseConv", "GlobalAvgPool", "GlobalMaxPool", "GlobalPool", "Heads"),
    *("MaxPool", "Pool", "RuleLayer", "Seeded", "SeparableConv", "SpectralNormalization"),
    *("Windowed", "Wrapper"),
    # Cells and their RNN, which train as Keras's do, what takes ids or makes masks (test_recurrent.py), and bases.
    *("Embedding", "GRUCell", "LSTMCell", "OverSteps", "RNN", "Recurrent", "SimpleRNNCell"),
    *("Remembered", "StackedRNNCells", "StepMask"),
}  # fmt: skip


def classes() -> Iterator[type]:
    """Find the public classes of every module, extras that are not installed excepted."""
    for found in pkgutil.walk_packages(hl.__path__, "hotloop."):
        if found.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError:
            continue
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__ and name[0] != "_":
                yield value


# --- layers of the book and of the lessons

IMAGES = (3, 2, 5, 6)
BY_HAND: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
    (lambda: book.Affine(normal(4, 3, seed=1), normal(3, seed=2)), (5, 4)),
    (lambda: book.Affine(normal(60, 3, seed=1), normal(3, seed=2)), IMAGES),
    (book.Sigmoid, (5, 4)),
    (lambda: book.Dropout(0.4), (5, 4)),
    (lambda: book.BatchNormalization(normal(4, seed=1), normal(4, seed=2)), (6, 4)),
    (lambda: book.Convolution(normal(3, 2, 3, 2, seed=1), normal(3, seed=2), 1, 1), IMAGES),
    (lambda: book.Convolution(normal(3, 2, 3, 2, seed=1), normal(3, seed=2), 2), IMAGES),
    (lambda: book.Pooling(2, 2, 1), IMAGES),
    (lambda: lessons.Layer(normal(4, 3, seed=1), normal(3, seed=2)), (5, 4)),
    (lessons.ReLU, (5, 4)),
    (lessons.Sigmoid, (5, 4)),
    (lambda: lessons.Dropout(0.4), (5, 4)),
    (lambda: lessons.BatchNormalization(normal(4, seed=1), normal(4, seed=2)), (6, 4)),
]


@pytest.mark.parametrize(("make", "shape"), BY_HAND)
def test_layers_by_hand(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    report = gradient_check(make(), normal(*shape), max_elements=None)
    assert report.ok, str(report)
    weights = [name for name in ("W", "b", "gamma", "beta") if hasattr(make(), name)]
    assert [entry.name.split("/")[1] for entry in report] == ["input", *weights]


def test_the_relu_of_the_book_is_right_and_in_place() -> None:
    """The fault is the book's, and kept."""
    report = gradient_check(book.Relu(), normal(5, 4))
    assert len(report.faults) == 1
    assert report.faults[0].startswith("relu: input gradient modified in place")
    assert report["relu/input"].difference < 1e-7


@pytest.mark.parametrize("kind", [book.SoftmaxWithLoss, lessons.Softmax])
@pytest.mark.parametrize("one_hot", [False, True])
def test_losses_by_hand(kind: Any, one_hot: bool) -> None:
    ids = np.array([0, 2, 1, 1, 0])
    # The loss has 1e-7 in its logarithm, the gradient has not.
    report = gradient_check(kind(), normal(5, 3), np.eye(3)[ids] if one_hot else ids)
    assert report.ok, str(report)


@pytest.mark.parametrize("kind", [lessons.Add, lessons.Mul])
def test_nodes_of_two_numbers(kind: Any) -> None:
    node, x, y, h = kind(), 3.0, -4.0, 1e-5
    node.forward(x, y)
    slopes = [
        (kind().forward(x + a, y + b) - kind().forward(x - a, y - b)) / (2 * h)
        for a, b in ((h, 0.0), (0.0, h))
    ]
    np.testing.assert_allclose(node.backward(2.0), np.multiply(2.0, slopes), rtol=1e-9)


# --- networks of the book and of the lessons


def of_training(net: Any, x: Array, t: Array) -> dict[str, Array]:
    """Ask for the gradient by name, with the masks of seed 7."""
    np.random.seed(7)  # noqa: NPY002 - where these draw their masks
    grads: dict[str, Array] = net.gradient(x, t)
    return grads


def of_a_step(net: Any, x: Array, t: Array) -> dict[str, Array]:
    net.gradient(x, t)
    grads: dict[str, Array] = net.grads
    return grads


def of_a_fit(net: Any, x: Array, t: Array) -> dict[str, Array]:
    """Train one batch at rate 0: the weights stay, the gradients are left."""
    list(net.fit(x, t, x, t, epochs=1, batch_size=len(x), learning_rate=0.0))
    grads: dict[str, Array] = net.grads
    return grads


def mean_loss(net: Any, x: Array, t: Array) -> float:
    y = net.predict(x)
    return float(np.mean(np.log(np.exp(y).sum(1)) - y[np.arange(len(t)), t]))


def training_loss(net: Any, x: Array, t: Array) -> float:
    np.random.seed(7)  # noqa: NPY002
    if isinstance(net, MultiLayerNet):
        return float(net.loss(x, t))
    if isinstance(net, MultiLayerNetExtend):
        return float(net.loss(x, t, train_flg=True))
    return float(net.loss(x, t, is_train=True))


def plain_loss(net: Any, x: Array, t: Array) -> float:
    return float(net.loss(x, t))


NETS: list[tuple[Callable[[], Any], int, Any, Any]] = [
    (lambda: MultiLayerNet(6, [5, 4], 3, "sigmoid", 0.5, 0.1), 6, training_loss, of_training),
    (
        lambda: MultiLayerNetExtend(6, [5, 4], 3, "sigmoid", 0.5, 0.1, True, 0.3, True),
        *(6, training_loss, of_training),
    ),
    (
        lambda: lessons.MyModel(6, [5, 4], 3, "sigmoid", 0.1, True, 0.3, True),
        *(6, training_loss, of_training),
    ),
    (lambda: lessons.BackpropNet((6, 5, 3)), 6, mean_loss, of_a_step),
    (lessons.ProbabilityNet, 784, plain_loss, of_a_fit),
    (lessons.RepairedNet, 784, plain_loss, of_a_fit),
]


@pytest.mark.parametrize(("make", "inputs", "loss", "gradient"), NETS)
def test_networks_by_hand(make: Any, inputs: int, loss: Any, gradient: Any) -> None:
    np.random.seed(3)  # noqa: NPY002 - whence their weights come
    net, x, t = make(), normal(8, inputs), np.arange(8) % 3
    found = {name: np.array(value) for name, value in gradient(net, x, t).items()}
    assert set(found) == set(net.params)
    rng = np.random.default_rng(0)
    for name, value in net.params.items():
        flat, wanted = value.reshape(-1), found[name].reshape(-1)
        places = rng.permutation(flat.size)[:20]
        for place in places:
            before, values = flat[place], []
            for shifted in (before + 1e-5, before - 1e-5):
                flat[place] = shifted
                values.append(loss(net, x, t))
            flat[place] = before
            numeric = (values[0] - values[1]) / 2e-5
            # The lessons' losses have 1e-7 in the logarithm, which their gradients leave out.
            assert abs(numeric - wanted[place]) < 1e-6 * max(1.0, np.abs(wanted).max()), name


def by_calculus(net: Any, x: Array, t: Array) -> dict[str, Array]:
    """Return the gradients of half the summed binary cross entropy, layer by layer."""

    def sigmoid(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    p = net.params
    if isinstance(net, lessons.LogicGateNet):
        dz = (sigmoid(x @ p["weights"] + p["bias"]) - t[:, 0]) / 2
        return {"weights": x.T @ dz, "bias": dz.sum(keepdims=True)}
    if isinstance(net, lessons.XORNet):  # one weighted sum a layer, shifted by each of two biases
        h = sigmoid((x @ p["w_1"])[:, None] + p["b_1"])
        dz = (sigmoid((h @ p["w_2"])[:, None] + p["b_2"]) - t) / 2
        dh = dz.sum(1, keepdims=True) * p["w_2"] * h * (1 - h)
        return {
            "w_2": h.T @ dz.sum(1), "b_2": dz.sum(0), "w_1": x.T @ dh.sum(1), "b_1": dh.sum(0)
        }  # fmt: skip
    h = sigmoid(x @ p["w_1"] + p["b_1"])
    e = np.exp(h @ p["w_2"] + p["b_2"])
    y = e / e.sum()  # of the whole batch, as the lesson has it
    dy = ((1 - t) / (1 - y) - t / y) / 2
    dz = y * (dy - (dy * y).sum())
    dh = dz @ p["w_2"].T * h * (1 - h)
    return {"w_2": h.T @ dz, "b_2": dz.sum(0), "w_1": x.T @ dh, "b_1": dh.sum(0)}


BY_DIFFERENCES: list[tuple[Callable[[], Any], Array, Array]] = [
    (lessons.LogicGateNet, lessons.INPUTS, np.array([[0.0], [0], [0], [1]])),
    (lessons.XORNet, lessons.INPUTS, np.array([[0.0], [1], [1], [0]])),
    (lambda: lessons.NumericalModel(4, 3, 5), normal(6, 4), np.eye(5)[np.arange(6) % 5]),
]


@pytest.mark.parametrize(("make", "x", "t"), BY_DIFFERENCES)
def test_networks_whose_gradient_is_differences(make: Any, x: Array, t: Array) -> None:
    net = make()
    expected = by_calculus(net, x, t)
    for name, grad in net.get_gradient(x, t).items():
        np.testing.assert_allclose(grad, expected[name], atol=1e-8, err_msg=name)


# --- regularizers

REGULARIZERS = [
    hl.regularizers.OrthogonalRegularizer(0.3, "columns"),
    hl.regularizers.L1(0.3),
    hl.regularizers.L2(0.3),
    hl.regularizers.L1L2(0.2, 0.3),
]


@pytest.mark.parametrize("penalty", REGULARIZERS)
def test_every_regularizer(penalty: Any) -> None:
    w = normal(4, 3)
    numeric = numerical_gradient(penalty, w.copy())
    np.testing.assert_allclose(penalty.gradient(w), numeric, atol=1e-8)
    model = hl.Sequential([hl.layers.Dense(3, kernel_regularizer=penalty, input_shape=(4,))])
    report = gradient_check(model, normal(6, 4), w[[0, 1, 2, 3, 0, 1]], loss="mse")
    assert report.ok, str(report)


# --- all of them


def test_every_gradient_is_known() -> None:
    with_gradient = {c for c in classes() if any(hasattr(c, mark) for mark in MARKS)}
    makers: list[Any] = [row[0] for rows in (LAYERS, BY_HAND, NETS, BY_DIFFERENCES) for row in rows]
    listed = [make() for make in makers] + [row[0] for row in LOSSES] + REGULARIZERS
    known = {type(each) for each in listed}
    # Checked by differences in test_layers_keras.py.
    known |= {type(layer_cases.make(hl, case)) for case in layer_cases.CASES}
    known |= {book.Relu, book.SoftmaxWithLoss, lessons.Softmax, lessons.Add, lessons.Mul}
    assert len(with_gradient) > len(MACHINERY) + 40  # the search finds something
    left = {c.__name__ for c in with_gradient - known}
    assert left == MACHINERY


def test_every_ready_model_and_every_activation_is_in_the_list() -> None:
    assert set(zoo.MODELS) <= set(MODELS)
    assert set(zoo.__all__) == {"MODELS", "build", *zoo.MODELS}
    kind = hl.activations.ActivationFunction
    named = {v.name for v in vars(hl.activations).values() if isinstance(v, kind)}
    assert set(ACTIVATIONS) == set(hl.activations.FUNCTIONS) == named
