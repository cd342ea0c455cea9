"""Pictures and texts in folders, one for each class, as data sets."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import config, random
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop.data import pixels
from hotloop.data.dataset import Dataset
from hotloop.utils.images import img_to_array, load_img

__all__ = ["files_in", "image_dataset_from_directory", "text_dataset_from_directory"]

Array = NDArray[Any]
PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_MODES = ("int", "binary", "categorical", None)


def files_in(
    name: str,
    folder: Path,
    class_names: Sequence[str] | None,
    endings: tuple[str, ...],
    links: bool,
) -> tuple[list[str], list[int], list[str]]:
    """Return files, the number of each one's class, and the classes: the folders inside, in order.

    Raises
    ------
    FileNotFoundError
        The folder is not there.
    ValueError
        For classes that have no folder.
    """
    if not folder.is_dir():
        msg = f"{name}: {folder} is not a folder"
        raise FileNotFoundError(msg)
    there = sorted(
        each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")
    )
    classes = there if class_names is None else list(class_names)
    unknown = sorted(set(classes) - set(there))
    if unknown:
        msg = f"{name}: there is no folder for the class {quoted(unknown[0])}; there are {quoted(there)}"
        raise ValueError(msg)
    found: list[str] = []
    labels: list[int] = []
    for i, each in enumerate(classes):
        files = _below(folder / each, endings, links)
        found += files
        labels += [i] * len(files)
    return found, labels, classes


def _below(folder: Path, endings: tuple[str, ...], links: bool) -> list[str]:
    walked = sorted(os.walk(folder, followlinks=links), key=lambda step: step[0])
    return [
        os.path.join(root, file)  # noqa: PTH118 - the text that Keras gives
        for root, _, files in walked
        for file in sorted(files)
        if file.lower().endswith(endings)
    ]


def _split(
    name: str,
    directory: Any,
    labels: Any,
    label_mode: str | None,
    class_names: Any,
    endings: tuple[str, ...],
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    verbose: bool,
) -> tuple[list[tuple[list[str], Array | None]], list[str] | None]:
    """Return files and targets of each part that is asked for, in Keras's order, and the classes."""
    if label_mode not in _MODES:
        msg = f"{name}: label_mode must be one of {_MODES}, got {quoted(label_mode)}"
        raise ValueError(msg)
    if (validation_split is None) != (subset is None):
        msg = f"{name}: validation_split and subset belong together"
        raise ValueError(msg)
    if subset not in (None, "training", "validation", "both"):
        msg = f"{name}: subset must be 'training', 'validation' or 'both', got {quoted(subset)}"
        raise ValueError(msg)
    if validation_split is not None:
        number(name, "validation_split", validation_split, "lie in (0, 1)", lambda v: 0 < v < 1)
        if shuffle and seed is None:
            msg = f"{name}: give a seed (or shuffle=False) with validation_split, or the parts may overlap"
            raise ValueError(msg)
    folder = Path(directory)
    classes: list[str] | None
    if labels == "inferred":
        files, ids, classes = files_in(name, folder, class_names, endings, follow_links)
    else:
        if class_names is not None:
            msg = f"{name}: class_names needs labels='inferred'"
            raise ValueError(msg)
        if not folder.is_dir():
            msg = f"{name}: {folder} is not a folder"
            raise FileNotFoundError(msg)
        files = _below(folder, endings, follow_links)
        given = [] if labels is None else list(labels)
        if labels is not None and len(given) != len(files):
            msg = f"{name}: {len(given)} labels for {len(files)} files"
            raise ValueError(msg)
        ids = [int(label) for label in given]
        classes = None if labels is None else [str(label) for label in sorted(set(given))]
    if not files:
        msg = f"{name}: {folder} holds no file that ends in {', '.join(endings)}"
        raise ValueError(msg)
    labelled = labels is not None and label_mode is not None
    if label_mode == "binary" and labelled and len(classes or ()) != 2:
        msg = f"{name}: label_mode='binary' needs two classes, got {quoted(classes)}"
        raise ValueError(msg)
    targets = (
        _targets(np.array(ids, np.int32), label_mode, len(classes or ())) if labelled else None
    )
    if shuffle:
        seed = int(random.generator().integers(10**6)) if seed is None else seed
        order = np.arange(len(files))
        np.random.RandomState(seed).shuffle(order)
        files = [files[i] for i in order]
        targets = None if targets is None else targets[order]
    if verbose:
        belonging = "" if classes is None else f" belonging to {len(classes)} classes"
        sys.stdout.write(f"Found {len(files)} files{belonging}.\n")
    end = len(files) - (0 if validation_split is None else int(validation_split * len(files)))
    parts = {None: slice(None), "training": slice(end), "validation": slice(end, None)}
    asked = ("training", "validation") if subset == "both" else (subset,)
    found = []
    for part in asked:
        rows = parts[part]
        if verbose and part is not None:
            sys.stdout.write(f"Using {len(files[rows])} files for {part}.\n")
        found.append((files[rows], None if targets is None else targets[rows]))
    return found, classes


def _targets(ids: Array, mode: str | None, classes: int) -> Array:
    if mode == "categorical":
        return np.asarray(ids[:, None] == np.arange(classes), np.float32)
    return ids.astype(np.float32)[:, None] if mode == "binary" else ids


def _datasets(
    parts: list[tuple[list[str], Array | None]],
    classes: list[str] | None,
    read: Callable[[list[str]], Array],
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
) -> Any:
    made = [
        _dataset(files, targets, classes, read, batch_size, shuffle, seed)
        for files, targets in parts
    ]
    return made[0] if len(made) == 1 else tuple(made)


