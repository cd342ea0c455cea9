"""Pictures in files and arrays, as older versions of Keras prepared them."""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

serve(__name__)
