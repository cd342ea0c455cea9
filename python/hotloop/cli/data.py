"""What ``hotloop train``, ``evaluate`` and ``predict`` read: named data sets, folders, CSV files, images."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hotloop import datasets

Array = NDArray[Any]
NAMED = {"digits": 1 / 16, "mnist": 1 / 255, "fashion_mnist": 1 / 255}
SUFFIXES = (".png", ".jpg", ".jpeg")
_LABELS = ("label", "class", "target", "y")
# Of data that come in one piece, every fifth row of a class is for the test.
_EVERY = 5


class DataError(ValueError):
    """Data that cannot be used; the text is the whole message to the user."""


class Data(NamedTuple):
    """Samples with class ids (N,), the names of the classes, and what brings pixels into [0, 1]."""

    name: str
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    scale: float
    classes: list[str]
    # Where they are, for a later `evaluate` from another folder.
    source: str
    what: str = "images"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample, a grey image's channel included."""
        shape = self.train[0].shape[1:]
        return (*shape, 1) if len(shape) == 2 else shape


def load(given: str) -> Data:
    """Load a data set by its name, else from the folder or the CSV file of that name.

    Raises
    ------
    DataError
        There is nothing of that name, or nothing usable in it.
    ImportError
        For images, when Pillow is missing.
    """
    if given in NAMED:
        train, test = getattr(datasets, given).load_data()
        return _digits(given, train, test, NAMED[given], given)
    place = Path(given).expanduser()
    source = str(place.resolve())
    if place.suffix.lower() == ".csv" and place.is_file():
        return _csv(place, source)
    if not place.is_dir():
        msg = f"--data {given}: neither {', '.join(NAMED)} nor a folder nor a CSV file"
        raise DataError(msg)
    if not any(path.is_dir() for path in place.iterdir()):
        train, test = datasets.load_folder(place)
        return _digits(place.resolve().name, train, test, 1 / 255, source)
    return _class_folders(place, source)


def _digits(name: str, train: Any, test: Any, scale: float, source: str) -> Data:
    count = int(max(train[1].max(), test[1].max())) + 1
    return Data(name, train, test, scale, [str(i) for i in range(count)], source)


# --- images


def _pillow() -> Any:
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "images need Pillow: pip install 'hotloop[image]'"
        raise ImportError(msg) from error
    return Image


def _read(path: Path) -> Any:
    """Return an image as Pillow has it, grey or in colours."""
    image = _pillow()
    try:
        with image.open(path) as opened:
            opened.load()
            grey = opened.mode in ("1", "L", "LA", "I", "I;16", "F")
            return opened.convert("L" if grey else "RGB")
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
        msg = f"{path}: not an image that Pillow reads: {error}"
        raise DataError(msg) from error


def _class_folders(place: Path, source: str) -> Data:
    """Read ``PLACE/CLASS/*.png``, or the same below ``train`` and ``test``."""
    parts = {part: place / part for part in ("train", "test")}
    if all(path.is_dir() for path in parts.values()):
        listed = {part: _files(path) for part, path in parts.items()}
        classes = sorted({name for files in listed.values() for name, _ in files})
        train, test = listed["train"], listed["test"]
    else:
        files = _files(place)
        classes = sorted({name for name, _ in files})
        held = set(_held([name for name, _ in files]))
        train = [file for i, file in enumerate(files) if i not in held]
        test = [file for i, file in enumerate(files) if i in held]
    if len(classes) < 2 or not train or not test:
        msg = (
            f"--data {place}: needs a folder with {' or '.join(SUFFIXES)} files for each of at least two "
            f"classes, with two files or more; found {len(classes)} and {len(train) + len(test)} files"
        )
        raise DataError(msg)
    ids = {name: i for i, name in enumerate(classes)}
    images = [_read(path) for _, path in (*train, *test)]
    mode = "RGB" if any(image.mode == "RGB" for image in images) else "L"
    for (_, path), image in zip((*train, *test), images, strict=True):
        if image.size != images[0].size:
            first, other = (f"{i.width} x {i.height}" for i in (images[0], image))
            msg = f"{path}: {other} pixels, but {train[0][1].name} has {first}; images must be of one size"
            raise DataError(msg)
    x = np.stack([np.asarray(image.convert(mode)) for image in images])
    y = np.array([ids[name] for name, _ in (*train, *test)], np.int64)
    n = len(train)
    return Data(place.resolve().name, (x[:n], y[:n]), (x[n:], y[n:]), 1 / 255, classes, source)


def _files(place: Path) -> list[tuple[str, Path]]:
    """Return (class, file) of each image, in the order of their names."""
    return [
        (folder.name, path)
        for folder in sorted(place.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES
    ]


def _held(labels: Sequence[str]) -> list[int]:
    """Return the places of the rows for the test: the last of each five of a class, at least one."""
    seen: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        seen.setdefault(label, []).append(i)
    return [i for rows in seen.values() for i in (rows[_EVERY - 1 :: _EVERY] or rows[1:2])]


def images_for(paths: Iterable[Path], shape: tuple[int, ...], scale: float) -> Array:
    """Read images as a network of this input shape takes them: its size, grey or RGB, and its range.

    Parameters
    ----------
    paths : iterable of Path
        PNG and JPEG files, of any size.
    shape : (H, W), (H, W, 1) or (H, W, 3)
        Of one sample.
    scale : float
        What brings the pixels that it was trained on into [0, 1].
    """
    image = _pillow()
    mode = "RGB" if shape[2:] == (3,) else "L"
    read = [
        _read(path).convert(mode).resize((shape[1], shape[0]), image.BILINEAR) for path in paths
    ]
    pixels = np.stack([np.asarray(one, np.float32) for one in read]) / np.float32(255 * scale)
    return pixels.reshape(-1, *shape)


# --- CSV


def _csv(path: Path, source: str) -> Data:
    """Read rows of numbers with a label: the column of that name, else the last."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: not a CSV file: {error}"
        raise DataError(msg) from error
    if not rows:
        msg = f"{path}: has no rows"
        raise DataError(msg)
    names = [cell.strip().lower() for cell in rows[0]]
    place = next((names.index(name) for name in _LABELS if name in names), len(names) - 1)
    # A header has no number beside the label.
    header = len(names) > 1 and not any(
        _is_number(cell) for i, cell in enumerate(rows[0]) if i != place
    )
    rows = rows[1:] if header else rows
    width = len(names)
    for number, row in enumerate(rows, 2 if header else 1):
        bad = [cell for i, cell in enumerate(row) if i != place and not _is_number(cell)]
        if len(row) != width or bad or width < 2:
            what = f"{bad[0]!r:.40} is no finite number" if bad else f"{len(row)} cells"
            msg = (
                f"{path}, row {number}: {what}; each row needs numbers and one label, {width} cells"
            )
            raise DataError(msg)
    labels = [row[place].strip() for row in rows]
    classes = sorted(set(labels), key=lambda label: (not _is_number(label), _key(label), label))
    held = np.zeros(len(rows), bool)
    held[_held(labels)] = True
    if len(classes) < 2 or not held.any() or len(classes) > 1000:
        msg = f"{path}: the labels must be from 2 to 1000 classes, got {len(classes)} in {len(rows)} rows"
        raise DataError(msg)
    x = np.array([[float(c) for i, c in enumerate(row) if i != place] for row in rows], np.float32)
    y = np.array([classes.index(label) for label in labels], np.int64)
    return Data(path.stem, (x[~held], y[~held]), (x[held], y[held]), 1.0, classes, source, "rows")


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _key(label: str) -> float:
    return float(label) if _is_number(label) else 0.0
