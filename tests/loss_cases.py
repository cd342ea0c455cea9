"""Losses and their arguments, with what Keras 3.15 answers for them as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
N, K = 7, 4


def data() -> dict[str, Array]:
    """Return targets and outputs of each kind, float32."""
    rng = np.random.default_rng(11)
    logits = rng.standard_normal((N, K))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ids = rng.integers(0, K, N)
    unit = rng.standard_normal((N, K))
    floats = {
        "logits": logits,
        "probs": probs,
        "rows": np.eye(K)[ids],
        "soft": np.exp(unit) / np.exp(unit).sum(axis=1, keepdims=True),
        "values": rng.standard_normal((N, K)),
        "bits": rng.random((N, K)) > 0.5,
        "signs": np.where(rng.random((N, K)) > 0.5, 1.0, -1.0),
        "positive": rng.random((N, K)) * 0.85 + 0.1,
        "unit": unit / np.linalg.norm(unit, axis=1, keepdims=True),
        "weights": rng.random(N),
    }
    return {**{k: np.asarray(v, np.float32) for k, v in floats.items()}, "ids": ids}


def probe(gradient: Array) -> float:
    """Return one number that tells whether a gradient is right."""
    flat = np.asarray(gradient, np.float64).reshape(-1)
    return float((flat * np.cos(np.arange(flat.size))).sum())


# Class, arguments, targets, outputs; the loss and the `probe` of its gradient, without and with weights of samples.
CASES: list[tuple[str, dict[str, Any], str, str, list[float | None]]] = [
    (
        "MeanAbsolutePercentageError",
        {},
        "values",
        "logits",
        [249.947388, 278.024497, 185.527924, 220.717199],
    ),
    (
        "MeanSquaredLogarithmicError",
        {},
        "positive",
        "probs",
        [0.058267, -0.006174, 0.041859, -0.014627],
    ),
    ("CosineSimilarity", {}, "values", "logits", [-0.110122, 0.063841, -0.105032, 0.053979]),
    ("LogCosh", {}, "values", "logits", [0.50543, 0.063349, 0.319778, 0.048214]),
    ("KLDivergence", {}, "soft", "probs", [0.2998, 1.191591, 0.200346, 0.648487]),
    ("KLDivergence", {}, "rows", "probs", [1.677638, 1.616088, 1.097352, 0.851664]),
    ("Poisson", {}, "positive", "probs", [1.034087, 0.960907, 0.723493, 0.590929]),
    ("Hinge", {}, "signs", "logits", [0.937384, -0.045794, 0.653976, -0.062784]),
    ("Hinge", {}, "bits", "logits", [0.928926, -0.055675, 0.682613, -0.015798]),
    ("SquaredHinge", {}, "signs", "logits", [1.463808, -0.182896, 0.983937, -0.189038]),
    ("CategoricalHinge", {}, "rows", "logits", [1.922477, -0.53657, 1.235204, -0.374484]),
    ("Dice", {}, "bits", "probs", [0.652291, -0.136024, 0.449244, -0.093682]),
    ("Dice", {"axis": 1}, "bits", "probs", [0.689102, -0.1361, 0.457794, -0.092233]),
    (
        "Tversky",
        {"alpha": 0.3, "beta": 0.7},
        "bits",
        "probs",
        [0.598797, -0.142499, 0.412402, -0.098141],
    ),
    ("Tversky", {"axis": (1,)}, "bits", "probs", [0.689102, -0.1361, 0.457794, -0.092233]),
    ("Circle", {"gamma": 8.0}, "ids", "unit", [14.263192, 1.017325, 10.674301, 0.789683]),
    (
        "Circle",
        {"gamma": 5.0, "margin": 0.25},
        "ids",
        "unit",
        [10.087282, 0.406914, 7.547374, 0.330002],
    ),
    ("BinaryFocalCrossentropy", {}, "bits", "probs", [0.503751, -0.037306, 0.38797, 0.030283]),
    (
        "BinaryFocalCrossentropy",
        {
            "apply_class_balancing": True,
            "alpha": 0.4,
            "gamma": 1.5,
            "from_logits": True,
            "label_smoothing": 0.1,
        },
        "bits",
        "logits",
        [0.151826, -0.009278, 0.10983, 0.001225],
    ),
    ("CategoricalFocalCrossentropy", {}, "rows", "probs", [0.290901, 0.585536, 0.183743, 0.375862]),
    (
        "CategoricalFocalCrossentropy",
        {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 1.0, "from_logits": True, "label_smoothing": 0.2},
        "rows",
        "logits",
        [0.427376, -0.041058, 0.289878, -0.024056],
    ),
    (
        "CategoricalGeneralizedCrossEntropy",
        {"q": 0.7},
        "ids",
        "probs",
        [0.9342, -0.162287, 0.625444, -0.198678],
    ),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": 2},
        "ids",
        "probs",
        [1.809601, 2.056762, 1.185034, 1.29362],
    ),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": -1, "from_logits": True},
        "ids",
        "logits",
        [1.677643, -0.206229, 1.097355, -0.144131],
    ),
    ("BinaryCrossentropy", {"axis": 1}, "bits", "probs", [0.899838, -0.056593, 0.674287, 0.041743]),
    (
        "CategoricalCrossentropy",
        {"axis": 1, "label_smoothing": 0.1},
        "rows",
        "probs",
        [1.67047, 1.778584, 1.097254, 1.120688],
    ),
]
