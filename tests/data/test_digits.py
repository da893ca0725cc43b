"""The digits are all there, once, in a split that the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from morphogen.data.digits import digits
from morphogen.errors import MorphogenError


def test_a_split_of_all_digits() -> None:
    d = digits(197, 4)
    assert d.images.shape == (1600, 64) and d.test_labels.shape == (197,)
    assert d.images.min() == 0 and d.images.max() == 1
    rows = np.concatenate([np.c_[d.images * 16, d.labels], np.c_[d.test_images * 16, d.test_labels]])
    images, labels = load_digits(return_X_y=True)
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(np.c_[images, labels], axis=0))
    assert {tuple(r) for r in rows} == {tuple(r) for r in np.c_[images, labels]}


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(digits(10, 1).test_images, digits(10, 1).test_images)
    assert not np.array_equal(digits(10, 1).test_labels, digits(10, 2).test_labels)
    assert len(digits(0).test_images) == 0


def test_too_many_for_testing() -> None:
    with pytest.raises(MorphogenError, match="1797"):
        digits(1797)
