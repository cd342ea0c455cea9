"""A training in children, beside other libraries and under limits, for `test_processes.py`: prints digests."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any

import numpy as np

import hotloop as hl
from hotloop import layers


def model() -> hl.Sequential:
    """Return a model of every kind of layer that splits its work, with weights of its own seed."""
    made = hl.Sequential(
        [
            hl.Input((10, 10, 2)),
            layers.Conv2D(6, 3, activation="relu", kernel_initializer=hl.initializers.HeNormal(1)),
            layers.BatchNormalization(),
            layers.MaxPool2D(2),
            layers.Flatten(),
            layers.Dropout(0.2, seed=3),
            layers.Dense(40, "relu", kernel_initializer=hl.initializers.HeNormal(2)),
            layers.Dense(4, "softmax", kernel_initializer=hl.initializers.HeNormal(3)),
        ]
    )
    made.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return made


def data() -> tuple[Any, Any]:
    """Return images and labels."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((96, 10, 10, 2)).astype(np.float32), rng.integers(0, 4, 96)


def digest(made: Any) -> str:
    """Return the digest of a model's weights."""
    return hashlib.sha256(b"".join(w.tobytes() for w in made.get_weights())).hexdigest()


def train(calls: Any = ()) -> str:
    """Train a model of one's own from a loader, and return the digest of its weights."""
    made = model()
    loader = hl.DataLoader(*data(), batch_size=16, shuffle=True, seed=4)
    made.fit(loader, epochs=3, verbose=0, callbacks=[*calls])
    return digest(made)


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")


def put(queue: Any) -> None:
    """Train in a child."""
    queue.put(train())


def go_on(loader: Any, queue: Any) -> None:
    """Take from a loader in a child: its next pass, whole."""
    queue.put(digest_of(loader))


def digest_of(loader: Any) -> str:
    """Return the digest of all batches of one pass."""
    return hashlib.sha256(b"".join(a.tobytes() for batch in loader for a in batch)).hexdigest()


def loaders(method: str) -> None:
    """Hand a loader that is half through to a child; both go on with the same next pass."""
    context: Any = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    loader = hl.DataLoader(*data(), batch_size=10, shuffle=True, seed=4)
    digest_of(loader)
    half = iter(loader)
    next(half)
    child = context.Process(target=go_on, args=(loader, queue))
    child.start()
    say(digest_of(loader))
    say(queue.get())
    child.join()
    assert child.exitcode == 0
    assert len(list(half)) == len(loader) - 1


def keep(taken: threading.Event, free: threading.Event) -> None:
    """Hold the lock of the generator from one event to the other."""
    with hl.random.generator().bit_generator.lock:
        taken.set()
        free.wait()


def held() -> None:
    """Fork while another thread trains, which holds locks; use the same model in the children.

    The generator's lock is held for so short a time that here a thread takes it on purpose.
    """
    made, end = model(), threading.Event()
    x, t = data()
    made.train_on_batch(x, t)

    def work() -> None:
        while not end.is_set():
            made.fit(x, t, batch_size=32, verbose=0)

    thread = threading.Thread(target=work)
    thread.start()
    for number in range(10):
        time.sleep(0.003 * number % 0.02)
        taken, free = threading.Event(), threading.Event()
        keeper = threading.Thread(target=keep, args=(taken, free))
        keeper.start()
        taken.wait()
        child = os.fork()
        if child == 0:
            made.predict(x, verbose=0)
            made.fit(x, t, batch_size=32, verbose=0)
            # What the thread had half done may be in the weights, but they are numbers.
            os._exit(0 if np.isfinite(made.evaluate(x, t, verbose=0)).all() else 1)
        free.set()
        keeper.join()
        for _ in range(6000):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = -1
        say(str(status))
    end.set()
    thread.join()


def children(method: str) -> None:
    """Start children in the middle of a training."""
    context: Any = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    started = []

    def start(epoch: int, _: Any = None) -> None:
        if epoch == 1:
            for _number in range(2):
                started.append(context.Process(target=put, args=(queue,)))
                started[-1].start()

    say(train([hl.callbacks.LambdaCallback(on_epoch_end=start)]))
    for child in started:
        say(queue.get())
        child.join()
        assert child.exitcode == 0


def jobs(backend: str) -> None:
    """Train in the workers of joblib, beside a training of one's own."""
    import joblib  # noqa: PLC0415 - not everybody has it

    say(train())
    for found in joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(train)() for _ in range(3)
    ):
        say(found)


def beside(others: list[str]) -> None:
    """Train while other libraries keep their threads busy."""
    a = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    work: list[Any] = [lambda: a @ a]
    if "sklearn" in others:
        from sklearn.cluster import KMeans  # noqa: PLC0415 - not everybody has it

        work.append(lambda: KMeans(3, n_init=1, random_state=0).fit(a))
    if "torch" in others:
        import torch  # noqa: PLC0415 - as above

        tensor, layer = torch.tensor(a), torch.nn.Linear(300, 300)

        def step() -> None:
            loss: Any = layer(tensor).square().mean()
            loss.backward()

        work.append(step)
    end = threading.Event()

    def run(each: Any) -> None:
        while not end.is_set():
            each()

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for each in work:
        each()
    for thread in threads:
        thread.start()
    say(train())
    end.set()
    for thread in threads:
        thread.join()
    for each in work:
        each()
        say(train())


def main(kind: str, *rest: str) -> None:
    """Do one of the above."""
    if kind == "limit":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        say(train())
    elif kind == "alone":
        say(train())
    elif kind == "joblib":
        jobs(rest[0])
    elif kind == "loaders":
        loaders(rest[0])
    elif kind == "held":
        held()
    elif kind == "threads":
        say(str(hl.get_num_threads()))
    elif kind == "beside":
        beside(list(rest))
    else:
        children(kind)


if __name__ == "__main__":
    hl.config.set_diagnosis(False)
    main(*sys.argv[1:])
