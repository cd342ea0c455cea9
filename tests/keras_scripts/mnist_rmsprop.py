"""512 ReLU units on MNIST with RMSprop and one-hot targets, classes imported one by one."""

from hotloop import losses
from hotloop.datasets import mnist
from hotloop.layers import Dense
from hotloop.models import Sequential
from hotloop.optimizers import RMSprop
from hotloop.utils import to_categorical

(train_images, train_labels), (test_images, test_labels) = mnist.load_data()
train_images = train_images.reshape((len(train_images), 28 * 28))
train_images = train_images.astype("float32") / 255
test_images = test_images.reshape((len(test_images), 28 * 28))
test_images = test_images.astype("float32") / 255
train_labels = to_categorical(train_labels)
test_labels = to_categorical(test_labels)

network = Sequential()
network.add(Dense(512, activation="relu", input_shape=(28 * 28,)))
network.add(Dense(10, activation="softmax"))
network.compile(
    optimizer=RMSprop(),
    loss=losses.categorical_crossentropy,
    metrics=["accuracy"],
)
history = network.fit(train_images, train_labels, epochs=5, batch_size=128, verbose=0)
for epoch, (loss, acc) in enumerate(zip(history.history["loss"], history.history["accuracy"])):
    print(f"{epoch + 1}: {loss:.4f} {acc:.4f}")

test_loss, test_acc = network.evaluate(test_images, test_labels, verbose=0)
print("test_acc:", test_acc)
