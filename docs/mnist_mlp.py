"""Train a network without convolutions on MNIST, on images that are bent anew for each batch."""

import math
import time

import numpy as np

import hotloop as hl
from hotloop.layers import Dense, Dropout, Flatten, Rescaling

EPOCHS, BATCH, RATE, PARTS = 30, 100, 1e-3, 4

hl.set_seed(1)
rng = np.random.default_rng(1)
GRID = np.mgrid[:28, :28] - 13.5
# Columns of hats, which interpolate between 6 knots.
HATS = np.maximum(0, 1 - abs(np.arange(28)[:, None] / 5.4 - np.arange(6)))


def bent(images):
    """Return images seen through one random affine map, a shift and a smooth random field."""
    places = np.einsum("ij,jyx->iyx", np.eye(2) + rng.normal(0, 0.1, (2, 2)), GRID)
    places += rng.uniform(-2, 2, (2, 1, 1)) + HATS @ rng.normal(0, 1.2, (2, 6, 6)) @ HATS.T
    places = np.clip(places + 13.5, 0, 26.999)
    corner = places.astype(int)
    right, flat = (places - corner).astype("float32"), images.reshape(len(images), -1)
    parts = []
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = abs(1 - i - right[0]) * abs(1 - j - right[1])
        parts.append(flat[:, (corner[0] + i) * 28 + corner[1] + j] * weight)
    return sum(parts)


(x, y), (x_test, y_test) = hl.datasets.mnist.load_data()
model = hl.Sequential(
    [
        Rescaling(1 / 255, input_shape=(28, 28)),
        Flatten(),
        Dense(1280, activation="relu", kernel_initializer="he_normal"),
        Dropout(0.2),
        Dense(1024, activation="relu", kernel_initializer="he_normal"),
        Dropout(0.2),
        Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
start, steps = time.perf_counter(), EPOCHS * len(x) / BATCH
for epoch in range(EPOCHS):
    for xb, yb in hl.DataLoader(x, y, batch_size=BATCH, shuffle=True, seed=epoch):
        # The rate falls along half a cosine.
        done = model.optimizer.iterations / steps
        model.optimizer.learning_rate = RATE * math.cos(done * math.pi / 2) ** 2
        model.train_on_batch(np.concatenate([bent(p) for p in np.array_split(xb, PARTS)]), yb)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    seconds = time.perf_counter() - start
    print(f"epoch {epoch + 1}: test accuracy {accuracy:.4f} after {seconds:.0f} s")
