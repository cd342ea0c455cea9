"""What surrounds a training: regularizers, schedules, callbacks, weights, files, frozen layers."""

import tempfile
from pathlib import Path

import numpy as np

import hotloop as keras
from hotloop import backend as K
from hotloop.callbacks import Callback, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from hotloop.layers import Activation, BatchNormalization, Dense, Dropout
from hotloop.regularizers import l2

K.clear_session()
keras.utils.set_random_seed(12)
print("images are", K.image_data_format(), "floats are", K.floatx())

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype(K.floatx()) / 255
x_test = x_test.reshape(-1, 784).astype(K.floatx()) / 255

model = keras.models.Sequential(
    [
        keras.layers.InputLayer(shape=(784,)),
        Dense(64, kernel_initializer="he_normal", kernel_regularizer=l2(1e-4)),
        BatchNormalization(),
        Activation(keras.activations.relu),
        Dropout(0.3),
        Dense(10, activation=keras.activations.softmax, name="digits"),
    ]
)
schedule = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=500, decay_rate=0.9)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=schedule, clipnorm=1.0),
    loss=keras.losses.sparse_categorical_crossentropy,
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)


class Best(Callback):
    """Remembers the best validation accuracy."""

    def on_train_begin(self, logs=None):
        self.best = 0.0

    def on_epoch_end(self, epoch, logs=None):
        self.best = max(self.best, logs["val_acc"])


best = Best()
with tempfile.TemporaryDirectory() as folder:
    path = str(Path(folder) / "best.keras")
    history = model.fit(
        x_train,
        y_train,
        batch_size=64,
        epochs=12,
        verbose=0,
        validation_split=0.2,
        class_weight=dict.fromkeys(range(10), 1.0),
        callbacks=[
            best,
            EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
            ModelCheckpoint(path, monitor="val_acc", mode="max", save_best_only=True),
        ],
    )
    kept = keras.models.load_model(path)
    weights_path = str(Path(folder) / "model.weights.h5")
    model.save_weights(weights_path)
    model.load_weights(weights_path)
loss, acc = kept.evaluate(x_test, y_test, verbose=0)
print("the best of", len(history.epoch), "epochs:", best.best, "on the test set:", acc)

# Only the last layer learns on.
for layer in model.layers[:-1]:
    layer.trainable = False
frozen = model.layers[0].get_weights()[0]
kernel, bias = model.get_layer("digits").get_weights()
model.compile(
    keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy"
)
model.fit(
    x_train,
    y_train,
    epochs=2,
    verbose=0,
    validation_data=(x_test, y_test),
    callbacks=ReduceLROnPlateau(factor=0.5, patience=0),
)
print("frozen:", np.array_equal(frozen, model.layers[0].get_weights()[0]))
print("moved:", not np.array_equal(kernel, model.get_layer("digits").get_weights()[0]))
