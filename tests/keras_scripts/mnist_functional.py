"""A functional model with two hidden layers, mean squared error and unscaled pixels."""

from hotloop.datasets import mnist
from hotloop.layers import Dense, Input
from hotloop.models import Model
from hotloop.utils import to_categorical

(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train = x_train.reshape(-1, 28 * 28).astype("float32")
x_test = x_test.reshape(-1, 28 * 28).astype("float32")
y_train, y_test = to_categorical(y_train), to_categorical(y_test)

inputs = Input(shape=(784,))
x = Dense(50, activation="sigmoid")(inputs)
x = Dense(100, activation="sigmoid")(x)
outputs = Dense(10, activation="softmax")(x)

model = Model(inputs=inputs, outputs=outputs, name="three_layers")
model.summary()
model.compile(loss="mean_squared_error", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=20, verbose=0)
test_loss, test_acc = model.evaluate(x_test, y_test, verbose=0)
print("Test accuracy:", test_acc)
