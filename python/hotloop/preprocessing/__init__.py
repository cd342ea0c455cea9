"""What Keras scripts prepare data with: `image`, `sequence` and `text`, as older versions had them.

`hotloop.layers` has layers for the same, which become part of a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotloop._support.names import serve

if TYPE_CHECKING:
    from hotloop.preprocessing import image, sequence, text
    from hotloop.utils import (
        image_dataset_from_directory,
        text_dataset_from_directory,
        timeseries_dataset_from_array,
    )

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]

_MODULES = ("image", "sequence", "text")

serve(
    __name__,
    {
        name: f"hotloop.preprocessing.{name}" if name in _MODULES else f"hotloop.utils:{name}"
        for name in __all__
    },
)
