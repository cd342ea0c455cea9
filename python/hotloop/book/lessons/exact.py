"""Three trainings whose every printed figure is known, and comes out again to its last digit.

All share: the seed 42, `MyModel` with batch normalisation and ReLU, batches drawn with replacement,
the first rows of MNIST with pixels divided by .255 (the lesson meant 255), the first 3,000 test
rows. Loss and accuracies are taken after the update, in inference mode.

The lessons judge the model on all rows after each of 1000 steps and print each fiftieth line. On two
threads of a Xeon with AVX-512 that loop takes plain NumPy 177, 137 and 372 s; `Recipe.run`, which
judges where it prints, prints the same lines in 3.2, 1.7 and 2.3 s. Where both judge after every
step (``every=1``), it is 7 to 11 times as fast; where both judge at the lines alone, 4 to 7 times.
``python bench/bench_lessons.py`` in hotloop's repository measures all three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hotloop.book.lessons.model import MyModel
from hotloop.book.lessons.optimizers import SGD, Adam
from hotloop.book.lessons.training import Line, train


@dataclass(frozen=True)
class Recipe:
    """One of the three trainings.

    Attributes
    ----------
    hidden : tuple of int
        Units of the hidden layers between 784 pixels and 10 classes.
    optimizer : type
        SGD or Adam.
    learning_rate : float
        Its rate.
    decay_lambda : float
        Weight decay.
    use_dropout : bool
        Whether half of the hidden outputs are dropped.
    batch_size : int
        Rows of a batch.
    images : int
        Training rows, the first of MNIST.
    figures : dict of int to tuple
        Step to ``(loss, train accuracy, test accuracy)`` as the lesson printed them.
    """

    hidden: tuple[int, ...]
    optimizer: type[SGD | Adam]
    learning_rate: float
    decay_lambda: float
    use_dropout: bool
    batch_size: int
    images: int
    figures: dict[int, tuple[float, float, float]] = field(default_factory=dict)

    def model(self) -> MyModel:
        """Seed numpy.random with 42 and draw the model."""
        np.random.seed(42)  # noqa: NPY002 - the lesson's figures
        return MyModel(
            784,
            self.hidden,
            10,
            decay_lambda=self.decay_lambda,
            use_dropout=self.use_dropout,
            dropout_ratio=0.5,
            use_batchnorm=True,
        )

    def run(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        test_images: ArrayLike,
        test_labels: ArrayLike,
        *,
        steps: int = 1000,
        every: int = 50,
    ) -> Iterator[Line]:
        """Train on MNIST as it is loaded, uint8, and tell the lines that the lesson prints.

        Parameters
        ----------
        images, test_images : array_like (N, 784) or (N, 28, 28)
            Pixels from 0 to 255; the first rows are taken.
        labels, test_labels : array_like (N,)
            Digits.
        steps : int
            Number of steps.
        every : int
            Steps between two lines; ``every=1`` judges the model after each, as the lesson does.

        Yields
        ------
        Line
            ``(step, loss, train_accuracy, test_accuracy)``.
        """
        model = self.model()
        x, t = _rows(images, self.images), np.asarray(labels)[: self.images]
        x_test, t_test = _rows(test_images, 3000), np.asarray(test_labels)[:3000]
        optimizer: Any = self.optimizer(learning_rate=self.learning_rate)
        yield from train(
            model,
            optimizer,
            x,
            t,
            x_test,
            t_test,
            batch_size=self.batch_size,
            steps=steps,
            every=every,
        )


def _rows(images: ArrayLike, count: int) -> Any:
    images = np.asarray(images)[:count]
    return images.reshape(len(images), -1) / 0.255


RECIPES = {
    "decay": Recipe(
        hidden=(256, 100, 64, 32),
        optimizer=SGD,
        learning_rate=0.01,
        decay_lambda=0.1,
        use_dropout=False,
        batch_size=256,
        images=10_000,
        figures={1: (137.5669, 0.1000, 0.1020), 951: (18.8845, 0.9387, 0.8903)},
    ),
    "dropout": Recipe(
        hidden=(100, 100, 100, 100),
        optimizer=Adam,
        learning_rate=0.001,
        decay_lambda=0.15,
        use_dropout=True,
        batch_size=100,
        images=10_000,
        figures={1: (189.7545, 0.0730, 0.0750), 901: (2.1523, 0.8509, 0.8027)},
    ),
    "adam": Recipe(
        hidden=(256, 100, 100),
        optimizer=Adam,
        learning_rate=0.01,
        decay_lambda=0.0,
        use_dropout=False,
        batch_size=100,
        images=20_000,
        figures={1: (11.1115, 0.2633, 0.2520), 951: (0.0891, 0.9759, 0.9357)},
    ),
}
