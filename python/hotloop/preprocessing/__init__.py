"""What Keras scripts prepare data with: `image`, `sequence` and `text`, as older versions had them.

`hotloop.layers` has layers for the same, which become part of a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotloop._support.names import serve

if TYPE_CHECKING:
    from hotloop.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]

serve(__name__, {name: f"hotloop.preprocessing.{name}" for name in __all__})
