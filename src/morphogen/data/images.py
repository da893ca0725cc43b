"""Photographs that ship with scikit-learn."""

from __future__ import annotations

import numpy as np

from morphogen.errors import MorphogenError

PHOTOGRAPHS = ("flower.jpg", "china.jpg")


def photograph(name: str = "flower.jpg", *, size: int = 40, corner: tuple[int, int] = (40, 130), side: int = 320) -> np.ndarray:
    """A square of a photograph, averaged down to (size, size, 3), values between 0 and 1.

    `corner` is the upper left pixel (row, column) of the square and `side` its width in pixels, a multiple of `size`. The
    originals have 427 x 640 pixels. Raises MorphogenError for an unknown name or a square outside the picture.
    Source: scikit-learn, `sklearn.datasets.load_sample_image`; flower by dany13, china by anko, CC BY 2.0.
    """
    from sklearn.datasets import load_sample_image

    if name not in PHOTOGRAPHS:
        raise MorphogenError(f"there is no photograph '{name}': there are {', '.join(PHOTOGRAPHS)}")
    picture = load_sample_image(name)
    row, column = corner
    if size < 1 or side % size or row < 0 or column < 0 or row + side > picture.shape[0] or column + side > picture.shape[1]:
        height, width = picture.shape[:2]
        raise MorphogenError(
            f"a square of {side} pixels at {corner}, averaged to {size}, does not fit {height} x {width} pixels in whole parts"
        )
    cut = picture[row : row + side, column : column + side].astype(np.float64) / 255
    step = side // size
    return cut.reshape(size, step, size, step, 3).mean((1, 3))
