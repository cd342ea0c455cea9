"""Lessons that run: ``python -m hotloop.examples`` lists them, ``python -m hotloop.examples.NAME`` runs one.

Each prints the figures of its lesson beside the expected ones and saves its picture. Where MNIST is not at hand and
cannot be downloaded, they use the digits inside the package and say so.
"""

from __future__ import annotations

import ast
from importlib import resources

__all__ = ["CHAPTERS", "idea"]

# Chapter -> example -> about how long it takes on two processors.
CHAPTERS: dict[str, dict[str, str]] = {
    "Functions": {
        "functions": "1 s",
        "losses": "1 s",
        "three_layers": "1 s",
        "graph": "1 s",
        "affine": "1 s",
        "conv_sizes": "1 s",
        "sobel": "1 s",
        "rgb_filters": "1 s",
        "loops": "2 s",
    },
    "Descent": {
        "descent": "1 s",
        "descent_moves": "1 s",
        "descent_rates": "1 s",
        "gates": "2 s",
        "xor": "1 s",
        "numerical_mnist": "1 min",
    },
    "Networks on MNIST": {
        "keras_mlp": "5 s",
        "lstm_mnist": "60 s",
        "keras_onehot": "10 s",
        "keras_binary": "10 s",
        "keras_functional": "10 s",
        "sample_weight": "2 s",
        "three_models": "20 s",
        "backpropagation": "10 s",
        "by_hand": "1 min",
        "by_hand_relu": "30 s",
        "pytorch_lesson": "1 min",
        "pytorch_repaired": "1 min",
        "simple_convnet": "1 min",
        "deep_convnet": "15 min",
    },
    "Learning made visible": {
        "histograms": "3 s",
        "optimizers": "5 s",
        "optimizer_paths": "2 s",
        "initializers": "5 s",
        "batch_norm": "10 s",
        "weight_decay": "10 s",
        "dropout": "10 s",
        "random_search": "20 s",
        "filters": "20 s",
        "misclassified": "20 s",
    },
}


def idea(name: str) -> str:
    """Return the first line of an example's text, without importing it.

    Parameters
    ----------
    name : str
        A name in `CHAPTERS`.

    Raises
    ------
    FileNotFoundError
        There is no such example.

    Examples
    --------
    >>> idea("functions")
    'Sigmoid, softmax, ReLU and step: what goes in and what comes out.'
    """
    source = resources.files("hotloop.examples").joinpath(f"{name}.py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]
