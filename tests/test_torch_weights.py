"""PyTorch's weights in models, and back; safetensors."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import keras_oracle
from export_models import MODELS, made, samples
from hotloop._support import archive
from hotloop.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    LayerNormalization,
    MaxPool2D,
    ReLU,
    Reshape,
)

RNG = np.random.default_rng(0)


def convolved(x: Any, w: Any, b: Any) -> Any:
    """Correlate (N, C, H, W) with (O, C, KH, KW), as PyTorch defines it."""
    cut = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.einsum("ncijhw,ochw->noij", cut, w) + b[:, None, None]


def state() -> dict[str, Any]:
    shapes = {
        "0.weight": (3, 2, 2, 2), "0.bias": (3,), "1.weight": (3,), "1.bias": (3,),
        "1.running_mean": (3,), "1.running_var": (3,), "4.weight": (5, 36), "4.bias": (5,),
        "5.weight": (5,), "5.bias": (5,), "6.weight": (2, 5), "6.bias": (2,),
    }  # fmt: skip
    found: dict[str, Any] = {k: RNG.random(s).astype("f4") + 0.1 for k, s in shapes.items()}
    found["1.num_batches_tracked"] = np.int64(7)
    return found


def theirs(s: dict[str, Any], x: Any) -> Any:
    """Compute Conv2d(2, 3, 2), BatchNorm2d, ReLU, Flatten, Linear, LayerNorm, Linear."""

    def columns(name: str) -> Any:
        return s[name][:, None, None]

    h = convolved(x, s["0.weight"], s["0.bias"])
    scale = columns("1.weight") / np.sqrt(columns("1.running_var") + 1e-5)
    h = np.maximum((h - columns("1.running_mean")) * scale + columns("1.bias"), 0)
    h = h.reshape(len(x), -1) @ s["4.weight"].T + s["4.bias"]
    h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-5)
    return (h * s["5.weight"] + s["5.bias"]) @ s["6.weight"].T + s["6.bias"]


def ours(first: bool, flat: Any) -> hl.Model:
    form: Any = {"data_format": "channels_first"} if first else {}
    return hl.Sequential(
        [
            Input((2, 4, 5) if first else (4, 5, 2)),
            Conv2D(3, 2, **form),
            BatchNormalization(axis=1 if first else -1, epsilon=1e-5),
            ReLU(),
            flat,
            Dropout(0.5),
            Dense(5),
            LayerNormalization(epsilon=1e-5),
            Dense(2),
        ]
    )


@pytest.mark.parametrize(
    ("first", "flat"),
    [
        (False, Flatten()),
        (True, Flatten()),
        (True, Flatten(data_format="channels_first")),
        (False, Reshape((-1,))),
    ],
)
def test_layouts_are_mapped(first: bool, flat: Any, tmp_path: Path) -> None:
    model, held = ours(first, flat), state()
    x = RNG.standard_normal((3, 2, 4, 5)).astype("f4")
    (tmp_path / "m.safetensors").write_bytes(archive.to_tensors(held))
    data = x if first else x.transpose(0, 2, 3, 1)
    for given in (held, tmp_path / "m.safetensors"):
        model.set_weights([0 * w for w in model.get_weights()])
        report = model.load_torch_state_dict(given)
        assert not any(report)
        np.testing.assert_allclose(
            model.predict(data, verbose=0), theirs(held, x), rtol=1e-4, atol=1e-5
        )
    back = model.torch_state_dict()
    assert back["conv2d.weight"].shape == (3, 2, 2, 2)
    for mine, want in zip(
        back.values(), (v for k, v in held.items() if "tracked" not in k), strict=True
    ):
        np.testing.assert_array_equal(mine, want)


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back(name: str) -> None:
    model = made(name)
    held, expected = model.torch_state_dict(), model.get_weights()
    model.set_weights([0 * w for w in expected])
    assert not any(model.load_torch_state_dict(held))
    for w, want in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(w, want)


def test_what_does_not_fit_is_reported() -> None:
    model = hl.Sequential([Input((3,)), Dense(4, name="a"), Dense(2, name="b")])
    before = model.get_weights()
    held = {
        "a.weight": np.ones((4, 3)), "b.weight": np.ones((2, 5)), "b.bias": np.ones(2), "b.extra": np.ones(1),
    }  # fmt: skip
    with pytest.raises(
        ValueError, match=r"missing: a/bias; unexpected: b\.extra; misfits: b\.weight is"
    ):
        model.load_torch_state_dict(held)
    for w, want in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, want)
    report = model.load_torch_state_dict(held, strict=False)
    assert (report.missing, report.unexpected) == (["a/bias"], ["b.extra"])
    assert "takes (2, 4)" in report.misfits[0]
    assert (model.get_weights()[0] == 1).all()
    assert (model.get_weights()[3] == 1).all()


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    model = made("mlp")
    with pytest.raises(TypeError, match="a dict or a file is needed"):
        model.load_torch_state_dict(3)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        model.load_torch_state_dict(tmp_path / "none.safetensors")
    for name, content, why in (
        ("m.pt", b"PK", "must be a .safetensors file"),
        ("m.safetensors", b"hello", "is altered"),
        ("m.safetensors", struct.pack("<Q", 2**62), "is altered"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=why):
            model.load_torch_state_dict(tmp_path / name)


def test_safetensors_of_our_names(tmp_path: Path) -> None:
    model = made("residual")
    expected = model.get_weights()
    model.save_weights(tmp_path / "w.safetensors")
    model.set_weights([0 * w for w in expected])
    model.load_weights(tmp_path / "w.safetensors")
    for w, want in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(w, want)
    with pytest.raises(ValueError, match="in the model or in the file alone"):
        made("mlp").load_weights(tmp_path / "w.safetensors")


def test_modules_of_pytorch() -> None:
    keras_oracle.keras()
    import torch  # noqa: PLC0415 - an extra, and slow to import
    from torch import nn  # noqa: PLC0415

    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 3),
    )
    module.train()
    module(torch.randn(16, 1, 8, 8))
    module.eval()
    model = hl.Sequential(
        [
            *(
                Input((8, 8, 1)),
                Conv2D(4, 3),
                BatchNormalization(epsilon=1e-5),
                ReLU(),
                MaxPool2D(2),
            ),
            *(Flatten(), Dense(3)),
        ]
    )
    model.load_torch_state_dict(module.state_dict())
    (x,) = samples(model)
    want = module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)
