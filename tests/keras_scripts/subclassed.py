"""A model and a block as classes with a call, as Keras's pages on subclassing write them."""

import hotloop as keras
from hotloop import layers


class ResidualBlock(layers.Layer):
    """Two dense layers beside a shortcut, then a normalisation."""

    def __init__(self, units, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rate = units, rate
        self.hidden = layers.Dense(units, activation="relu")
        self.project = layers.Dense(units)
        self.dropout = layers.Dropout(rate)
        self.norm = layers.LayerNormalization()

    def call(self, inputs, training=False):
        x = self.project(self.hidden(inputs))
        x = self.dropout(x, training=training)
        return self.norm(inputs + x)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "rate": self.rate}


class Classifier(keras.Model):
    """A few blocks, and a softmax."""

    def __init__(self, blocks=2, units=64, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.flatten = layers.Flatten()
        self.entry = layers.Dense(units, activation="relu")
        self.blocks = [ResidualBlock(units) for _ in range(blocks)]
        self.classify = layers.Dense(classes, activation="softmax")

    def call(self, inputs, training=False):
        x = self.entry(self.flatten(inputs))
        for block in self.blocks:
            x = block(x, training=training)
        return self.classify(x)


(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, x_test = x_train.astype("float32") / 255, x_test.astype("float32") / 255

model = Classifier(name="classifier")
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, batch_size=64, epochs=4, validation_split=0.1, verbose=2)
model.summary()
test_loss, test_acc = model.evaluate(x_test, y_test, verbose=0)
block_names = [layer.name for layer in model.layers]
block_params = [layer.count_params() for layer in model.layers]
print("Test accuracy:", test_acc)
