"""Data sets of images, over hotloop's loaders and checksums."""

from hotloop._support.names import serve
from hotloop.torchvision.datasets.folder import DatasetFolder, ImageFolder
from hotloop.torchvision.datasets.published import CIFAR10, CIFAR100, MNIST, FashionMNIST
from hotloop.torchvision.datasets.vision import FakeData, VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
]

serve(__name__)
