"""A variational autoencoder: a sampling layer, two functional models, a train_step of its own."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(7)
SIZE = 2


class Draw(layers.Layer):
    """A point from the distribution that mean and log-variance describe."""

    def call(self, inputs):
        mean, log_variance = inputs
        count, size = ops.shape(mean)
        noise = keras.random.normal((count, size))
        return mean + noise * ops.exp(log_variance / 2)


picture = keras.Input((8, 8, 1))
flow = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(picture)
flow = layers.Dense(32, activation="relu")(layers.Flatten()(flow))
mean, log_variance = layers.Dense(SIZE)(flow), layers.Dense(SIZE)(flow)
point = Draw()([mean, log_variance])
encoder = keras.Model(picture, [mean, log_variance, point], name="encoder")

code = keras.Input((SIZE,))
flow = layers.Dense(32, activation="relu")(code)
flow = layers.Dense(64, activation="sigmoid")(flow)
decoder = keras.Model(code, layers.Reshape((8, 8, 1))(flow), name="decoder")


class Autoencoder(keras.Model):
    """Trains encoder and decoder on reconstruction and on how far codes are from normal."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.total = keras.metrics.Mean(name="total")
        self.apart = keras.metrics.Mean(name="apart")

    @property
    def metrics(self):
        return [self.total, self.apart]

    def train_step(self, images):
        with keras.GradientTape() as tape:
            mean, log_variance, point = self.encoder(images, training=True)
            copies = self.decoder(point, training=True)
            errors = keras.losses.binary_crossentropy(images, copies)
            error = ops.mean(ops.sum(errors, axis=(1, 2)))
            spread = 1 + log_variance - ops.square(mean) - ops.exp(log_variance)
            apart = ops.mean(-0.5 * ops.sum(spread, axis=1))
            total = error + apart
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(total, weights), weights))
        self.total.update_state(total)
        self.apart.update_state(apart)
        return {"total": self.total.result(), "apart": self.apart.result()}


(x, _), _ = keras.datasets.digits.load_data()
images = x[..., np.newaxis].astype("float32") / 16
model = Autoencoder(encoder, decoder)
model.compile(optimizer=keras.optimizers.Adam(0.01))
history = model.fit(images, epochs=8, batch_size=64, verbose=0).history
codes = encoder.predict(images, verbose=0)[0]
