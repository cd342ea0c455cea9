"""Settings that hold for the whole process: default image layout, default dtype, build facts."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Literal

from hotloop import _core
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.version import __version__

_IMAGE_DATA_FORMATS = ("channels_last", "channels_first")
_FLOAT_DTYPES = ("float32", "float64")
_silent: ContextVar[bool] = ContextVar("_silent", default=False)
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
        msg = f"{op}: data_format must be one of {_IMAGE_DATA_FORMATS}, got {quoted(data_format)}"
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
        msg = f"set_floatx: dtype must be one of {_FLOAT_DTYPES}, got {quoted(dtype)}"
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


def backend() -> str:
    """Return the name of what computes.

    Examples
    --------
    >>> backend()
    'hotloop'
    """
    return "hotloop"


class DTypePolicy:
    """Keras's description of what layers compute in; here it names one dtype.

    Parameters
    ----------
    name : str
        ``"float32"`` or ``"float64"``; ``"mixed_float16"`` and ``"mixed_bfloat16"`` are taken too, and mean
        float32: a processor gains nothing from the other.

    Examples
    --------
    >>> DTypePolicy("mixed_float16").compute_dtype
    'float32'
    """

    def __init__(self, name: Any = None) -> None:
        self.name: str = getattr(name, "name", name) or floatx()
        self.compute_dtype = self.variable_dtype = self.name
        if self.name in ("mixed_float16", "mixed_bfloat16"):
            self.compute_dtype = self.variable_dtype = "float32"
        elif self.name not in _FLOAT_DTYPES:
            msg = f"DTypePolicy: name must be one of {_FLOAT_DTYPES} or mixed_float16, got {quoted(name)}"
            raise ValueError(msg)


def dtype_policy() -> DTypePolicy:
    """Return the policy of models that are given none.

    Examples
    --------
    >>> dtype_policy().name
    'float32'
    """
    return DTypePolicy(floatx())


def set_dtype_policy(policy: Any) -> None:
    """Set the dtype of models made from now on; a mixed policy means float32, and a warning says so.

    Examples
    --------
    >>> set_dtype_policy("float32")
    """
    given = DTypePolicy(policy)
    if given.compute_dtype != given.name:
        teach("mixed precision", f"{given.name}: models compute in float32 here")
    set_floatx(given.compute_dtype)


class DiagnosisWarning(UserWarning):
    """A training shows a known mistake; the text says what it looks like and what to try."""


def teach(kind: str, text: str) -> None:
    """Give a `DiagnosisWarning` at the caller's line, the first time that `kind` is seen."""
    if diagnosis() and kind not in told:
        told.add(kind)
        level, frame = 2, sys._getframe(1)
        while frame.f_back and str(frame.f_globals.get("__name__")).startswith("hotloop."):
            level, frame = level + 1, frame.f_back
        text += " (hotloop.config.set_diagnosis(False) switches such warnings off)"
        warnings.warn(text, DiagnosisWarning, stacklevel=level)


def diagnosis() -> bool:
    """Return whether `fit` and losses warn of known mistakes.

    Examples
    --------
    >>> diagnosis()
    True
    """
    return bool(_settings["diagnosis"]) and not _silent.get()


def without_diagnosis() -> _core.Scope:
    """Warn of no mistakes in the block, in this thread: for callers that give errors of their own."""
    return _core.Scope(_silent, True)


