"""`Learner`, its whole run as a map, subspace training, nets and streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from morphogen.errors import MorphogenError
from morphogen.learners.learner import Learner, Probe, TrainingMap
from morphogen.learners.nets import Dense, accuracy, cross_entropy
from morphogen.learners.streams import Draws, Epochs
from morphogen.learners.subspace import SubspaceLearner
from morphogen.run import run
from morphogen.system import Observable

KEY = jax.random.key(3)
TRACES: list[int] = []


class Line(eqx.Module):
    """y = x @ slope, whose gradient descent is a linear recursion."""

    slope: jax.Array

    def __call__(self, x: jax.Array) -> jax.Array:
        return x @ self.slope


@dataclass(frozen=True)
class MakeLine:
    inputs: int = 3

    def __call__(self, key: Any) -> Line:
        return Line(jax.random.normal(key, (self.inputs,)))


def half_squares(model: Any, batch: Any) -> jax.Array:
    TRACES.append(1)
    x, y = batch
    return 0.5 * jnp.mean((model(x) - y) ** 2)


def regression() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(32, 3)).astype(np.float32)
    return x, (x @ np.array([1.0, -2.0, 0.5]) + 0.1 * random.normal(size=32)).astype(np.float32)


def line_learner(rate: float = 0.1, momentum: float = 0.0, probes: tuple[Probe, ...] = ()) -> Learner:
    hyper = {"learning_rate": rate, "momentum": momentum}
    return Learner(MakeLine(), half_squares, optax.sgd, Epochs(regression(), 32, KEY), hyper, probes)


def digits_like(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.uniform(size=(n, 6)).astype(np.float32), random.integers(0, 3, n).astype(np.int32)


def test_a_step_is_gradient_descent() -> None:
    x, y = regression()
    learner = line_learner()
    state = learner.init(KEY)
    theta = np.asarray(state.weights.slope)
    after = learner.step(state, KEY)
    np.testing.assert_allclose(after.weights.slope, theta - 0.1 * x.T @ (x @ theta - y) / 32, rtol=1e-5)
    assert int(after.cursor) == 1


def test_run_records_loss_norm_and_probes() -> None:
    held = regression()
    probe = Probe(Observable("slope", ("input",), "1", "the weights"), lambda model, data: model.slope * data, 2.0)
    data = run(line_learner(probes=(probe,)), 50, every=10, key=1)
    assert data.sizes["time"] == 6
    last = data.isel(sample=0, time=-1)
    slope = last.slope.values / 2
    np.testing.assert_allclose(last.loss, 0.5 * np.mean((held[0] @ slope - held[1]) ** 2), rtol=1e-4)
    np.testing.assert_allclose(last.norm, np.linalg.norm(slope), rtol=1e-5)
    assert last.loss < 0.1 * data.loss.values[0, 0]


def test_the_whole_run_has_the_derivative_of_the_linear_recursion() -> None:
    x, _ = regression()
    training = TrainingMap(line_learner(0.2), 20, KEY)
    jacobian = jax.jacfwd(training)(jnp.ones(3))
    expected = np.linalg.matrix_power(np.eye(3) - 0.2 * x.T @ x / 32, 20)
    np.testing.assert_allclose(jacobian, expected, atol=2e-6)


def test_the_map_agrees_with_stepping() -> None:
    data = digits_like()
    learner = Learner(Dense((6, 5, 3)), cross_entropy, optax.adam, Epochs(data, 8, KEY), {"learning_rate": 0.01})
    state = learner.init(KEY)
    start = learner.flat(state.weights)
    np.testing.assert_array_equal(learner.flat(learner.unflat(start)), start)
    for t in range(7):
        state = learner.step(state, jax.random.fold_in(KEY, t))
    np.testing.assert_allclose(TrainingMap(learner, 7, KEY)(start), learner.flat(state.weights), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(learner.model(state)(data[0]), learner.assemble(state.weights)(data[0]))


def test_another_rate_or_other_data_do_not_recompile_and_rates_can_be_swept() -> None:
    @eqx.filter_jit
    def train(training: TrainingMap, start: jax.Array) -> jax.Array:
        return training(start)

    first = train(TrainingMap(line_learner(0.1), 5, KEY), jnp.ones(3))
    traced = len(TRACES)
    second = train(TrainingMap(line_learner(0.3), 5, KEY), jnp.ones(3))
    assert len(TRACES) == traced and not np.allclose(first, second)

    def at(rate: jax.Array) -> jax.Array:
        return TrainingMap(eqx.tree_at(lambda w: w.hyper["learning_rate"], line_learner(), rate), 5, KEY)(jnp.ones(3))

    np.testing.assert_allclose(eqx.filter_vmap(at)(jnp.array([0.1, 0.3])), jnp.stack([first, second]), rtol=1e-5)


def test_subspace_training_is_projected_descent() -> None:
    x, y = regression()
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 2)))[0].T.astype(np.float32)
    confined = SubspaceLearner(line_learner(0.2), jnp.ones(3), np.concatenate([basis, np.zeros((1, 3), np.float32)]))
    state = confined.init(KEY)
    theta = np.ones(3)
    for t in range(10):
        state = confined.step(state, jax.random.fold_in(KEY, t))
        theta = theta - 0.2 * basis.T @ basis @ (x.T @ (x @ theta - y) / 32)
    np.testing.assert_allclose(confined.model(state).slope, theta, rtol=1e-4)
    assert float(state.weights[2]) == 0


def test_the_whole_space_as_a_subspace_changes_nothing() -> None:
    learner = line_learner(0.2, 0.9)
    confined = SubspaceLearner(learner, jnp.ones(3), np.eye(3, dtype=np.float32))
    end = TrainingMap(confined, 9, KEY)(jnp.zeros(3))
    np.testing.assert_allclose(1 + end, TrainingMap(learner, 9, KEY)(jnp.ones(3)), rtol=1e-5)


def test_epochs_visit_everything_once_in_a_fixed_and_changing_order() -> None:
    stream = Epochs(np.arange(10), 5, KEY)
    batches = np.array([stream.batch(t, None) for t in range(6)])
    for epoch in batches.reshape(3, 10):
        assert sorted(epoch) == list(range(10))
    assert len({tuple(epoch) for epoch in batches.reshape(3, 10)}) == 3
    np.testing.assert_array_equal(batches[3], Epochs(np.arange(10), 5, KEY).batch(3, jax.random.key(9)))
    np.testing.assert_array_equal(Epochs(np.arange(10), 5, KEY, shuffle=False).batch(1, None), np.arange(5, 10))


def test_draws_follow_the_key_and_are_uniform() -> None:
    stream = Draws(np.arange(4), 4000)
    drawn = np.asarray(stream.batch(0, KEY))
    assert not np.array_equal(drawn, stream.batch(0, jax.random.key(8)))
    counts = np.bincount(drawn, minlength=4)
    assert ((counts - 1000) ** 2 / 1000).sum() < 16.3  # chi-squared with 3 degrees of freedom, p = 0.001


def test_dense_has_the_stated_variances_and_size() -> None:
    recipe = Dense((300, 200, 100))
    first, second = recipe(KEY).layers
    assert np.std(first.weight) == pytest.approx(300**-0.5, rel=0.02)
    assert np.std(second.bias) == pytest.approx(0.1, rel=0.25)
    assert recipe.size == sum(leaf.size for leaf in jax.tree.leaves(recipe(KEY)))
    assert recipe == Dense((300, 200, 100)) and not np.any(Dense((3, 2), bias_scale=0.0)(KEY).layers[0].bias)


def test_cross_entropy_and_accuracy_by_hand() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    batch = (logits, np.array([0, 0]))
    by_hand = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.0))) / 2
    assert float(cross_entropy(lambda x: jnp.asarray(x), batch)) == pytest.approx(by_hand, rel=1e-6)
    assert float(accuracy(lambda x: jnp.asarray(x), batch)) == 0.5


def test_mistakes_are_named() -> None:
    with pytest.raises(MorphogenError, match="between 1 and the 10"):
        Epochs(np.arange(10), 11, KEY)
    with pytest.raises(MorphogenError, match="same first axis"):
        Draws((np.arange(3), np.arange(4)), 2)
    with pytest.raises(MorphogenError, match="widths"):
        Dense((3,))
    with pytest.raises(MorphogenError, match="3 weights"):
        line_learner().unflat(jnp.ones(4))
    with pytest.raises(MorphogenError, match="names of probes"):
        line_learner(probes=(Probe(Observable("loss"), half_squares),))
    with pytest.raises(MorphogenError, match="origin"):
        SubspaceLearner(line_learner(), jnp.ones(3), np.eye(2))
    with pytest.raises(MorphogenError, match="static field"):
        Learner(lambda key: {"clock": jnp.arange(2)}, half_squares, optax.sgd, Epochs(regression(), 4, KEY)).init(KEY)
