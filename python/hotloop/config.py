"""Settings that hold for the whole process: default image layout, default dtype, build facts."""

from __future__ import annotations

import sys
from typing import Any

from hotloop import _core
from hotloop.version import __version__

_IMAGE_DATA_FORMATS = ("channels_last", "channels_first")
_FLOAT_DTYPES = ("float32", "float64")
_settings = {"image_data_format": "channels_last", "floatx": "float32", "diagnosis": "on"}
# The kinds of diagnosis that have been given.
told: set[str] = set()


def image_data_format() -> str:
    """Return the image layout that layers use when they are given none.

    Returns
    -------
    str
        ``"channels_last"`` (the default) or ``"channels_first"``.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.config.image_data_format()
    'channels_last'
    """
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the image layout that layers made from now on use when they are given none.

    Parameters
    ----------
    data_format : str
        ``"channels_last"``, images ``(N, H, W, C)``, or ``"channels_first"``, ``(N, C, H, W)``.

    Raises
    ------
    ValueError
        For any other value.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.config.set_image_data_format("channels_last")
    """
    _settings["image_data_format"] = check_data_format("set_image_data_format", data_format)


def check_data_format(op: str, data_format: str | None) -> str:
    """Return `data_format`, or the process's default for None; a ValueError names `op`."""
    if data_format is None:
        return _settings["image_data_format"]
    if data_format not in _IMAGE_DATA_FORMATS:
        msg = f"{op}: data_format must be one of {_IMAGE_DATA_FORMATS}, got {data_format!r}"
        raise ValueError(msg)
    return data_format


def floatx() -> str:
    """Return the dtype of models that are given none.

    Returns
    -------
    str
        ``"float32"`` (the default) or ``"float64"``.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.config.floatx()
    'float32'
    """
    return _settings["floatx"]


def set_floatx(dtype: str) -> None:
    """Set the dtype of models made from now on that are given none.

    Parameters
    ----------
    dtype : str
        ``"float32"`` or ``"float64"``.

    Raises
    ------
    ValueError
        For any other value.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.config.set_floatx("float32")
    """
    if dtype not in _FLOAT_DTYPES:
        msg = f"set_floatx: dtype must be one of {_FLOAT_DTYPES}, got {dtype!r}"
        raise ValueError(msg)
    _settings["floatx"] = dtype


def epsilon() -> float:
    """Return the small number that probabilities are kept away from 0 and 1 by, as in Keras.

    Examples
    --------
    >>> epsilon()
    1e-07
    """
    return 1e-7


class DiagnosisWarning(UserWarning):
    """A training shows a known mistake; the text says what it looks like and what to try."""


def diagnosis() -> bool:
    """Return whether `fit` warns of known mistakes.

    Examples
    --------
    >>> diagnosis()
    True
    """
    return bool(_settings["diagnosis"])


def set_diagnosis(on: bool) -> None:
    """Say whether `fit` warns of known mistakes; switching it on lets each warning come again.

    The warnings are `hotloop.config.DiagnosisWarning`, each given once in a process: inputs
    that are not scaled, a validation split of sorted labels, a loss that stays at that of
    guessing, ReLU units that never answer, and a loss that becomes NaN, with the layer where it
    began.

    Parameters
    ----------
    on : bool
        False switches all of them off.

    Examples
    --------
    >>> set_diagnosis(False)
    >>> set_diagnosis(True)
    """
    _settings["diagnosis"] = "on" if on else ""
    if on:
        told.clear()


def build_info() -> dict[str, Any]:
    """Return version, instruction sets, threads and compiler as a dict."""
    return {"version": __version__, **_core.config()}


def show_config() -> None:
    """Print version, instruction set in use and available, threads and compiler.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.show_config()  # doctest: +ELLIPSIS
    hotloop ...
    """
    info = build_info()
    available = ", ".join(info["isa_available"])
    lines = (
        f"hotloop {info['version']}",
        f"instruction set: {info['isa']} (available: {available})",
        f"threads: {info['threads']}",
        f"compiler: {info['compiler']}",
        f"python: {sys.version.split()[0]}",
    )
    sys.stdout.write("\n".join(lines) + "\n")
