"""The page at sketch scale, and its instruments against what is known."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.atlas.study import study
from morphogen.atlas.training import training_jacobian as page
from morphogen.data.digits import digits
from morphogen.learners.learner import Learner, TrainingMap
from morphogen.learners.nets import Dense, cross_entropy
from morphogen.learners.streams import Epochs
from morphogen.measures.tangent import flow_jacobian


def small(steps: int, rate: float = 0.1) -> tuple[TrainingMap, jax.Array, np.ndarray]:
    d = digits(197, 0)
    images = d.images.reshape(-1, 8, 8)[:, ::2, ::2].reshape(-1, 16)
    stream = Epochs((images, d.labels), 64, jax.random.key(1))
    learner = Learner(Dense((16, 3, 10)), cross_entropy, page.CosineMomentum(30), stream, {"rate": rate, "momentum": 0.9})
    start = learner.flat(learner.init(jax.random.key(0)).weights)
    return TrainingMap(learner, steps, jax.random.key(2)), start, images.std(0) > 0


def test_the_jacobian_is_the_derivative_and_free_directions_are_left_alone() -> None:
    training, start, varying = small(30)
    assert not varying.all()
    free = page._free_directions(training.learner, varying)
    assert free.shape == (len(start), 3 * (~varying).sum() + 3 + 1)
    np.testing.assert_allclose(free.T @ free, np.eye(free.shape[1]), atol=1e-6)
    jacobian = np.asarray(flow_jacobian(training, start, 1))
    np.testing.assert_allclose(jacobian, jax.jacfwd(training)(start), atol=1e-4)
    spectrum = page._spectrum(training, start, jacobian, free)
    assert spectrum.leak < 1e-5
    assert page._finite_difference(training, spectrum) < 0.01
    rebuilt = (spectrum.left * spectrum.values) @ spectrum.right.T + free @ free.T
    np.testing.assert_allclose(rebuilt, jacobian, atol=1e-4)
    full = np.linalg.svd(jacobian, compute_uv=False)
    assert page._with_free(spectrum) == pytest.approx((np.abs(full - 1) < page.BULK).mean())


def test_without_learning_the_map_is_the_identity_and_the_gate_would_be_closed() -> None:
    training, start, _ = small(30, rate=0.0)
    np.testing.assert_array_equal(flow_jacobian(training, start, 1), np.eye(len(start)))


def test_whitening_leaves_no_direction_of_small_variance() -> None:
    d = digits(197, 0)
    images = np.concatenate([d.images, d.test_images])
    white = page._whitened(images)
    varying = images.std(0) > 0
    spread = np.linalg.eigvalsh(np.cov(white[:, varying].T))
    assert spread.max() / spread.min() < 1.01
    assert np.all(white[:, ~varying] == 0)
    # Least squares from all pixels reaches the same labels: nothing that is linear in the images was lost.
    target = np.eye(10)[np.concatenate([d.labels, d.test_labels])]

    def residual(x: np.ndarray) -> float:
        return float(np.linalg.lstsq(np.c_[x, np.ones(len(x))], target, rcond=None)[1].sum())

    assert residual(white[:, varying]) == pytest.approx(residual(images[:, varying]), rel=1e-3)


def test_small_divergences_are_exact() -> None:
    training, start, _ = small(0)
    learner, x = training.learner, np.random.default_rng(0).uniform(size=(50, 16)).astype(np.float32)
    directions = np.random.default_rng(1).normal(size=(3, len(start))).astype(np.float32) * np.array([[1e-3], [0.1], [1.0]], np.float32)
    got = page._kl(learner, start, directions, x)

    def logits(vector: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            layers = learner.unflat(jnp.asarray(vector)).layers
            (w1, b1), (w2, b2) = [(np.float64(layer.weight), np.float64(layer.bias)) for layer in layers]
            z = np.float64(x) @ w1 + b1
            out = 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) @ w2 + b2
        return out - np.log(np.exp(out).sum(1, keepdims=True))

    before = logits(np.asarray(start))
    for value, direction in zip(got, directions, strict=True):
        after = logits(np.asarray(start) + direction)
        assert float(value) == pytest.approx((np.exp(before) * (before - after)).sum(1).mean(), rel=0.02)
    assert float(page._kl(learner, start, directions[:1] * 0, x)[0]) == 0


def test_the_page_at_sketch_scale(tmp_path: Path) -> None:
    result = study("training-jacobian", scale="sketch", directory=tmp_path, first_key=0)
    assert list(result.verdicts) == ["C1", "C2", "C3", "C4"]
    assert result.main is not None and result.null is not None
    assert (tmp_path / "training-jacobian" / "picture1.png").stat().st_size > 20_000
    gates = {g.name: g.open for g in result.main.gates}
    assert gates["J is the derivative"] and gates["free directions stand apart"]
    with_mechanism, without = (r.claims[0].parts[0].effect for r in (result.main, result.null))
    assert without is not None and with_mechanism is not None and without < 0.5 * with_mechanism
