"""Changes of inputs that know their form: JSON as a tree, archives by parts, arguments by words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import fuzz_sizes
import fuzz_values
from fuzz_targets import MEMBERS, SEPARATOR

Change = Callable[[bytes, random.Random], bytes]

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 127, 2**15, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64, -(2**63),
    10**30, 10**300, 0.0, -0.0, 0.5, -1.5, 1e-320, 1e308, float("inf"), float("-inf"), float("nan"),
    "", "a", "same", "valid", "relu", "softmax", "float32", "float64", "float16", "object", "channels_first", "é\ud800",
    [], [0], [-1], [1, 2], [2, 2], [None], [None, 4], [[1, 1], [1, 1]], [2**31, 2**31], [0, 0, 0], {}, {"a": 1},
    {"class": "Dense", "config": {}}, {"class": "L2", "config": {"l2": 0.1}}, {"class": "Adam", "config": {}},
    {"class": "Flatten", "config": {}}, {"class": "Reshape", "config": {"target_shape": [-1]}},
    {"class": "HeNormal", "config": {"seed": -1}}, {"class": "ExponentialDecay", "config": {}},
)  # fmt: skip
WORDS = (
    b"train", b"evaluate", b"bench", b"info", b"--help", b"--version", b"--data", b"digits", b"mlp", b"--model",
    b"simple_cnn", b"--epochs", b"--batch-size", b"--optimizer", b"sgd", b"adam", b"rmsprop", b"--lr", b"0.01", b"1e999",
    b"nan", b"--seed", b"0", b"1", b"-1", b"32", b"4294967296", b"9" * 30, b"9" * 5000, b"--out", b"run", b"--resume",
    b"model.hotloop", b"--quick", b"--only", b"--json", b"x.json", b"", b"-", b"--", b"\xff", "é".encode(), b"--=", b"1_0",
    b"a" * 300, b"--data=digits", b"--epochs=1", b"1e3", b"0x10", b" 3", b"\n",
)  # fmt: skip
TOKENS = (
    b"\x8e\xff\xff\xff\xff\x00\x00\x00\x00", b"\x8e\x00\x00\x00\x00\x00\x01\x00\x00", b"B\xff\xff\xff\x7f", b"r\xff\xff\xff\x7f",
    b"\x95\xff\xff\xff\xff\xff\x00\x00\x00", b"\x96\x00\x00\x00\x00\x00\x01\x00\x00", b"\x8a\x01\x01", b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\nscalar\n", b"cnumpy\nndarray\n", b"R", b"b", b"t", b"(",
    b"}", b"]", b"u", b"s", b"a", b"e", b"0", b"2", b".", b"\x85", b"\x86", b"\x87", b"\x94", b"\x8f", b"\x91", b"\x90", b"\x92", b"\x81",
    b"ccollections\nOrderedDict\n", b"c_codecs\nencode\n", b"Vlatin1\n", b"I2\n", b"I-1\n", b"N", b"\x88", b"Qh\x00", b"i\n\n", b"\x97", b"\x98",
    b"\0\0\x08\x03", b"\0\0\x0e\x01", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x1f\x8b\x08",
)  # fmt: skip

_COUNTS = (0, 1, 2, 30, 300, 9999)  # of a last layer that is repeated


def blind(data: bytes, rng: random.Random) -> bytes:
    """Change bytes somewhere: flip, cut, double, put in."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 2, 4, 8, 64)))
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at:end] = rng.randbytes(end - at)
        elif kind == 2:
            del out[at:end]
        elif kind == 3:
            out[at:at] = out[at:end]
        elif kind == 4:
            out[at:at] = rng.choice(TOKENS)
        else:
            token = rng.choice(TOKENS)
            out[at : at + len(token)] = token
    return bytes(out)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return each container with each of its keys or indices."""
    found: list[tuple[Any, Any]] = []
    left = [tree]
    while left:
        each = left.pop()
        keys: Any = list(each) if isinstance(each, dict) else range(len(each))
        for key in keys:
            found.append((each, key))
            if isinstance(each[key], dict | list):
                left.append(each[key])
    return found


def in_json(text: bytes, rng: random.Random) -> bytes:
    """Change values, keys and order of a JSON text; one that is none is changed blindly."""
    try:
        tree = json.loads(text)
        places = _places(tree) if isinstance(tree, dict | list) else []
    except (ValueError, RecursionError):
        places = []
    if not places or rng.random() < 0.1:
        return blind(text, rng)
    if rng.random() < 0.01:
        return text.replace(b"1", b"[" * 30_000, 1)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        owner, key = rng.choice(places)
        if (isinstance(owner, list) and key >= len(owner)) or (
            isinstance(owner, dict) and key not in owner
        ):
            continue
        kind = rng.randrange(10)
        if kind < 5:
            owner[key] = rng.choice(VALUES)
        elif kind == 5:
            del owner[key]
        elif kind == 6:
            other, its = rng.choice(places)
            if (isinstance(other, dict) and its in other) or (
                isinstance(other, list) and its < len(other)
            ):
                owner[key] = json.loads(json.dumps(other[its]))
        elif kind == 7 and isinstance(owner, dict):
            owner[rng.choice(("units", "name", "class", "config", "a", "shape", "seed"))] = owner[
                key
            ]
        elif kind == 8 and isinstance(owner, list):
            owner.insert(rng.randrange(len(owner) + 1), owner[key])
        elif isinstance(owner[key], int | float) and not isinstance(owner[key], bool):
            owner[key] = rng.choice(
                (owner[key] + 1, owner[key] - 1, -owner[key], owner[key] * 1000, str(owner[key]))
            )
    return json.dumps(tree).encode()


def in_words(data: bytes, rng: random.Random) -> bytes:
    """Change, double, remove and exchange arguments."""
    words = data.split(b"\0")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(words) + 1)
        kind = rng.randrange(5)
        if kind < 2:
            words.insert(at, rng.choice(WORDS))
        elif kind == 2 and at < len(words):
            del words[at]
        elif kind == 3 and at < len(words):
            words[at] = rng.choice(WORDS)
        elif at < len(words):
            words[at] = blind(words[at], rng).replace(b"\0", b"")
    return b"\0".join(words)


def steps(target: str, data: bytes) -> Iterator[bytes]:
    """Yield each input that is one size away, or longer by many layers; none for other targets."""
    if target == "calls":
        yield from fuzz_sizes.steps(data)
    elif target == "model" and data[:1] in (b"Z", b"L"):
        start = 1 if data[:1] == b"Z" else 5
        first, *others = data[start:].split(SEPARATOR)
        for count in _COUNTS:
            yield b"L%04d" % count + data[start:]
        for changed in fuzz_sizes.steps(first):
            yield data[:start] + SEPARATOR.join([changed, *others])


def mutate(target: str, data: bytes, rng: random.Random, other: Change = blind) -> bytes:
    """Return a changed input of a target; `other` makes the changes that know nothing."""
    if target == "calls":
        return fuzz_sizes.mutate(data, rng)
    if rng.random() < 0.4:
        changed = fuzz_values.change(target, data, rng)
        if changed is not None:
            return changed
    if target == "json":
        return in_json(data, rng)
    if target == "cli":
        return in_words(data, rng)
    if target == "model" and data[:1] == b"L":
        count = b"%04d" % rng.choice(_COUNTS)
        return b"L" + count + mutate(target, b"Z" + data[5:], rng, other)[1:]
    if target == "model" and data[:1] == b"Z" and rng.random() < 0.01:
        return b"L" + b"%04d" % rng.choice(_COUNTS) + data[1:]
    if target in MEMBERS and data[:1] == b"Z" and rng.random() < 0.9:
        parts = data[1:].split(SEPARATOR)
        at = rng.choice([i for i in range(len(parts)) if i == 0 or i % 2])
        sizes = target == "model" and at == 0 and rng.random() < 0.5
        parts[at] = fuzz_sizes.mutate(parts[at], rng) if sizes else in_json(parts[at], rng)
        return b"Z" + SEPARATOR.join(parts)
    return other(data, rng)
