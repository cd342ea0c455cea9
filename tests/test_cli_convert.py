"""`hotloop export` and `hotloop convert`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hotloop as hl
from export_models import answers, made, samples
from hotloop.cli import main

NEEDS = {".keras": "h5py", ".h5": "h5py", ".onnx": "onnx"}


@pytest.mark.parametrize(
    "name",
    ["m.hotloop", "m.keras", "m.onnx", "net.c", "net.py", "w.safetensors", "w.weights.h5"],
)
def test_every_format(name: str, tmp_path: Path) -> None:
    needed = NEEDS.get(Path(name).suffix)
    if needed:
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    model = made("lenet")
    (x,) = samples(model)
    source, target = tmp_path / "source.hotloop", tmp_path / name
    model.save(source)
    assert main(["export", str(source), "--to", str(target)]) == 0
    if name.startswith("m."):
        again = tmp_path / "again.hotloop"
        assert main(["convert", str(target), str(again)]) == 0
        found = answers(hl.models.load_model(again), [x])
    elif name.startswith("w."):
        other = made("lenet")
        other.set_weights([0 * w for w in other.get_weights()])
        other.load_weights(target)
        found = answers(other, [x])
    else:
        assert "lenet" not in target.read_text()
        assert target.stat().st_size > 10_000
        return
    np.testing.assert_allclose(found[0], answers(model, [x])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("argv", "code", "reason"),
    [
        (["export", "none.hotloop", "--to", "a.c"], 1, "there is no file none.hotloop"),
        (["convert", "none.onnx", "a.c"], 1, "none.onnx"),
        (["export", "m.hotloop", "--to", "a.txt"], 2, "must be named as one of"),
        (["convert", "m.hotloop", "a.h5"], 2, "must be named as one of"),
        (["export", "m.hotloop"], 2, "--to"),
    ],
)
def test_failures(
    argv: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "none.onnx" in argv:
        pytest.importorskip("onnx", reason="onnx is not installed")
    try:
        found = main(argv)
    except SystemExit as end:
        found = int(end.code or 0)
    assert found == code
    assert reason in capsys.readouterr().err
