"""Layers that prepare columns of numbers: Normalization, Discretization, CategoryEncoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.data.indexed import one_pass
from hotloop.data.targets import real_array
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache

MODES = ("int", "one_hot", "multi_hot", "count")
_EPSILON = 1e-7  # keras.config.epsilon()


def batches_in(data: Any, steps: int | None = None) -> Iterator[Any]:
    """Yield what `adapt` is given, batch by batch: an array alone is one; targets beside it are left out."""
    if hasattr(data, "__array__") or isinstance(data, list | tuple):
        yield data
        return
    for i, batch in enumerate(one_pass(data)):
        if steps is not None and i >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch


def encoded(name: str, ids: Array, mode: str, depth: int, dtype: Any) -> Array:
    """Return class ids as they are, or as rows of `depth` numbers.

    Parameters
    ----------
    name : str
        Who asks, for error texts.
    ids : ndarray of int64
        (..., n); one_hot leaves out an ``n`` of 1.
    mode : {"int", "one_hot", "multi_hot", "count"}
        Ids; a row for each; or one row for all of a sample's: whether, or how often, each occurs.
    depth : int
        Numbers in a row.
    dtype : dtype
        Of rows.
    """
    if mode == "int":
        return ids
    if ids.size and not 0 <= ids.min() <= ids.max() < depth:
        worst = ids.min() if ids.min() < 0 else ids.max()
        msg = f"{name}: ids must lie in 0..{depth - 1}, got {worst}"
        raise ValueError(msg)
    if mode == "one_hot":
        ids = ids[..., 0] if ids.ndim > 1 and ids.shape[-1] == 1 else ids
        return np.asarray(ids[..., None] == np.arange(depth), dtype)
    rows = ids.reshape(-1, ids.shape[-1]) if ids.ndim else ids.reshape(1, 1)
    places = rows + depth * np.arange(len(rows))[:, None]
    counts = np.bincount(places.ravel(), minlength=len(rows) * depth)
    counts = np.minimum(counts, 1) if mode == "multi_hot" else counts
    return counts.reshape(*ids.shape[:-1], depth).astype(dtype)


def encoded_shape(input_shape: Shape, mode: str, depth: int | None) -> Shape:
    """Return the shape of `encoded`."""
    if mode == "int":
        return input_shape
    if mode == "one_hot" and (len(input_shape) <= 1 or input_shape[-1] != 1):
        return (*input_shape, depth)
    return (*input_shape[:-1], depth)


def check_mode(owner: str, mode: str, sparse: bool, modes: tuple[str, ...]) -> str:
    """Return how ids are encoded; a ValueError for other ways, and for sparse rows."""
    mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)
    if mode not in modes:
        msg = f"{owner}: output_mode must be one of {', '.join(modes)}, got {quoted(mode)}"
        raise ValueError(msg)
    if sparse:
        msg = f"{owner}: sparse must be False, got {quoted(sparse)}"
        raise ValueError(msg)
    return mode


class Normalization(Layer, builtin=True):
    """Shift and scale to mean 0 and variance 1: ``y = (x - mean) / max(sqrt(variance), 1e-7)``.

    Parameters
    ----------
    axis : int, tuple of int or None
        Axes that have a mean of their own for each place; None is one mean for all.
    mean, variance : float or array_like, optional
        Given at once; otherwise `adapt` finds them.
    invert : bool
        Whether the layer goes back: ``y = x * max(sqrt(variance), 1e-7) + mean``.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For one of mean and variance without the other, and axes that do not exist.

    Notes
    -----
    Source: keras.layers.Normalization.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.Normalization()
    >>> layer.adapt([[0.0, 2.0], [2.0, 6.0]])
    >>> layer([[2.0, 2.0]])
    array([[ 1., -1.]], dtype=float32)
    """

    recordable = False

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = () if axis is None else axis if isinstance(axis, list | tuple) else (axis,)
        self.axis = tuple(whole("Normalization", "axis", a) for a in given)
        if (mean is None) != (variance is None):
            msg = "Normalization: give mean and variance, or neither and call adapt"
            raise ValueError(msg)
        self.invert = bool(invert)
        self.given = None if mean is None else (np.asarray(mean), np.asarray(variance))
        if self.given and self.given[0].shape != self.given[1].shape:
            shapes = [each.shape for each in self.given]
            msg = f"Normalization: mean and variance must have one shape, got {shapes}"
            raise ValueError(msg)
        self._kept: tuple[int, ...] = ()

    def build(self, input_shape: Shape) -> None:
        """Make the weights that `adapt` fills."""
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            msg = (
                f"Normalization {self.name!r}: axis {self.axis} is outside of inputs {input_shape}"
            )
            raise ValueError(msg)
        self._kept = tuple(sorted(a % rank for a in self.axis))
        sizes = [input_shape[a] for a in self._kept]
        if None in sizes and self.given is None and self._kept != (0,):
            msg = f"Normalization {self.name!r}: axis {self.axis} must have a known size in {input_shape}"
            raise ValueError(msg)
        if self.given is None:
            shape = tuple(n or 1 for n in sizes)
            self.mean = self.add_weight("mean", shape, "zeros", trainable=False)
            self.variance = self.add_weight("variance", shape, "ones", trainable=False)
            self.count = self.add_weight("count", (), "zeros", trainable=False)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find mean and variance of data.

        Parameters
        ----------
        data : array_like or iterable of batches
            (N, ...), as it will be given to the layer; what lies beside it in a tuple is left out.
        steps : int, optional
            Batches that are looked at.

        Raises
        ------
        ValueError
            When mean and variance were given, and for data without samples.
        """
        if self.given is not None:
            msg = f"Normalization {self.name!r}: mean and variance were given, there is nothing to adapt"
            raise ValueError(msg)
        total, mean, spread = 0, np.zeros(()), np.zeros(())
        for batch in batches_in(data, steps):
            x = real_array("Normalization.adapt", "data", batch).astype(np.float64)
            if not self.built:
                self.ensure_built((None, *x.shape[1:]) if self._several(x) else x.shape)
            axes = tuple(a for a in range(x.ndim) if a not in self._kept)
            n = x.size // max(1, int(np.prod([x.shape[a] for a in self._kept])))
            if not n:
                continue
            # Chan's rule joins the sums of two parts.
            here = x.mean(axis=axes)
            shift, total = here - mean, total + n
            mean = mean + shift * (n / total)
            spread = spread + x.var(axis=axes) * n + shift**2 * (n * (total - n) / total)
        if not total:
            msg = f"Normalization {self.name!r}: the data has no samples"
            raise ValueError(msg)
        self.weight("mean").assign(mean)
        self.weight("variance").assign(spread / total)
        self.weight("count").assign(float(total))

    def _several(self, x: Array) -> bool:
        """Whether the first axis holds samples; one axis may be kept itself."""
        return not any(a % x.ndim == 0 for a in self.axis if -x.ndim <= a < x.ndim)

    def _statistics(self, x: Array) -> tuple[Array, Array]:
        shape = [x.shape[a] if a in self._kept else 1 for a in range(x.ndim)]
        found = []
        for value in self.given or (self.weight("mean").value, self.weight("variance").value):
            # Fewer axes than are kept stand for the last of them.
            aligned = [1] * x.ndim
            for i in range(1, value.ndim + 1):
                aligned[self._kept[-i]] = value.shape[-i]
            found.append(np.broadcast_to(value.reshape(aligned), shape).astype(x.dtype))
        return found[0], np.maximum(np.sqrt(found[1]), x.dtype.type(_EPSILON))

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Shift and scale, or back."""
        mean, scale = self._statistics(x)
        cache.scale = scale
        return np.asarray(x * scale + mean if self.invert else (x - mean) / scale)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Scale the gradient."""
        if not cache.need_dx:
            return None
        return np.asarray(dy * cache.scale if self.invert else dy / cache.scale)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        mean, variance = (each.tolist() for each in self.given) if self.given else (None, None)
        config = {"axis": list(self.axis) or None, "mean": mean, "variance": variance}
        return {**config, "invert": self.invert, **super().get_config()}


