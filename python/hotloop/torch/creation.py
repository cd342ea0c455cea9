"""Functions that make tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import random as streams
from hotloop.autodiff.rule import Array, mode
from hotloop.torch import dtypes
from hotloop.torch.core import Tensor, wrap
from hotloop.torch.pointwise import into
from hotloop.torch.shaping import sizes_of


class device:
    """Where tensors are: ``"cpu"``. A RuntimeError for any other place.

    Attributes
    ----------
    type : str
        "cpu".
    index : None
        There is one.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: Any = None) -> None:
        name = str(type).partition(":")[0]
        if name != "cpu":
            msg = f"hotloop.torch computes on the processor: device must be 'cpu', got {str(type)[:40]!r}"
            raise RuntimeError(msg)
        self.type, self.index = name, index

    def __repr__(self) -> str:
        """Return PyTorch's form."""
        return "device(type='cpu')"

    def __str__(self) -> str:
        """Return the name."""
        return self.type

    def __eq__(self, other: object) -> bool:
        """Whether it is the same place."""
        return isinstance(other, device)

    def __hash__(self) -> int:
        """Return one number."""
        return hash(self.type)

    def __reduce__(self) -> Any:
        """Pickle as a name."""
        return device, (self.type,)


CPU = device("cpu")


def _on(place: Any) -> None:
    """Refuse another device than the processor."""
    if place is not None and not isinstance(place, device):
        device(place)


def made(array: Array, requires_grad: bool = False) -> Tensor:
    """Return a new leaf."""
    tensor = wrap(array)
    if requires_grad:
        tensor.requires_grad_()
    return tensor


def _read(data: Any) -> Array:
    """Return nested lists, numbers and tensors as an array of PyTorch's dtype for them."""
    if isinstance(data, Tensor):
        return np.array(data._array)
    if isinstance(data, np.ndarray | np.generic):
        return np.array(data)
    array = np.array(_without_tensors(data))
    if array.dtype.kind not in "biuf":
        msg = f"tensor: takes nested lists of numbers, got {type(data).__name__} of {array.dtype}"
        raise TypeError(msg)
    return array


