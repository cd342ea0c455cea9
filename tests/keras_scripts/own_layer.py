"""A layer of one's own in a Keras model; only the gradient is written out instead of derived."""

import numpy as np

import hotloop as keras
from hotloop import layers


class Antirectifier(layers.Layer):
    """Both signs of the centred input side by side, rectified, mixed by a learnt matrix."""

    def __init__(self, initializer="he_normal", **kwargs):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape):
        features = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(2 * features, features),
            initializer=self.initializer,
            name="kernel",
            trainable=True,
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def forward(self, inputs, cache, training):
        centred = inputs - inputs.mean(axis=-1, keepdims=True)
        cache.signs = np.concatenate([centred, -centred], axis=-1)
        cache.rectified = np.maximum(cache.signs, 0)
        return cache.rectified @ self.kernel

    def backward(self, dy, cache):
        cache.grad("kernel")[...] = cache.rectified.T @ dy
        d = (dy @ self.kernel.T) * (cache.signs > 0)
        positive, negative = np.split(d, 2, axis=-1)
        d = positive - negative
        return d - d.mean(axis=-1, keepdims=True)

    def get_config(self):
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
        }


(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255
x_test = x_test.reshape(-1, 784).astype("float32") / 255

model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        layers.Dense(64),
        Antirectifier(),
        layers.Dense(64),
        Antirectifier(name="second"),
        layers.Dropout(0.5),
        layers.Dense(10),
    ]
)
model.summary()
model.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=keras.optimizers.RMSprop(),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
history = model.fit(x_train, y_train, batch_size=128, epochs=5, validation_split=0.15, verbose=0)
results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print(results)
