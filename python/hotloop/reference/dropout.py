"""Dropout whose mask is a function of (seed, offset, index) and of nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.typing import FloatArray, MaskArray

from ._common import Array, promote

Words = np.ndarray[Any, np.dtype[np.uint64]]

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox4x32(counter: tuple[Words, ...], key: tuple[int, int]) -> Words:
    """Philox4x32-10 (Salmon et al., SC 2011): four counters of 32 bits (M,) -> words (M, 4)."""
    c0, c1, c2, c3 = counter
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & LOW, (k1 + np.uint64(0xBB67AE85)) & LOW
    return np.stack([c0, c1, c2, c3], axis=1)


def uniform(size: int, seed: int, offset: int) -> FloatArray:
    """Draw 24 bits in [0, 1) for index i: word ``i % 4`` at counter ``(i // 4, offset)``."""
    blocks = np.arange(-(-size // 4), dtype=np.uint64)
    low, high = np.uint64(offset & 0xFFFFFFFF), np.uint64(offset >> 32 & 0xFFFFFFFF)
    counter = (blocks & LOW, blocks >> HALF, np.full_like(blocks, low), np.full_like(blocks, high))
    words = philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)).reshape(-1)[:size]
    draws: FloatArray = (words >> np.uint64(8)) * 2.0**-24
    return draws


def dropout(x: Array, rate: float, *, seed: int, offset: int = 0) -> tuple[FloatArray, MaskArray]:
    """``x * (1 / (1 - rate))`` where ``uniform >= rate``, else 0; and the mask of what stayed."""
    x = promote(x)
    mask = (uniform(x.size, seed, offset) >= rate).astype(np.uint8).reshape(x.shape)
    return dropout_backward(x, mask, rate), mask


def dropout_backward(dy: Array, mask: MaskArray, rate: float) -> FloatArray:
    """``dy * (1 / (1 - rate))`` where the mask is set, else 0."""
    if not 0 <= rate < 1:
        msg = f"rate must lie in [0, 1), not {rate}"
        raise ValueError(msg)
    dy = promote(dy)
    dx: FloatArray = np.where(mask, dy * (1 / (1 - rate)), dy.dtype.type(0))
    return dx
