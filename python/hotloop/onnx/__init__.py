"""ONNX files, written and read. Needs onnx: ``pip install 'hotloop[onnx]'``.

`export` writes any model, `load` makes a model that trains of a graph of the operations that hotloop has.
"""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.exporting.onnx_file import export
from hotloop.onnx.reading import load

__all__ = ["export", "load"]

serve(__name__)
