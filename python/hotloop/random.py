"""The process's random state: one NumPy generator (PCG64) that everything random draws from.

Initial weights, shuffles and dropout seeds come from `generator`, so one seed gives one training, bit for
bit, for any number of threads; and `get_state` / `set_state` let a run continue exactly where it stopped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, cast

import numpy as np

from hotloop import _core, config
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.registry import own

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "generator",
    "get_state",
    "normal",
    "randint",
    "set_seed",
    "set_state",
    "shuffle",
    "truncated_normal",
    "uniform",
    "using",
]

_lock = threading.Lock()
_state: dict[str, np.random.Generator] = {}
# A generator that stands in for the process's, in one thread and for the time of a `using`.
_local: ContextVar[np.random.Generator | None] = ContextVar("_local", default=None)
# What records a draw, in the thread that records a step.
_recording: ContextVar[Callable[..., Any] | None] = ContextVar("_recording", default=None)


def generator() -> np.random.Generator:
    """Return the process's generator; before the first `set_seed` it starts from the system's entropy.

    Returns
    -------
    numpy.random.Generator
        The same object for the life of the process, but inside `using`; `set_seed` and `set_state` change
        its state in place.

    Examples
    --------
    >>> generator() is generator()
    True
    """
    local = _local.get()
    if local is not None:
        return local
    if "generator" not in _state:
        with _lock:
            _state.setdefault("generator", np.random.Generator(np.random.PCG64()))
    return _state["generator"]


def _renew() -> None:
    """In the child of a fork, do without locks that a thread held that is gone."""
    if _lock.locked():
        _lock.release()
    rng = _state.get("generator")
    if rng is None:
        return
    if rng.bit_generator.lock.acquire(blocking=False):
        rng.bit_generator.lock.release()
    else:
        fresh = np.random.PCG64()
        state: Any = rng.bit_generator.state
        fresh.state = state
        _state["generator"] = np.random.Generator(fresh)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def using(rng: np.random.Generator) -> _core.Scope:
    """Let everything in this thread draw from `rng` inside the ``with`` block, and leave the process's alone.

    Parameters
    ----------
    rng : numpy.random.Generator
        Over a PCG64, if `get_state` and `set_state` are to work inside.

    Examples
    --------
    >>> state = get_state()
    >>> with using(np.random.Generator(np.random.PCG64(3))):
    ...     first = generator().random()
    >>> first == np.random.Generator(np.random.PCG64(3)).random(), get_state() == state
    (True, True)
    """
    return _core.Scope(_local, rng)


def drawn_by(record: Callable[..., Any] | None) -> _core.Scope:
    """Let draws of this thread answer ``record(draw, generator)`` inside the ``with`` block."""
    return _core.Scope(_recording, record)


def set_seed(seed: int) -> None:
    """Start hotloop's generator anew from `seed`.

    Python's and NumPy's own generators are left alone; `hotloop.utils.set_random_seed` seeds all three.

    Parameters
    ----------
    seed : int
        Not negative.

    Raises
    ------
    TypeError
        `seed` is no integer.
    ValueError
        `seed` is negative.

    Examples
    --------
    >>> set_seed(1)
    >>> first = generator().random()
    >>> set_seed(1)
    >>> generator().random() == first
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        msg = f"set_seed: seed must be an integer, but got {quoted(seed)}"
        raise TypeError(msg)
    if seed < 0:
        msg = f"set_seed: seed must not be negative, but got {seed}"
        raise ValueError(msg)
    generator().bit_generator.state = np.random.PCG64(int(seed)).state


def get_state() -> dict[str, Any]:
    """Return the generator's state, a dict of strings and integers that JSON can hold.

    Returns
    -------
    dict
        NumPy's form of a PCG64 state.

    Examples
    --------
    >>> state = get_state()
    >>> first = generator().random(3)
    >>> set_state(state)
    >>> bool((generator().random(3) == first).all())
    True
    """
    return dict(generator().bit_generator.state)


def set_state(state: dict[str, Any]) -> None:
    """Put the generator where `get_state` saw it.

    Parameters
    ----------
    state : dict
        What `get_state` returned, in this process or another.

    Raises
    ------
    ValueError
        `state` is not the state of a PCG64 generator; the generator is left as it was.

    Examples
    --------
    >>> set_state({"bit_generator": "MT19937"})
    Traceback (most recent call last):
    ...
    ValueError: set_state: not the state of a PCG64 generator: {'bit_generator': 'MT19937'}
    """
    generator().bit_generator.state = cast("Any", checked(state))


# NumPy takes any numbers, also those that no PCG64 has.
_NUMBERS: dict[str, int] = {"has_uint32": 2, "uinteger": 2**32}


def checked(state: Any) -> dict[str, Any]:
    """Return `state` if a PCG64 generator can have it; a ValueError otherwise."""
    inner = state.get("state") if isinstance(state, dict) else None
    fits = (
        isinstance(inner, dict)
        and state.get("bit_generator") == "PCG64"
        and set(state) == {"bit_generator", "state", *_NUMBERS}
        and set(inner) == {"state", "inc"}
        and all(type(state[k]) is int and 0 <= state[k] < end for k, end in _NUMBERS.items())
        and all(type(number) is int and 0 <= number < 2**128 for number in inner.values())
        and inner["inc"] % 2 == 1
    )
    if not fits:
        msg = f"set_state: not the state of a PCG64 generator: {quoted(state)}"
        raise ValueError(msg)
    return cast("dict[str, Any]", state)


