"""Random changes of pictures in training: a function of seed and count of calls, so that runs can be resumed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import random
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.data import pixels
from hotloop.layers.cache import Array, Cache
from hotloop.layers.images import CenterCrop, Images
from hotloop.parameters import is_loading

Range = tuple[float, float]


def bounds(owner: str, name: str, factor: Any, least: float, most: float, low: float) -> Range:
    """Return the range that a factor stands for: a number around 0, or both ends.

    Raises
    ------
    ValueError
        Outside of ``[least, most]``, and for anything else.
    """
    rule = f"be a number, or two, from {least:g} to {most:g}"

    def read(value: Any) -> float:
        return number(owner, name, value, rule, lambda v: least <= v <= most)

    if isinstance(factor, list | tuple):
        if len(factor) != 2:
            msg = f"{owner}: {name} must {rule}, got {quoted(factor)}"
            raise ValueError(msg)
        first, second = sorted(read(value) for value in factor)
        return first, second
    size = abs(read(factor))
    return max(-size, low), size


class RandomImages(Images, builtin=True):
    """What random changes share: identity in inference, draws of their own for every picture of a batch in training.

    Parameters
    ----------
    seed : int, optional
        None draws one from `hotloop.random` when the layer is built.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        Of `Layer`.
    """

    # Of the arguments, what `get_config` returns.
    options: tuple[str, ...] = ()

    def __init__(
        self, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.seed = None if seed is None else whole(type(self).__name__, "seed", seed)
        self._key = np.zeros(1, np.int64)
        # What an unfinished step restores are floats.
        self._calls = np.zeros(1, np.float64)

    def build(self, input_shape: Shape) -> None:  # noqa: ARG002
        """Settle the seed."""
        if self.seed is not None:
            self._key[0] = np.array(self.seed % 2**64, np.uint64).astype(np.int64)
        elif not is_loading():
            self._key[0] = random.generator().integers(2**63)

    def drawn(self) -> np.random.Generator:
        """Return the generator of this call: seed and count of calls are its counter."""
        self._calls[0] += 1
        key = np.array([self._key[0], int(self._calls[0])]).view(np.uint64)
        return np.random.Generator(np.random.Philox(key=key))

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Change in training; else answer `x` itself."""
        cache.ndim = x.ndim if training else None
        if not training:
            return x
        return self.back(self.changed(self.last(x), self.drawn(), cache), x.ndim)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Return the gradient of the pictures as they were changed."""
        if not cache.need_dx or cache.ndim is None:
            return dy if cache.need_dx else None
        return self.back(self.gradient(self.last(dy), cache), cache.ndim)

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Return changed pictures (N, H, W, C)."""
        raise NotImplementedError

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """Return the gradient of pictures (N, H, W, C)."""
        raise NotImplementedError

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:  # noqa: ARG002
        """Return the count of calls."""
        return [self._calls] if training else []

    def get_state(self) -> dict[str, int]:
        """Return seed and count of calls."""
        return {"seed": int(self._key[0]), "calls": int(self._calls[0])}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from what `get_state` saw; a ValueError refuses what it cannot have seen."""
        seed, calls = state["seed"], state["calls"]
        if not -(2**63) <= seed < 2**63 or not 0 <= calls < 2**53:
            msg = f"layer {self.name!r}: no state of a random layer, seed {seed} and {calls} calls"
            raise ValueError(msg)
        self._key[0], self._calls[0] = seed, calls

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {name: getattr(self, name) for name in self.options}
        return {**own, "seed": self.seed, **super().get_config()}


class RandomFlip(RandomImages, builtin=True):
    """Flip half of the pictures, drawn anew in each training step.

    Parameters
    ----------
    mode : {"horizontal_and_vertical", "horizontal", "vertical"}
        Which way; one draw decides for both.
    seed : int, optional
        None draws one when the layer is built.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.RandomFlip. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomFlip("horizontal", seed=1)
    >>> x = np.array([[[[1.0], [2.0]]]] * 4)
    >>> sorted({tuple(y.ravel().tolist()) for y in layer(x, training=True)})
    [(1.0, 2.0), (2.0, 1.0)]
    """

    options = ("mode",)

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        modes = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}
        if mode not in modes:
            msg = f"RandomFlip: mode must be one of {', '.join(modes)}, got {quoted(mode)}"
            raise ValueError(msg)
        self.mode, self._axes = mode, modes[mode]

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Flip where the draw says so."""
        cache.flips = rng.random(len(x)) <= 0.5
        return self.gradient(x, cache)

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """Flip back."""
        return np.where(cache.flips.reshape(-1, 1, 1, 1), np.flip(dy, self._axes), dy)


