"""`hotloop.ops` against ``keras.ops`` 3.15: the same calls on the same arrays.

tests/ops_keras.txt holds what Keras answers (NumPy behind it), as shapes and weighted sums; `record` writes it
where Keras is.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ops_cases  # noqa: F401 - fills the table
from hotloop import ops
from ops_case import MAKERS

FILE = Path(__file__).parent / "ops_keras.txt"
NAMES = {
    "X": np.sin(np.arange(12.0)).reshape(3, 4).astype("f4"),
    "Y": np.cos(np.arange(12.0)).reshape(3, 4).astype("f4"),
    "I": np.array([[3, 1, 2], [0, 5, 4]], "i4"),
    "J": np.array([[1, 1, 2], [7, 2, 3]], "i4"),
    "N": np.array([1.0, np.nan, -np.inf, np.inf, -2.0], "f4"),
    "S": (np.eye(3) * 3 + np.sin(np.arange(9.0)).reshape(3, 3) / 4).astype("f4"),
}
# Calls of what the random rows leave out.
CALLS = """
abs(X) | all(I, axis=1) | allclose(X, X + 1e-7) | angle(X) | any(I, axis=0) | append(X, Y, axis=1) | arange(2, 9, 3)
array([1.0, 2.0]) | array_split(X, 2, axis=1) | bartlett(6) | bincount(I[0]) | bitwise_and(I, J) | bitwise_invert(I)
bitwise_left_shift(I, J) | bitwise_not(I) | bitwise_or(I, J) | bitwise_right_shift(I, J) | bitwise_xor(I, J) | blackman(5)
cast(X, "int32") | conj(X) | convert_to_numpy(X) | copy(X) | count_nonzero(I, axis=1) | corrcoef(X) | correlate(X[0], Y[1])
cross(X[:, :3], Y[:, :3]) | diag(X[0]) | digitize(X, np.array([-0.5, 0.0, 0.5])) | empty_like(X) * 0 | equal(I, J) | eye(3, 4, k=1)
floor_divide(I, J) | fmod(X, Y) | full((2, 3), 1.5) | full_like(X, 2.0) | gcd(I, J) | lcm(I, J) | geomspace(1.0, 8.0, 4)
greater(X, Y) | greater_equal(I, J) | hamming(5) | hanning(5) | heaviside(X, 0.5) | histogram(X, bins=4)[0] | hypot(X, Y)
identity(3) | imag(X) | in_top_k(np.array([1, 0, 3]), X, 2) | isclose(X, Y) | isfinite(N) | isin(I, J) | isinf(N) | isnan(N)
isneginf(N) | isposinf(N) | isreal(N) | kaiser(5, 3.0) | left_shift(I, J) | less(X, Y) | less_equal(I, J) | linspace(0.0, 1.0, 5)
logical_and(I, J) | logical_not(I) | logical_or(I, J) | logical_xor(I > 2, J > 2) | logspace(0.0, 1.0, 4) | matrix_rank(S)
meshgrid(X[0], Y[1]) | mod(X, Y) | nan_to_num(N) | nanargmax(X, axis=1) | nanargmin(X, axis=0) | nansum(N[:2]) | nanmean(N[:2])
ndim(X) | nonzero(I)[1] | not_equal(I, J) | one_hot(I, 6) | multi_hot(I, 6) | ones((2, 3)) | ones_like(X) | real(X) | right_shift(I, J)
round(X * 10, 0) | saturate_cast(X * 1000, "int8") | searchsorted(np.array([0.0, 0.5]), X[0]) | signbit(X) | size(X) | tri(3, 4, 1)
unravel_index(np.array([3, 7]), (3, 4)) | unstack(X, axis=1) | vander(X[0], 3) | vectorized_map(lambda r: r * 2, X) | zeros((2,)) | zeros_like(X)
argmax(X, axis=1) | argmin(X) | argsort(X, axis=0) | sort(X, axis=1) | top_k(X, 2) | unique(I) | view(X, "int32") | nextafter(X, Y)
slogdet(S) | det(S) | inv(S) | cholesky(S @ S.T) | solve(S, X[:3, :2]) | qr(S)[1] ** 2 | svd(S)[1] | pinv(S) | logdet(S @ S.T)
ctc_loss(J[:, :2], np.stack([S @ S.T, S]).repeat(3, 2), np.array([1, 2]), np.array([3, 3])) | ctc_decode(np.stack([S, S.T]), np.array([3, 2]))
scan(lambda c, x: (c + x, c * x), X[0], X)[1] | fori_loop(0, 4, lambda i, v: v * 2 + i, 1) | while_loop(lambda v: v < 9, lambda v: v * 2, (1,))
cond(True, lambda: X, lambda: Y) | switch(1, [lambda v: v, lambda v: -v], X) | scatter(np.array([[1], [2]]), X[:2], (4, 4))
slice(X, (1, 1), (2, 2)) | slice_update(X, (1, 1), Y[:1, :2]) | space_to_depth(X.reshape(1, 2, 2, 3), 2) | psnr(X, Y, 1.0)
"""


def made_of(answer: Any) -> Iterator[Any]:
    if isinstance(answer, list | tuple):
        for part in answer:
            yield from made_of(part)
    else:
        yield np.asarray(answer)


def probes(answer: Any) -> list[tuple[list[int], float]]:
    found = []
    for part in made_of(answer):
        flat = part.astype(np.float64).reshape(-1)
        found.append((list(part.shape), float((flat * np.cos(np.arange(flat.size) / 3)).sum())))
    return found


def calls(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and answers of all calls; an answer that raises is the error."""
    count: Counter[str] = Counter()
    for make in MAKERS:
        for seed in (0, 1):
            case = make(np.random.default_rng([7, seed]))
            kinds = {"f": "f4", "i": "i4"}
            arrays = [a.astype(kinds.get(a.dtype.kind, a.dtype)) for a in case.arrays]
            count[case.name] += 1
            if case.name == "sparsemax" and case.options.get("axis", -1) == 0:
                continue  # Keras sums running sums where the paper sums the logits
            try:
                yield f"{case.name} {count[case.name]}", case.call(module, arrays)
            except Exception as error:  # of the peer, noted as such
                yield f"{case.name} {count[case.name]}", error
    known = {name: getattr(module, name) for name in ops.__all__ if hasattr(module, name)}
    for text in CALLS.strip().replace("\n", " | ").split(" | "):
        try:
            yield text, eval(text, {**known, **copy.deepcopy(NAMES), "np": np})
        except Exception as error:
            yield text, error


