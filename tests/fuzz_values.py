"""Changes of values inside of sound files: names and numbers of backups, arrays of weights, pickles by their grammar."""

from __future__ import annotations

import json
import math
import random
from typing import Any

SEPARATOR = b"\n--part--\n"

# What no state has, but the objects that take states do.
_ATTRIBUTES = (
    "path", "filepath", "filename", "delete_checkpoint", "save_freq", "save_weights_only", "save_best_only", "patience",
    "monitor", "mode", "min_delta", "min_lr", "factor", "separator", "verbose", "total", "lr_array", "iterations", "name",
)  # fmt: skip
_NUMBERS: tuple[Any, ...] = (
    -1, 0, 1, 2, 623, 624, 625, 2**31, 2**32, -(10**9), -(2**31), 2**53, 2**63, 2**64, 2**127, 2**128, 10**30,
    True, None, 1.5, -1.5, float("nan"), float("inf"), "x", [], {},
)  # fmt: skip
_HEX = tuple(
    value.hex() for value in (float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 0.0, 1e308)
)
_SIZES = {"F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I64": 8, "U8": 1, "BOOL": 1}


def change(target: str, data: bytes, rng: random.Random) -> bytes | None:
    """Return a changed input of a target that stays well-formed, or None where this knows nothing of it."""
    if target == "pickle":
        return pickled(rng)
    if target not in ("state", "weights") or data[:1] != b"Z":
        return None
    parts = data[1:].split(SEPARATOR)
    try:
        description, header = json.loads(parts[0]), json.loads(parts[1])
    except (ValueError, IndexError, RecursionError):
        return None
    if not isinstance(description, dict) or not isinstance(header, dict):
        return None
    if target == "state" and rng.random() < 0.8:
        rng.choice((_name, _number, _number, _generator, _hex))(description, rng)
        parts[0] = json.dumps(description).encode()
    elif header and len(parts) == 3:
        parts[1], parts[2] = _tensor(header, parts[2], rng)
    return b"Z" + SEPARATOR.join(parts)


def _name(description: dict[str, Any], rng: random.Random) -> None:
    """Give a callback an attribute that is none of its state."""
    callbacks = description.get("callbacks")
    if not isinstance(callbacks, list) or not callbacks:
        return
    entry = rng.choice(callbacks)
    if isinstance(entry, dict) and isinstance(entry.get("state"), dict):
        values: tuple[Any, ...] = ("victim", False, True, 0, -1, 10**9, 0.5, None)
        entry["state"][rng.choice(_ATTRIBUTES)] = {"plain": rng.choice(values)}


