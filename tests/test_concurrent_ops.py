"""Every operation of the core from several Python threads at once: the same bits as from one.

What ``scripts/sanitize.sh thread`` runs under ThreadSanitizer. The shapes are the smallest that the
core splits over its threads. That nothing of the core is left out is tested against its names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest

from helpers import DTYPES, bits
from hotloop import _core

Call = Callable[[], Any]
THREADS = 8

# What computes nothing, sets up the process or measures it.
OTHER = {
    "Member",
    "Scope",
    "conv2d_routes",
    "region_count",
    # Into arrays of the caller's own: test_moves.py.
    "copy_into",
    "set_num_threads",
    "get_num_threads",
    "set_threading",
    "config",
    "fma_peak",
    "triad",
    "Plan",
    "_Recording",
    # They move recorded steps and arrays of the caller's own: test_interrupts.py and test_plan.py.
    "run_whole",
    "assign",
    "rebind",
}
LAYOUTS: tuple[Literal["channels_first", "channels_last"], ...] = (
    "channels_first",
    "channels_last",
)


def _calls(dtype: str) -> dict[str, Call]:
    """Give one call per operation (and layout, and algorithm), on inputs that all threads share."""
    rng = np.random.default_rng(5)

    def make(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    a, b, c = make(130, 70), make(70, 90), make(90)
    wide, other = make(64, 1030), make(64, 1030)
    probs = _core.softmax(wide)
    logs = _core.log_softmax(wide)
    ids = rng.integers(0, 1030, 64)
    gamma, beta = make(1030), make(1030)
    normal = _core.layer_norm(wide, gamma, beta)
    dropped, mask = _core.dropout(wide, 0.5, 3)
    lstm: Any = ("lstm", make(36, 5, 30), make(30, 120), make(30, 120))
    lstm_tape = _core.recurrent(*lstm)[3]
    calls: dict[str, Call] = {
        "matmul": lambda: _core.matmul(a, b),
        "matmul transposed": lambda: _core.matmul(b, a, True, True),
        "affine": lambda: _core.affine(a, b, c, "relu"),
        "affine_backward": lambda: _core.affine_backward(make_like(a, b), a, b),
        "add": lambda: _core.add(wide, other),
        "softmax": lambda: _core.softmax(wide),
        "softmax over rows": lambda: _core.softmax(wide, 0),
        "softmax_backward": lambda: _core.softmax_backward(other, probs),
        "log_softmax": lambda: _core.log_softmax(wide),
        "log_softmax_backward": lambda: _core.log_softmax_backward(other, logs),
        "softmax_cross_entropy": lambda: _core.softmax_cross_entropy(wide, ids),
        "softmax_cross_entropy_backward": lambda: _core.softmax_cross_entropy_backward(probs, ids),
        "cross_entropy": lambda: _core.cross_entropy(probs, ids),
        "cross_entropy_backward": lambda: _core.cross_entropy_backward(probs, ids),
        "nll": lambda: _core.nll(logs, ids),
        "nll_backward": lambda: _core.nll_backward(logs, ids),
        "layer_norm": lambda: _core.layer_norm(wide, gamma, beta),
        "recurrent": lambda: _core.recurrent(*lstm),
        "recurrent_backward": lambda: _core.recurrent_backward(
            "lstm", lstm[1], lstm[1], lstm[2], lstm[3], lstm_tape
        ),
        "layer_norm_backward": lambda: _core.layer_norm_backward(other, wide, gamma, *normal[1:]),
        "dropout": lambda: _core.dropout(wide, 0.5, 3),
        "dropout_backward": lambda: _core.dropout_backward(dropped, mask, 0.5),
        "one_hot": lambda: _core.one_hot(ids, 1030, dtype),
        "gather_rows": lambda: _core.gather_rows(wide, ids % 64),
    }
    for name in ("relu", "sigmoid", "tanh", "step", "identity", "gelu", "leaky_relu", "elu"):
        op = getattr(_core, name)
        calls[name] = partial(op, wide)
        if name not in {"step", "identity"}:
            back = getattr(_core, f"{name}_backward")
            calls[f"{name}_backward"] = partial(back, other, wide)
    for name in ("binary_cross_entropy", "mean_squared_error"):
        op, back = getattr(_core, name), getattr(_core, f"{name}_backward")
        calls[name] = partial(op, wide, probs)
        calls[f"{name}_backward"] = partial(back, wide, probs)
    calls |= _elements(wide, other, probs) | _moves(wide, ids)
    calls |= _updates(wide, other, probs) | _training(wide, ids)
    for data_format in LAYOUTS:
        calls |= _images(make, data_format)
    return calls


def make_like(x: Any, w: Any) -> Any:
    """Give a gradient for the output of ``affine(x, w)``."""
    return np.ones((x.shape[0], w.shape[1]), x.dtype)


def _elements(wide: Any, other: Any, positive: Any) -> dict[str, Call]:
    calls: dict[str, Call] = {
        name: partial(getattr(_core, name), positive)
        for name in [
            "absolute",
            "ceil",
            "cos",
            "erf",
            "exp",
            "expm1",
            "floor",
            "log",
            "log1p",
            "negative",
            "reciprocal",
            "rint",
            "rsqrt",
            "sign",
            "silu",
            "sin",
            "softplus",
            "sqrt",
            "square",
            "sum",
            "mean",
            "prod",
            "max",
            "min",
            "argmax",
            "argmin",
            "cumsum",
        ]
    }
    for name in [
        "divide",
        "equal",
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "maximum",
        "minimum",
        "multiply",
        "not_equal",
        "subtract",
    ]:
        calls[name] = partial(getattr(_core, name), wide, other)
    calls["power"] = lambda: _core.power(positive, other)
    calls["where"] = lambda: _core.where(wide > 0, wide, other)
    return calls


def _moves(wide: Any, ids: Any) -> dict[str, Call]:
    rows = ids % 64
    places = np.argsort(wide, axis=1)
    return {
        "copy": lambda: _core.copy(wide.T),
        "filled": lambda: _core.filled(wide, wide.shape, 0.5),
        "transpose": lambda: _core.transpose(wide),
        "flip": lambda: _core.flip(wide, 1),
        "pad": lambda: _core.pad(wide, [(1, 2), (0, 3)]),
        "concatenate": lambda: _core.concatenate([wide, wide], 1),
        "take": lambda: _core.take(wide, rows, 0),
        "take_along_axis": lambda: _core.take_along_axis(wide, places, 1),
        "scatter_add": lambda: _core.scatter_add(wide, rows, 64, 0),
        "scatter_add_along_axis": lambda: _core.scatter_add_along_axis(wide, places, 1030, 1),
        "top_k": lambda: _core.top_k(wide, 5),
    }


def _updates(wide: Any, grad: Any, positive: Any) -> dict[str, Call]:
    def on_copies(op: Callable[..., None], state: int, *rest: float) -> Call:
        def call() -> Any:
            param, slots = wide.copy(), [positive.copy() for _ in range(state)]
            op(param, grad, *slots, *rest)
            return (param, *slots)

        return call

    return {
        "sgd_update": on_copies(_core.sgd_update, 0, 0.1),
        "momentum_update": on_copies(_core.momentum_update, 1, 0.1),
        "adagrad_update": on_copies(_core.adagrad_update, 1, 0.1),
        "rmsprop_update": on_copies(_core.rmsprop_update, 1, 0.1),
        "adam_update": on_copies(_core.adam_update, 2, 0.1, 1),
    }


def _training(wide: Any, ids: Any) -> dict[str, Call]:
    def softmax_cross_entropy_train() -> Any:
        loss, correct = np.zeros(1, "float64"), np.zeros(1, "int64")
        dlogits = np.empty_like(wide)
        _core.softmax_cross_entropy_train(wide, ids, None, loss, correct, None, dlogits)
        return loss, correct, dlogits

    def element_loss_train(kind: Any) -> Call:
        def run() -> Any:
            loss, dy = np.zeros(1, "float64"), np.empty_like(wide)
            _core.element_loss_train(kind, wide, wide[::-1].copy(), abs(wide), loss, dy, 0.5)
            return loss, dy

        return run

    return {
        "softmax_cross_entropy_train": softmax_cross_entropy_train,
        **{
            f"element_loss_train {kind}": element_loss_train(kind)
            for kind in ("squared_error", "absolute_error", "huber", "binary_cross_entropy")
        },
    }


def _images(
    make: Callable[..., Any], data_format: Literal["channels_first", "channels_last"]
) -> Any:
    last = data_format == "channels_last"

    def image(n: int, c: int, h: int, w: int) -> Any:
        return make(n, h, w, c) if last else make(n, c, h, w)

    def kernel(o: int, c: int, k: int) -> Any:
        return make(k, k, c, o) if last else make(o, c, k, k)

    f: Any = {"data_format": data_format}
    x, w, b, dy = image(6, 10, 13, 12), kernel(20, 10, 3), make(20), image(6, 20, 13, 12)
    deep = {**f, "padding": 1, "groups": 10}
    dw, ddy = kernel(20, 1, 3), image(6, 20, 13, 12)
    shape = x.shape
    y, argmax = _core.max_pool2d(x, 2, **f)
    _, cells = _core.max_pool2d_train(x, 2, **f)
    average = _core.avg_pool2d(x, 2, **f)
    gamma, beta = make(10), make(10)
    _, mean, inv_std = _core.batch_norm(
        x, gamma, beta, np.zeros_like(beta), np.ones_like(beta), True, **f
    )
    calls: dict[str, Call] = {}
    algorithms: tuple[Literal["im2col", "implicit_gemm"], ...] = ("im2col", "implicit_gemm")
    for algorithm in algorithms:
        how: Any = {**f, "padding": 1, "algorithm": algorithm}
        calls[f"conv2d, {algorithm}"] = partial(_core.conv2d, x, w, b, **how)
        calls[f"conv2d_backward, {algorithm}"] = partial(_core.conv2d_backward, dy, x, w, **how)
    calls |= {
        "conv2d, depthwise": lambda: _core.conv2d(x, dw, None, **deep),
        "conv2d_backward, depthwise": lambda: _core.conv2d_backward(ddy, x, dw, **deep),
        "max_pool2d": lambda: _core.max_pool2d(x, 2, **f),
        "max_pool2d_backward": lambda: _core.max_pool2d_backward(y, argmax, shape, **f),
        "max_pool2d_train": lambda: _core.max_pool2d_train(x, 2, **f),
        "max_pool2d_train_backward": lambda: _core.max_pool2d_train_backward(
            y, cells, shape, 2, **f
        ),
        "avg_pool2d": lambda: _core.avg_pool2d(x, 2, **f),
        "avg_pool2d_backward": lambda: _core.avg_pool2d_backward(average, shape, 2, **f),
        "global_avg_pool2d": lambda: _core.global_avg_pool2d(x, **f),
        "global_avg_pool2d_backward": lambda: _core.global_avg_pool2d_backward(
            gamma[None].repeat(6, 0), shape, **f
        ),
        "batch_norm": lambda: _core.batch_norm(
            x, gamma, beta, np.zeros_like(beta), np.ones_like(beta), True, **f
        ),
        "batch_norm_backward": lambda: _core.batch_norm_backward(x, x, gamma, mean, inv_std, **f),
    }
    if not last:
        cols = _core.im2col(x, 3, padding=1)
        calls["im2col"] = lambda: _core.im2col(x, 3, padding=1)
        calls["col2im"] = lambda: _core.col2im(cols, shape, 3, padding=1)
    return {f"{name}, {data_format}": call for name, call in calls.items()}


def test_no_operation_is_left_out() -> None:
    names = {name for name in vars(_core) if not name.startswith("__")} - OTHER
    names = {name for name in names if callable(getattr(_core, name))}
    called = {key.split(",")[0].split(" ")[0] for key in _calls("float32")}
    assert called == names


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_operations_at_once_give_the_bits_of_one_thread(
    dtype: str, restore_threads: Callable[[int], None]
) -> None:
    calls = _calls(dtype)
    restore_threads(1)
    expected = {name: bits(call()) for name, call in calls.items()}
    restore_threads(3)
    wrong: list[str] = []
    start = threading.Barrier(THREADS)

    def work(mine: int) -> None:
        # Each thread begins elsewhere, so that different operations meet in the pool.
        names = list(calls)
        at = mine * len(names) // THREADS
        start.wait()
        for name in 2 * (names[at:] + names[:at]):
            try:
                if bits(calls[name]()) != expected[name]:
                    wrong.append(f"{name}: other bits")
            except Exception as error:  # the thread would end in silence
                wrong.append(f"{name}: {error!r}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