def _plain(data: Any) -> bool:
    """Whether nested lists hold Python's numbers."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return not isinstance(data, np.ndarray | np.generic | Tensor)


def _without_tensors(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data._array
    if isinstance(data, list | tuple):
        return [_without_tensors(item) for item in data]
    return data


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,  # noqa: ARG001
) -> Tensor:
    """Return a tensor with a copy of `data`.

    Parameters
    ----------
    data : number, nested list, array or tensor
        Floats of lists become the default dtype; arrays keep theirs.
    dtype : dtype, optional
        Of the elements.
    device : optional
        The processor.
    requires_grad : bool
        Whether `backward` fills ``grad``.
    pin_memory : bool
        Without effect.

    Examples
    --------
    >>> import hotloop.torch as torch
    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    _on(device)
    try:
        array = _read(data)
    except ValueError as error:
        msg = f"tensor: {error}"
        raise ValueError(msg) from None
    if dtype is not None:
        kind = dtypes.to_numpy(dtype)
    else:
        own = array.dtype.kind != "f" or not _plain(data)
        kind = dtypes.to_numpy(array.dtype if own else dtypes.default_float())
    return made(array.astype(kind, order="C", copy=False), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Return `data` as a tensor; arrays and tensors of the dtype share their memory."""
    _on(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or dtypes.to_numpy(dtype) == data.dtype):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


asarray = as_tensor


def from_numpy(ndarray: Array) -> Tensor:
    """Return a tensor that shares an array's memory."""
    if not isinstance(ndarray, np.ndarray):
        msg = f"expected np.ndarray (got {type(ndarray).__name__})"
        raise TypeError(msg)
    dtypes.to_numpy(ndarray.dtype)
    if not ndarray.dtype.isnative or any(s < 0 for s in ndarray.strides):
        msg = (
            "At least one stride in the given numpy array is negative, or its bytes are in another "
            "order; copy it first: array.copy()"
        )
        raise ValueError(msg)
    return wrap(np.asarray(ndarray))


def _kind(dtype: Any) -> Any:
    return dtypes.default_float() if dtype is None else dtypes.to_numpy(dtype)


def _maker(name: str, fill: Any) -> tuple[Any, Any]:
    """Make a function of sizes, and its twin of another tensor's shape."""

    def function(
        *size: Any,
        out: Any = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        generator: Any = None,
        layout: Any = None,  # noqa: ARG001
        pin_memory: bool = False,  # noqa: ARG001
    ) -> Any:
        _on(device)
        given = size if size else ((),)
        answer = made(fill(sizes_of(given), _kind(dtype), generator), requires_grad)
        return into(out, answer)

    def like(
        input: Tensor,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,  # noqa: ARG001
    ) -> Any:
        _on(device)
        kind = input._array.dtype if dtype is None else dtypes.to_numpy(dtype)
        return made(fill(input._array.shape, kind, None), requires_grad)

    function.__name__, like.__name__ = name, f"{name}_like"
    return function, like


class Generator:
    """A source of random numbers of its own.

    Parameters
    ----------
    device : optional
        The processor.
    """

    def __init__(self, device: Any = None) -> None:
        _on(device)
        self.rng = np.random.Generator(np.random.PCG64(0))
        self._seed = 0
        self.device = CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from `seed`."""
        self._seed = int(seed)
        self.rng.bit_generator.state = np.random.PCG64(int(seed) % 2**64).state
        return self

    def initial_seed(self) -> int:
        """Return the seed that it started from."""
        return self._seed

    def seed(self) -> int:
        """Start anew from a number that the system draws."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1))
        return self._seed

    def get_state(self) -> Any:
        """Return where it stands."""
        return self.rng.bit_generator.state

    def set_state(self, state: Any) -> None:
        """Go where `get_state` stood."""
        self.rng.bit_generator.state = state


def rng_of(generator: Any) -> np.random.Generator:
    """Return NumPy's generator: the process's own for None."""
    if mode.recorder is not None:
        mode.recorder.refuse_values("drawing random numbers")
    found: np.random.Generator = streams.generator() if generator is None else generator.rng
    return found


_SEED = [0]


def manual_seed(seed: int) -> None:
    """Start hotloop's generator anew: all that is random in the package draws from it."""
    _SEED[0] = int(seed)
    streams.set_seed(int(seed) % 2**64)


def seed() -> int:
    """Start hotloop's generator anew from a number that the system draws, and return it."""
    manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1))
    return _SEED[0]


def initial_seed() -> int:
    """Return the last seed."""
    return _SEED[0]


def get_rng_state() -> Any:
    """Return where the generator stands."""
    return streams.get_state()


def set_rng_state(new_state: Any) -> None:
    """Go where `get_rng_state` stood."""
    streams.set_state(new_state)


def _uniform(shape: Any, kind: Any, generator: Any) -> Array:
    _floating(kind)
    return np.asarray(
        rng_of(generator).random(shape, np.float32 if kind == np.float32 else np.float64), kind
    )


def _normal(shape: Any, kind: Any, generator: Any) -> Array:
    _floating(kind)
    draw = np.float32 if kind == np.float32 else np.float64
    return np.asarray(rng_of(generator).standard_normal(shape, draw), kind)


def _floating(kind: Any) -> None:
    if kind.kind != "f":
        msg = f"\"normal_kernel_cpu\" not implemented for '{dtypes.WORDS[kind.char]}'"
        raise RuntimeError(msg)


