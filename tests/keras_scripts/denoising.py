"""A denoising autoencoder: noisy pictures in, clean ones out."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(5)
(train_data, _), (test_data, _) = keras.datasets.mnist.load_data()
train_data = train_data[:512].astype("float32").reshape(-1, 784) / 255
test_data = test_data[:128].astype("float32").reshape(-1, 784) / 255


def noise(array):
    noisy = array + 0.4 * np.random.default_rng(1).normal(size=array.shape)
    return np.clip(noisy, 0.0, 1.0).astype("float32")


def distance(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


inputs = layers.Input(shape=(784,))
code = layers.Dense(64, activation="silu", kernel_constraint="max_norm")(inputs)
outputs = layers.Dense(784, activation="sigmoid")(code)
model = keras.models.Model(inputs, outputs)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=[distance])
history = model.fit(
    noise(train_data), train_data, epochs=15, batch_size=64, verbose=0,
    validation_data=(noise(test_data), test_data),
)  # fmt: skip
cleaned = model.predict(noise(test_data), verbose=0)
before = np.square(noise(test_data) - test_data).mean()
after = np.square(cleaned - test_data).mean()
print("squared error", before, "->", after)
