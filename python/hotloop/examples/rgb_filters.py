"""Filters on colour: a kernel has one slice for each channel, and a lesson that forgot it.

A true convolution meets red, green and blue with a slice each and adds the three. The lesson adds up the slices
first, meets every channel with that one, and casts to uint8, where 256 becomes 0. Both, side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop.book.lessons import conv_op
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Draw a colour picture's channels and what five random kernels make of it."""
    # Any picture will do: three discs of one colour each, which mix where they overlap.
    y, x = np.mgrid[:440, :440]
    centres = ((170, 150), (270, 150), (220, 250))
    discs = [((x - cx) ** 2 + (y - cy) ** 2 < 120**2) * 200 + 20 for cx, cy in centres]
    image = np.stack(discs)[None].astype(np.float64)  # (N, C, H, W)

    np.random.seed(222)  # noqa: NPY002 - the lesson's generator
    kernels = np.random.randn(5, 3, 3, 3)  # noqa: NPY002 - five kernels (C, KH, KW)
    # The lesson's way takes the image as it is shown, (H, W, C).
    lessons = [conv_op(image[0].transpose(1, 2, 0), kernel) for kernel in kernels]
    true = F.conv2d(image, kernels)[0]
    lesson.expect("the lesson's answer to one kernel", lessons[0].shape, (1, 1, 438, 438))
    lesson.expect("the true one to all five", true.shape, (5, 438, 438))

    windows = np.lib.stride_tricks.sliding_window_view(image[0], (3, 3), axis=(1, 2))
    numpys = np.einsum("cyxij,ocij->oyx", windows, kernels)
    lesson.expect("true, beside NumPy's windows", true[:, ::97, 5], numpys[:, ::97, 5], rtol=1e-10)
    single = np.einsum("cyxij,ij->cyx", windows, kernels[0].sum(axis=0))
    wrapped = np.trunc(single.sum(axis=0)) % 256  # the same wrap in arithmetic
    same = np.mean(wrapped == lessons[0][0, 0])
    lesson.holds("the lesson's, beside NumPy's", bool(same > 0.9999), f"{same:.4%} of pixels")

    def draw(axes: Any) -> None:
        axes[0, 0].imshow(image[0].transpose(1, 2, 0).astype(np.uint8))
        axes[0, 0].set_title("the image")
        for ax, channel, name in zip(axes[0, 1:4], image[0], ("red", "green", "blue"), strict=True):
            ax.imshow(channel, cmap="gray", vmin=0, vmax=255)
            ax.set_title(name)
        for row, pictures, name in ((1, lessons, "lesson"), (2, true, "true")):
            for ax, picture, number in zip(axes[row], pictures, range(1, 6), strict=True):
                ax.imshow(picture.reshape(438, 438), cmap="gray")
                ax.set_title(f"{name}, kernel {number}", fontsize=10)
        axes[0, 4].axis("off")
        for ax in axes.flat:
            ax.set(xticks=[], yticks=[])

    lesson.picture("rgb_filters", draw, 3, 5, size=(8, 5.4))


if __name__ == "__main__":
    run(main)