zeros, zeros_like = _maker("zeros", lambda shape, kind, _: np.zeros(shape, kind))
ones, ones_like = _maker("ones", lambda shape, kind, _: np.ones(shape, kind))
empty, empty_like = _maker("empty", lambda shape, kind, _: np.empty(shape, kind))
rand, rand_like = _maker("rand", _uniform)
randn, randn_like = _maker("randn", _normal)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of one number; its dtype is the number's."""
    _on(device)
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    kind = dtypes.result_of([value]) if dtype is None else dtypes.to_numpy(dtype)
    return made(np.full(sizes_of((size,)), value, kind), requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of one number in the shape of another."""
    kind = input._array.dtype if dtype is None else dtypes.to_numpy(dtype)
    return full(
        input._array.shape, fill_value, dtype=kind, device=device, requires_grad=requires_grad
    )


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from `start` to before `end`."""
    _on(device)
    given = [x.item() if isinstance(x, Tensor) else x for x in (start, end, step)]
    low, high, by = (0, given[0], given[2]) if end is None else given
    if by == 0 or (high - low) / by < 0:
        msg = (
            "upper bound and lower bound inconsistent with step sign"
            if by
            else "step must be nonzero"
        )
        raise RuntimeError(msg)
    whole = all(isinstance(x, int) for x in (low, high, by))
    kind = (
        (dtypes.INT64 if whole else dtypes.default_float())
        if dtype is None
        else dtypes.to_numpy(dtype)
    )
    return made(np.arange(low, high, by).astype(kind), requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` numbers from `start` to `end`, equally far from each other."""
    _on(device)
    return made(
        np.linspace(float(start), float(end), int(steps)).astype(_kind(dtype)), requires_grad
    )


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None) -> Tensor:
    """Return powers of `base`, their exponents equally far from each other."""
    return made(np.logspace(float(start), float(end), int(steps), base=base).astype(_kind(dtype)))


def eye(
    n: int, m: Any = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a matrix with 1 on its diagonal."""
    _on(device)
    return made(np.eye(n, m, dtype=_kind(dtype)), requires_grad)


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Return the indices of the lower triangle."""
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(np.int64))


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Return the indices of the upper triangle."""
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(np.int64))


def randint(
    low: Any,
    high: Any = None,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return whole numbers from `low` (0) to before `high`, all equally likely."""
    _on(device)
    if size is None:
        low, high, size = 0, low, high
    if low >= high:
        msg = f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        raise RuntimeError(msg)
    drawn = rng_of(generator).integers(low, high, sizes_of((size,)))
    kind = dtypes.INT64 if dtype is None else dtypes.to_numpy(dtype)
    return made(np.asarray(drawn, kind), requires_grad)


def randperm(n: int, *, generator: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Return 0 to `n` - 1 in random order."""
    _on(device)
    kind = dtypes.INT64 if dtype is None else dtypes.to_numpy(dtype)
    return made(rng_of(generator).permutation(n).astype(kind))


def normal(mean: Any, std: Any = 1.0, size: Any = None, *, generator: Any = None) -> Tensor:
    """Return normally distributed numbers."""
    centre, width = (x._array if isinstance(x, Tensor) else x for x in (mean, std))
    shape = (
        np.broadcast_shapes(np.shape(centre), np.shape(width))
        if size is None
        else sizes_of((size,))
    )
    kind = next(
        (x.dtype for x in (centre, width) if isinstance(x, np.ndarray)), dtypes.default_float()
    )
    return made(np.asarray(_normal(shape, kind, generator) * width + centre, kind))


def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None) -> Tensor:
    """Return 1 with the probability that each element says, else 0."""
    array = input._array
    chance = array if p is None else p
    if p is None and array.size and not (array.min() >= 0 and array.max() <= 1):
        msg = "Expected p_in >= 0 && p_in <= 1 to be true, but got false."
        raise RuntimeError(msg)
    return wrap((rng_of(generator).random(array.shape) < chance).astype(array.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Return indices drawn with the weights of each row."""
    weights = input._array.astype(np.float64)
    if (weights < 0).any() or not np.isfinite(weights).all():
        msg = "probability tensor contains either `inf`, `nan` or element < 0"
        raise RuntimeError(msg)
    rows = weights.reshape(-1, weights.shape[-1])
    if (rows.sum(axis=-1) <= 0).any():
        msg = "invalid multinomial distribution (sum of probabilities <= 0)"
        raise RuntimeError(msg)
    if not replacement and num_samples > rows.shape[-1]:
        msg = "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        raise RuntimeError(msg)
    rng = rng_of(generator)
    if replacement:
        ends = np.cumsum(rows, axis=-1)
        drawn = rng.random((len(rows), num_samples)) * ends[:, -1:]
        found = (drawn[:, :, None] >= ends[:, None, :]).sum(axis=-1)
    else:
        # The smallest of exponential times over weights: Efraimidis and Spirakis, 2006.
        with np.errstate(divide="ignore"):
            times = rng.standard_exponential(rows.shape) / rows
        found = np.argsort(times, axis=-1)[:, :num_samples]
    return wrap(found.reshape(*weights.shape[:-1], num_samples).astype(np.int64))