class RandomWarp(RandomImages, builtin=True):
    """What turns, zooms and shifts share: a matrix a picture, and what lies outside.

    Parameters
    ----------
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What lies outside.
    interpolation : {"bilinear", "nearest"}
        Between pixels.
    seed : int, optional
        None draws one when the layer is built.
    fill_value : float
        Of "constant".
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        Of `Layer`.
    """

    options: tuple[str, ...] = ("fill_mode", "interpolation", "fill_value")

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        kind = type(self).__name__
        for name, value, legal in (
            ("fill_mode", fill_mode, pixels.FILLS),
            ("interpolation", interpolation, ("nearest", "bilinear")),
        ):
            if value not in legal:
                msg = f"{kind}: {name} must be one of {', '.join(legal)}, got {quoted(value)}"
                raise ValueError(msg)
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = number(kind, "fill_value", fill_value)

    def matrices(self, rng: np.random.Generator, n: int, h: int, w: int) -> Array:
        """Return where each pixel is read, (n, 2, 3)."""
        raise NotImplementedError

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Read each pixel where its matrix says."""
        matrices = self.matrices(rng, *x.shape[:3])
        cache.warp = pixels.Warp(x.shape, matrices, self.fill_mode, self.interpolation, x.dtype)
        return np.asarray(cache.warp(x, self.fill_value))

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """Add each gradient to the pixels that were read."""
        return np.asarray(cache.warp.backward(dy))


def _around(middle: tuple[float, float], matrices: Array) -> Array:
    """Return matrices (n, 2, 2) as (n, 2, 3), the middle of the picture left in its place."""
    centre = np.array(middle).reshape(2, 1)
    return np.concatenate([matrices, centre - matrices @ centre], axis=2)


class RandomRotation(RandomWarp, builtin=True):
    """Turn pictures around their middle, drawn anew in each training step.

    Parameters
    ----------
    factor : float or (float, float)
        Range of the angle, in whole turns; a number ``f`` is ``(-f, f)``.
    fill_mode, interpolation, seed, fill_value, data_format
        See `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.RandomRotation. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomRotation((0.25, 0.25))
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> layer(x, training=True).reshape(2, 2).round(3).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    options: tuple[str, ...] = ("factor", *RandomWarp.options)

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = bounds("RandomRotation", "factor", factor, -1.0, 1.0, -1.0)

    def matrices(self, rng: np.random.Generator, n: int, h: int, w: int) -> Array:
        """Return one turn a picture."""
        angle = 2 * math.pi * rng.uniform(*self.factor, n)
        cos, sin = np.cos(angle), np.sin(angle)
        turns = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1)
        return _around(((w - 1) / 2, (h - 1) / 2), turns)


class RandomZoom(RandomWarp, builtin=True):
    """Make pictures larger or smaller around their middle, drawn anew in each training step.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        Range by which more (or, below 0, less) of the picture is seen; the width's is the height's
        own draw by default.
    fill_mode, interpolation, seed, fill_value, data_format
        See `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.RandomZoom. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomZoom((-0.5, -0.5))
    >>> layer(np.arange(4.0).reshape(1, 1, 4, 1), training=True).ravel().tolist()
    [0.75, 1.25, 1.75, 2.25]
    """

    options: tuple[str, ...] = ("height_factor", "width_factor", *RandomWarp.options)

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        kind = "RandomZoom"
        self.height_factor = bounds(kind, "height_factor", height_factor, -0.999, 1.0, -0.999)
        self.width_factor = (
            None
            if width_factor is None
            else bounds(kind, "width_factor", width_factor, -0.999, 1.0, -0.999)
        )

    def matrices(self, rng: np.random.Generator, n: int, h: int, w: int) -> Array:
        """Return one scale, or two, a picture."""
        down = 1 + rng.uniform(*self.height_factor, n)
        across = down if self.width_factor is None else 1 + rng.uniform(*self.width_factor, n)
        scales = np.zeros((n, 2, 2))
        scales[:, 0, 0], scales[:, 1, 1] = across, down
        return _around(((w - 1) / 2, (h - 1) / 2), scales)


class RandomTranslation(RandomWarp, builtin=True):
    """Shift pictures, drawn anew in each training step.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        Range of the shift down and to the right, as a share of the picture; a number ``f`` is ``(-f, f)``.
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What lies outside.
    interpolation : {"bilinear", "nearest"}
        Between pixels.
    seed : int, optional
        None draws one from `hotloop.random` when the layer is built.
    fill_value : float
        Of "constant".
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For factors outside of [-1, 1], and other modes.

    Notes
    -----
    Source: keras.layers.RandomTranslation. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomTranslation(0.0, (0.25, 0.25), fill_mode="constant")
    >>> layer(np.arange(1.0, 5.0).reshape(1, 1, 4, 1), training=True).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    options: tuple[str, ...] = ("height_factor", "width_factor", *RandomWarp.options)

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        kind = "RandomTranslation"
        self.height_factor = bounds(kind, "height_factor", height_factor, -1.0, 1.0, -1.0)
        self.width_factor = bounds(kind, "width_factor", width_factor, -1.0, 1.0, -1.0)

    def matrices(self, rng: np.random.Generator, n: int, h: int, w: int) -> Array:
        """Return one shift a picture."""
        found = np.zeros((n, 2, 3))
        found[:, 0, 0] = found[:, 1, 1] = 1
        found[:, 1, 2] = -h * rng.uniform(*self.height_factor, n)
        found[:, 0, 2] = -w * rng.uniform(*self.width_factor, n)
        return found


