"""`Learner`: a training run as a system. The state is (weights, optimiser memory, cursor); one step is one update of the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PRNGKeyArray, PyTree

from morphogen.errors import MorphogenError
from morphogen.system import Observable, Observation, System, parameter


class Stream(Protocol):
    """Where batches come from: an `equinox.Module` whose data are array leaves (see `morphogen.learners.streams`)."""

    def batch(self, step: Any, key: Any) -> PyTree:
        """The batch of update number `step`; a fixed-order stream ignores `key`."""
        ...

    def whole(self) -> PyTree:
        """A fixed batch that stands for the stream, on which `observe` takes the loss."""
        ...


class Probe(eqx.Module):
    """Something to see of a model besides its loss: `read(model, data)` is an array with the dimensions `observable.dims`.

    `data` are array leaves, so that probes on other data do not recompile; `read` should be a function of a module, since a
    fresh lambda is another function to the compiler.
    """

    observable: Observable = eqx.field(static=True)
    read: Callable[[Any, Any], Array] = eqx.field(static=True)
    data: PyTree = None


class Training(NamedTuple):
    """A learner's state: the model's inexact arrays, the optimiser's memory, and the number of updates done."""

    weights: PyTree
    optimiser: PyTree
    cursor: Array


class Learner(System):
    """A model under training: `optimiser(**hyper)` follows the gradient of `loss(model, batch)` along `stream`.

    As a map of weights, see `TrainingMap`.

    Args:
        make: `make(key)` is a fresh model, an `equinox.Module`. Its inexact arrays are the weights; it may hold no other arrays.
        loss: `loss(model, batch)` is a scalar.
        optimiser: `optimiser(**hyper)` is an `optax.GradientTransformation`.
        hyper: numbers for the optimiser. They are array leaves and the optimiser is built inside the compiled step, so that a
            learning rate can be changed without recompiling, swept over a grid, and differentiated.
        stream: see `Stream`.
        probes: what `observe` gives besides the loss over `stream.whole()` and the Euclidean norm of the weights.

    `make`, `loss` and `optimiser` are static: use functions of a module or frozen dataclasses with `__call__`, which compare
    equal when they are the same. Raises `MorphogenError` for models with integer arrays, which no gradient moves.
    """

    hyper: dict[str, Array]
    stream: Any
    probes: tuple[Probe, ...]
    make: Callable[[PRNGKeyArray], Any] = eqx.field(static=True)
    loss: Callable[[Any, PyTree], Array] = eqx.field(static=True)
    optimiser: Callable[..., optax.GradientTransformation] = eqx.field(static=True)

    def __init__(
        self,
        make: Callable[[PRNGKeyArray], Any],
        loss: Callable[[Any, PyTree], Array],
        optimiser: Callable[..., optax.GradientTransformation],
        stream: Stream,
        hyper: Mapping[str, Any] | None = None,
        probes: tuple[Probe, ...] = (),
    ) -> None:
        self.make, self.loss, self.optimiser = make, loss, optimiser
        self.hyper = {name: parameter(value) for name, value in (hyper or {}).items()}
        self.stream = stream
        self.probes = tuple(probes)
        names = [o.name for o in self.observables]
        if len(set(names)) < len(names):
            raise MorphogenError(f"the names of probes must differ from each other and from loss and norm: got {', '.join(names)}")

    @property
    def observables(self) -> tuple[Observable, ...]:
        loss = Observable("loss", meaning="loss over the stream's whole")
        norm = Observable("norm", meaning="Euclidean norm of the weights")
        return (loss, norm, *(p.observable for p in self.probes))

    def init(self, key: PRNGKeyArray) -> Training:
        weights, rest = eqx.partition(self.make(key), eqx.is_inexact_array)
        _refuse_arrays(rest)
        return self.start(weights)

    def start(self, weights: PyTree) -> Training:
        """A state with these weights and an optimiser that remembers nothing."""
        return Training(weights, self.optimiser(**self.hyper).init(weights), jnp.uint32(0))

    def step(self, state: Training, key: PRNGKeyArray) -> Training:
        batch = self.stream.batch(state.cursor, key)
        gradient = jax.grad(lambda w: self.loss(self.assemble(w), batch))(state.weights)
        updates, memory = self.optimiser(**self.hyper).update(gradient, state.optimiser, state.weights)
        return Training(optax.apply_updates(state.weights, updates), memory, state.cursor + jnp.uint32(1))

    def observe(self, state: Training) -> Observation:
        model = self.model(state)
        seen = {"loss": self.loss(model, self.stream.whole()), "norm": optax.tree.norm(state.weights)}
        return seen | {p.observable.name: p.read(model, p.data) for p in self.probes}

    def model(self, state: Training) -> Any:
        """The callable model of a state."""
        return self.assemble(state.weights)

    def assemble(self, weights: PyTree) -> Any:
        """The callable model with these weights."""
        shapes = eqx.filter_eval_shape(self.make, jax.random.key(0))
        return eqx.combine(weights, eqx.filter(shapes, lambda leaf: not isinstance(leaf, jax.ShapeDtypeStruct)))

    def flat(self, weights: PyTree) -> Array:
        """The weights as one vector (parameter,)."""
        return ravel_pytree(weights)[0]

    def unflat(self, vector: Array) -> PyTree:
        """PyTree from their vector: the inverse of `flat`."""
        shapes = eqx.filter(eqx.filter_eval_shape(self.make, jax.random.key(0)), lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
        leaves, tree = jax.tree.flatten(shapes)
        sizes = [leaf.size for leaf in leaves]
        if vector.shape != (sum(sizes),):
            raise MorphogenError(f"this model has {sum(sizes)} weights: unflat wants a vector of that length, not the shape {vector.shape}")
        cuts = [sum(sizes[:i]) for i in range(1, len(sizes))]
        pieces = [p.reshape(leaf.shape).astype(leaf.dtype) for p, leaf in zip(jnp.split(vector, cuts), leaves, strict=True)]
        return jax.tree.unflatten(tree, pieces)


def _refuse_arrays(rest: Any) -> None:
    found = [jax.tree_util.keystr(path).lstrip(".") for path, leaf in jax.tree_util.tree_leaves_with_path(rest) if eqx.is_array(leaf)]
    if found:
        raise MorphogenError(f"a learner's model may hold arrays of real or complex numbers only: make {found[0]} a static field")


class TrainingMap(eqx.Module):
    """A whole training run as one map of the flat weights: theta_0 (parameter,) to theta_T (parameter,).

    The optimiser starts without memory and `key` fixes the order of the data, so the map is deterministic. It is a pytree: it
    can be passed to compiled functions, batched and differentiated, and other data or rates do not recompile. Cost: `steps` updates.
    """

    learner: Learner
    key: PRNGKeyArray
    steps: int = eqx.field(static=True)

    def __init__(self, learner: Learner, steps: int, key: PRNGKeyArray) -> None:
        if steps < 0:
            raise MorphogenError(f"a training run takes 0 or more steps, not {steps}")
        self.learner, self.key, self.steps = learner, key, steps

    def __call__(self, vector: Array) -> Array:
        def update(state: Training, number: Array) -> tuple[Training, None]:
            return self.learner.step(state, jax.random.fold_in(self.key, number)), None

        first = self.learner.start(self.learner.unflat(vector))
        last, _ = jax.lax.scan(update, first, jnp.arange(self.steps, dtype=jnp.uint32))
        return self.learner.flat(last.weights)
