"""ONNX both ways: what is written runs elsewhere and comes back; what others write loads and trains."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from export_models import MODELS, answers, made, samples
from hotloop import ops
from hotloop.layers import Dense, Flatten, Input, Layer

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'hotloop[onnx]'")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


def run(path: Path, xs: list[Any]) -> list[Any]:
    """Run a file in onnxruntime, or where that is missing by ONNX's own definitions."""
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError:
        session: Any = onnx.reference.ReferenceEvaluator(str(path))
        names = session.input_names
    else:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
    return list(session.run(None, dict(zip(names, xs, strict=True))))


def close(found: list[Any], expected: list[Any], tolerance: float = 1e-5) -> None:
    assert len(found) == len(expected)
    for y, want in zip(found, expected, strict=True):
        assert y.shape == want.shape
        np.testing.assert_allclose(y, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_models_run_elsewhere_and_come_back(name: str, tmp_path: Path) -> None:
    model = made(name, "float64" if name in ("mlp", "one_axis") else "float32")
    xs = samples(model)
    expected = answers(model, xs)
    hl.onnx.export(model, tmp_path / "m.onnx")
    close(run(tmp_path / "m.onnx", xs), expected)
    again = hl.onnx.load(tmp_path / "m.onnx")
    assert again.dtype == model.dtype
    assert again.input_names == model.input_names
    close(answers(again, xs), expected)
    if not any(type(layer).__name__.endswith("Normalization") for layer in model.all_layers()):
        # A normalisation without gamma or beta comes back with both.
        assert again.count_params() == model.count_params()


def test_a_model_that_comes_back_trains_as_the_first_one_does(tmp_path: Path) -> None:
    model = made("residual")
    (x,) = samples(model, 12)
    t = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    hl.onnx.export(model, tmp_path / "m.onnx")
    again = hl.onnx.load(tmp_path / "m.onnx")
    losses = []
    for each in (model, again):
        each.compile("adam", "mse")
        losses.append([each.train_on_batch(x, t) for _ in range(5)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][-1] < losses[0][0]


def test_weights_beside_the_graph(tmp_path: Path) -> None:
    model = made("simple_convnet")
    (x,) = samples(model)
    path = tmp_path / "m.onnx"
    hl.onnx.export(model, path, external=True)
    data = tmp_path / "m.onnx.data"
    assert path.stat().st_size < 10_000 < data.stat().st_size
    close(run(path, [x]), answers(model, [x]))
    close(answers(hl.onnx.load(path), [x]), answers(model, [x]))
    whole = data.read_bytes()
    data.write_bytes(whole[:100])
    with pytest.raises(ValueError, match="ends before tensor"):
        hl.onnx.load(path)
    graph = onnx.load_model(path, load_external_data=False)
    for location in ("../m.onnx.data", str(data), "", "."):
        for tensor in graph.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
        path.write_bytes(graph.SerializeToString())
        with pytest.raises(ValueError, match=r"which is no file of the folder|ends before"):
            hl.onnx.load(path)


def every_operation() -> tuple[Any, list[Any]]:
    """Return a model of most operations that have a node."""
    x, y = Input((3, 4), name="x"), Input((3, 4), name="y")
    row = np.array([0.5, -1.0, 2.0, 0.1])
    one = [
        ops.exp(x) - ops.log(ops.absolute(y) + 1.5),
        ops.where(ops.logical_and(x > 0, y <= 0.3), x, 2.0 * y),
        ops.sqrt(ops.square(x) + 0.1) / ops.maximum(ops.absolute(y), 0.5),
        ops.softmax(x, axis=1) * ops.log_softmax(y, axis=-1),
        ops.clip(x, -0.5, 0.5) + row,
        ops.sin(x) * ops.cos(y) + ops.tanh(x) - ops.erf(y),
        ops.silu(x) + ops.gelu(y) + ops.elu(x) + ops.leaky_relu(y) + ops.softplus(x),
        ops.flip(x, axis=1) + ops.cumsum(y, axis=2),
        ops.rsqrt(ops.square(x) + 1.0) - ops.expm1(y) + ops.log1p(ops.square(x)),
        ops.matmul(x, ops.transpose(ops.matmul(ops.transpose(y, (0, 2, 1)), x), (0, 2, 1))),
        ops.einsum("bij,bkj->bik", x, y)[:, :, :1] + ops.floor(x) + ops.sign(y),
        ops.take(x, [2, 0, 1], axis=1) + ops.concatenate([x[:, 1:], y[:, :1]], axis=1),
        ops.pad(x[:, 1:3, ::2], ((0, 0), (0, 1), (1, 1)), constant_values=2.0),
        ops.max(x, axis=2, keepdims=True) + ops.min(y, axis=(1, 2), keepdims=True),
        ops.expand_dims(ops.mean(x, axis=-1) + ops.prod(y, axis=-1), 2)
        + ops.logsumexp(x, axis=-1, keepdims=True),
        ops.stack([x[:, 0], y[..., 1, :], x[:, -1]], axis=1) + ops.round(y * 2.0),
        ops.tile(ops.argmax(x, axis=2, keepdims=True), (1, 1, 4)) + ops.isnan(x),
        ops.not_equal(ops.top_k(x, 2)[0], 0.0)[:, :, :1]
        + ops.squeeze(ops.reshape(y, (-1, 3, 1, 4)), 2),
        ops.cast(x * 3.0, "int32") + ops.log2(ops.absolute(y) + 1.0) + ops.minimum(x, y),
    ]
    total = one[0]
    for other in one[1:]:
        total = ops.add(total, other)
    return hl.Model([x, y], total), one


def test_operations_have_a_node(tmp_path: Path) -> None:
    model, parts = every_operation()
    xs = samples(model, 5)
    for i, part in enumerate([model.outputs[0], *parts]):
        each = hl.Model(model.inputs, [part, ops.add(*model.inputs)])
        hl.onnx.export(each, tmp_path / f"{i}.onnx")
        expected = answers(each, xs)
        close(run(tmp_path / f"{i}.onnx", xs), expected)
        close(answers(hl.onnx.load(tmp_path / f"{i}.onnx"), xs), expected)


class Scaled(hl.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.scale = Dense(5, activation="relu"), _Scale()

    def call(self, x: Any) -> Any:
        h = self.scale(self.hidden(x))
        return h / (1.0 + ops.sum(ops.square(h), axis=-1, keepdims=True))


class _Scale(Layer):
    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight("factor", (input_shape[-1],), "ones")

    def call(self, x: Any) -> Any:
        return x * self.factor


def test_a_model_with_a_call_and_weights_of_its_own(tmp_path: Path) -> None:
    model = Scaled()
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    hl.onnx.export(model, tmp_path / "m.onnx")
    close(run(tmp_path / "m.onnx", [x]), [expected])
    again = hl.onnx.load(tmp_path / "m.onnx")
    close(answers(again, [x]), [expected])
    assert sorted(v.shape for v in again.trainable_variables) == sorted(
        v.shape for v in model.trainable_variables
    )
    again.compile("sgd", "mse")
    before = again.train_on_batch(x, 0 * expected)
    assert again.train_on_batch(x, 0 * expected) < before


# -- graphs as other libraries write them ----------------------------------------------------------


def graph(
    nodes: list[Any],
    weights: dict[str, Any],
    shape: list[Any],
    out: str = "y",
    kind: int = 1,
    opset: int = 17,
) -> Any:
    value = helper.make_tensor_value_info("x", kind, shape)
    outs = [helper.make_tensor_value_info(out, 1, None)]
    held = [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    made = helper.make_graph(nodes, "g", [value], outs, held)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def loaded(tmp_path: Path, model: Any) -> hl.Model:
    (tmp_path / "g.onnx").write_bytes(model.SerializeToString())
    return hl.onnx.load(tmp_path / "g.onnx")


def node(kind: str, inputs: str, outputs: str, name: str = "", **given: Any) -> Any:
    return helper.make_node(kind, inputs.split(), outputs.split(), name=name, **given)


def test_a_view_by_the_batch_size_and_products_with_a_bias(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {
        "k": rng.standard_normal((4, 2, 3, 3)).astype("f4"),
        "b": rng.standard_normal(4).astype("f4"),
        "w": rng.standard_normal((5, 100)).astype("f4"),
        "m": rng.standard_normal((5, 3)).astype("f4"),
        "c": rng.standard_normal(3).astype("f4"),
        "zero": np.int64(0),
        "axes": np.array([0]),
        "minus": np.array([-1]),
    }
    nodes = [
        node(
            "Conv",
            "x k b",
            "h",
            "/conv/Conv",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            strides=[2, 2],
        ),
        node("Relu", "h", "r", "/relu/Relu"),
        node("Shape", "r", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "u"),
        node("Concat", "u minus", "t", axis=0),
        node("Reshape", "r t", "v", "/view"),
        node("Gemm", "v w", "g", "/fc1/Gemm", transB=1),
        node("MatMul", "g m", "p", "/fc2/MatMul"),
        node("Add", "c p", "y", "/fc2/Add"),
    ]
    made = graph(nodes, weights, ["n", 2, 9, 9])
    model = loaded(tmp_path, made)
    names = [layer.name for layer in model.layers]
    assert names == ["x", "conv", "relu", "view", "fc1", "fc2"]
    x = rng.standard_normal((3, 2, 9, 9)).astype("f4")
    close(answers(model, [x]), run(tmp_path / "g.onnx", [x]))
    assert [v.shape for v in model.trainable_variables] == [
        (3, 3, 2, 4), (4,), (100, 5), (5, 3), (3,),
    ]  # fmt: skip


def test_attention_and_an_embedding(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weights = {
        "e": rng.standard_normal((7, 4)).astype("f4"),
        "q": rng.standard_normal((4, 12)).astype("f4"),
        "g": np.ones(4, "f4"),
        "z": np.zeros(4, "f4"),
        "half": np.float32(0.5),
        "heads": np.array([0, 0, 2, 2]),
        "flat": np.array([0, 0, 4]),
    }
    nodes = [
        node("Gather", "e x", "h", "/embed/Gather"),
        node("LayerNormalization", "h g z", "l", "/norm", axis=-1),
        node("MatMul", "l q", "qkv", "/q/MatMul"),
        node("Split", "qkv", "a b c", axis=-1),
        *(node("Reshape", f"{i} heads", f"{i}1") for i in "abc"),
        *(node("Transpose", f"{i}1", f"{i}2", perm=[0, 2, 1, 3]) for i in "ac"),
        node("Transpose", "b1", "b2", perm=[0, 2, 3, 1]),
        node("MatMul", "a2 b2", "s"),
        node("Mul", "s half", "s2"),
        node("Softmax", "s2", "p", axis=-1),
        node("MatMul", "p c2", "o"),
        node("Transpose", "o", "o2", perm=[0, 2, 1, 3]),
        node("Reshape", "o2 flat", "y"),
    ]
    model = loaded(tmp_path, graph(nodes, weights, ["n", 5], kind=7))
    x = rng.integers(0, 7, (3, 5))
    (expected,) = run(tmp_path / "g.onnx", [x])
    close(answers(model, [x]), [expected])
    model.compile("sgd", "mse")
    before = [v.copy() for v in model.get_weights()]
    model.train_on_batch(x, 0 * expected)
    moved = [bool((a != b).any()) for a, b in zip(before, model.get_weights(), strict=True)]
    assert len(moved) == 4
    assert sum(moved) >= 3


@pytest.mark.parametrize(
    ("kind", "inputs", "given", "why"),
    [
        ("QLinearConv", "x a b", {}, "quantised graphs are not known"),
        ("DequantizeLinear", "x a", {}, "quantised graphs are not known"),
        ("MatMulInteger", "x a", {}, "quantised graphs are not known"),
        ("NonMaxSuppression", "x a", {}, "there is no such operator in hotloop"),
        ("Conv", "x x", {}, "input 1 must be an initializer"),
        ("Conv", "x a", {}, "only images"),
        ("Gemm", "x a", {}, "do not fit"),
        ("Reshape", "x i", {"allowzero": 1}, "allowzero"),
        ("Reshape", "x big", {}, "Reshape"),
        ("Transpose", "x", {"perm": [0, 0, 1, 2]}, "perm"),
        ("Flatten", "x", {"axis": 2}, "flattening from axis 2"),
        ("Split", "x", {"axis": 0}, "the batch cannot be split"),
        ("Concat", "x x", {"axis": 0}, "the samples of a batch"),
        ("MaxPool", "x", {"kernel_shape": [2, 2], "dilations": [2, 2]}, "dilations"),
        ("MaxPool", "x", {"kernel_shape": [0, 2]}, "window"),
        ("AveragePool", "x", {"kernel_shape": [2, 2], "pads": [1] * 4, "count_include_pad": 1}, "counts the padding"),
        ("Cast", "x", {"to": 8}, "type 8"),
        ("Dropout", "x a a", {}, "training_mode"),
        ("ConstantOfShape", "i", {}, "ConstantOfShape"),
        ("Add", "x nothing", {}, "which nothing answers before"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_its_node(
    kind: str, inputs: str, given: dict[str, Any], why: str, tmp_path: Path
) -> None:
    weights = {
        "a": np.ones((2, 2), "f4"),
        "b": np.ones(2, "f4"),
        "i": np.array([0, -1, 0]),
        "big": np.array([0, 2**40]),
    }
    made = graph([node(kind, inputs, "y", "/block/it", **given)], weights, ["n", 3, 4, 4])
    with pytest.raises(ValueError, match=why) as caught:
        loaded(tmp_path, made)
    assert "/block/it" in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_outputs_without_a_batch_are_refused(tmp_path: Path) -> None:
    made = graph([node("ReduceSum", "x", "y", keepdims=0)], {}, ["n", 3])
    with pytest.raises(ValueError, match=r"output 'y' of .* has no batch in front"):
        loaded(tmp_path, made)
    with pytest.raises(ValueError, match="every size but the batch must be known"):
        loaded(tmp_path, graph([node("Relu", "x", "y")], {}, ["n", "m"]))
    with pytest.raises(ValueError, match="opset 6"):
        loaded(tmp_path, graph([node("Relu", "x", "y")], {}, ["n", 3], opset=6))


def test_files_that_are_none_or_altered_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        hl.onnx.load(path)
    for content in (b"", b"PK\x03\x04 not protobuf", b"\x08\x08"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no ONNX file"):
            hl.onnx.load(path)
    hl.onnx.export(made("mlp"), path)
    altered = onnx.load_model(path)
    altered.graph.initializer[0].dims[0] = 2**40
    path.write_bytes(altered.SerializeToString())
    with pytest.raises(ValueError, match="holds 1040 bytes"):
        hl.onnx.load(path)
    altered.graph.initializer[0].data_type = onnx.TensorProto.STRING
    path.write_bytes(altered.SerializeToString())
    with pytest.raises(ValueError, match="holds no real numbers"):
        hl.onnx.load(path)


class Twice(Layer):
    def forward(self, x: Any, cache: Any, training: bool) -> Any:  # noqa: ARG002
        return 2 * x

    def backward(self, dy: Any, cache: Any) -> Any:  # noqa: ARG002
        return 2 * dy


def test_what_has_no_node_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    x = Input((4, 4))
    with pytest.raises(ValueError, match=r"'mine' \(Twice\) has no form"):
        hl.onnx.export(hl.Model(x, Twice(name="mine")(x)), path)
    with pytest.raises(ValueError, match="operation sort has no form in ONNX"):
        hl.onnx.export(hl.Model(x, ops.sort(x)), path)
    model = hl.Sequential([x, Flatten()])
    for opset in (17, 10**6, "18"):
        with pytest.raises(ValueError, match="opset must be an integer from 18"):
            hl.onnx.export(model, path, opset=opset)  # type: ignore[arg-type]
    assert not path.exists()


def test_without_the_package_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for call in (lambda: hl.onnx.export(made("mlp"), tmp_path / "m"), lambda: hl.onnx.load("m")):
        with pytest.raises(ImportError, match=r"^this needs onnx: pip install 'hotloop\[onnx\]'$"):
            call()
