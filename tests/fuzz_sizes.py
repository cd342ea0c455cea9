"""Fuzzing of sizes: arguments of every operation and layer, and descriptions with sizes that no machine holds.

An input of the target ``calls`` is JSON: ``{"op": name, "arrays": {name: [dtype, shape]}, "options": {...}}``, or
``{"layer": class, "config": {...}, "input": shape}``, whose layer is then built, run forward and back.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hotloop as hl
from hotloop import _core, layers

# Around the widths that a size may overflow at, and factors whose products wrap around to small numbers.
EDGES = (
    0, -1, 2**15, 46341, 50_000, 2**16, 10**9, 1073741822, 1431655765, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**40, 2**59,
    2**62, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63),
)  # fmt: skip
_SIZES = (
    "axis", "batch_shape", "dilation", "dilation_rate", "filters", "groups", "input", "input_shape", "kernel_size",
    "k", "num_classes", "padding", "pool_size", "shape", "size", "stride", "strides", "target_shape", "units", "width",
)  # fmt: skip
_MEMORY = 2**28  # bytes that a small input may ask for
_ELEMENTS = 10**5


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Let a call ask for little more memory than there is; it may refuse with a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + _MEMORY
    if before[0] == resource.RLIM_INFINITY or limit < before[0]:
        resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def call(data: bytes) -> None:
    """Call an operation or a layer: it answers or refuses."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(given, dict):
        return
    with (
        little_memory(),
        np.errstate(all="ignore"),
        contextlib.suppress(ValueError, TypeError, MemoryError),
    ):
        (_layer if "layer" in given else _op)(given)


def _array(dtype: Any, shape: Any) -> Any:
    sizes = [n for n in shape if isinstance(n, int) and n >= 0]
    if len(sizes) != len(shape) or (math.prod(sizes) > _ELEMENTS and 0 not in sizes):
        msg = "an input of the fuzzer that is none"
        raise ValueError(msg)
    return np.ones(sizes, dtype if dtype in ("float64", "int64", "uint8") else "float32")


def _op(given: dict[str, Any]) -> None:
    name = given.get("op")
    arrays, options = given.get("arrays"), given.get("options")
    if name not in hl.functional.__all__ or not isinstance(arrays, dict):
        return
    made = {key: _array(*value) for key, value in arrays.items()}
    getattr(hl.functional, name)(**made, **(options if isinstance(options, dict) else {}))


def _layer(given: dict[str, Any]) -> None:
    cls = layers.CLASSES.get(str(given["layer"]))
    shape, config = given.get("input"), given.get("config")
    if cls is None or not isinstance(config, dict) or not isinstance(shape, list):
        return
    x = _array("float32", shape)
    layer = cls.from_config(config)
    model = hl.Sequential([hl.Input(shape[1:]), layer])
    if all(n is None or n < _ELEMENTS for n in model.output_shape):
        y = model.forward(x, training=True)
        model.backward(np.ones_like(y))
        if type(layer) is layers.MaxPool2D:
            _pool(x, layer._window())


def _pool(x: Any, window: tuple[Any, ...]) -> None:
    y, places = _core.max_pool2d_train(x, *window)
    dx = _core.max_pool2d_train_backward(np.ones_like(y), places, x.shape, *window)
    found = int(np.isfinite(y).sum())
    if dx.sum(dtype=np.float64) != found:
        msg = f"a pool of {found} windows sends back {dx.sum()}"
        raise AssertionError(msg)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Set a size somewhere in a JSON text, or a pair of them, to one at an edge."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(rng.choice((1, 1, 2, 3)) if isinstance(tree, dict | list) else 0):
        places = list(_places(tree))
        if not places:
            return data
        owner, key = rng.choice(places)
        edge = rng.choice(EDGES)
        size = owner[key]
        if type(size) is int and size > 1 and rng.random() < 0.3:
            # One size stands in several places of a sound description.
            for other, its in places:
                if type(other[its]) is int and other[its] == size:
                    other[its] = edge
            continue
        same = ("same",) if key == "padding" else ()
        owner[key] = rng.choice(
            (
                edge,
                edge,
                [edge, 1],
                [1, edge],
                [edge, edge],
                [[edge - 1, 0], [edge - 1, 0]],
                1,
                *same,
            )
        )
    return json.dumps(tree).encode()


