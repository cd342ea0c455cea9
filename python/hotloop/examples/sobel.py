"""Sobel filters: two small kernels find the edges of a picture.

One kernel takes the difference between right and left, the other between below and above; the root of the summed
squares is the strength of the edge, whatever its direction. A network learns its kernels; these are made by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run

# Correlation, as in all of deep learning: the kernel lies on the image as it is printed here, never flipped.
ACROSS = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
DOWN = ACROSS.T


def main(lesson: Lesson) -> None:
    """Filter a picture of 440 x 440 grey pixels."""
    # Any picture will do: here a bright disc before a ramp, with a bar.
    y, x = np.mgrid[:440, :440]
    image = x // 4
    image[(x - 170) ** 2 + (y - 200) ** 2 < 110**2] = 230
    image[330:380, 60:400] = 20

    kernels = np.stack([ACROSS, DOWN])[:, None]  # (O, C, KH, KW): two filters of one channel
    edges = F.conv2d(image[None, None], kernels)[0]
    lesson.expect("two pictures, smaller by k - 1", edges.shape, (2, 438, 438))
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    numpys = np.einsum("yxij,oij->oyx", windows, kernels[:, 0])
    lesson.expect("largest difference from NumPy's sums", np.abs(edges - numpys).max(), 0.0)

    # A pixel holds up to 255: the lesson cuts what is above, and keeps negative numbers.
    cut = np.minimum(edges, 255)
    strength = np.minimum(np.sqrt((cut**2).sum(axis=0)), 255)
    lesson.expect("largest number after the cut", cut.max(), 255.0)
    lesson.holds("negative numbers are kept", bool(cut.min() < -255), f"{cut.min():.0f}")
    lesson.expect("on a flat disc there is no edge", strength[200, 170], 0.0)

    def draw(axes: Any) -> None:
        titles = ("the image", "right minus left", "below minus above", "strength of the edge")
        for ax, title, shown in zip(axes.flat, titles, (image, *cut, strength), strict=True):
            # Grey is 0 in the two with signs: a falling edge is dark, a rising one bright.
            signed = shown.min() < 0
            ax.imshow(shown, cmap="gray", vmin=-255 if signed else 0, vmax=255)
            ax.set(title=title, xticks=[0, 200, 400], yticks=[0, 200, 400])
            ax.set(xlabel="pixel", ylabel="pixel")

    lesson.picture("sobel", draw, 2, 2, size=(8, 8))


if __name__ == "__main__":
    run(main)
