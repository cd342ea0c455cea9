"""Files of tensors: PyTorch's load here, ours load there, and no file runs code or asks for memory it does not hold."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hotloop import torch

FILES = Path(__file__).parent / "torch_files"


def content(module: Any) -> dict[str, Any]:
    """Return what the files in torch_files hold, made by PyTorch or by ours."""
    w = module.arange(6, dtype=module.float32).reshape(2, 3)
    state = OrderedDict([("w", w), ("row", w[1]), ("turned", w.T)])
    return {
        "state": state,
        "kinds": [
            module.ones(2, dtype=getattr(module, kind))
            for kind in ("float64", "int64", "int32", "uint8", "bool")
        ],
        "scalar": module.tensor(2.5),
        "empty": module.zeros(0, 3),
        "parameter": module.nn.Parameter(module.ones(2)),
        "wide": module.ones(1, 2).expand(3, 2),
        "plain": {
            "epoch": 3,
            "loss": 0.5,
            "name": "é",
            "none": None,
            "yes": True,
            "sizes": (1, [2]),
        },
    }


def same(found: dict[str, Any], module: Any) -> None:
    """Hold what was loaded to what was saved."""
    for key, value in content(module).items():
        if key == "plain":
            assert found[key] == value
            continue
        got = found[key]
        pairs = zip(got.values(), value.values(), strict=True) if key == "state" else [(got, value)]
        if key == "kinds":
            pairs = zip(got, value, strict=True)
        for a, b in pairs:
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            assert module.equal(a, b)
    assert isinstance(found["parameter"], module.nn.Parameter)
    assert found["parameter"].requires_grad
    assert type(found["state"]) is OrderedDict
    found["state"]["w"][1, 0] = 77.0
    assert found["state"]["row"][0] == 77
    assert found["state"]["turned"][0, 1] == 77


@pytest.mark.parametrize("name", ["zip.pt", "stream.pt"])
def test_files_of_pytorch_load(name: str) -> None:
    same(torch.load(FILES / name), torch)


def test_our_files_load_here(tmp_path: Path) -> None:
    torch.save(content(torch), tmp_path / "a.pt")
    same(torch.load(tmp_path / "a.pt", map_location="cpu", weights_only=True), torch)
    stream = io.BytesIO()
    torch.save(content(torch), stream)
    stream.seek(0)
    same(torch.load(stream), torch)
    assert stream.getvalue() == (tmp_path / "a.pt").read_bytes()


def test_files_go_both_ways(tmp_path: Path) -> None:
    peer = pytest.importorskip("torch", reason="reads our files")
    torch.save(content(torch), tmp_path / "ours.pt")
    same(peer.load(tmp_path / "ours.pt", weights_only=True), peer)
    for name, new in (("zip.pt", True), ("stream.pt", False)):
        peer.save(content(peer), tmp_path / name, _use_new_zipfile_serialization=new)
        same(torch.load(tmp_path / name), torch)

    def model(module: Any) -> tuple[Any, Any]:
        net = module.nn.Sequential(module.nn.Linear(3, 2), module.nn.BatchNorm1d(2))
        return net, module.optim.Adam(net.parameters())

    theirs, their_adam = model(peer)
    ours, our_adam = model(torch)
    for net, adam, module in ((theirs, their_adam, peer), (ours, our_adam, torch)):
        net(module.ones(4, 3)).sum().backward()
        adam.step()
    for a, b, there, here in ((theirs, ours, peer, torch), (ours, theirs, torch, peer)):
        path = tmp_path / "both.pt"
        adams = {id(theirs): their_adam, id(ours): our_adam}
        there.save({"net": a.state_dict(), "adam": adams[id(a)].state_dict()}, path)
        found = here.load(path)
        b.load_state_dict(found["net"])
        adams[id(b)].load_state_dict(found["adam"])
        np.testing.assert_array_equal(a[0].weight.detach().numpy(), b[0].weight.detach().numpy())


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    for obj in (torch.nn.Linear(1, 1), {1, 2}, lambda: 0, b"x"):
        with pytest.raises(TypeError, match=r"save: takes tensors, .* got"):
            torch.save({"x": obj}, path)
    assert not path.exists()


def packed(data: bytes, storages: dict[str, bytes] | None = None, compress: bool = False) -> bytes:
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", kind) as archive:
        archive.writestr("a/data.pkl", data)
        for key, numbers in (storages or {}).items():
            archive.writestr(f"a/data/{key}", numbers)
    return file.getvalue()


def tensor(numel: int = 2, offset: int = 0, size: Any = (2,), stride: Any = (1,)) -> bytes:
    """Return a pickle of one tensor in the storage "0", as PyTorch writes it."""

    def plain(value: Any) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    storage = b"(" + plain("storage") + b"ctorch\nFloatStorage\n" + plain("0") + plain("cpu")
    storage += plain(numel) + b"tQ"
    rest = plain(offset) + plain(size) + plain(stride) + b"\x89ccollections\nOrderedDict\n)R"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"tR."


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no zip": b"PK\x03\x04" + b"x" * 50,
    "no pickle": packed(b""),
    "code": packed(b"cos\nsystem\n(S'true'\ntR."),
    "a class of PyTorch's": packed(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81."),
    "halves": packed(tensor().replace(b"FloatStorage", b"HalfStorage"), {"0": bytes(8)}),
    "missing numbers": packed(tensor()),
    "few numbers": packed(tensor(numel=2**40), {"0": bytes(8)}),
    "beyond": packed(tensor(size=(3,)), {"0": bytes(8)}),
    "beyond by offset": packed(tensor(offset=1), {"0": bytes(8)}),
    "huge": packed(tensor(size=(2**60, 2**60), stride=(0, 0)), {"0": bytes(8)}),
    "negative": packed(tensor(size=(2,), stride=(-1,)), {"0": bytes(8)}),
    "negative offset": packed(tensor(offset=-1), {"0": bytes(8)}),
    "no whole sizes": packed(tensor(size=(1.5,)), {"0": bytes(8)}),
    "more sizes than strides": packed(tensor(size=(1, 1)), {"0": bytes(8)}),
    "compressed": packed(tensor(), {"0": bytes(8)}, compress=True),
    "attributes": packed(b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00aK\x01sb."),
    "cut": (FILES / "zip.pt").read_bytes()[:700],
    "a stream, cut": (FILES / "stream.pt").read_bytes()[:700],
    "a stream of nothing": pickle.dumps(0x1950A86A20F9469CFC6C, 2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match="is not a file of tensors") as caught:
        torch.load(path)
    assert len(str(caught.value).replace(str(path), "")) <= 400
    assert torch.load(FILES / "zip.pt")["scalar"] == 2.5
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "nothing.pt")


def test_a_sound_file_by_hand_loads(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(packed(tensor(), {"0": np.array([1, 2], "<f4").tobytes()}))
    assert torch.load(path).tolist() == [1.0, 2.0]