class RandomContrast(RandomImages, builtin=True):
    """Pull pixels away from the mean of their channel, or towards it: ``y = (x - m) c + m``, clipped.

    Parameters
    ----------
    factor : float or (float, float)
        ``c`` is drawn between ``1 - factor[0]`` and ``1 + factor[1]``; a number stands for both.
    value_range : (float, float)
        What pixels are clipped to.
    seed, data_format
        As for `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.RandomContrast. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomContrast((1.0, 0.0), seed=0)
    >>> y = layer(np.array([10.0, 30.0]).reshape(1, 1, 2, 1), training=True)
    >>> float(y.mean()), bool(10 <= y.min() <= 20)
    (20.0, True)
    """

    options = ("factor", "value_range")

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        given = factor if isinstance(factor, list | tuple) else (factor, factor)
        rule = "be a number, or two, from 0 to 1"
        self.factor = tuple(
            number("RandomContrast", "factor", f, rule, lambda v: 0.0 <= v <= 1.0) for f in given
        )
        if len(self.factor) != 2:
            msg = f"RandomContrast: factor must {rule}, got {quoted(factor)}"
            raise ValueError(msg)
        self.value_range = _value_range("RandomContrast", value_range)

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Pull pixels away from their mean, or towards it."""
        low, high = 1 - self.factor[0], 1 + self.factor[1]
        cache.c = rng.uniform(low, high, (len(x), 1, 1, 1)).astype(x.dtype)
        mean = x.mean(axis=(1, 2), keepdims=True)
        y = (x - mean) * cache.c + mean
        return _clipped(y, self.value_range, cache)

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """``dx = c dy + (1 - c) mean(dy)`` inside of the range."""
        dy = dy * cache.inside
        return np.asarray(cache.c * dy + (1 - cache.c) * dy.mean(axis=(1, 2), keepdims=True))


def _value_range(owner: str, given: Any) -> Range:
    if not isinstance(given, list | tuple) or len(given) != 2:
        msg = f"{owner}: value_range must be two numbers, got {quoted(given)}"
        raise ValueError(msg)
    low, high = sorted(number(owner, "value_range", value) for value in given)
    return low, high


def _clipped(y: Array, limits: Range, cache: Cache) -> Array:
    cache.inside = (y >= limits[0]) & (y <= limits[1])
    return np.clip(y, *limits).astype(y.dtype, copy=False)


class RandomBrightness(RandomImages, builtin=True):
    """Make pictures brighter or darker: one number is added to all pixels of one, which are then clipped.

    Parameters
    ----------
    factor : float or (float, float)
        Range of the number, as a share of the range of values; a number ``f`` is ``(-f, f)``.
    value_range : (float, float)
        Of pixels.
    seed, data_format
        As for `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.RandomBrightness. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomBrightness((0.5, 0.5), value_range=(0, 1))
    >>> layer(np.array([0.25, 0.75]).reshape(1, 1, 2, 1), training=True).ravel().tolist()
    [0.75, 1.0]
    """

    options = ("factor", "value_range")

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = bounds("RandomBrightness", "factor", factor, -1.0, 1.0, -1.0)
        self.value_range = _value_range("RandomBrightness", value_range)

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Add one number a picture."""
        span = self.value_range[1] - self.value_range[0]
        more = (rng.uniform(*self.factor, (len(x), 1, 1, 1)) * span).astype(x.dtype)
        return _clipped(x + more, self.value_range, cache)

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """Keep the gradient where nothing was clipped."""
        return np.asarray(dy * cache.inside)


class RandomCrop(RandomImages, CenterCrop, builtin=True):
    """Cut one drawn part out of all pictures of a batch; in inference, the middle.

    Pictures that are smaller are resized without distortion, as by `CenterCrop`.

    Parameters
    ----------
    height, width : int
        The new size.
    seed, data_format
        As for `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.RandomCrop, which answers the whole picture in inference on some backends.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> hl.layers.RandomCrop(2, 2, seed=0)(np.zeros((1, 5, 5, 1)), training=True).shape
    (1, 2, 2, 1)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        CenterCrop.__init__(self, height, width, data_format, **kwargs)
        self.seed = None if seed is None else whole("RandomCrop", "seed", seed)
        self._key = np.zeros(1, np.int64)
        self._calls = np.zeros(1, np.float64)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Cut out a drawn part in training, else the middle."""
        images = self.last(x)
        place = self.place(images)
        if training and place is not None:
            rng, (h, w) = self.drawn(), images.shape[1:3]
            top = int(rng.integers(h - self.height + 1))
            left = int(rng.integers(w - self.width + 1))
            place = slice(top, top + self.height), slice(left, left + self.width)
        return self.part(images, place, cache, x.ndim)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Put the gradient where it was cut out."""
        return CenterCrop.backward(self, dy, cache)