def steps(data: bytes) -> Iterator[bytes]:
    """Yield every change of one size in a JSON text to each edge: alone, and wherever the same size stands."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return
    places = list(_places(tree)) if isinstance(tree, dict | list) else []
    for owner, key in places:
        before = owner[key]
        for edge in EDGES:
            pairs = [[[edge - 1, 0], [edge - 1, 0]]] if key == "padding" else []
            for value in (edge, *pairs):
                owner[key] = value
                yield json.dumps(tree).encode()
        owner[key] = before
    for size in sorted({o[k] for o, k in places if type(o[k]) is int and o[k] > 1}):
        shared = [(o, k) for o, k in places if type(o[k]) is int and o[k] == size]
        for edge in EDGES if len(shared) > 1 else ():
            for owner, key in shared:
                owner[key] = edge
            yield json.dumps(tree).encode()
        for owner, key in shared:
            owner[key] = size


def _places(tree: Any, named: bool = False) -> Iterator[tuple[Any, Any]]:
    """Yield what holds a size, and under which key or index."""
    keys: Any = tree if isinstance(tree, dict) else range(len(tree))
    for key in list(keys):
        value = tree[key]
        here = named or key in _SIZES
        if isinstance(value, dict | list):
            yield from _places(value, here and isinstance(value, list))
        if here or (isinstance(tree, list) and type(value) is int):
            yield tree, key


def seeds() -> dict[str, dict[str, bytes]]:
    """Return inputs of ``calls`` for each operation and layer, and models for sizes in files."""
    from conformance.table import TABLE  # noqa: PLC0415 - the fuzzer itself needs no Hypothesis

    calls: dict[str, bytes] = {}
    for op in TABLE.values():
        sample = next(s for s in op.small if not s.empty)
        arrays = {k: [str(a.dtype), list(a.shape)] for k, a in sample.arrays.items()}
        given: dict[str, Any] = {"op": op.name, "arrays": arrays, "options": sample.options}
        calls[op.name] = json.dumps(given).encode()
    # One change away from frames of 2^32 x 2^32 and from 2^64 rows of patches.
    one: dict[str, Any] = {"x": ["float32", [1, 1, 1, 1]], "w": ["float32", [1, 1, 4, 4]]}
    same = {"padding": "same", "dilation": 1}
    calls["conv2d-same"] = json.dumps({"op": "conv2d", "arrays": one, "options": same}).encode()
    four = {"x": ["float32", [4, 1, 2, 2]]}
    patches = {"kernel_size": 2, "padding": [[1, 0], [1, 0]]}
    calls["im2col-four"] = json.dumps({"op": "im2col", "arrays": four, "options": patches}).encode()
    # Any stride from 2 on leaves one window.
    shapes = {"dy": (1, 1, 1, 1), "x": (1, 1, 3, 3), "w": (1, 1, 2, 2)}
    back = {name: ["float32", list(shape)] for name, shape in shapes.items()}
    strided = {"op": "conv2d_backward", "arrays": back, "options": {"stride": 2}}
    calls["conv2d_backward-strided"] = json.dumps(strided).encode()
    image = [2, 5, 6, 2]
    for name, layer, shape in (
        ("Conv2D", layers.Conv2D(4, 3, padding="same", groups=2), image),
        ("Conv2D-first", layers.Conv2D(2, 2, data_format="channels_first"), image),
        ("MaxPool2D", layers.MaxPool2D(2, strides=1, padding="same"), image),
        ("MaxPool2D-first", layers.MaxPool2D(2, strides=1, data_format="channels_first"), image),
        ("AvgPool2D", layers.AvgPool2D(2, padding=1), image),
        ("Dense", layers.Dense(3), [2, 4]),
        ("Reshape", layers.Reshape((2, -1)), [2, 4]),
        ("BatchNormalization", layers.BatchNormalization(), image),
        ("LayerNormalization", layers.LayerNormalization(axis=[1, 2]), [2, 3, 4]),
    ):
        given = {"layer": type(layer).__name__, "config": layer.get_config(), "input": shape}
        calls[f"layer-{name}"] = json.dumps(given).encode()
    return {"calls": calls, "model": _models()}


def _models() -> dict[str, bytes]:
    from fuzz_targets import unpacked  # noqa: PLC0415 - which needs this module

    bare = hl.Sequential(
        [hl.Input((4,)), layers.LayerNormalization(center=False, scale=False, name="n")]
    )
    pooled = hl.Sequential(
        [
            hl.Input((4, 4, 1)),
            layers.Conv2D(1, 3, padding="same", use_bias=False, name="c"),
            layers.MaxPool2D(2, strides=1, name="p"),
        ]
    )
    # One dilation away from a frame of 2^32 x 2^32.
    even = hl.Sequential([hl.Input((1, 1, 1)), layers.Conv2D(1, 4, padding="same", name="c")])
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in (("bare-norm", bare), ("conv-pool", pooled), ("conv-four", even)):
            model.save(Path(folder, name))
            made[name] = unpacked("model", Path(folder, name).read_bytes())
    return made
