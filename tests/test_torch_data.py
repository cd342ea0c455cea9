"""Data of hotloop.torch and hotloop.torchvision: batches, samplers, transforms and folders of images."""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import torch
from hotloop.torch.utils import data
from hotloop.torchvision import datasets, transforms, utils
from hotloop.torchvision.transforms import functional as F

Image = pytest.importorskip("PIL.Image", reason="images come through Pillow: hotloop[image]")
Array = Any
KNOWN: dict[str, Callable[[], Any]] = {
    "none": transforms.ToTensor,
    "normalised": lambda: transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    ),
    "converted": lambda: transforms.Compose(
        [transforms.ToTensor(), transforms.ConvertImageDtype(torch.float64)]
    ),
    "unknown": lambda: transforms.Compose(
        [transforms.ToTensor(), transforms.Lambda(lambda x: x * 2 - 1)]
    ),
}


def write_idx(path: Path, array: Array) -> None:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def write_mnist(root: Path) -> Path:
    """Write the digits of the package as torchvision keeps MNIST, enlarged to 28 x 28."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    train, test = hl.datasets.digits.load_data()
    for name, (x, y) in {"train": train, "t10k": test}.items():
        big = np.kron(np.minimum(x[:640] * 16, 255).astype(np.uint8), np.ones((1, 3, 3), np.uint8))
        write_idx(raw / f"{name}-images-idx3-ubyte", np.pad(big, ((0, 0), (2, 2), (2, 2))))
        write_idx(raw / f"{name}-labels-idx1-ubyte", y[:640])
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mnist(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("size", [1, 64, 100])
def test_batches_at_once_have_the_bits_of_samples(root: Path, name: str, size: int) -> None:
    mnist = datasets.MNIST(str(root), train=True, transform=KNOWN[name]())
    order = np.random.default_rng(0).permutation(len(mnist)).tolist()
    batches = list(data.DataLoader(mnist, batch_size=size, sampler=order[:200]))
    assert len(batches) == -(-200 // size)
    images = torch.cat([x for x, _ in batches])
    classes = torch.cat([y for _, y in batches])
    assert classes.dtype == torch.int64
    by_hand = [KNOWN[name]()(Image.fromarray(mnist.data[i].numpy())) for i in order[:200]]
    assert torch.equal(images, torch.stack(by_hand))
    assert classes.tolist() == [int(mnist.targets[i]) for i in order[:200]]
    assert torch.equal(mnist[order[3]][0], by_hand[3])


def test_a_subset_and_tensors_are_gathered_too(root: Path) -> None:
    mnist = datasets.MNIST(root, transform=KNOWN["normalised"]())
    part = data.Subset(mnist, list(range(50, 0, -1)))
    (x, y), *_ = data.DataLoader(part, batch_size=50)
    assert torch.equal(x, torch.stack([mnist[i][0] for i in range(50, 0, -1)]))
    assert y[0] == mnist[50][1]
    pairs = data.TensorDataset(torch.arange(5), torch.arange(10.0).reshape(5, 2))
    got = list(data.DataLoader(pairs, batch_size=2, drop_last=True))
    assert [a.tolist() for a, _ in got] == [[0, 1], [2, 3]]
    assert got[1][1].tolist() == [[4, 5], [6, 7]]
    got[0][0][0] = 9
    assert pairs[0][0] == 0
    w = torch.ones(3, 2, requires_grad=True)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(w), batch_size=3)))
    batch.sum().backward()
    assert w.grad.tolist() == [[1, 1]] * 3


def test_orders() -> None:
    numbers = data.TensorDataset(torch.arange(100))

    def order(**options: Any) -> list[int]:
        return [int(i) for (x,) in data.DataLoader(numbers, batch_size=7, **options) for i in x]

    torch.manual_seed(3)
    first = order(shuffle=True)
    assert sorted(first) == list(range(100))
    assert first != order(shuffle=True)
    torch.manual_seed(3)
    assert order(shuffle=True) == first
    drawn = [order(shuffle=True, generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert set(order(sampler=data.SubsetRandomSampler([4, 5, 6]))) == {4, 5, 6}
    assert len(order(sampler=data.RandomSampler(numbers, True, 130))) == 130
    assert set(order(sampler=data.WeightedRandomSampler([0] * 99 + [1], 9))) == {99}
    batches = data.BatchSampler(data.SequentialSampler(numbers), 40, False)
    assert [len(x) for (x,) in data.DataLoader(numbers, batch_sampler=batches)] == [40, 40, 20]


class Stream(data.IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(range(5))


def test_streams_and_samples_as_they_are() -> None:
    got = [x.tolist() for x in data.DataLoader(Stream(), batch_size=2)]
    assert got == [[0, 1], [2, 3], [4]]
    assert len(list(data.DataLoader(Stream(), batch_size=2, drop_last=True))) == 2
    assert list(data.DataLoader(["a", "b"], batch_size=None)) == ["a", "b"]
    assert list(Stream() + Stream()) == [0, 1, 2, 3, 4] * 2
    with pytest.raises(ValueError, match="has its own order"):
        data.DataLoader(Stream(), shuffle=True)


def test_collating() -> None:
    Pair = namedtuple("Pair", "x y")  # noqa: PYI024 - as users write them
    got = data.default_collate([Pair(1, 2.0), Pair(3, 4.0)])
    assert isinstance(got, Pair)
    assert (got.x.dtype, got.y.dtype) == (torch.int64, torch.float64)
    got = data.default_collate([{"a": np.ones(2, "f4"), "b": "s"}] * 3)
    assert (got["a"].shape, got["a"].dtype, got["b"]) == ((3, 2), torch.float32, ["s"] * 3)
    assert data.default_collate([True, False]).dtype == torch.bool
    with pytest.raises(TypeError, match="must contain tensors, numpy arrays, numbers"):
        data.default_collate([object()])
    with pytest.raises(RuntimeError):
        data.default_collate([torch.ones(2), torch.ones(3)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shuffle": True, "sampler": [1]}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "mutually exclusive with batch_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": None, "drop_last": True}, "no last one to drop"),
        ({"num_workers": -1}, "num_workers"),
    ],
)
def test_arguments_that_exclude_each_other(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        data.DataLoader(range(3), **options)


def test_splits() -> None:
    parts = data.random_split(range(10), [7, 3], torch.Generator().manual_seed(1))
    assert sorted(part[i] for part in parts for i in range(len(part))) == list(range(10))
    assert [len(p) for p in data.random_split(range(10), [0.5, 0.25, 0.25])] == [6, 2, 2]
    with pytest.raises(ValueError, match="do not sum"):
        data.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="one length"):
        data.TensorDataset(torch.ones(2), torch.ones(3))
    joined = data.ConcatDataset([range(3), range(2)])
    assert [joined[i] for i in range(-5, 5)] == [0, 1, 2, 0, 1] * 2
    with pytest.raises(IndexError):
        _ = joined[5]


@pytest.fixture
def picture() -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def test_transforms_of_images(picture: Any) -> None:
    pixels = np.asarray(picture)
    tensor = F.to_tensor(picture)
    np.testing.assert_array_equal(tensor.numpy(), np.moveaxis(pixels / np.float32(255), -1, 0))
    assert F.pil_to_tensor(picture).dtype == torch.uint8
    np.testing.assert_array_equal(np.asarray(F.to_pil_image(tensor)), pixels)
    assert transforms.Resize((5, 6))(picture).size == (6, 5)
    assert transforms.Resize(18)(picture).size == (24, 18)
    assert transforms.Resize((5, 6))(tensor).shape == (3, 5, 6)
    assert transforms.Grayscale()(picture).mode == "L"
    assert transforms.Grayscale(3)(tensor).shape == (3, 9, 12)
    assert transforms.RandomRotation(10, expand=True)(picture).mode == "RGB"
    assert F.rotate(tensor, 90).shape == tensor.shape
    half = transforms.ConvertImageDtype(torch.uint8)(tensor)
    np.testing.assert_allclose(half.numpy(), F.pil_to_tensor(picture).numpy(), atol=1)
    assert transforms.RandomApply([transforms.RandomHorizontalFlip(1.0)], 0.0)(picture) is picture


@pytest.mark.parametrize(
    "transform",
    [
        transforms.CenterCrop(5),
        transforms.CenterCrop((14, 7)),
        transforms.Pad(2),
        transforms.Pad((1, 2), fill=0, padding_mode="reflect"),
        transforms.Pad((1, 2, 3, 4), padding_mode="edge"),
        transforms.RandomCrop(6),
        transforms.RandomCrop((12, 9), padding=2),
        transforms.RandomCrop(20, pad_if_needed=True),
        transforms.RandomHorizontalFlip(0.9),
        transforms.RandomVerticalFlip(0.9),
    ],
    ids=repr,
)
def test_tensors_and_pictures_take_the_same_transforms(picture: Any, transform: Any) -> None:
    torch.manual_seed(1)
    of_picture = F.to_tensor(transform(picture))
    torch.manual_seed(1)
    assert torch.equal(transform(F.to_tensor(picture)), of_picture)


def test_transforms_refuse() -> None:
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray"):
        F.to_tensor(3)
    with pytest.raises(TypeError, match="should be a float tensor"):
        F.normalize(torch.ones(1, 2, 2, dtype=torch.uint8), (0.5,), (0.5,))
    with pytest.raises(ValueError, match="std evaluated to zero"):
        F.normalize(torch.ones(1, 2, 2), (0.5,), (0.0,))
    with pytest.raises(ValueError, match="larger than input image"):
        transforms.RandomCrop(5)(torch.ones(1, 4, 4))
    with pytest.raises(ValueError, match="must be positive"):
        transforms.RandomRotation(-3)
    assert repr(KNOWN["normalised"]()) == (
        "Compose(\n    ToTensor()\n    Normalize(mean=(0.1307,), std=(0.3081,))\n)"
    )


def test_mnist_as_torchvision_has_it(root: Path) -> None:
    mnist = datasets.MNIST(root, train=False, download=True)
    assert mnist.data.shape == (360, 28, 28)
    assert (mnist.data.dtype, mnist.targets.dtype) == (torch.uint8, torch.int64)
    image, target = mnist[4]
    assert (image.mode, image.size, type(target)) == ("L", (28, 28), int)
    assert mnist.classes[3] == "3 - three"
    assert repr(mnist).splitlines()[:2] == ["Dataset MNIST", "    Number of datapoints: 360"]
    shifted = datasets.MNIST(root, target_transform=lambda t: t + 10, transform=KNOWN["none"]())
    assert shifted[0][1] >= 10
    _, classes = next(iter(data.DataLoader(shifted, batch_size=9)))
    assert int(classes.min()) >= 10


def test_cifar_as_torchvision_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.uint8)
    y = np.arange(20)[:, None] % 10
    monkeypatch.setattr(hl.datasets.cifar10, "load_data", lambda: ((x, y), (x[:5], y[:5])))
    cifar = datasets.CIFAR10("x", transform=KNOWN["none"](), download=True)
    assert (cifar.data.shape, cifar.targets[:3]) == ((20, 32, 32, 3), [0, 1, 2])
    assert cifar.classes[cifar.class_to_idx["cat"]] == "cat"
    images, classes = next(iter(data.DataLoader(cifar, batch_size=20)))
    assert images.shape == (20, 3, 32, 32)
    assert torch.equal(images[3], F.to_tensor(Image.fromarray(x[3])))
    assert classes.tolist() == y.ravel().tolist()
    assert datasets.CIFAR10(train=False)[0][0].size == (32, 32)


def test_folders_of_images(tmp_path: Path, picture: Any) -> None:
    for name in ("b/1.png", "b/2.png", "a/inner/3.png", "a/note.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / name) if name.endswith("png") else (tmp_path / name).touch()
    folder = datasets.ImageFolder(tmp_path, transforms.ToTensor())
    assert (folder.classes, folder.targets) == (["a", "b"], [0, 1, 1])
    assert folder.class_to_idx == {"a": 0, "b": 1}
    image, target = folder[0]
    assert (image.shape, target) == ((3, 9, 12), 0)
    (tmp_path / "c").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes c"):
        datasets.ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(tmp_path / "c")


def test_images_side_by_side(tmp_path: Path) -> None:
    grid = utils.make_grid(torch.ones(5, 1, 4, 6), nrow=3, pad_value=0.5)
    assert grid.shape == (3, 2 * 6 + 2, 3 * 8 + 2)
    assert float(grid[0, 0, 0]) == 0.5
    utils.save_image(grid, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (26, 14)
    spread = utils.make_grid(torch.arange(8.0).reshape(2, 1, 2, 2), normalize=True, padding=0)
    assert (float(spread.min()), float(spread.max())) == (0.0, 1.0)
