"""Texts as lists of the ranks of their words: what IMDB and Reuters have in common."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import whole
from hotloop.datasets import _fetch, _npz

__all__ = ["STORE", "encoded", "members", "shuffled", "word_index"]

STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

Lists = list[list[int]]
Texts = tuple[NDArray[Any], NDArray[Any]]


def members(file: _fetch.Published, keys: tuple[str, ...]) -> list[Any]:
    """Return arrays, or lists of lists, of a published archive."""
    data = _fetch.contents(file)
    return _npz.read(file.name, data, keys)


def word_index(file: _fetch.Published) -> dict[str, int]:
    """Return the rank of each word in a published JSON file."""
    try:
        found = json.loads(_fetch.contents(file))
    except (ValueError, RecursionError) as error:
        msg = f"{file.name}: {file.file} is no JSON: {error}"
        raise ValueError(msg) from None
    if not isinstance(found, dict) or not all(type(rank) is int for rank in found.values()):
        msg = f"{file.name}: {file.file} holds no dict of words and whole numbers"
        raise ValueError(msg)
    return found


def shuffled(
    parts: list[tuple[Lists, NDArray[Any]]], seed: Any
) -> list[tuple[Lists, NDArray[Any]]]:
    """Return texts and labels in Keras's order: one older generator of NumPy's for all parts."""
    rng = np.random.RandomState(seed)
    orders = [np.arange(len(labels)) for _, labels in parts]
    for order in orders:
        rng.shuffle(order)
    return [
        ([lists[i] for i in order.tolist()], labels[order])
        for (lists, labels), order in zip(parts, orders, strict=True)
    ]


def encoded(
    name: str,
    parts: list[tuple[Lists, NDArray[Any]]],
    *,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int | None,
) -> list[Texts]:
    """Return the parts of a data set with the ranks that Keras gives their words.

    All words stand in one flat array meanwhile, so nothing is done word by word in Python.

    Raises
    ------
    ValueError
        When `maxlen` leaves no text in a part.
    """
    limits = [("num_words", num_words), ("maxlen", maxlen), ("skip_top", skip_top)]
    for what, value in limits:
        if value is not None:
            whole(name, what, value, least=0)
    lists = [each for part, _ in parts for each in part]
    labels = np.concatenate([part for _, part in parts])
    owners = np.repeat(np.arange(len(parts)), [len(part) for part, _ in parts])
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    flat = np.fromiter(itertools.chain.from_iterable(lists), np.int64, int(lengths.sum()))
    flat += index_from or 0
    if start_char is not None:
        begins = np.cumsum(lengths) - lengths
        flat = np.insert(flat, begins, start_char)
        lengths += 1
    if maxlen:
        kept = lengths < maxlen
        if len(np.unique(owners[kept])) < len(parts):
            msg = f"{name}: maxlen={maxlen} keeps no text of a part; increase it"
            raise ValueError(msg)
        flat = flat[np.repeat(kept, lengths)]
        lengths, labels, owners = lengths[kept], labels[kept], owners[kept]
    known = (flat >= skip_top) & (flat < (num_words or flat.max(initial=0)))
    if oov_char is not None:
        flat = np.where(known, flat, oov_char)
    else:
        lengths = np.add.reduceat(
            np.append(known, False), np.cumsum(lengths) - lengths, dtype=int
        ) * (lengths > 0)
        flat = flat[known]
    ends = np.cumsum(lengths).tolist()
    words = flat.tolist()
    texts = (words[begin:end] for begin, end in zip([0, *ends], ends, strict=False))
    rows = np.fromiter(texts, object, len(ends))
    return [(rows[owners == i], labels[owners == i]) for i in range(len(parts))]
