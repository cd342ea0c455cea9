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
        "affine": "1 s",
        "conv_sizes": "1 s",
        "sobel": "1 s",
        "rgb_filters": "1 s",
        "loops": "2 s",
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