def record() -> None:
    import keras  # noqa: PLC0415 - an extra

    lines = [
        f"{name} # {probes(answer)}"
        for name, answer in calls(keras.ops)
        if not isinstance(answer, Exception)
    ]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def recorded() -> dict[str, Any]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return {
        name: eval(found, {"nan": np.nan, "inf": np.inf})
        for name, _, found in (line.partition(" # ") for line in lines)
    }


def test_answers_are_those_of_keras() -> None:
    expected = recorded()
    seen, wrong = set(), []
    for name, answer in calls(ops):
        if name not in expected:
            continue
        seen.add(name)
        mine: list[Any] = [answer] if isinstance(answer, Exception) else probes(answer)
        same = len(mine) == len(expected[name]) and not isinstance(answer, Exception)
        pairs: list[Any] = list(zip(mine, expected[name], strict=True)) if same else []
        for (shape, total), (their_shape, theirs) in pairs:
            same &= shape == their_shape and bool(
                np.isclose(total, theirs, rtol=2e-4, atol=2e-4, equal_nan=True)
            )
        if not same:
            wrong.append((name, mine, expected[name]))
    assert wrong == []
    assert len(seen) == len(expected) > 500


@pytest.mark.slow
def test_the_record_is_what_the_installed_keras_answers() -> None:
    pytest.importorskip("keras")
    before = FILE.read_text(encoding="utf-8")
    text = "import test_ops_keras; test_ops_keras.record()"
    place = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        subprocess.run([sys.executable, "-c", text], env=place, check=True, cwd=FILE.parent)
        assert recorded().keys() == {line.partition(" # ")[0] for line in before.splitlines()}
    finally:
        FILE.write_text(before, encoding="utf-8")
