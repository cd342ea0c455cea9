"""An accuracy that flatters: ten yes-or-no answers an image, and nine of them are always "no".

With one-hot labels, binary accuracy counts each of the ten outputs. A network that knows nothing and answers ten
times "no" is right nine times in ten. The share of digits read correctly is the categorical accuracy.
"""

from __future__ import annotations

from hotloop.examples._lesson import Lesson, run
from hotloop.examples.keras_onehot import train


def main(lesson: Lesson) -> None:
    """Train with binary cross entropy, and count in both ways."""
    data = lesson.data()
    metrics = ["binary_accuracy", "accuracy"]
    epochs = 2 if lesson.quick else 5
    _, (loss, binary, accuracy) = train(data, "binary_crossentropy", metrics, epochs)
    print(f"binary cross entropy of the test: {loss:.4f}")
    lesson.at_least("binary accuracy of the test", binary, 0.996, slack=0.005)
    # Keras picks the meaning of "accuracy" by the shapes: rows of ten, so categorical.
    lesson.at_least('"accuracy" of the test', accuracy, 0.98, slack=0.005)
    lesson.holds("binary flatters", binary > accuracy, f"{binary:.4f} against {accuracy:.4f}")


if __name__ == "__main__":
    run(main, data=True, quick=True)
