"""Optimizers and their arguments, with what Keras 3.15 leaves after 20 steps as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
SHAPES = {"a": (4, 3), "b": (3,), "c": (2, 3, 4), "d": (3, 5)}
_AROUND = {"learning_rate": 0.02, "weight_decay": 0.05, "clipvalue": 0.3}


def data(steps: int = 20) -> tuple[dict[str, Array], list[dict[str, Array]]]:
    """Return weights, and a gradient of each for every step."""
    rng = np.random.default_rng(3)
    weights = {k: rng.standard_normal(shape).astype("f4") for k, shape in SHAPES.items()}
    grads = [
        {k: rng.standard_normal(shape).astype("f4") for k, shape in SHAPES.items()}
        for _ in range(steps)
    ]
    return weights, grads


def probe(weights: dict[str, Array]) -> list[float]:
    """Return a few numbers that tell whether all weights are right: weighted sums."""
    flat = [np.asarray(w, np.float64).reshape(-1) for w in weights.values()]
    return [float((w * np.cos(np.arange(w.size))).sum()) for w in flat]


# Class, arguments, `probe` of the weights that Keras leaves (JAX behind it).
CASES: list[tuple[str, dict[str, Any], list[float]]] = [
    ("Adadelta", {"learning_rate": 1.0}, [-3.940229, -0.204489, 3.048038, -1.030769]),
    ("Adadelta", _AROUND, [-3.846925, -0.199195, 2.973534, -1.020297]),
    ("Adamax", {"learning_rate": 0.01}, [-3.925039, -0.213837, 2.939216, -1.035753]),
    ("Adamax", _AROUND, [-3.746233, -0.242486, 2.787016, -1.039019]),
    ("Nadam", {"learning_rate": 0.01}, [-3.971645, -0.204047, 3.067792, -1.010116]),
    ("Nadam", _AROUND, [-3.909553, -0.238952, 3.046348, -0.991596]),
    ("Lion", {"learning_rate": 0.01}, [-4.103596, -0.228977, 3.132532, -1.021077]),
    ("Lion", _AROUND, [-4.10006, -0.222767, 3.163568, -0.963499]),
    ("Ftrl", {"learning_rate": 0.05}, [-3.483059, -0.083898, 1.44508, -0.741581]),
    (
        "Ftrl",
        {
            "learning_rate": 0.05,
            "l1_regularization_strength": 0.1,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.3,
            "learning_rate_power": -0.4,
        },
        [-2.266792, -0.000153, 0.893498, -0.342407],
    ),
    ("Lamb", {"learning_rate": 0.01}, [-4.159004, -0.148614, 3.23942, -0.90141]),
    ("Lamb", _AROUND, [-3.749438, -0.249512, 3.24706, -0.954365]),
    ("Adafactor", {"learning_rate": 0.05}, [-4.383788, -0.255692, 3.572285, -0.85128]),
    (
        "Adafactor",
        {"learning_rate": 0.5, "relative_step": False, "weight_decay": 0.1},
        [-2.30492, -0.054983, 3.98653, 0.518813],
    ),
    ("Muon", {"learning_rate": 0.01}, [-3.925462, -0.205387, 2.985347, -1.028914]),
    (
        "Muon",
        {
            "learning_rate": 0.01,
            "nesterov": False,
            "adam_lr_ratio": 0.5,
            "exclude_layers": ["d"],
            "rms_rate": None,
        },
        [-3.936022, -0.20418, 3.008096, -1.022532],
    ),
    ("ScheduleFreeAdamW", {"warmup_steps": 5}, [-3.934492, -0.198635, 3.058097, -1.034295]),
    ("ScheduleFreeAdamW", _AROUND, [-3.902054, -0.212136, 3.04599, -1.01756]),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "learning_rate": 0.02},
        [-4.722903, 0.030595, 4.321631, -0.221608],
    ),
    ("RMSprop", {"centered": True, "momentum": 0.5}, [-3.936972, -0.207669, 3.018592, -1.042225]),
    ("Adam", {"amsgrad": True}, [-3.92714, -0.203379, 3.028711, -1.037545]),
    (
        "Adam",
        {"use_ema": True, "ema_overwrite_frequency": 3, "learning_rate": 0.01},
        [-3.927768, -0.226035, 3.001198, -1.056202],
    ),
    (
        "SGD",
        {
            "use_ema": True,
            "ema_momentum": 0.9,
            "ema_overwrite_frequency": 2,
            "learning_rate": 0.1,
            "gradient_accumulation_steps": 3,
        },
        [-3.886997, -0.272697, 2.768845, -1.064979],
    ),
    (
        "Adam",
        {"gradient_accumulation_steps": 4, "clipnorm": 0.5, "learning_rate": 0.01},
        [-3.902534, -0.198159, 3.067921, -0.967052],
    ),
    (
        "Nadam",
        {
            "gradient_accumulation_steps": 4,
            "global_clipnorm": 0.5,
            "learning_rate": 0.01,
            "weight_decay": 0.1,
        },
        [-3.891744, -0.205743, 3.045534, -0.979116],
    ),
    ("Adamax", {"loss_scale_factor": 1.0}, [-3.92437, -0.204207, 3.023866, -1.040557]),
]
