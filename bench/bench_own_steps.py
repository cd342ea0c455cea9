"""A step of one's own beside `train_on_batch`: W1 define by run, under `hl.compile`, and in PyTorch.

Before anything is timed, a recorded step must answer the bits of the plain one, and both the weights of
`train_on_batch` to rounding. PyTorch's eager step runs in a process of its own, where it is installed.
``python bench/bench_own_steps.py``
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import hotloop as hl
from cases import WORKLOADS
from hotloop import ops
from hotloop._bench.measure import (
    DisagreementError,
    duration,
    interleave,
    require_agreement,
    say,
    time_calls,
)
from hotloop._bench.steps import build_model

W1 = next(workload for workload in WORKLOADS if workload.name == "W1")
# A recorded step takes at most this times what train_on_batch takes; an operation at most these
# microseconds beside its arithmetic.
LIMIT, BESIDE = 1.1, 3e-6


def network() -> Any:
    """Return W1 with logits as its output, on the benchmark's weights."""
    model = build_model(hl, W1, is_keras=True)
    model.set_weights(W1.make_weights())
    return model


def own_step(model: Any) -> Callable[[Any, Any], Any]:
    """Return the step that a user writes."""
    loss = hl.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights, optimizer = model.trainable_variables, model.optimizer

    def step(x: Any, y: Any) -> Any:
        with hl.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
        return value

    return step


def _torch_step() -> float:
    """Return the median time of PyTorch's eager step."""
    import torch  # noqa: PLC0415 - in a process of its own

    torch.set_num_threads(hl.get_num_threads())
    layers: list[Any] = []
    for kernel, bias in zip(W1.make_weights()[::2], W1.make_weights()[1::2], strict=True):
        layer = torch.nn.Linear(*kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(kernel.T))
            layer.bias.copy_(torch.tensor(bias))
        layers += [layer, torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), W1.optimizer["lr"])
    x, y = map(torch.tensor, W1.make_batch())

    def step() -> None:
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

    return statistics.median(time_calls(step, 3.0))


def operations() -> dict[str, float]:
    """Return what operations on small tensors take beside their arithmetic, in seconds."""
    t = hl.Tensor(np.ones((4, 4), np.float32), requires_grad=True)
    a = t.numpy()
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "add": (lambda: t + t, lambda: np.add(a, a)),
        "exp": (lambda: ops.exp(t), lambda: np.exp(a)),
        "relu": (lambda: ops.relu(t), lambda: hl.functional.relu(a)),
        "matmul": (lambda: ops.matmul(t, t), lambda: hl.functional.matmul(a, a)),
        "sum": (lambda: ops.sum(t), lambda: np.add.reduce(a, axis=(0, 1))),
    }

    def best(call: Callable[[], object]) -> float:
        found = []
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(1000):
                call()
            found.append((time.perf_counter() - start) / 1000)
        return min(found)

    return {name: best(call) - best(plain) for name, (call, plain) in pairs.items()}


def check() -> None:
    """Raise where the steps disagree."""
    x, y = W1.make_batch()
    whole, plain, recorded = network(), network(), network()
    by_hand, step = own_step(plain), hl.compile(own_step(recorded))
    for _ in range(5):
        whole.train_on_batch(x, y)
        by_hand(hl.Tensor(x), y)
        step(x, y)
    for a, b in zip(plain.get_weights(), recorded.get_weights(), strict=True):
        if a.tobytes() != b.tobytes():
            msg = "a recorded step has other bits than the plain one"
            raise DisagreementError(msg)
    require_agreement(plain.get_weights(), whole.get_weights(), 1e-5, "W1 by hand")


def main(seconds: float = 6.0) -> dict[str, float]:
    """Check the answers, and print the times."""
    check()
    x, y = W1.make_batch()
    models = [network() for _ in range(3)]
    by_hand, step = own_step(models[1]), hl.compile(own_step(models[2]))
    calls: dict[str, Callable[[], object]] = {
        "train_on_batch": lambda: models[0].train_on_batch(x, y),
        "define by run": lambda: by_hand(x, y),
        "hl.compile": lambda: step(x, y),
    }
    timers = {name: (lambda s, c=call: time_calls(c, s)) for name, call in calls.items()}
    found = {name: s.median for name, s in interleave(timers, seconds, rounds=6).items()}
    if importlib.util.find_spec("torch"):
        command = [sys.executable, __file__, "--torch"]
        found["PyTorch, eager"] = float(subprocess.check_output(command, text=True))
    base = found["train_on_batch"]
    for name, taken in found.items():
        say(f"W1, {name}: {duration(taken)}, {taken / base:.2f} of train_on_batch")
    say(f"(under hl.compile at most {LIMIT})")
    for name, taken in operations().items():
        say(f"{name}: {taken * 1e6:.2f} us beside its arithmetic (at most {BESIDE * 1e6:.0f})")
    return found


if __name__ == "__main__":
    if "--torch" in sys.argv:
        say(repr(_torch_step()))
    else:
        main()
