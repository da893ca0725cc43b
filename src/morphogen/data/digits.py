"""Handwritten digits, 8 x 8 pixels: the small real image set that ships with scikit-learn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from morphogen.errors import MorphogenError

EXAMPLES = 1797


class Digits(NamedTuple):
    """Images (n, 64) between 0 and 1 and labels (n,) from 0 to 9, for training and for testing."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def digits(test: int = 197, seed: int = 0) -> Digits:
    """The 1797 images, divided by 16 so that they lie in [0, 1], split at random by `seed` into `test` for testing and the rest.

    Three pixels are zero in all of them. Raises `MorphogenError` for a `test` that leaves nothing to train on.
    Source: Alpaydin & Kaynak (1998), through `sklearn.datasets.load_digits`.
    """
    if not 0 <= test < EXAMPLES:
        raise MorphogenError(f"test must be between 0 and {EXAMPLES - 1} of the {EXAMPLES} digits, not {test}")
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images, labels = (images / 16).astype(np.float32), labels.astype(np.int32)
    order = np.random.default_rng(seed).permutation(EXAMPLES)
    held, kept = order[:test], order[test:]
    return Digits(images[kept], labels[kept], images[held], labels[held])
