"""The print form of tensors, as PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array
from hotloop.torch import dtypes

_OPTIONS: dict[str, Any] = {
    "precision": 4,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 80,
    "sci_mode": None,
}


def set_printoptions(
    precision: Any = None,
    threshold: Any = None,
    edgeitems: Any = None,
    linewidth: Any = None,
    profile: Any = None,
    sci_mode: Any = None,
) -> None:
    """Set digits, the number of elements from which on tensors are shortened, and widths."""
    if profile is not None:
        _OPTIONS.update(precision=2 if profile == "short" else 4, threshold=1000, edgeitems=3)
        if profile == "full":
            _OPTIONS["threshold"] = math.inf
    for name, value in {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }.items():
        if value is not None:
            _OPTIONS[name] = value
    _OPTIONS["sci_mode"] = sci_mode


class _Form:
    """How the numbers of one tensor are written: all equally wide."""

    def __init__(self, array: Array) -> None:
        self.floats, self.whole, self.sci = array.dtype.kind == "f", True, False
        self.width = 1
        flat = array.reshape(-1)
        if not self.floats:
            self.width = max((len(str(v)) for v in flat.tolist()), default=1)
            return
        real = flat.astype(np.float64)
        finite = np.abs(real[np.isfinite(real) & (real != 0)])
        if not finite.size:
            self.width = max((len(self(v)) for v in flat), default=1)
            return
        high, low = float(finite.max()), float(finite.min())
        self.whole = bool((finite == np.ceil(finite)).all())
        large = high / low > 1000.0 or high > 1.0e8
        self.sci = large if self.whole else large or low < 1.0e-4
        if _OPTIONS["sci_mode"] is not None:
            self.sci = _OPTIONS["sci_mode"]
        self.width = max(len(self(v)) for v in real[np.isfinite(real) & (real != 0)])

    def __call__(self, value: Any) -> str:
        """Return one number."""
        if not self.floats:
            return str(value)
        value, digits = float(value), _OPTIONS["precision"]
        if not math.isfinite(value):
            return str(value)
        if self.sci:
            return f"{value:.{digits}e}"
        return f"{value:.0f}." if self.whole else f"{value:.{digits}f}"


def _row(items: list[str], width: int, indent: int) -> str:
    """Return the numbers of one axis, broken into lines."""
    per_line = max(1, math.floor((_OPTIONS["linewidth"] - indent) / (width + 2)))
    lines = [items[i : i + per_line] for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"


def _nested(array: Array, form: _Form, indent: int, short: bool) -> str:
    edge = _OPTIONS["edgeitems"]
    n = len(array) if array.ndim else 0
    cut = short and n > 2 * edge
    if array.ndim == 0:
        return form(array.item())
    if array.ndim == 1:
        values = [*array[:edge], None, *array[-edge:]] if cut else list(array)
        items = [" ..." if v is None else form(v.item()).rjust(form.width) for v in values]
        return _row(items, form.width, indent)
    places: list[Any] = [*range(edge), None, *range(n - edge, n)] if cut else list(range(n))
    parts = ["..." if i is None else _nested(array[i], form, indent + 1, short) for i in places]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _shown(array: Array) -> Array:
    """Return the elements that a shortened form shows."""
    edge = _OPTIONS["edgeitems"]
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            places = [*range(edge), *range(n - edge, n)]
            array = np.take(array, places, axis=axis)
    return array


def text_of(array: Array, indent: int = 7) -> str:
    """Return the numbers of a tensor, indented."""
    if array.size == 0:
        return "[]"
    short = array.size > _OPTIONS["threshold"]
    return _nested(array, _Form(_shown(array) if short else array), indent, short)


def described(array: Array, name: str, ending: str) -> str:
    """Return the whole form: ``tensor([1., 2.], requires_grad=True)``."""
    notes = []
    if array.size == 0 and array.ndim != 1:
        notes.append(f"size={tuple(array.shape)}")
    kind = array.dtype
    usual = kind in (dtypes.default_float(), dtypes.INT64, dtypes.BOOL)
    if not usual or (array.size == 0 and kind != dtypes.default_float()):
        notes.append(f"dtype={dtypes.of_array(array)}")
    if ending:
        notes.append(ending)
    text = f"{name}({text_of(array, len(name) + 1)}"
    for note in notes:
        last = text.rpartition("\n")[2]
        wide = len(last) + len(note) + 3 > _OPTIONS["linewidth"]
        text += (",\n" + " " * (len(name) + 1) if wide else ", ") + note
    return text + ")"