class Encoding(Layer, builtin=True):
    """What layers that answer classes share: no gradient, and rows in one of several modes."""

    recordable = False
    output_mode = "int"

    def depth(self) -> int | None:
        """Return the number of classes."""
        raise NotImplementedError

    def ids(self, x: Array) -> Array:
        """Return classes, int64."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (..., n) for ids, (..., depth) for rows."""
        return encoded_shape(input_shape, self.output_mode, self.depth())

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Return ids or rows, in the dtype of the layer."""
        cache.shape = x.shape
        rows = encoded(
            f"{type(self).__name__} {self.name!r}",
            self.ids(x),
            self.output_mode,
            self.depth() or 0,
            x.dtype,
        )
        return rows.astype(x.dtype, copy=False)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Return zeros: classes do not change with their inputs."""
        return np.zeros(cache.shape, dy.dtype) if cache.need_dx else None


class CategoryEncoding(Encoding, builtin=True):
    """Class ids as rows of zeros and ones, or of counts.

    Parameters
    ----------
    num_tokens : int
        Number of classes.
    output_mode : {"multi_hot", "one_hot", "count"}
        Whether each class occurs in a sample, a row for each id, or how often each occurs.
    sparse : bool
        Must be False.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For ids outside of the classes.

    Notes
    -----
    Source: keras.layers.CategoryEncoding.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.CategoryEncoding(num_tokens=4, output_mode="count")([[0, 1, 1], [3, 0, 0]])
    array([[1., 2., 0., 0.],
           [2., 0., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_tokens = whole("CategoryEncoding", "num_tokens", num_tokens, least=1)
        self.output_mode = check_mode("CategoryEncoding", output_mode, sparse, MODES[1:])

    def depth(self) -> int:
        """Return the number of classes."""
        return self.num_tokens

    def ids(self, x: Array) -> Array:
        """Return the inputs as whole numbers."""
        return x.astype(np.int64)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"num_tokens": self.num_tokens, "output_mode": self.output_mode}
        return {**own, **super().get_config()}


class Discretization(Encoding, builtin=True):
    """The number of the bin that each value falls into.

    Parameters
    ----------
    bin_boundaries : sequence of float, optional
        Where bins begin, but the first; n boundaries make n + 1 bins.
    num_bins : int, optional
        `adapt` finds boundaries between so many bins of about one size instead.
    epsilon : float
        How exactly: a summary of ``1 / epsilon`` values is kept.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        See `CategoryEncoding`; ints come in the dtype of the layer.
    sparse : bool
        Must be False.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For both or neither of boundaries and number, and before `adapt`.

    Notes
    -----
    Source: keras.layers.Discretization.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Discretization([0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4]])
    array([[0., 2., 3.]], dtype=float32)
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (bin_boundaries is None) == (num_bins is None):
            msg = "Discretization: give bin_boundaries or num_bins, and not both"
            raise ValueError(msg)
        self.num_bins = (
            None if num_bins is None else whole("Discretization", "num_bins", num_bins, 1)
        )
        self.bin_boundaries = (
            None if bin_boundaries is None else [float(edge) for edge in bin_boundaries]
        )
        self.epsilon = float(epsilon)
        self.output_mode = check_mode("Discretization", output_mode, sparse, MODES)

    def depth(self) -> int | None:
        """Return the number of bins."""
        return self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find boundaries between bins that hold about as many values each.

        Parameters
        ----------
        data : array_like or iterable of batches
            Of any shape.
        steps : int, optional
            Batches that are looked at.
        """
        if self.num_bins is None:
            msg = f"Discretization {self.name!r}: bin_boundaries were given, there is nothing to adapt"
            raise ValueError(msg)
        summary = np.zeros((2, 0), np.float32)
        for batch in batches_in(data, steps):
            values = np.sort(
                real_array("Discretization.adapt", "data", batch).astype(np.float32).ravel()
            )
            if not values.size:
                continue
            step = max(values.size * self.epsilon, 1)
            taken = values[int(step - 1) :: int(step)]
            both = np.concatenate([np.stack([taken, np.full_like(taken, step)]), summary], axis=1)
            summary = _summary(both[:, np.argsort(both[0])], self.epsilon)
        if not summary.size:
            msg = f"Discretization {self.name!r}: the data has no values"
            raise ValueError(msg)
        self.bin_boundaries = _summary(summary, 1 / self.num_bins)[0, :-1].astype(float).tolist()

    def ids(self, x: Array) -> Array:
        """Return the number of each value's bin."""
        if self.bin_boundaries is None:
            msg = f"Discretization {self.name!r}: call adapt first, or give bin_boundaries"
            raise ValueError(msg)
        return np.digitize(x, np.asarray(self.bin_boundaries, x.dtype)).astype(np.int64)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, and the boundaries that `adapt` found."""
        found = self.bin_boundaries
        return {
            "bin_boundaries": found,
            "num_bins": None if found is not None else self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            **super().get_config(),
        }


def _summary(values: Array, epsilon: float) -> Array:
    """Return values and their weights, (2, n), at ``1 / epsilon`` even shares of all weight."""
    if values.shape[1] * epsilon < 1:
        return values
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    sums = values[1].cumsum()
    at = sums / sums[-1]
    weights = np.diff(np.interp(shares, at, sums), prepend=0)
    return np.stack([np.interp(shares, at, values[0]), weights]).astype(np.float32)


__all__ = ["CategoryEncoding", "Discretization", "Normalization"]
