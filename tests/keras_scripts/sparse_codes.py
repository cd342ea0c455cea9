"""An autoencoder whose code is held small by add_loss and activity regularizers, its step recorded."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(5)


class Sparse(layers.Layer):
    """Adds how far the mean activity of each unit is from a small one (Kullback and Leibler)."""

    def __init__(self, target=0.1, rate=0.05, **kwargs):
        super().__init__(**kwargs)
        self.target, self.rate = target, rate

    def call(self, inputs):
        mean = ops.clip(ops.mean(inputs, axis=0), 1e-4, 1 - 1e-4)
        distance = self.target * ops.log(self.target / mean)
        distance = distance + (1 - self.target) * ops.log((1 - self.target) / (1 - mean))
        self.add_loss(self.rate * ops.sum(distance))
        return inputs


class Autoencoder(keras.Model):
    """64 numbers to 32, and back."""

    def __init__(self):
        super().__init__()
        self.encode = layers.Dense(32, activation="sigmoid", activity_regularizer="l1")
        self.sparse = Sparse()
        self.decode = layers.Dense(64, activation="sigmoid")

    def call(self, inputs):
        return self.decode(self.sparse(self.encode(inputs)))


(x_train, _), _ = keras.datasets.digits.load_data()
x_train = x_train.reshape(len(x_train), 64).astype("float32") / 16

model = Autoencoder()
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
history = model.fit(x_train, x_train, epochs=5, batch_size=64, verbose=0).history
activity = float(np.mean(model.encode(x_train)))
