"""What goes into a model, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotloop._support.names import serve

if TYPE_CHECKING:
    from hotloop.data.data_loader import DataLoader
    from hotloop.data.dataset import Dataset
    from hotloop.data.indexed import PyDataset

__all__ = ["DataLoader", "Dataset", "PyDataset"]

serve(
    __name__,
    {
        "DataLoader": "hotloop.data.data_loader:DataLoader",
        "Dataset": "hotloop.data.dataset:Dataset",
        "PyDataset": "hotloop.data.indexed:PyDataset",
    },
)
