"""Initial values of weights: Keras's classes and strings.

Every class is called with a shape and a dtype and returns a new array. With ``seed=None`` the
numbers come from the process's generator (`hotloop.set_seed`); with an integer every call gives
the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hotloop import random, registry
from hotloop._support import arguments
from hotloop._support.arguments import number
from hotloop._support.describing import Described
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.registry import lookup, snake_case

Array = NDArray[Any]
# Standard deviation of a unit normal that is cut at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Described):
    """Base of all initializers: ``initializer(shape, dtype) -> array``."""

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return a new array of `shape` and `dtype`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this initializer again."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Make an initializer from the result of `get_config`."""
        return cls(**config)


def _generator(seed: int | None) -> np.random.Generator:
    return random.generator() if seed is None else np.random.default_rng(seed)


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(n or 0 for n in arguments.shape("initializer", "shape", shape, least=0))


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return the inputs and outputs of one unit: ``(I, O)``, or of ``(KH, KW, C, O)`` kernels.

    Examples
    --------
    >>> compute_fans((784, 50)), compute_fans((5, 5, 3, 16))
    ((784, 50), (75, 400))
    """
    shape = tuple(shape)
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


class Zeros(Initializer):
    """All zero.

    Examples
    --------
    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return zeros."""
        return np.zeros(_sizes(shape), dtype)


class Ones(Initializer):
    """All one.

    Examples
    --------
    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return ones."""
        return np.ones(_sizes(shape), dtype)


class Constant(Initializer):
    """One value everywhere, or one array of the weight's shape.

    Parameters
    ----------
    value : float or array_like
        What every weight starts with.

    Examples
    --------
    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return the value, broadcast to `shape`."""
        out = np.empty(_sizes(shape), dtype)
        out[...] = self.value
        return out

    def get_config(self) -> dict[str, Any]:
        """Return the value as plain numbers."""
        return {"value": np.asarray(self.value).tolist()}


class RandomUniform(Initializer):
    """Uniform on ``[minval, maxval)``.

    Parameters
    ----------
    minval, maxval : float
        Ends of the interval.
    seed : int, optional
        Fixed numbers; None draws from the process's generator.

    Examples
    --------
    >>> bool(np.abs(RandomUniform(seed=1)((100,))).max() <= 0.05)
    True
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        self.minval = number("RandomUniform", "minval", minval)
        rule = f"be a number of at least minval, {minval}"
        self.maxval = number("RandomUniform", "maxval", maxval, rule, lambda v: v >= self.minval)
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return uniform numbers."""
        draws = _generator(self.seed).uniform(self.minval, self.maxval, _sizes(shape))
        return np.asarray(draws).astype(dtype)


class RandomNormal(Initializer):
    """Normal with the given mean and standard deviation.

    Parameters
    ----------
    mean, stddev : float
        Of the distribution.
    seed : int, optional
        Fixed numbers; None draws from the process's generator.

    Examples
    --------
    >>> RandomNormal(stddev=0.01, seed=1)((3, 2)).shape
    (3, 2)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        owner = type(self).__name__
        self.mean = number(owner, "mean", mean)
        self.stddev = number(owner, "stddev", stddev, "not be negative", lambda s: s >= 0.0)
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return normal numbers."""
        draws = _generator(self.seed).normal(self.mean, self.stddev, _sizes(shape))
        return np.asarray(draws).astype(dtype)


class TruncatedNormal(RandomNormal):
    """Normal, with draws beyond two standard deviations drawn again.

    Examples
    --------
    >>> bool(np.abs(TruncatedNormal(stddev=1.0, seed=1)((1000,))).max() <= 2.0)
    True
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return truncated normal numbers."""
        values = random.within_two(_generator(self.seed), _sizes(shape))
        return np.asarray(values * self.stddev + self.mean).astype(dtype)


class VarianceScaling(Initializer):
    """Variance ``scale / n``, n the inputs, outputs or their mean of one unit.

    Parameters
    ----------
    scale : float
        Positive factor.
    mode : str
        ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
    distribution : str
        ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.
    seed : int, optional
        Fixed numbers; None draws from the process's generator.

    Raises
    ------
    ValueError
        For a scale that is not positive, an unknown mode or distribution.

    References
    ----------
    Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015; LeCun et al., Efficient BackProp, 1998.

    Examples
    --------
    >>> VarianceScaling(2.0, "fan_in", "uniform", seed=1)((6, 4)).shape
    (6, 4)
    """

    _MODES = ("fan_in", "fan_out", "fan_avg")
    _DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        number("VarianceScaling", "scale", scale, "be positive", lambda s: s > 0.0)
        if mode not in self._MODES:
            msg = f"VarianceScaling: mode must be one of {self._MODES}, got {quoted(mode)}"
            raise ValueError(msg)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in self._DISTRIBUTIONS:
            msg = (
                f"VarianceScaling: distribution must be one of {self._DISTRIBUTIONS}, "
                f"got {quoted(distribution)}"
            )
            raise ValueError(msg)
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return scaled random numbers."""
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        rng = _generator(self.seed)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return np.asarray(rng.uniform(-limit, limit, _sizes(shape))).astype(dtype)
        if self.distribution == "untruncated_normal":
            draws = rng.normal(0.0, math.sqrt(variance), _sizes(shape))
            return np.asarray(draws).astype(dtype)
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return np.asarray(random.within_two(rng, _sizes(shape)) * stddev).astype(dtype)