class SeedGenerator:
    """Keras's source of seeds: random numbers drawn with it follow on from each other.

    Parameters
    ----------
    seed : int, optional
        Where they start; None leaves it to the process's generator.
    **kwargs
        ``name``, which Keras takes.

    Examples
    --------
    >>> seeds = SeedGenerator(1)
    >>> first = normal((2,), seed=seeds)
    >>> bool((first == normal((2,), seed=seeds)).any())
    False
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:  # noqa: ARG002
        self.rng = None if seed is None else np.random.Generator(np.random.PCG64(int(seed)))


def source(seed: Any) -> np.random.Generator:
    """Return the generator that a `seed` stands for: None is the process's own.

    Raises
    ------
    TypeError
        When `seed` is neither a whole number nor a `SeedGenerator`.
    """
    if seed is None:
        return generator()
    if isinstance(seed, SeedGenerator):
        return generator() if seed.rng is None else seed.rng
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        msg = f"random: seed must be a whole number or a SeedGenerator, got {seed!r}"
        raise TypeError(msg)
    return np.random.Generator(np.random.PCG64(int(seed)))


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Return normally distributed numbers.

    Parameters
    ----------
    shape : sequence of int or None
        None, as ``ops.shape`` answers it for the batch of a model's value, draws anew in every
        run of the model.
    mean, stddev : float
        Of the distribution.
    dtype : str, optional
        None is the default float type.
    seed : int or SeedGenerator, optional
        A number gives the same numbers at every call.

    Examples
    --------
    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    return _drawn("normal", tuple(shape), mean, stddev, dtype, seed)


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Return numbers between two bounds, all equally likely; see `normal`.

    Examples
    --------
    >>> uniform((2,), seed=1).shape
    (2,)
    """
    return _drawn("uniform", tuple(shape), minval, maxval, dtype, seed)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Return normally distributed numbers, those beyond two standard deviations drawn again.

    Examples
    --------
    >>> bool(abs(truncated_normal((100,), seed=1)).max() <= 2.0)
    True
    """
    return _new(lambda rng: within_two(rng, tuple(shape)) * stddev + mean, dtype, seed)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return numbers of gamma distributions of shapes `alpha` and scale 1."""
    return _new(lambda rng: rng.standard_gamma(alpha, tuple(shape)), dtype, seed)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return numbers of beta distributions."""
    return _new(lambda rng: rng.beta(alpha, beta, tuple(shape)), dtype, seed)


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """Return how many of `counts` trials succeed."""
    whole = np.asarray(counts).astype(np.int64)
    return _new(lambda rng: rng.binomial(whole, probabilities, tuple(shape)), dtype, seed)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Return whole numbers of ``[minval, maxval)``, all equally likely.

    Examples
    --------
    >>> set(randint((50,), 0, 2, seed=1).tolist())
    {0, 1}
    """
    return _new(lambda rng: rng.integers(minval, maxval, tuple(shape)), dtype, seed)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Return classes ``(N, num_samples)`` drawn from the softmax of each row of logits ``(N, K)``.

    Examples
    --------
    >>> categorical([[0.0, 50.0]], 3, seed=1)
    array([[1, 1, 1]], dtype=int32)
    """
    rows = np.asarray(logits, np.float64)

    def draw(rng: np.random.Generator) -> Any:
        # The largest of logits with Gumbel noise is distributed so.
        return (rows[:, None] + rng.gumbel(size=(len(rows), num_samples, rows.shape[1]))).argmax(-1)

    return _new(draw, dtype, seed)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Return `x` with what lies along an axis in random order."""
    array = np.asarray(x)
    return _new(lambda rng: rng.permutation(array, axis), array.dtype, seed)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return `inputs` with a share of `rate` of the elements 0, the others over ``1 - rate``."""
    if not 0 <= rate < 1:
        msg = f"dropout: rate must lie in [0, 1), got {rate!r}"
        raise ValueError(msg)
    inputs = inputs if hasattr(inputs, "dtype") else np.asarray(inputs, config.floatx())
    shape = inputs.shape if noise_shape is None else noise_shape
    kept = _new(lambda rng: (rng.random(shape) >= rate) / (1.0 - rate), inputs.dtype, seed)
    return inputs * kept


def within_two(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return numbers of the standard normal, those beyond 2 drawn again."""
    values = rng.standard_normal(shape).reshape(-1)
    outside = np.flatnonzero(np.abs(values) > 2.0)
    while outside.size:
        values[outside] = rng.standard_normal(outside.size)
        outside = outside[np.abs(values[outside]) > 2.0]
    return values.reshape(shape)


def _drawn(
    distribution: str, shape: tuple[Any, ...], low: float, high: float, dtype: Any, seed: Any
) -> Any:
    """Return random numbers, or a symbol of them where the batch size is open."""
    if any(n is None for n in shape):
        source(seed)
        return own("layer")["RandomDraw"](distribution, list(shape), low, high).symbol("draw")
    return _new(lambda rng: getattr(rng, distribution)(low, high, shape), dtype, seed)


def _new(make: Callable[[np.random.Generator], Any], dtype: Any, seed: Any) -> Any:
    """Return what `make` draws; a recorded step draws anew in each run."""
    rng, dtype = source(seed), dtype or config.floatx()

    def draw() -> Any:
        return np.asarray(make(rng)).astype(dtype)

    record = _recording.get()
    return draw() if record is None else record(draw, rng)


serve(__name__)
