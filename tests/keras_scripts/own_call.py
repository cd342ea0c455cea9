"""Layers whose `call` computes with ops and weights of their own; one holds another layer too."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(5)


class Quadratic(layers.Layer):
    """y = x W + (x V) ** 2 + b."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        size = (input_shape[-1], self.units)
        self.linear = self.add_weight(shape=size, initializer="glorot_uniform", name="linear")
        self.square = self.add_weight(shape=size, initializer="glorot_uniform", name="square")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        curved = ops.square(ops.matmul(inputs, self.square))
        return ops.matmul(inputs, self.linear) + curved + self.bias


class Gate(layers.Layer):
    """A share of the input for each feature, learnt by a layer, scaled by one weight."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")
        self.score = layers.Dense(input_shape[-1])

    def call(self, inputs):
        share = ops.sigmoid(self.score(inputs))
        return inputs * share * self.scale


(x, y), (x_test, y_test) = keras.datasets.digits.load_data()
x, x_test = x.reshape(-1, 64).astype("float32") / 16, x_test.reshape(-1, 64).astype("float32") / 16
inputs = keras.Input((64,))
hidden = Gate()(inputs)
hidden = Quadratic(24)(hidden)
hidden = hidden / (1.0 + ops.abs(hidden))
hidden = layers.Lambda(lambda t: ops.concatenate([t, -t], axis=-1))(hidden)
model = keras.Model(inputs, layers.Dense(10)(hidden))
model.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(x, y, epochs=8, batch_size=32, verbose=0).history
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
model.save("own_call.keras")
again = keras.models.load_model("own_call.keras")
difference = float(
    np.abs(again.predict(x_test, verbose=0) - model.predict(x_test, verbose=0)).max()
)