class _Scaled(VarianceScaling):
    """A `VarianceScaling` with everything but the seed fixed."""

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(self._scale, self._mode, self._distribution, seed)

    def get_config(self) -> dict[str, Any]:
        """Return the seed."""
        return {"seed": self.seed}


class GlorotUniform(_Scaled):
    """Uniform, variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(_Scaled):
    """Truncated normal, variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "truncated_normal"


class HeUniform(_Scaled):
    """Uniform, variance ``2 / fan_in`` (He et al. 2015)."""

    _scale, _mode, _distribution = 2.0, "fan_in", "uniform"


class HeNormal(_Scaled):
    """Truncated normal, variance ``2 / fan_in`` (He et al. 2015)."""

    _scale, _mode, _distribution = 2.0, "fan_in", "truncated_normal"


class LecunUniform(_Scaled):
    """Uniform, variance ``1 / fan_in`` (LeCun et al. 1998)."""

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_Scaled):
    """Truncated normal, variance ``1 / fan_in`` (LeCun et al. 1998)."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"


class Orthogonal(Initializer):
    """Orthonormal columns or rows, whichever are fewer, times `gain` (Saxe et al. 2014).

    Parameters
    ----------
    gain : float
        Factor.
    seed : int, optional
        Fixed numbers; None draws from the process's generator.

    Raises
    ------
    ValueError
        For a shape of fewer than two axes.

    Examples
    --------
    >>> q = Orthogonal(seed=1)((5, 3), "float64")
    >>> bool(np.allclose(q.T @ q, np.eye(3)))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = number("Orthogonal", "gain", gain), seed

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return an orthogonal matrix in `shape`."""
        shape = _sizes(shape)
        if len(shape) < 2:
            msg = f"Orthogonal: the shape needs at least two axes, got {shape}"
            raise ValueError(msg)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        draws = _generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(draws)
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return (self.gain * q).reshape(shape).astype(dtype)


class Identity(Initializer):
    """The identity matrix times `gain`.

    Parameters
    ----------
    gain : float
        Factor.

    Raises
    ------
    ValueError
        For a shape that is no matrix.

    Examples
    --------
    >>> Identity()((2, 2))
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("Identity", "gain", gain)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return ones, times the gain, on the diagonal."""
        sizes = _sizes(shape)
        if len(sizes) != 2:
            msg = f"Identity: the shape must have two axes, got {sizes}"
            raise ValueError(msg)
        return (self.gain * np.eye(*sizes)).astype(dtype)


CLASSES: dict[str, type[Initializer]] = {
    cls.__name__: cls
    for cls in (
        VarianceScaling,
        Zeros,
        Ones,
        Constant,
        RandomUniform,
        RandomNormal,
        TruncatedNormal,
        GlorotUniform,
        GlorotNormal,
        HeUniform,
        HeNormal,
        LecunUniform,
        LecunNormal,
        Orthogonal,
        Identity,
    )
}
_STRINGS: dict[str, type[Initializer]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "zero": Zeros,
    "one": Ones,
}


def get(identifier: Any) -> Callable[..., Array]:
    """Return the initializer that a string, a description, a class or an object stands for.

    Parameters
    ----------
    identifier : None, str, dict, class, Initializer or callable
        None is ``"glorot_uniform"``. ``"he_normal"``, ``"HeNormal"``, the description that a file holds, or a function of
        ``(shape, dtype)``.

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> type(get("he_normal")).__name__
    'HeNormal'
    """
    if identifier is None:
        return GlorotUniform()
    if isinstance(identifier, str):
        cls = CLASSES.get(identifier)
        return (cls or lookup("initializer", identifier, _STRINGS))()
    if isinstance(identifier, dict):
        made: Callable[..., Array] = deserialize(identifier)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        call: Callable[..., Array] = identifier
        return call
    msg = f"an initializer must be a name, an Initializer or a callable, got {quoted(identifier)}"
    raise TypeError(msg)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Return the description of an initializer, which `get` makes it from again.

    Examples
    --------
    >>> type(get(serialize(HeNormal()))).__name__
    'HeNormal'
    """
    return registry.serialize(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Make an initializer from its description, which `serialize` answers.

    Examples
    --------
    >>> deserialize(serialize(Constant(2.0))).value
    2.0
    """
    return registry.deserialize("initializer", config, CLASSES, custom_objects)


# Keras's other names.
constant, identity, ones, zeros, orthogonal = Constant, Identity, Ones, Zeros, Orthogonal
glorot_normal, glorot_uniform, variance_scaling = GlorotNormal, GlorotUniform, VarianceScaling
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal = TruncatedNormal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal

__all__ = [*CLASSES, *(snake_case(name) for name in CLASSES)]  # noqa: PLE0604
__all__ += ["IdentityInitializer", "Initializer", "OrthogonalInitializer"]
__all__ += ["compute_fans", "deserialize", "get", "serialize"]

serve(__name__)
