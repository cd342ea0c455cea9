"""An ONNX graph as a model that trains."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from hotloop import layers
from hotloop._support import archive
from hotloop._support.optional import needed
from hotloop._support.quoting import quoted, shortened
from hotloop.layers.sources import OwnWeights
from hotloop.models import Model
from hotloop.onnx.constants import folded
from hotloop.onnx.nodes import READERS
from hotloop.onnx.values import BATCH, Array, Node, Value, set_weights
from hotloop.registry import snake_case

_OLDEST = 7  # opset: before it, operands were broadcast in another way
_REAL = (*range(1, 8), 9, *range(10, 14))  # ONNX's numbers for floats, integers and truths
_QUANTISED = re.compile(r"Q(uantize|Linear)|Dequantize|Integer$|^QGemm|DynamicQuantize")


def load(filepath: str | os.PathLike[str]) -> Model:
    """Return a model that computes what an ONNX graph does, and trains.

    Initializers become weights; shapes are worked out. The first axis of each input is the batch.

    Parameters
    ----------
    filepath : path
        Weights outside of the file are read from its folder.

    Raises
    ------
    ImportError
        Without the package `onnx`.
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is no ONNX model or altered, is quantised, or needs an operator that hotloop
        does not have; the text names the node.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.onnx.load("m.onnx")  # doctest: +SKIP
    >>> model.compile("adam", "mse")  # doctest: +SKIP
    """
    onnx = needed("onnx", "onnx")
    path = Path(filepath)
    if not path.is_file():
        msg = f"onnx.load: there is no file {path}"
        raise FileNotFoundError(msg)
    try:
        return _Reading(onnx, _parsed(onnx, path), path.parent).model()
    except archive.ERRORS as error:
        msg = f"onnx.load: {path}: {archive.reason(error)}"
        raise ValueError(msg) from error


def _parsed(onnx: Any, path: Path) -> Any:
    made = onnx.ModelProto()
    try:
        made.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own, which is no ValueError
        msg = f"no ONNX file: {shortened(str(error), 200)}"
        raise ValueError(msg) from error
    if not made.graph.node and not made.graph.output:
        msg = "no ONNX file: there is no graph in it"
        raise ValueError(msg)
    return made


class _Reading:
    """The values of a graph while it becomes a model."""

    def __init__(self, onnx: Any, made: Any, folder: Path) -> None:
        self.onnx, self.graph, self.folder = onnx, made.graph, folder
        opsets = {entry.domain: entry.version for entry in made.opset_import}
        self.opset = opsets.get("", opsets.get("ai.onnx", 0))
        if made.functions or self.opset < _OLDEST:
            what = "functions of its own" if made.functions else f"opset {self.opset}"
            msg = f"a graph of {what}; opset {_OLDEST} and newer are known, without functions"
            raise ValueError(msg)
        self.values: dict[str, Value] = {}
        self._names: set[str] = set()
        self._joined: dict[str, str] = {}
        self.layers: dict[Any, Any] = {}
        self.integers: set[str] = set()
        self._readers: dict[str, list[Any]] = {}
        for node in self.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self.dtype = "float32"

    def model(self) -> Model:
        """Return the model."""
        weights = {tensor.name: self._tensor(tensor) for tensor in self.graph.initializer}
        doubles = [w.dtype == np.float64 for w in weights.values() if w.dtype.kind == "f"]
        self.dtype = "float64" if doubles and all(doubles) else "float32"
        for name, array in weights.items():
            trains = array.dtype.kind == "f" and array.size > 1
            self.values[name] = Value(array=array, weight=name if trains else None)
        inputs = [self._input(info) for info in self.graph.input if info.name not in weights]
        for node in self.graph.node:
            self._take(node)
        outputs = []
        for info in self.graph.output:
            value = self._value(info.name, "the output")
            if value.array is not None or value.shape[:1] != (None,):
                msg = f"output {quoted(info.name, 60)} of {value.shape} has no batch in front"
                raise ValueError(msg)
            outputs.append(value.plain())
        return Model(inputs, outputs, dtype=self.dtype)

    def _input(self, info: Any) -> Any:
        tensor = info.type.tensor_type
        name = quoted(info.name, 60)
        if not info.type.HasField("tensor_type") or tensor.elem_type not in _REAL:
            msg = f"input {name} must be an array of real numbers"
            raise ValueError(msg)
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        if not sizes or None in sizes[1:]:
            msg = f"input {name}: every size but the batch must be known, got {quoted(sizes)}"
            raise ValueError(msg)
        symbol = layers.Input(tuple(sizes[1:]), name=self.name_for(info.name, "InputLayer"))
        self.values[info.name] = Value(symbol=symbol)
        if tensor.elem_type not in (1, 10, 11):
            self.integers.add(info.name)
        return symbol

    def _value(self, name: str, who: str) -> Value:
        if name not in self.values:
            msg = f"{who} reads {quoted(name, 60)}, which nothing answers before"
            raise ValueError(msg)
        return self.values[name]

    def _take(self, made: Any) -> None:
        name = made.name or (made.output[0] if made.output else made.op_type)
        inputs = [self._value(i, f"node {quoted(name, 60)}") if i else None for i in made.input]
        given = {a.name: self._attribute(a, name) for a in made.attribute}
        outputs = list(made.output)
        node = Node(made.op_type, name, given, inputs, list(made.input), outputs, self)
        if _QUANTISED.search(made.op_type):
            msg = "quantised graphs are not known; export the model before it is quantised"
            raise node.fail(msg)
        if made.output[0] in self._joined:  # the sum with its bias became part of a layer
            self.values[made.output[0]] = self.values[self._joined[made.output[0]]]
            return
        try:
            found: Any = folded(node)
            if found is None:
                reader = READERS.get(made.op_type) if made.domain in ("", "ai.onnx") else None
                if reader is None:
                    msg = "there is no such operator in hotloop"
                    raise node.fail(msg)
                found = reader(node)
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            if str(error).startswith("node "):
                raise
            raise node.fail(shortened(str(error), 220)) from error
        several = found if isinstance(found, list) else [found]
        for output, value in zip(outputs, several, strict=False):
            self.values[output] = value

    def _attribute(self, attribute: Any, name: str) -> Any:
        kinds = self.onnx.AttributeProto
        if attribute.type in (kinds.GRAPH, kinds.GRAPHS, kinds.SPARSE_TENSOR):
            msg = f"node {quoted(name, 60)}: attribute {quoted(attribute.name, 30)} is a graph"
            raise ValueError(msg)
        if attribute.type == kinds.TENSOR:
            return self._tensor(attribute.t)
        value = self.onnx.helper.get_attribute_value(attribute)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def _tensor(self, tensor: Any) -> Array:
        """Return the numbers of a tensor, whose size is checked against what there is."""
        name = quoted(tensor.name, 60)
        try:
            dtype = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        except (KeyError, TypeError, ValueError):
            dtype = np.dtype(object)
        if dtype.kind not in "biuf" or dtype.itemsize not in (1, 2, 4, 8):
            msg = f"tensor {name} holds no real numbers"
            raise ValueError(msg)
        sizes = [int(n) for n in tensor.dims]
        if any(n < 0 for n in sizes):
            msg = f"tensor {name} has the shape {quoted(sizes)}"
            raise ValueError(msg)
        size = math.prod(sizes)
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            return self._outside(tensor, dtype, sizes)
        if tensor.HasField("raw_data"):
            raw: Array = np.frombuffer(tensor.raw_data, np.uint8)
            if len(raw) != size * dtype.itemsize:
                msg = f"tensor {name} of {quoted(sizes)} holds {len(raw)} bytes"
                raise ValueError(msg)
            found: Array = raw.view(dtype.newbyteorder("<")).astype(dtype)
            return found.reshape(sizes)
        lists = (
            tensor.float_data,
            tensor.int32_data,
            tensor.int64_data,
            tensor.double_data,
            tensor.uint64_data,
        )
        if sum(map(len, lists)) != size or dtype == np.float16:
            msg = f"tensor {name} of {quoted(sizes)} holds {sum(map(len, lists))} numbers"
            raise ValueError(msg)
        numbers: Any = next((part for part in lists if len(part)), [])
        return np.array(list(numbers)).astype(dtype).reshape(sizes)

    def _outside(self, tensor: Any, dtype: Any, sizes: list[int]) -> Array:
        """Read numbers from a file beside the graph, and from nowhere else."""
        given = {entry.key: entry.value for entry in tensor.external_data}
        location = given.get("location", "")
        place = self.folder / location
        folder = self.folder.resolve()
        if not location or folder not in place.resolve().parents or not place.is_file():
            msg = f"tensor {quoted(tensor.name, 60)} lies in {quoted(location, 60)}, which is no file of the folder"
            raise ValueError(msg)
        length = math.prod(sizes) * dtype.itemsize
        offset = int(given.get("offset", 0))
        if offset < 0 or offset + length > place.stat().st_size:
            msg = f"{quoted(location, 60)} ends before tensor {quoted(tensor.name, 60)} does"
            raise ValueError(msg)
        found = np.fromfile(place, dtype.newbyteorder("<"), math.prod(sizes), offset=offset)
        return found.astype(dtype).reshape(sizes)

    # -- what nodes ask for --------------------------------------------------------------------

    def name_for(self, name: str, kind: str) -> str:
        """Return a free name of a layer: the node's first part, as the export writes it."""
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", name.strip("/").split("/")[0]) or snake_case(kind)
        found, number = base, 0
        while found in self._names:
            number += 1
            found = f"{base}_{number}"
        self._names.add(found)
        return found

    def trained(self, value: Value) -> Any:
        """Return the symbol of an initializer, or of a constant, as a weight of its own."""
        assert value.array is not None
        if (value.array == BATCH).any():
            msg = "a value of the batch size cannot be computed with"
            raise ValueError(msg)
        array = value.array.astype(self.dtype)
        layer = OwnWeights([["weight", list(array.shape), value.weight is not None]])
        layer.model_name = self.name_for(value.weight or "constant", "weight")
        layer.given_dtype = self.dtype
        layer.ensure_built((), self.dtype)
        set_weights(layer, weight=array)
        return layer.symbol("weight")

    def bias_of(self, node: Node, units: int) -> tuple[str, Array] | None:
        """Return the bias that is added to a product, when nothing else is done with it, and its name."""
        (output,) = node.outputs
        readers = self._readers.get(output, [])
        if (
            len(readers) != 1
            or readers[0].op_type != "Add"
            or any(o.name == output for o in self.graph.output)
        ):
            return None
        other = [name for name in readers[0].input if name != output]
        bias = self.values.get(other[0]) if len(other) == 1 else None
        if bias is None or bias.array is None or bias.array.shape != (units,):
            return None
        self._joined[readers[0].output[0]] = output
        return other[0], bias.array


__all__ = ["load"]