class RandomErasing(RandomImages, builtin=True):
    """Fill one drawn rectangle of some pictures.

    Parameters
    ----------
    factor : float or (float, float)
        Range of the chance that a picture is changed; a number ``f`` is ``(0, f)``.
    scale : (float, float)
        Range of the squares of the rectangle's sides, as shares of the picture's.
    fill_value : float, list of float or None
        What it is filled with; None is noise.
    value_range : (float, float)
        Of pixels.
    seed, data_format
        As for `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: Z. Zhong et al., "Random Erasing Data Augmentation", AAAI 2020; keras.layers.RandomErasing. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> layer = hl.layers.RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=9, seed=0)
    >>> int((layer(np.zeros((1, 8, 8, 1)), training=True) == 9).sum())
    16
    """

    options = ("factor", "scale", "fill_value", "value_range")

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = bounds("RandomErasing", "factor", factor, 0.0, 1.0, 0.0)
        self.scale = bounds("RandomErasing", "scale", scale, 0.0, 1.0, 0.0)
        self.fill_value = fill_value
        self.value_range = _value_range("RandomErasing", value_range)

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Fill a rectangle."""
        n, h, w, _ = x.shape
        inside = []
        for size, shape in ((h, (n, h, 1, 1)), (w, (n, 1, w, 1))):
            side = np.rint(size * np.sqrt(rng.uniform(*self.scale, n))).astype(np.int64)
            begin = np.floor(rng.random(n) * (size - side + 1)).astype(np.int64)
            at = np.arange(size)
            inside.append(((at >= begin[:, None]) & (at < (begin + side)[:, None])).reshape(shape))
        chosen = np.asarray(rng.random(n) < rng.uniform(*self.factor, n))
        erased = inside[0] & inside[1] & chosen.reshape(-1, 1, 1, 1)
        if self.fill_value is None:
            filling = rng.standard_normal(x.shape) * self.value_range[1]
        else:
            filling = np.asarray(self.fill_value, float)
        cache.kept = ~erased
        filling = np.clip(filling, *self.value_range)
        return np.where(erased, filling.astype(x.dtype), x)

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """Keep the gradient outside of the rectangle."""
        return np.asarray(dy * cache.kept)


class RandomGrayscale(RandomImages, builtin=True):
    """Take the colours out of some pictures: ``0.2989 R + 0.587 G + 0.114 B`` in all channels.

    Parameters
    ----------
    factor : float
        The chance of each picture.
    data_format, seed
        As for `RandomTranslation`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: ITU-R BT.601; keras.layers.RandomGrayscale. Draws are ours.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> hl.layers.RandomGrayscale(1.0)(np.ones((1, 1, 1, 3)), training=True).round(3).tolist()
    [[[[1.0, 1.0, 1.0]]]]
    """

    options = ("factor",)

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        rule = "lie in [0, 1]"
        self.factor = number("RandomGrayscale", "factor", factor, rule, lambda f: 0.0 <= f <= 1.0)

    def _shares(self, channels: int, dtype: Any) -> Array:
        if channels != 3:
            msg = f"RandomGrayscale {self.name!r}: pictures need three channels, got {channels}"
            raise ValueError(msg)
        return np.array([0.2989, 0.587, 0.114], dtype)

    def changed(self, x: Array, rng: np.random.Generator, cache: Cache) -> Array:
        """Take the colours out."""
        cache.gray = (rng.random(len(x)) < self.factor).reshape(-1, 1, 1, 1)
        return np.where(cache.gray, (x @ self._shares(x.shape[3], x.dtype))[..., None], x)

    def gradient(self, dy: Array, cache: Cache) -> Array:
        """Share the gradient out over the colours."""
        weights = self._shares(dy.shape[3], dy.dtype)
        return np.where(cache.gray, dy.sum(axis=3, keepdims=True) * weights, dy)


__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomImages",
    "RandomRotation",
    "RandomTranslation",
    "RandomWarp",
    "RandomZoom",
]
