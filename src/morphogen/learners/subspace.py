"""Training inside a linear subspace of the weights: theta = origin + p @ basis, and only p moves."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.learners.learner import Learner, Training


class SubspaceLearner(Learner):
    """`learner`, with its weights held in the plane `origin` + span of the rows of `basis`.

    `origin` (parameter,) and `basis` (k, parameter) are array leaves; rows should be orthonormal, so that a learning rate means
    the same as in the whole space. The state's weights are the coordinates p (k,), which start at zero whatever the key. Loss,
    optimiser, stream and probes are the learner's own. Source: Li et al. (2018), "Measuring the intrinsic dimension of
    objective landscapes", where the basis is random.
    """

    origin: Array
    basis: Array

    def __init__(self, learner: Learner, origin: Any, basis: Any) -> None:
        super().__init__(learner.make, learner.loss, learner.optimiser, learner.stream, learner.hyper, learner.probes)
        self.origin, self.basis = jnp.asarray(origin), jnp.asarray(basis)
        if self.origin.ndim != 1 or self.basis.ndim != 2 or self.basis.shape[1:] != self.origin.shape:
            raise MorphogenError(
                f"a subspace takes an origin (parameter,) and a basis (k, parameter), not shapes {self.origin.shape}, {self.basis.shape}"
            )

    def init(self, key: PRNGKeyArray) -> Training:
        return self.start(jnp.zeros(self.basis.shape[0], self.basis.dtype))

    def assemble(self, weights: Array) -> Any:
        """The callable model at the coordinates `weights` (k,)."""
        return super().assemble(super().unflat(self.origin + weights @ self.basis))

    def unflat(self, vector: Array) -> Array:
        """Coordinates are a vector already."""
        if vector.shape != self.basis.shape[:1]:
            raise MorphogenError(f"this subspace has {self.basis.shape[0]} coordinates, not the shape {vector.shape}")
        return vector
