"""Sequences of different lengths as one array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import dtype_of, whole
from hotloop._support.quoting import quoted

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Put sequences of different lengths into the rows of one array.

    Parameters
    ----------
    sequences : list of sequences
        Each (n_i, ...), of any lengths n_i.
    maxlen : int, optional
        Length of a row; by default that of the longest sequence.
    dtype : optional
        Of the array; ``object`` for texts.
    padding, truncating : {"pre", "post"}
        Where values are added, and where they are cut off.
    value : optional
        What is added.

    Returns
    -------
    ndarray, shape (N, maxlen, ...)

    Raises
    ------
    ValueError
        When `sequences` are no list of sequences, or their items have different shapes.

    Notes
    -----
    Source: keras.utils.pad_sequences.

    Examples
    --------
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    """
    for name, way in (("padding", padding), ("truncating", truncating)):
        if way not in ("pre", "post"):
            msg = f"pad_sequences: {name} must be 'pre' or 'post', got {quoted(way)}"
            raise ValueError(msg)
    if not hasattr(sequences, "__len__") or not all(hasattr(each, "__len__") for each in sequences):
        msg = f"pad_sequences: sequences must be a list of sequences, got {quoted(sequences)}"
        raise ValueError(msg)
    kind = dtype_of("pad_sequences", dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        msg = f"pad_sequences: dtype {kind} cannot hold {quoted(value)}; give dtype=object"
        raise ValueError(msg)
    lengths = [len(each) for each in sequences]
    n = max(lengths, default=0) if maxlen is None else whole("pad_sequences", "maxlen", maxlen, 0)
    # One value more than no row at all: each[-0:] would be the whole of it.
    cut = slice(None, n) if truncating == "post" else slice(-n, None) if n else slice(0)
    parts = [np.asarray(each[cut], dtype=kind) for each in sequences if len(each)]
    shape = parts[0].shape[1:] if parts else ()
    for i, part in enumerate(parts):
        if part.shape[1:] != shape:
            msg = f"pad_sequences: items of all sequences must have one shape, {shape}, but the sequence {i} has {part.shape[1:]}"
            raise ValueError(msg)
    rows: NDArray[Any] = np.full((len(lengths), n, *shape), value, dtype=kind)
    if parts and n:
        kept = np.minimum(lengths, n)[:, None]
        places = np.arange(n)
        rows[places < kept if padding == "post" else places >= n - kept] = np.concatenate(parts)
    return rows
