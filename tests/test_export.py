"""Models as C and NumPy files: they answer what `predict` does, without hotloop."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import hotloop as hl
from export_models import MODELS, answers, made, samples
from hotloop.layers import Dense, Dropout, Input, Layer, Softmax

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
needs_compiler = pytest.mark.skipif(not COMPILERS, reason="there is no C compiler to compile with")


def compiled(source: Path, *flags: str, compiler: str = "") -> Path:
    out = source.with_suffix(".out")
    command = [compiler or COMPILERS[0], *STRICT, *flags, str(source), "-o", str(out), "-lm"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return out


def run_c(library: Path, xs: list[Any], expected: list[Any]) -> list[Any]:
    net = ctypes.CDLL(str(library)).net
    pointer = ctypes.POINTER(ctypes.c_float)
    rows = []
    for i in range(len(xs[0])):
        x = np.concatenate([part[i].reshape(-1) for part in xs]).astype(np.float32)
        y = np.full(sum(part[i].size for part in expected), np.nan, np.float32)
        net(x.ctypes.data_as(pointer), y.ctypes.data_as(pointer))
        rows.append(y)
    found, at = np.stack(rows), 0
    parts = []
    for part in expected:
        size = part[0].size
        parts.append(found[:, at : at + size].reshape(part.shape))
        at += size
    return parts


def run_python(script: Path, xs: list[Any], outputs: int) -> list[Any]:
    """Run a script with NumPy alone: without the paths to hotloop."""
    files = []
    for i, x in enumerate(xs):
        np.save(script.with_name(f"x{i}.npy"), x)
        files.append(f"x{i}.npy")
    names = [f"y{i}.npy" for i in range(outputs)]
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, script.name, *files, *names]
    subprocess.run(command, check=True, cwd=script.parent, env=bare)
    return [np.load(script.with_name(name)) for name in names]


def close(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for y, want in zip(found, expected, strict=True):
        assert y.shape == want.shape
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("name", MODELS)
def test_c_files_answer_what_predict_does(name: str, tmp_path: Path) -> None:
    model = made(name)
    xs = samples(model)
    expected = answers(model, xs)
    model.export(tmp_path / "net.c")
    # One compiler a model, each for some of them: the strict flags are what differs.
    compiler = COMPILERS[list(MODELS).index(name) % len(COMPILERS)]
    library = compiled(tmp_path / "net.c", "-O1", "-shared", "-fPIC", compiler=compiler)
    close(run_c(library, xs, expected), expected)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_files_answer_what_predict_does(name: str, tmp_path: Path) -> None:
    model = made(name, "float64" if name in ("norms", "first") else "float32")
    xs = samples(model)
    expected = answers(model, xs)
    model.export(tmp_path / "net.py")
    text = (tmp_path / "net.py").read_text()
    assert "hotloop" not in text.partition('"""')[2].partition('"""')[2]
    if name in ("mlp", "shared"):
        found = run_python(tmp_path / "net.py", xs, len(expected))
    else:
        space: dict[str, Any] = {"__name__": "net"}
        exec(compile(text, "net.py", "exec"), space)
        given = space["net"](*xs)
        found = list(given) if isinstance(given, tuple) else [given]
    assert [y.dtype for y in found] == [y.dtype for y in expected]
    close(found, expected)


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_main_reads_samples_from_standard_input(compiler: str, tmp_path: Path) -> None:
    model = made("simple_convnet")
    (x,) = samples(model, 2)
    model.export(tmp_path / "net.c")
    flags = ["-O2", "-DNET_MAIN", "-DNET_OPENMP"]
    # Clang's OpenMP library is a package of its own.
    flags += (
        ["-fopenmp"] if compiler == "gcc" else ["-Wno-unknown-pragmas", "-Wno-source-uses-openmp"]
    )
    program = compiled(tmp_path / "net.c", *flags, compiler=compiler)
    text = " ".join(f"{v:.9g}" for v in x.reshape(-1))
    done = subprocess.run([str(program)], input=text, capture_output=True, text=True, check=True)
    found = np.array([line.split() for line in done.stdout.splitlines()], np.float32)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    half = subprocess.run(
        [str(program)], input=text[:40], capture_output=True, text=True, check=False
    )
    assert half.returncode == 1


@needs_compiler
def test_extreme_numbers_go_where_predict_lets_them_go(tmp_path: Path) -> None:
    model = hl.Sequential(
        [Input((4,)), Dense(4, activation="sigmoid"), Dense(4, activation="tanh"), Softmax()]
    )
    weights = [np.eye(4), np.zeros(4), np.full((4, 4), -400.0), [1e30, np.inf, -np.inf, 0.0]]
    model.set_weights(weights)
    x = np.array([[1e30, -1e30, np.inf, -np.inf], [0, 1, 2, 3], [100, -100, 88, -88]], np.float32)
    model.export(tmp_path / "net.c")
    library = compiled(tmp_path / "net.c", "-O2", "-shared", "-fPIC")
    expected = [np.nan_to_num(model.predict(x[i : i + 1], verbose=0)) for i in (1, 2)]
    found = [run_c(library, [x[i : i + 1]], [expected[0]])[0] for i in (1, 2)]
    close(found, expected)


def test_open_sizes_are_refused_in_c() -> None:
    model = made("mlp")
    graph = model.graph()
    opened = replace(graph, shapes=dict.fromkeys(graph.shapes, (None, None)))
    with (
        mock.patch.object(model, "graph", return_value=opened),
        pytest.raises(ValueError, match="every size but the batch must be known"),
    ):
        model.export("net.c")


def test_operations_have_a_form_in_numpy(tmp_path: Path) -> None:
    x = Input((3, 4))
    h = hl.ops.concatenate([x[:, 1:], hl.ops.exp(x)[:, :1] * 0.5], axis=1)
    h = hl.ops.einsum("bij,bkj->bik", h, x) + hl.ops.mean(x, axis=-1, keepdims=True)
    model = hl.Model(x, hl.ops.reshape(hl.ops.where(h > 0, h, np.ones((3, 3)) * 2.0), (-1, 9)))
    (data,) = samples(model)
    model.export(tmp_path / "net.py")
    space: dict[str, Any] = {"__name__": "net"}
    exec((tmp_path / "net.py").read_text(), space)
    close([space["net"](data)], answers(model, [data]))
    with pytest.raises(ValueError, match=r"layer 'getitem.*getitem has no form in C"):
        model.export(tmp_path / "net.c")


class Twice(Layer):
    def forward(self, x: Any, cache: Any, training: bool) -> Any:  # noqa: ARG002
        return 2 * x

    def backward(self, dy: Any, cache: Any) -> Any:  # noqa: ARG002
        return 2 * dy


@pytest.mark.parametrize("ending", ["c", "py"])
def test_layers_without_a_form_are_named(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{ending}"
    with pytest.raises(ValueError, match=r"layer 'mine' \(Twice\) has no form outside of hotloop"):
        hl.Sequential([Input((2,)), Twice(name="mine")]).export(path)
    x = Input((2,))
    with pytest.raises(ValueError, match="layer 'drop' drops in every run"):
        hl.Model(x, Dropout(0.5, name="drop")(x, training=True)).export(path)
    with pytest.raises(ValueError, match="is not built"):
        hl.Sequential([Dense(2)]).export(path)
    with pytest.raises(ValueError, match=r"must end in .*\.c"):
        hl.Sequential([Input((2,)), Dense(2)]).export(tmp_path / "net.txt")
    assert not path.exists()