def _dataset(
    files: list[str],
    targets: Array | None,
    classes: list[str] | None,
    read: Callable[[list[str]], Array],
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
) -> Dataset:
    """Return batches that are read when they are asked for, in a new order in each pass."""
    places = Dataset.range(len(files))
    if shuffle:
        places = places.shuffle(len(files), seed)
    size = batch_size or 1
    batches = places.batch(size)

    def make() -> Iterator[Any]:
        for rows in batches:
            x = read([files[i] for i in rows])
            y = None if targets is None else targets[rows]
            if batch_size is None:
                x, y = x[0], None if y is None else y[0]
            yield x if y is None else (x, y)

    found = Dataset(make, batches.cardinality(), class_names=classes, file_paths=files)
    found.batch_size = batch_size
    return found


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
    **kwargs: Any,
) -> Any:
    """Return pictures in folders as batches, each folder a class.

    Parameters
    ----------
    directory : path-like
        Holds one folder for each class.
    labels : "inferred", list of int or None
        What the folders say; one for each file in order; or none.
    label_mode : {"int", "binary", "categorical"} or None
        int32 (N,), float32 (N, 1), float32 (N, K), or no targets.
    class_names : list of str, optional
        The classes in order.
    color_mode : {"rgb", "rgba", "grayscale"}
        What pictures are converted to.
    batch_size : int, optional
        None gives one picture at a time.
    image_size : (height, width)
        What pictures are resized to.
    shuffle : bool
        Whether each pass has a new order.
    seed : int, optional
        Of the order, and of the parts.
    validation_split : float, optional
        Share of the files, the last in the order drawn, that is "validation".
    subset : {"training", "validation", "both"}, optional
        Which part.
    interpolation : str
        See `hotloop.layers.Resizing`.
    follow_links : bool
        Whether links to folders are followed.
    crop_to_aspect_ratio : bool
        Whether the middle is cut out first, so that nothing is distorted.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    verbose : bool
        Whether the number of files is printed.
    **kwargs
        ``pad_to_aspect_ratio=False`` and ``format``, which Keras takes.

    Returns
    -------
    Dataset, or a pair of them
        Batches of float32 from 0 to 255, with ``class_names`` and ``file_paths``.

    Raises
    ------
    FileNotFoundError
        The folder is not there.
    ValueError
        For a folder without pictures, and arguments that do not fit.

    Notes
    -----
    Source: keras.utils.image_dataset_from_directory; with a seed, the parts are Keras's.

    Examples
    --------
    >>> data = image_dataset_from_directory("flowers", image_size=(64, 64))  # doctest: +SKIP
    >>> data.class_names  # doctest: +SKIP
    ['daisy', 'rose']
    """
    name = "image_dataset_from_directory"
    if kwargs.pop("format", "tf") is None or kwargs.pop("pad_to_aspect_ratio", False) or kwargs:
        msg = f"{name}: pad_to_aspect_ratio must be False, and there is no other argument, got {quoted(sorted(kwargs))}"
        raise ValueError(msg)
    size = tuple(whole(name, "image_size", n, least=1) for n in image_size)
    if len(size) != 2:
        msg = f"{name}: image_size must be (height, width), got {quoted(image_size)}"
        raise ValueError(msg)
    pixels.resize_matrix(name, 1, 1, interpolation, False)
    form = data_format or config.image_data_format()
    parts, classes = _split(
        name,
        directory,
        labels,
        label_mode,
        class_names,
        PICTURES,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
    )

    def read(files: list[str]) -> Array:
        pictures = [_resized(file) for file in files]
        batch: Array = np.stack(pictures)
        return batch.transpose(0, 3, 1, 2) if form == "channels_first" else batch

    def _resized(file: str) -> Array:
        picture = img_to_array(load_img(file, color_mode), "channels_last", "float32")
        if crop_to_aspect_ratio:
            picture = picture[pixels.aspect_crop(picture.shape[:2], (size[0], size[1]))]
        return np.asarray(pixels.resize(name, picture[None], (size[0], size[1]), interpolation)[0])

    return _datasets(parts, classes, read, batch_size, shuffle, seed)


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    **kwargs: Any,
) -> Any:
    """Return ``.txt`` files in folders as batches of texts, each folder a class.

    Parameters
    ----------
    directory, labels, label_mode, class_names, batch_size
        As for `image_dataset_from_directory`.
    max_length : int, optional
        Bytes of a text; what is beyond is cut off.
    shuffle, seed, validation_split, subset, follow_links, verbose
        As for `image_dataset_from_directory`.
    **kwargs
        ``format``, which Keras takes.

    Returns
    -------
    Dataset, or a pair of them
        Batches of str (N,), for `hotloop.layers.TextVectorization`, with ``class_names`` and ``file_paths``.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `image_dataset_from_directory`.

    Notes
    -----
    Source: keras.utils.text_dataset_from_directory; with a seed, the parts are Keras's.

    Examples
    --------
    >>> data = text_dataset_from_directory("aclImdb/train", batch_size=16)  # doctest: +SKIP
    >>> data.class_names  # doctest: +SKIP
    ['neg', 'pos']
    """
    name = "text_dataset_from_directory"
    kwargs.pop("format", None)
    if kwargs:
        msg = f"{name}: there is no argument {quoted(sorted(kwargs)[0])}"
        raise TypeError(msg)
    parts, classes = _split(
        name,
        directory,
        labels,
        label_mode,
        class_names,
        (".txt",),
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
    )

    def read(files: list[str]) -> Array:
        data = (Path(file).read_bytes()[:max_length] for file in files)
        return np.array([text.decode("utf-8", "replace") for text in data])

    return _datasets(parts, classes, read, batch_size, shuffle, seed)
