"""Binary cross entropy over ten one-hot outputs: what binary_accuracy and accuracy then mean."""

import hotloop as keras

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, x_test = (x.reshape(-1, 784).astype("float32") / 255 for x in (x_train, x_test))
y_train = keras.utils.to_categorical(y_train, 10)
y_test = keras.utils.to_categorical(y_test, num_classes=10)

model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ],
    name="binary",
)
model.compile(
    optimizer="rmsprop",
    loss="binary_crossentropy",
    metrics=["binary_accuracy", "accuracy"],
)
history = model.fit(x_train, y_train, epochs=5, batch_size=128, verbose=0)
scores = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print(scores)
