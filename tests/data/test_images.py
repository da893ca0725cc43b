"""Photographs from scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from morphogen.data.images import photograph
from morphogen.errors import MorphogenError


def test_a_square_is_averaged_down() -> None:
    from sklearn.datasets import load_sample_image

    small = photograph(size=40, side=320, corner=(40, 130))
    assert small.shape == (40, 40, 3) and 0 <= small.min() < small.max() <= 1
    original = load_sample_image("flower.jpg")[40:48, 130:138] / 255
    np.testing.assert_allclose(small[0, 0], original.mean((0, 1)))
    assert photograph("china.jpg", size=10).shape == (10, 10, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"name": "cat.jpg"}, "no photograph 'cat.jpg'"), ({"corner": (200, 0)}, "does not fit"), ({"size": 33}, "does not fit")],
)
def test_mistakes_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(MorphogenError, match=message):
        photograph(**arguments)
