"""``hotloop export`` and ``hotloop convert``: a model from one file into another of any format."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hotloop as hl
from hotloop._support.quoting import quoted

_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".onnx": hl.onnx.export,
    ".c": lambda model, path: model.export(path),
    ".py": lambda model, path: model.export(path),
    ".keras": lambda model, path: model.save(path),
    ".hotloop": lambda model, path: model.save(path),
    ".safetensors": lambda model, path: model.save_weights(path),
    ".h5": lambda model, path: model.save_weights(path),
}
_KINDS = "net.onnx, net.c, net.py, m.keras, m.hotloop, w.safetensors, m.weights.h5"


def add_commands(commands: Any) -> None:
    """Add both commands to the parser's."""
    export = commands.add_parser(
        "export",
        help="write a saved network for other programs",
        description=f"Write a network in the format that the name says: {_KINDS}.",
    )
    convert = commands.add_parser(
        "convert",
        help="write a network of any format in another",
        description=f"Read a network (.hotloop, .keras, .h5, .onnx) and write it as the name says: {_KINDS}.",
    )
    for parser in (export, convert):
        parser.add_argument("model", metavar="MODEL", type=Path, help="the network's file")
        parser.set_defaults(command=_convert)
    export.add_argument("--to", dest="to", metavar="FILE", type=_file, required=True)
    convert.add_argument("to", metavar="FILE", type=_file, help="what to write")


def _file(text: str) -> Path:
    path = Path(text)
    if path.suffix not in _WRITERS or (path.suffix == ".h5" and not text.endswith(".weights.h5")):
        msg = f"must be named as one of {_KINDS}, got {quoted(text)}"
        raise argparse.ArgumentTypeError(msg)
    return path


def _convert(args: argparse.Namespace) -> None:
    load: Callable[[Path], Any] = hl.models.load_model
    model = hl.onnx.load(args.model) if args.model.suffix == ".onnx" else load(args.model)
    _WRITERS[args.to.suffix](model, args.to)


__all__ = ["add_commands"]
