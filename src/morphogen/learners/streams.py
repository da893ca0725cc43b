"""Where a learner's batches come from. The data are array leaves: other data of the same shape do not recompile."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, PyTree

from morphogen.errors import MorphogenError


class Epochs(eqx.Module):
    """Fixed order: every epoch visits the data once, in an order drawn from the stored key folded with the epoch's number.

    `data` is a pytree of arrays with a common first axis n. The order depends on `key` and the step alone, so two learners on
    the same stream see the same batches. Each epoch has n // size batches; what is left over waits for another shuffle.
    `shuffle=False` keeps the order of the data. Cost of a batch: a permutation of n, O(n log n), and a gather.
    """

    data: PyTree
    key: PRNGKeyArray
    size: int = eqx.field(static=True)
    shuffle: bool = eqx.field(static=True)

    def __init__(self, data: PyTree, size: int, key: PRNGKeyArray, shuffle: bool = True) -> None:
        self.data, self.key, self.size, self.shuffle = jax.tree.map(jnp.asarray, data), key, size, shuffle
        _check(self.data, size)

    def batch(self, step: Any, key: Any) -> PyTree:
        """The batch of update number `step`."""
        n = _length(self.data)
        step = jnp.asarray(step, jnp.uint32)
        epoch, place = step // (n // self.size), step % (n // self.size)
        order = jnp.arange(n)
        if self.shuffle:
            order = jax.random.permutation(jax.random.fold_in(self.key, epoch), n)
        chosen = jax.lax.dynamic_slice_in_dim(order, place * self.size, self.size)
        return jax.tree.map(lambda leaf: leaf[chosen], self.data)

    def whole(self) -> PyTree:
        """All data."""
        return self.data


class Draws(eqx.Module):
    """Batches of `size` drawn with replacement from `data`, with the run's key of the step: another run, another order."""

    data: PyTree
    size: int = eqx.field(static=True)

    def __init__(self, data: PyTree, size: int) -> None:
        self.data, self.size = jax.tree.map(jnp.asarray, data), size
        _check(self.data, min(size, _length(self.data)))

    def batch(self, step: Any, key: PRNGKeyArray) -> PyTree:
        """A fresh draw."""
        chosen = jax.random.randint(key, (self.size,), 0, _length(self.data))
        return jax.tree.map(lambda leaf: leaf[chosen], self.data)

    def whole(self) -> PyTree:
        """All data."""
        return self.data


def _length(data: PyTree) -> int:
    return int(jax.tree.leaves(data)[0].shape[0])


def _check(data: PyTree, size: int) -> None:
    lengths = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(data)}
    if len(lengths) != 1:
        raise MorphogenError(f"all arrays of a stream need the same first axis, not lengths {sorted(lengths)}")
    n = lengths.pop()
    if not 1 <= size <= n:
        raise MorphogenError(f"a batch must have between 1 and the {n} examples of the stream, not {size}")
