"""Pictures in files and arrays, as older versions of Keras prepared them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import config, random
from hotloop._support.arguments import number
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.config import check_data_format
from hotloop.data import pixels
from hotloop.preprocessing.flows import ArrayFlow, FileFlow
from hotloop.utils.folders import PICTURES, files_in
from hotloop.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = [
    "ImageDataGenerator",
    "array_to_img",
    "img_to_array",
    "load_img",
    "save_img",
    "smart_resize",
]

Array = NDArray[Any]
_CLASS_MODES = ("categorical", "binary", "sparse", "input", "raw", "multi_output", "other", None)


class ImageDataGenerator:
    """Batches of pictures, changed at random and standardized, from arrays, folders or a table.

    Changes are whole-batch operations: each picture gets one affine map, put together from turn, shift, shear and
    zoom, then flips, a shift of its channels and another brightness. `hotloop.layers` has layers for the same.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization : bool
        Whether the mean of each channel over all data is taken off, and their deviation divided by; see `fit`.
    samplewise_center, samplewise_std_normalization : bool
        The same for each picture by itself.
    zca_whitening : bool
        Whether pixels are decorrelated; see `fit`.
    zca_epsilon : float
        Added to singular values there.
    rotation_range, shear_range : float
        Degrees, up and down.
    width_shift_range, height_shift_range : float, int or sequence
        A share of the picture, pixels below a number, or the pixels that may be drawn.
    brightness_range : (float, float), optional
        What pixels are multiplied by.
    zoom_range : float or (float, float)
        ``1 - z`` to ``1 + z``, or both ends; drawn for each axis.
    channel_shift_range : float
        What is added to all channels, up and down.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}
        What lies outside.
    cval : float
        Of "constant".
    horizontal_flip, vertical_flip : bool
        Whether half of the pictures are flipped.
    rescale : float, optional
        What pixels are multiplied by before the rest of the standardization.
    preprocessing_function : callable, optional
        Takes and returns one picture, after its changes.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    validation_split : float
        Share of the data, the first of it, that is ``subset="validation"``.
    interpolation_order : {0, 1}
        Nearest pixel, or between pixels.
    dtype : str, optional
        Of batches.

    Notes
    -----
    Source: keras.preprocessing.image.ImageDataGenerator of Keras 2. Draws are ours, height shifts move rows, and
    "constant" blends at the edge as the layers do.

    Examples
    --------
    >>> import numpy as np
    >>> generator = ImageDataGenerator(rescale=1 / 255, rotation_range=20, horizontal_flip=True)
    >>> x, y = next(generator.flow(np.full((10, 8, 8, 3), 255), np.arange(10), batch_size=4))
    >>> x.shape, y.shape, round(float(x.max()), 4)
    ((4, 8, 8, 3), (4,), 1.0)
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        name = "ImageDataGenerator"
        if data_format is not None:
            check_data_format(name, data_format)
        self.data_format = data_format or config.image_data_format()
        for what, value, legal in (
            ("fill_mode", fill_mode, pixels.FILLS),
            ("interpolation_order", interpolation_order, (0, 1)),
        ):
            if value not in legal:
                msg = f"{name}: {what} must be one of {legal}, got {quoted(value)}"
                raise ValueError(msg)
        zoom = (
            zoom_range if isinstance(zoom_range, list | tuple) else (1 - zoom_range, 1 + zoom_range)
        )
        if len(zoom) != 2 or (brightness_range is not None and len(brightness_range) != 2):
            msg = f"{name}: zoom_range and brightness_range have two ends, got {quoted(zoom_range)} and {quoted(brightness_range)}"
            raise ValueError(msg)
        number(name, "validation_split", validation_split, "lie in [0, 1)", lambda v: 0 <= v < 1)
        self.zoom_range, self.brightness_range = tuple(zoom), brightness_range
        self.featurewise_center = (
            featurewise_center or featurewise_std_normalization or zca_whitening
        )
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.channel_shift_range, self.fill_mode, self.cval = channel_shift_range, fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.validation_split, self.interpolation_order = validation_split, interpolation_order
        self.dtype = dtype or config.floatx()
        self.mean: Any = None
        self.std: Any = None
        self.principal_components: Any = None

    # -- batches ---------------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        subset: str | None = None,
        **kwargs: Any,
    ) -> ArrayFlow:
        """Return batches of pictures in memory.

        Parameters
        ----------
        x : array_like, (N, H, W, C)
            Pictures.
        y, sample_weight : array_like, optional
            Targets and weights.
        batch_size, shuffle, seed
            Of the batches and their order.
        subset : {"training", "validation"}, optional
            Which part of ``validation_split``.
        **kwargs
            ``save_to_dir=None`` and its like, which Keras takes.
        """
        _no_more(
            "flow", kwargs, ("save_to_dir", "save_prefix", "save_format", "ignore_class_split")
        )
        images = np.asarray(x)
        if images.ndim != 4:
            msg = f"flow: x must be pictures with four axes, got shape {images.shape}"
            raise ValueError(msg)
        others = [np.asarray(each) for each in (y, sample_weight) if each is not None]
        if any(len(other) != len(images) for other in others):
            msg = f"flow: x has {len(images)} samples, y and sample_weight {[*map(len, others)]}"
            raise ValueError(msg)
        rows = self._part("flow", len(images), subset)
        return ArrayFlow(
            images[rows],
            [other[rows] for other in others],
            self._change,
            self.dtype,
            batch_size,
            shuffle,
            seed,
        )

    def flow_from_directory(
        self,
        directory: Any,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        **kwargs: Any,
    ) -> FileFlow:
        """Return batches of pictures in folders, each folder a class.

        Parameters
        ----------
        directory : path-like
            Holds one folder for each class.
        target_size, color_mode, interpolation, keep_aspect_ratio
            As for `load_img`.
        classes : list of str, optional
            The classes in order.
        class_mode : {"categorical", "binary", "sparse", "input"} or None
            Rows, 0 and 1, numbers, the pictures themselves, or no targets.
        batch_size, shuffle, seed, subset
            As for `flow`; of each class the first part is for validation.
        follow_links : bool
            Whether links to folders are followed.
        **kwargs
            ``save_to_dir=None`` and its like, which Keras takes.
        """
        name = "flow_from_directory"
        _no_more(name, kwargs, ("save_to_dir", "save_prefix", "save_format"))
        files, ids, names = files_in(
            name, Path(directory), classes, (*PICTURES, ".ppm", ".tif", ".tiff"), follow_links
        )
        labels = np.array(ids, np.int32)
        kept = [
            np.flatnonzero(labels == i)[self._part(name, int((labels == i).sum()), subset)]
            for i in range(len(names))
        ]
        rows = np.concatenate(kept) if kept else np.zeros(0, int)
        paths, labels = [files[i] for i in rows], labels[rows]
        indices = {each: i for i, each in enumerate(names)}
        return self._files(
            name,
            paths,
            labels,
            indices,
            class_mode,
            [],
            (target_size, color_mode, interpolation, keep_aspect_ratio),
            (batch_size, shuffle, seed),
            [str(Path(path).relative_to(directory)) for path in paths],
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> FileFlow:
        """Return batches of pictures whose files and targets stand in a table.

        Parameters
        ----------
        dataframe : pandas.DataFrame, or dict of columns
            The table.
        directory : path-like, optional
            The folder that file names are in.
        x_col, y_col, weight_col : str
            Columns of file names, targets (a list of them for "raw" and "multi_output") and weights.
        classes, class_mode
            As for `flow_from_directory`; "raw" takes the column as it is, "multi_output" each of several.
        target_size, color_mode, interpolation, batch_size, shuffle, seed, subset
            As for `flow_from_directory`.
        validate_filenames : bool
            Whether files that are not there are left out.
        **kwargs
            ``save_to_dir=None`` and its like, which Keras takes.
        """
        name = "flow_from_dataframe"
        _no_more(name, kwargs, ("save_to_dir", "save_prefix", "save_format", "drop_duplicates"))
        files = np.asarray(dataframe[x_col]).astype(str)
        folder = Path(directory or "")
        paths = [str(folder / file) for file in files]
        kept = np.arange(len(paths))
        if validate_filenames:
            kept = np.array([i for i in kept if Path(paths[i]).is_file()], int)
        raw = class_mode in ("raw", "other", "multi_output")
        indices: dict[str, int] = {}
        ids = np.zeros(len(paths), np.int32)
        extra: list[Any] = []
        if raw:
            columns = list(y_col) if isinstance(y_col, list | tuple) else [y_col]
            values = [np.asarray(dataframe[column]) for column in columns]
            if class_mode != "multi_output":
                values = [values[0] if len(values) == 1 else np.stack(values, axis=1)]
            extra = values
        elif class_mode not in (None, "input"):
            given = np.asarray(dataframe[y_col]).astype(str)
            names = sorted(set(given)) if classes is None else list(classes)
            indices = {each: i for i, each in enumerate(names)}
            kept = kept[np.isin(given[kept], names)]
            ids = np.array([indices.get(each, 0) for each in given], np.int32)
        if weight_col is not None:
            extra.append(np.asarray(dataframe[weight_col], float))
        kept = kept[self._part(name, len(kept), subset)]
        return self._files(
            name,
            [paths[i] for i in kept],
            ids[kept],
            indices,
            class_mode,
            [values[kept] for values in extra],
            (target_size, color_mode, interpolation, False),
            (batch_size, shuffle, seed),
            files[kept].tolist(),
        )

    def _files(
        self,
        name: str,
        paths: list[str],
        ids: Array,
        indices: dict[str, int],
        mode: str | None,
        extra: list[Array],
        load: Any,
        order: Any,
        filenames: list[str],
    ) -> FileFlow:
        if mode not in _CLASS_MODES:
            msg = f"{name}: class_mode must be one of {_CLASS_MODES}, got {quoted(mode)}"
            raise ValueError(msg)
        if mode == "binary" and len(indices) != 2:
            msg = f"{name}: class_mode='binary' needs two classes, got {quoted(list(indices))}"
            raise ValueError(msg)
        size, color_mode, interpolation, keep = load
        targets: dict[Any, list[Any]] = {
            "categorical": [(ids[:, None] == np.arange(len(indices))).astype(self.dtype)],
            "binary": [ids.astype(self.dtype)],
            "sparse": [ids.astype(self.dtype)],
            "input": ["input"],
        }
        return FileFlow(
            paths,
            [*targets.get(mode, []), *extra],
            self._change,
            {
                "target_size": tuple(size),
                "color_mode": color_mode,
                "interpolation": interpolation,
                "keep_aspect_ratio": keep,
            },
            self.data_format,
            self.dtype,
            *order,
            class_indices=indices,
            classes=ids,
            filenames=filenames,
        )

    def _part(self, name: str, n: int, subset: str | None) -> slice:
        """Return the rows of a part: the first are for validation."""
        split = int(self.validation_split * n)
        parts = {None: slice(None), "validation": slice(split), "training": slice(split, None)}
        if subset not in parts:
            msg = f"{name}: subset must be 'training' or 'validation', got {quoted(subset)}"
            raise ValueError(msg)
        if subset is not None and not self.validation_split:
            msg = f"{name}: subset needs validation_split of the ImageDataGenerator"
            raise ValueError(msg)
        return parts[subset]

    # -- changes ---------------------------------------------------------------------------------

    def _last(self, x: Array) -> Array:
        return x.transpose(0, 2, 3, 1) if self.data_format == "channels_first" else x

    def _back(self, x: Array) -> Array:
        return x.transpose(0, 3, 1, 2) if self.data_format == "channels_first" else x

    def _change(self, x: Array, rng: np.random.Generator) -> Array:
        return self.standardize(self._transformed(x, rng))

    def random_transform(self, x: Any, seed: int | None = None) -> Array:
        """Return one picture (H, W, C), changed at random."""
        rng = random.generator() if seed is None else np.random.default_rng(seed)
        return np.asarray(self._transformed(np.asarray(x, self.dtype)[None], rng)[0])

    def _transformed(self, x: Array, rng: np.random.Generator) -> Array:
        """Return pictures, changed at random."""
        images = self._last(x)
        n, h, w, _ = images.shape
        matrices = self._matrices(rng, n, h, w)
        if matrices is not None:
            way = "bilinear" if self.interpolation_order else "nearest"
            images = pixels.Warp(images.shape, matrices, self.fill_mode, way, images.dtype)(
                images, self.cval
            )

        def drawn(low: float, high: float) -> Array:
            return rng.uniform(low, high, (n, 1, 1, 1)).astype(images.dtype)

        if self.channel_shift_range:
            low, high = (f(images, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
            shift = drawn(-self.channel_shift_range, self.channel_shift_range)
            images = np.clip(images + shift, low, high)
        for flips, axis in ((self.horizontal_flip, 2), (self.vertical_flip, 1)):
            if flips:
                images = np.where(drawn(0, 1) < 0.5, np.flip(images, axis), images)
        if self.brightness_range is not None:
            images = np.clip(images * drawn(*self.brightness_range), 0, 255)
        return self._back(images)

    def _shift(self, rng: np.random.Generator, given: Any, n: int, size: int) -> Array:
        """Return shifts in pixels."""
        if isinstance(given, int) or np.ndim(given):
            values = np.arange(max(given, 1)) if isinstance(given, int) else np.asarray(given)
            return np.asarray(rng.choice(values, n) * rng.choice([-1, 1], n), float)
        return np.asarray(rng.uniform(-given, given, n) * (size if given < 1 else 1))

    def _matrices(self, rng: np.random.Generator, n: int, h: int, w: int) -> Array | None:
        """Return where each pixel is read: turn, then shift, shear and zoom, around the middle."""
        still = (self.rotation_range, self.shear_range, self.zoom_range) == (0, 0, (1, 1))
        if still and not np.any(self.height_shift_range) and not np.any(self.width_shift_range):
            return None
        turn, shear = (
            np.deg2rad(rng.uniform(-given, given, n))
            for given in (self.rotation_range, self.shear_range)
        )
        low, high = self.zoom_range
        zoom = rng.uniform(low, high, (2, n))
        found = np.tile(np.eye(3), (n, 1, 1))  # on (column, row, 1)
        turned, shifted, sheared, zoomed = (found.copy() for _ in range(4))
        turned[:, 0, 0] = turned[:, 1, 1] = np.cos(turn)
        turned[:, 0, 1], turned[:, 1, 0] = -np.sin(turn), np.sin(turn)
        shifted[:, 1, 2] = self._shift(rng, self.height_shift_range, n, h)
        shifted[:, 0, 2] = self._shift(rng, self.width_shift_range, n, w)
        sheared[:, 0, 1], sheared[:, 1, 1] = -np.sin(shear), np.cos(shear)
        zoomed[:, 0, 0], zoomed[:, 1, 1] = zoom
        there, back = np.eye(3), np.eye(3)
        there[:2, 2] = (w - 1) / 2, (h - 1) / 2
        back[:2, 2] = -there[:2, 2]
        whole = there @ turned @ shifted @ sheared @ zoomed @ back
        return np.asarray(whole[:, :2])

    # -- standardization -------------------------------------------------------------------------

    def standardize(self, x: Any) -> Array:
        """Return pictures (N, H, W, C), or one, standardized; see the parameters."""
        array = np.array(x, self.dtype)
        one = array.ndim == 3
        images = array[None] if one else array
        if self.preprocessing_function is not None:
            images = np.stack([self.preprocessing_function(each) for each in images])
        if self.rescale:
            images = images * self.rescale
        axes = (1, 2, 3)
        if self.samplewise_center:
            images = images - images.mean(axes, keepdims=True)
        if self.samplewise_std_normalization:
            images = images / (images.std(axes, keepdims=True) + 1e-6)
        for wanted, value, name in (
            (self.featurewise_center, self.mean, "featurewise_center"),
            (self.featurewise_std_normalization, self.std, "featurewise_std_normalization"),
            (self.zca_whitening, self.principal_components, "zca_whitening"),
        ):
            if wanted and value is None:
                msg = f"ImageDataGenerator: {name} needs the figures of the data; call fit(x) first"
                raise ValueError(msg)
        if self.featurewise_center:
            images = images - self.mean
        if self.featurewise_std_normalization:
            images = images / (self.std + 1e-6)
        if self.zca_whitening:
            flat = images.reshape(len(images), -1) @ self.principal_components
            images = flat.reshape(images.shape)
        images = images.astype(self.dtype, copy=False)
        return np.asarray(images[0] if one else images)

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find the figures that featurewise standardization and whitening need.

        Parameters
        ----------
        x : array_like, (N, H, W, C)
            Pictures.
        augment : bool
            Whether they are changed at random first.
        rounds : int
            How often each is, then.
        seed : int, optional
            Of the changes.
        """
        images = np.array(x, self.dtype)
        if images.ndim != 4:
            msg = f"ImageDataGenerator.fit: x must be pictures with four axes, got shape {images.shape}"
            raise ValueError(msg)
        if augment:
            rng = random.generator() if seed is None else np.random.default_rng(seed)
            images = np.concatenate([self._transformed(images, rng) for _ in range(rounds)])
        channel = 1 if self.data_format == "channels_first" else 3
        axes = tuple(axis for axis in range(4) if axis != channel)
        if self.featurewise_center:
            self.mean = images.mean(axes, keepdims=True)[0]
            images = images - self.mean
        if self.featurewise_std_normalization:
            self.std = images.std(axes, keepdims=True)[0]
            images = images / (self.std + 1e-6)
        if self.zca_whitening:
            flat = images.reshape(len(images), -1)
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.principal_components = (u * (np.sqrt(len(flat)) / (s + self.zca_epsilon))) @ u.T


def _no_more(name: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raise for arguments that do not exist, and for pictures that should be saved."""
    wrong = [each for each in given if each not in known]
    if wrong:
        msg = f"{name}: there is no argument {quoted(wrong[0])}"
        raise TypeError(msg)
    if given.get("save_to_dir") is not None:
        msg = f"{name}: save_to_dir must be None; hotloop.utils.save_img writes pictures"
        raise ValueError(msg)


serve(__name__)
