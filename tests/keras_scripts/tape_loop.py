"""The loop written by hand: a tape, an optimizer, metrics, and a penalty on the weights."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(13)
(x, y), (x_test, y_test) = keras.datasets.digits.load_data()
x, x_test = x.reshape(-1, 64).astype("float32") / 16, x_test.reshape(-1, 64).astype("float32") / 16
inputs = keras.Input((64,))
hidden = layers.Dense(32, activation="relu")(inputs)
hidden = layers.Dropout(0.1)(hidden)
model = keras.Model(inputs, layers.Dense(10)(hidden))
optimizer = keras.optimizers.Adam(learning_rate=0.005)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_accuracy = keras.metrics.SparseCategoricalAccuracy()
losses, accuracies = [], []
for _ in range(12):
    train_accuracy.reset_state()
    for start in range(0, len(x), 64):
        batch, labels = x[start : start + 64], y[start : start + 64]
        with keras.GradientTape() as tape:
            logits = model(batch, training=True)
            loss = loss_fn(labels, logits)
            loss += 1e-4 * ops.sum(ops.square(model.trainable_weights[0]))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights))
        train_accuracy.update_state(labels, logits)
        losses.append(float(loss))
    accuracies.append(float(train_accuracy.result()))
test_accuracy = float(np.mean(model.predict(x_test, verbose=0).argmax(axis=1) == y_test))
