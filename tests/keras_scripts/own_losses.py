"""A loss as a function, a loss as a class, and a metric as a function, all over ops."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(3)
rng = np.random.default_rng(0)
points = rng.uniform(-1, 1, (512, 2)).astype("float32")
heights = (points[:, :1] * points[:, 1:] + 0.05 * rng.standard_normal((512, 1))).astype("float32")


def log_cosh(y_true, y_pred):
    """Quadratic near 0, linear far from it."""
    apart = y_pred - y_true
    return ops.mean(apart + ops.softplus(-2.0 * apart) - ops.log(2.0), axis=-1)


class Pinball(keras.losses.Loss):
    """Errors below weigh `q`, errors above 1 - q: the best constant is a quantile."""

    def __init__(self, q, name="pinball"):
        super().__init__(name=name)
        self.q = q

    def call(self, y_true, y_pred):
        below = y_true - y_pred
        return ops.mean(ops.maximum(self.q * below, (self.q - 1.0) * below), axis=-1)


def largest_error(y_true, y_pred):
    return ops.max(ops.abs(y_true - y_pred), axis=-1)


def surface(loss):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(32, activation="tanh"),
            layers.Dense(32, activation="tanh"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=[largest_error])
    return model


smooth = surface(log_cosh)
smooth_history = smooth.fit(points, heights, epochs=12, batch_size=32, verbose=0).history
upper = surface(Pinball(0.9))
upper_history = upper.fit(points, heights, epochs=12, batch_size=32, verbose=0).history
below_upper = float(np.mean(heights <= upper.predict(points, verbose=0)))
