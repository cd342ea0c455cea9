"""A training with backups, for tests that kill it: prints the digest of its final weights."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import numpy as np

import hotloop as hl
from hotloop import callbacks, layers


def main(folder: str) -> None:
    """Train, backing up every few batches into `folder`."""
    hl.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 20)).astype(np.float32)
    t = rng.integers(0, 5, 1000)
    model = hl.Sequential(
        [
            layers.Dense(32, "relu", input_shape=(20,)),
            layers.Dropout(0.2),
            layers.Dense(5, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])

    def announce(_: Any) -> None:
        sys.stdout.write("training\n")
        sys.stdout.flush()

    hl.config.set_diagnosis(False)
    model.fit(
        x,
        t,
        batch_size=10,
        epochs=8,
        verbose=0,
        callbacks=[
            callbacks.LambdaCallback(on_train_begin=announce),
            callbacks.BackupAndRestore(folder, save_freq=7),
        ],
    )
    digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights()))
    sys.stdout.write(digest.hexdigest() + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
