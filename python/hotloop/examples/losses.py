"""Two losses of one guess: how far it is from the truth, as one number.

The guess is ten probabilities; the truth is class 2. The better guess must get the smaller loss. Then the same loss
in the forms that lessons write: one row or a batch, class ids or one-hot rows, summed or the mean.
"""

from __future__ import annotations

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Print the losses of a good and of a bad guess, then the forms beside NumPy."""
    truth = F.one_hot(2, 10, "float64")
    good = np.array([0.1, 0.05, 0.6, 0, 0.05, 0.1, 0, 0.1, 0, 0])
    bad = good[[0, 1, 7, 3, 4, 5, 6, 2, 8, 9]]  # the chances of 2 and 7 exchanged

    # hotloop's squared error is the mean over the elements; lessons take half the sum.
    for name, guess, figure in (("good", good, 0.0975), ("bad", bad, 0.5975)):
        half = F.mean_squared_error(guess, truth) * guess.size / 2
        lesson.expect(f"half the summed squares, {name} guess", half, figure, rtol=1e-14)
    # log(0) is -inf, so lessons add 1e-7 inside the logarithm.
    for name, guess, figure in (("good", good, 0.510825457099338), ("bad", bad, 2.302584092994546)):
        loss = F.cross_entropy(guess, truth, eps=1e-7)
        lesson.expect(f"cross entropy, {name} guess", loss, figure, rtol=1e-14)

    rng = np.random.default_rng(lesson.seed)
    scores, ids = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    one_hot = F.one_hot(ids, 3, "float64")
    lesson.expect("one-hot rows of 0, 2, 1, 1", one_hot, np.eye(3)[ids])
    e = np.exp(scores)
    probs = e / e.sum(axis=1, keepdims=True)
    lesson.expect("softmax of a batch", F.softmax(scores), probs, rtol=1e-14)
    lesson.expect("softmax of one row", F.softmax(scores[0]), probs[0], rtol=1e-14)

    for eps in (0.0, 1e-7):
        tail = f"log(y + {eps:g})" if eps else "log y"
        summed = -np.sum(one_hot * np.log(probs + eps))
        mean, from_ids = (F.cross_entropy(probs, t, eps=eps) for t in (one_hot, ids))
        lesson.expect(f"batch mean, one-hot, {tail}", mean, summed / 4, rtol=1e-14)
        lesson.expect(f"batch mean, class ids, {tail}", from_ids, summed / 4, rtol=1e-14)
        lesson.expect(f"summed over the batch, {tail}", 4 * mean, summed, rtol=1e-14)
        row = F.cross_entropy(probs[0], 0, eps=eps)
        lesson.expect(f"one row, {tail}", row, -np.log(probs[0, 0] + eps), rtol=1e-14)
    # In training, softmax and cross entropy are one step: nothing is lost to rounding in between.
    fused, _ = F.softmax_cross_entropy(scores, ids)
    lesson.expect("both in one step", fused, -np.mean(np.log(probs[range(4), ids])), rtol=1e-14)

    # Yes-or-no answers: half the sum over all of them, as the lessons of logic gates write it.
    logits, t = np.array([[-1.5], [0.3], [2.0], [-0.2]]), np.array([[0.0], [1], [1], [0]])
    y = F.sigmoid(logits)
    summed = -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y)) / 2
    here = F.binary_cross_entropy(logits, t) * t.size / 2
    lesson.expect("half the summed binary cross entropy", here, summed, rtol=1e-14)


if __name__ == "__main__":
    run(main)
