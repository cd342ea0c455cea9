"""Functional models: an autoencoder of two models, its code as features, a model with two ends."""

import numpy as np

import hotloop as keras
from hotloop import layers

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255
x_test = x_test.reshape(-1, 784).astype("float32") / 255

encoder_input = keras.Input(shape=(784,), name="image")
x = layers.Dense(64, activation="relu")(encoder_input)
code = layers.Dense(16, activation="relu", name="code")(x)
encoder = keras.Model(encoder_input, code, name="encoder")

decoder_input = keras.Input(shape=(16,), name="encoded_image")
x = layers.Dense(64, activation="relu")(decoder_input)
decoder = keras.Model(decoder_input, layers.Dense(784, activation="sigmoid")(x), name="decoder")

autoencoder_input = keras.Input(shape=(784,), name="original")
autoencoder = keras.Model(
    autoencoder_input, decoder(encoder(autoencoder_input)), name="autoencoder"
)
autoencoder.summary()
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
history = autoencoder.fit(x_train, x_train, batch_size=32, epochs=10, verbose=0)

# Every value of a model is an output of another.
features = keras.Model(encoder.input, [layer.output for layer in encoder.layers])
hidden, codes = features.predict(x_test, verbose=0)[1:]
print("codes:", codes.shape)

# The encoder stays as it is; two heads read its code.
encoder.trainable = False
inputs = keras.Input(shape=(784,))
shared = encoder(inputs, training=False)
digit = layers.Dense(10, activation="softmax", name="digit")(shared)
odd = layers.Dense(1, activation="sigmoid", name="odd")(layers.concatenate([shared, digit]))
model = keras.Model(inputs=inputs, outputs=[digit, odd], name="heads")
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-2),
    loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
    loss_weights={"digit": 1.0, "odd": 0.5},
    metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
)
frozen = [np.copy(w) for w in encoder.get_weights()]
heads = model.fit(
    x_train, {"digit": y_train, "odd": y_train % 2}, batch_size=64, epochs=10, verbose=0
)
unmoved = all(np.array_equal(a, b) for a, b in zip(frozen, encoder.get_weights(), strict=True))
scores = model.evaluate(x_test, {"digit": y_test, "odd": y_test % 2}, verbose=0, return_dict=True)
test_acc = scores["digit_accuracy"]
trained = len(model.trainable_weights)

model.save("heads.keras")
again = keras.models.load_model("heads.keras")
same = np.allclose(again.predict(x_test, verbose=0)[0], model.predict(x_test, verbose=0)[0])
print("Test accuracy:", test_acc)