def _number(description: dict[str, Any], rng: random.Random) -> None:
    """Change one value; each level of the tree is as likely as the next, however long its lists are."""
    owner: Any = description
    while True:
        keys: Any = list(owner) if isinstance(owner, dict) else range(len(owner))
        # The ends of a list are what else than numbers may stand in it.
        key = (
            rng.choice((*list(keys)[:1], *list(keys)[-4:]))
            if isinstance(owner, list)
            else rng.choice(keys)
        )
        inner = owner[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.05:
            owner[key] = rng.choice(_HEX if isinstance(inner, str) else _NUMBERS)
            return
        owner = inner


def _generator(description: dict[str, Any], rng: random.Random) -> None:
    """Change what stands beside the many numbers of a generator: where it reads next, what it has left over."""
    states = description.get("generators")
    state = states.get(rng.choice(("numpy", "python"))) if isinstance(states, dict) else None
    if isinstance(state, list) and state:
        state[rng.choice((2, 2, *range(len(state)))) % len(state)] = rng.choice(_NUMBERS)


def _hex(description: dict[str, Any], rng: random.Random) -> None:
    """Change one of the numbers that are written as they lie in memory."""
    meter = description.get("meter")
    if isinstance(meter, dict) and rng.random() < 0.5:
        meter[rng.choice(("total", "count"))] = rng.choice(_HEX)
    else:
        description["learning_rate"] = rng.choice(_HEX)


def _tensor(header: dict[str, Any], numbers: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    """Change name, type, shape or bytes of an array, and leave offsets and lengths right."""
    arrays: list[tuple[str, str, list[int], bytes]] = []
    try:
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            arrays.append((name, entry["dtype"], list(entry["shape"]), numbers[begin:end]))
    except (KeyError, TypeError, ValueError):
        return json.dumps(header).encode(), numbers
    at = rng.randrange(len(arrays))
    name, dtype, shape, content = arrays[at]
    kind = rng.randrange(5)
    if kind == 0:
        name = rng.choice(
            [other for other, *_ in arrays] + ["x", "weight:x", "slot:m/x", "callback:0:path"]
        )
    elif kind == 1:
        dtype = rng.choice(list(_SIZES))
    elif kind == 2:
        shape = rng.choice(([], [0], [1, *shape], shape[::-1], [*shape, 1], [2, 2], shape[:-1]))
    elif kind == 3:
        content = rng.choice((b"\xff", b"\0", b"\0\0\xc0\x7f")) * (len(content) + 1)
    elif len(arrays) > 1:
        del arrays[at]
    if kind < 4:
        try:
            length = max(0, int(math.prod(shape) * _SIZES.get(dtype, 4)))
        except (TypeError, ValueError, OverflowError):
            length = len(content)
        if length > 10**6:
            length = len(content)
        arrays[at] = (
            name,
            dtype,
            shape,
            (content * (length // max(1, len(content)) + 1))[:length].ljust(length, b"\0"),
        )
    made: dict[str, Any] = {}
    out = b""
    for each, its, sizes, raw in arrays:
        if each not in made:
            made[each] = {
                "dtype": its,
                "shape": sizes,
                "data_offsets": [len(out), len(out) + len(raw)],
            }
            out += raw
    return json.dumps(made).encode(), out


# --- pickles

_ENCODE, _TYPE = b"c_codecs\nencode\n", b"cnumpy\ndtype\n"
_ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n)R"


def _value(rng: random.Random, depth: int = 3) -> bytes:
    """Return operations that leave one value: small, deep, or one thing many times over."""
    kind = rng.randrange(11 if depth else 4)
    if kind < 4:
        return rng.choice(
            (
                b"N",
                b"K\x01",
                b")",
                b"]",
                b"}",
                b"\x8f",
                b"\x8c\x01a",
                b"G@\x08\0\0\0\0\0\0",
                b"J\xff\xff\xff\xff",
            )
        )
    if kind == 4:
        return b")" + b"\x85" * rng.choice((1, 50, 2000, 200_000))
    if kind == 5:
        return b")" + b"2\x86" * rng.choice((1, 8, 20, 60))
    if kind == 6:
        return b"]" * (n := rng.choice((2, 120, 3000))) + b"a" * (n - 1)
    if kind == 7:
        return b"X" + (n := rng.choice((1, 300, 10**6))).to_bytes(4, "little") + b"k" * n
    one, two = _value(rng, depth - 1), _value(rng, depth - 1)
    if kind == 8:
        return one + two + b"\x86"
    if kind == 9:
        return b"(" + one + two + rng.choice((b"t", b"l", b"\x91"))
    return rng.choice((_ENCODE, _TYPE, _ARRAY, b"ccollections\nOrderedDict\n"))


def pickled(rng: random.Random) -> bytes:
    """Return a pickle made by its grammar: one use of one or two values."""
    one, two = _value(rng), _value(rng)
    use = rng.choice(
        (
            b"}" + one + two + b"s",
            b"}(" + one + two + b"u",
            b"(" + one + two + b"d",
            b"\x8f(" + one + two + b"\x90",
            b"}\x8c\x01k" + one + b"s",
            b"ccollections\nOrderedDict\n(((" + one + two + b"tltR",
            one + b"Q",
            _TYPE + one + b"\x85R",
            _TYPE + b"\x8c\x02f8\x85R(K\x03" + one + b"tb",
            _ENCODE + b"\x8c\x01a" + one + b"\x86R",
            _ENCODE + b"(" + _ENCODE + one + b"N}tb",
            _ARRAY + b"(K\x01" + one + two + b"NNtb",
            b"}\x8c\x01W" + _ENCODE + b"(" + _ENCODE + one + b"}Ntbs",
        )
    )
    return b"\x80\x04" + use + b"."


__all__ = ["change", "pickled"]