def set_diagnosis(on: bool) -> None:
    """Say whether `fit` and losses warn of known mistakes; switching it on lets each warning come again.

    The warnings are `hotloop.config.DiagnosisWarning`, each given once in a process: inputs
    that are not scaled, targets that no output can reach, a softmax of one unit, a validation
    split of sorted labels, a loss that stays at that of guessing, ReLU units that never answer,
    and a loss that becomes NaN, with the layer where it began; also outputs and targets that a
    loss was given in the wrong order.

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


def threading() -> str:
    """Return the kind of thread team that the compiled core uses.

    Returns
    -------
    str
        ``"openmp"``, the threads of the OpenMP runtime (the default of builds that have one), or
        ``"pool"``, threads of hotloop's own. A child of `os.fork` always uses ``"pool"``:
        OpenMP's threads do not survive a fork.

    See Also
    --------
    set_threading : Choose the team.
    hotloop.set_num_threads : Set the number of threads.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.config.threading() in ("openmp", "pool")
    True
    """
    return _core.config()["threading"]


def set_threading(name: str) -> None:
    """Choose the thread team of the compiled core; no result changes by a bit.

    The environment variable ``HOTLOOP_THREADING`` sets it for a whole process. Either team keeps
    to the limits of threadpoolctl and of `omp_set_num_threads`.

    Parameters
    ----------
    name : str
        ``"openmp"`` or ``"pool"``, as listed by `show_config`.

    Raises
    ------
    ValueError
        For any other value, and for ``"openmp"`` in a build without OpenMP or in a child of
        `os.fork`.

    Examples
    --------
    >>> import hotloop as hl
    >>> before = hl.config.threading()
    >>> hl.config.set_threading("pool")
    >>> hl.config.threading()
    'pool'
    >>> hl.config.set_threading(before)
    """
    available = _core.config()["threading_available"]
    if not isinstance(name, str) or name not in available:
        msg = f"set_threading: name must be one of {tuple(available)}, got {quoted(name)}"
        raise ValueError(msg)
    _core.set_threading(name)


def explain_conv2d(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Any = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    data_format: Literal["channels_first", "channels_last"] = "channels_first",
    algorithm: Literal["im2col", "implicit_gemm"] | None = None,
    dtype: str = "float32",
) -> dict[str, str]:
    """Return the route that each pass of a convolution of these shapes takes.

    The shapes and the instruction set in use decide, never the number of threads. With
    ``HOTLOOP_TRACE=1`` in the environment, the routes that run are written to stderr, each once.

    ==========  ===================================================================================
    route       what runs
    ==========  ===================================================================================
    tiles       the tile kernel of matrix products, over the images where they lie
    rows        windows of 3 or 5 columns a pixel apart: a row of pixels at a time, each loaded once
    pairs       the same with two pixels in a vector, for one channel and few filters
    scatter     input gradient of few channels: rows of the kernel added to the image
    depthwise   every channel with a kernel of its own
    patches     `im2col`, one matrix product, `col2im` back: asked for, or strides, dilations and
                paddings far beyond the image
    empty       nothing to compute
    ==========  ===================================================================================

    Weights or gradients that are not finite may send a pass by ``patches`` all the same: a route
    that leaves out the zeros around the images, or adds some, would answer otherwise.

    Parameters
    ----------
    x_shape, w_shape : tuple of 4 int
        Shapes of images and kernels, as `functional.conv2d` takes them.
    stride, padding, dilation, groups, data_format, algorithm
        As in `functional.conv2d`.
    dtype : str
        ``"float32"`` or ``"float64"``.

    Returns
    -------
    dict of str to str
        Routes of ``"forward"``, ``"input_gradient"`` and ``"weight_gradient"``.

    Raises
    ------
    TypeError, ValueError
        For shapes and options that `functional.conv2d` refuses, and for other dtypes.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.config.explain_conv2d((8, 1, 28, 28), (6, 1, 5, 5), algorithm="im2col")["forward"]
    'patches'
    >>> hl.config.explain_conv2d((8, 32, 14, 14), (32, 1, 3, 3), groups=32, padding=1)
    {'forward': 'depthwise', 'input_gradient': 'depthwise', 'weight_gradient': 'depthwise'}
    """
    return _core.conv2d_routes(
        x_shape, w_shape, stride, padding, dilation, groups, data_format, algorithm, dtype
    )


def build_info() -> dict[str, Any]:
    """Return version, instruction sets, thread team, cache sizes and compiler as a dict."""
    return {"version": __version__, **_core.config()}


def show_config() -> None:
    """Print version, instruction set and thread team in use and available, caches and compiler.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.show_config()  # doctest: +ELLIPSIS
    hotloop ...
    """
    info = build_info()
    available = ", ".join(info["isa_available"])
    teams = ", ".join(info["threading_available"])
    library = f" {info['openmp_library']}" if info["threading"] == "openmp" else ""
    lines = (
        f"hotloop {info['version']}",
        f"instruction set: {info['isa']} (available: {available})",
        f"threads: {info['threads']}",
        f"threading: {info['threading']}{library} (available: {teams})",
        "caches: " + ", ".join(f"{size // 1024} KiB" for size in info["cache_sizes"]),
        f"compiler: {info['compiler']}",
        f"python: {sys.version.split()[0]}",
    )
    sys.stdout.write("\n".join(lines) + "\n")


__all__ = [
    "DTypePolicy",
    "DiagnosisWarning",
    "backend",
    "build_info",
    "diagnosis",
    "dtype_policy",
    "epsilon",
    "explain_conv2d",
    "floatx",
    "image_data_format",
    "set_diagnosis",
    "set_dtype_policy",
    "set_floatx",
    "set_image_data_format",
    "set_threading",
    "show_config",
    "threading",
]

serve(__name__)
