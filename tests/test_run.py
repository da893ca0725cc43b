"""`run`: recording, randomness, chunking, compilation, divergence, ensembles."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import morphogen as mg
from morphogen.combinators import initial_key
from systems import Decay, Dice, Logistic, Walk


def test_records_match_a_loop_written_by_hand() -> None:
    system, key = Walk(3), jax.random.key(7)
    state = system.init(initial_key(key, False))
    expected = [state]
    for t in range(12):
        state = system.step(state, jax.random.fold_in(key, t))
        expected.append(state)
    got = mg.run(system, 12, every=4, key=7)
    np.testing.assert_allclose(got.position.values[0], np.stack(expected)[::4], rtol=1e-6)
    assert got.step.values.tolist() == [0, 4, 8, 12]
    assert got.position.dims == ("sample", "time", "walker")


def test_provenance_is_in_the_attributes() -> None:
    got = mg.run(Decay(2.0, interval=0.5), 4, key=3)
    assert json.loads(got.attrs["parameters"])["rate"] == 2.0
    assert got.attrs["system"] == "Decay"
    assert json.loads(got.attrs["key"]) == [0, 3]
    assert set(json.loads(got.attrs["versions"])) >= {"morphogen", "jax", "numpy", "python"}
    assert got.attrs["wall_seconds"] > 0
    np.testing.assert_allclose(got.time, [0, 0.5, 1, 1.5, 2])
    assert got.x.attrs["units"] == "1" and got.x.attrs["long_name"] == "what decays"


@settings(max_examples=15, deadline=None)
@given(chunk=st.integers(1, 40), every=st.sampled_from([1, 2, 5]), records=st.integers(1, 60))
def test_the_bits_do_not_depend_on_the_chunk(chunk: int, every: int, records: int) -> None:
    whole = mg.run(Walk(3), 300, key=11)
    pieces = mg.run(Walk(3), every * records, every=every, key=11, chunk=chunk)
    assert np.array_equal(pieces.position.values, whole.position.values[:, : every * records + 1 : every])


def test_changing_a_parameter_the_key_or_the_length_does_not_recompile() -> None:
    mg.run(Logistic(3.5), 10, key=0)
    with _Compilations() as compilations:
        mg.run(Logistic(3.6), 10, key=1)
        mg.run(Logistic(3.7), 5000, key=2)
    assert compilations.count == 0, compilations.names
    with _Compilations() as compilations:
        mg.run(Walk(37), 10)
    assert compilations.count > 0, "the counter must see a compilation when there is one"


class _Compilations:
    """Counts what XLA compiles while it is open."""

    def __enter__(self) -> _Compilations:
        self.names: list[str] = []
        jax.monitoring.register_event_duration_secs_listener(self._heard)
        self.open = True
        return self

    def _heard(self, name: str, seconds: float, **extra: object) -> None:
        if self.open and "backend_compile" in name:
            self.names.append(name)

    def __exit__(self, *_: object) -> None:
        self.open = False

    @property
    def count(self) -> int:
        return len(self.names)


def test_ensemble_members_equal_single_runs() -> None:
    many = mg.run(Walk(3), 20, key=5, ensemble=4)
    assert many.sizes["sample"] == 4
    for i in range(4):
        one = mg.run(Walk(3), 20, key=jax.random.fold_in(jax.random.key(5), i))
        # Same random numbers; a vectorised program may round the last bit another way.
        np.testing.assert_allclose(many.position.values[i], one.position.values[0], rtol=1e-5, atol=1e-6)


def test_ensemble_of_given_keys() -> None:
    many = mg.run(Walk(3), 20, ensemble=[8, 9])
    np.testing.assert_allclose(many.position.values[1], mg.run(Walk(3), 20, key=9).position.values[0], rtol=1e-5, atol=1e-6)


def test_a_state_that_is_not_finite_stops_the_run_and_keeps_what_was_recorded() -> None:
    with pytest.raises(mg.DivergenceError, match=r"Logistic: the state is not finite after step \d+ .*observable 'x'") as caught:
        mg.run(Logistic(4.5), 10_000, key=1)
    error = caught.value
    x = error.recorded.x.values[0]
    assert np.isfinite(x).all() and len(x) == error.step
    exact = mg.run(Logistic(4.5), 10_000, key=1, check_finite=False).x.values[0]
    assert np.array_equal(x, exact[: error.step]) and not np.isfinite(exact[error.step])


def test_divergence_at_a_stride_keeps_whole_records() -> None:
    with pytest.raises(mg.DivergenceError) as caught:
        mg.run(Logistic(4.5), 10_000, every=4, key=1)
    assert caught.value.recorded.sizes["time"] == (caught.value.step - 1) // 4 + 1


def test_host_systems_run_with_the_same_signature() -> None:
    one = mg.run(Dice(), 30, every=3, key=4)
    again = mg.run(Dice(), 30, every=3, key=4)
    other = mg.run(Dice(), 30, every=3, key=5)
    assert one.total.dims == ("sample", "time") and one.sizes["time"] == 11
    assert np.array_equal(one.total, again.total) and not np.array_equal(one.total, other.total)
    steps = np.diff(mg.run(Dice(), 500).total.values[0])
    assert steps.min() >= 2 and steps.max() <= 12 and abs(steps.mean() - 7) < 0.5
    assert mg.run(Dice(), 10, ensemble=3).total.shape == (3, 11)


def test_runge_kutta_is_of_order_four() -> None:
    def error(interval: float) -> float:
        with jax.enable_x64(True):
            got = mg.run(Decay(interval=interval), round(1 / interval))
        return abs(float(got.x[0, -1]) - np.exp(-1))

    assert 12 < error(0.1) / error(0.05) < 20


def test_euler_maruyama_has_the_variance_of_the_ornstein_uhlenbeck_process() -> None:
    got = mg.run(Decay(1.0, noise=0.5, interval=0.01), 1000, every=1000, ensemble=4000)
    assert abs(float(got.x[:, -1].var()) - 0.125) < 0.012


def test_diffrax_on_request() -> None:
    import diffrax

    with jax.enable_x64(True):
        got = mg.run(Decay(interval=0.5, solver=diffrax.Tsit5()), 4)
    np.testing.assert_allclose(got.x[0], np.exp(-0.5 * np.arange(5)), rtol=1e-5)


def test_advance_moves_without_recording() -> None:
    system, key = Walk(3), jax.random.key(2)
    start = system.init(initial_key(key, False))
    moved = mg.advance(system, start, 50, key=2)
    assert np.array_equal(moved, mg.run(system, 50, key=2).position.values[0, -1])


def test_start_from_a_given_state() -> None:
    got = mg.run(Logistic(4.0), 3, state=jnp.float32(0.25))
    np.testing.assert_allclose(got.x[0], [0.25, 0.75, 0.75, 0.75])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 10, "every": 3}, "steps must be a multiple of every"),
        ({"steps": -1}, "steps must be a multiple of every"),
        ({"steps": 10, "record": ["height"]}, "no observable 'height'; it has position, spread"),
        ({"steps": 10, "chunk": 0}, "chunk must be at least 1"),
        ({"steps": 10, "resume": True}, "resume=True needs store="),
        ({"steps": 10, "ensemble": 0}, "at least 1 member"),
        ({"steps": 10, "devices": 99}, "devices must be between 1 and"),
    ],
)
def test_mistakes_get_one_clear_line(arguments: dict, message: str) -> None:
    with pytest.raises(mg.MorphogenError, match=message) as caught:
        mg.run(Walk(3), **arguments)
    assert "\n" not in str(caught.value)


def test_a_step_that_changes_the_shape_is_named() -> None:
    class Growing(Walk):
        def step(self, state, key):  # type: ignore[no-untyped-def]
            return jnp.concatenate([state, state])

    with pytest.raises(mg.MorphogenError, match=r"Growing.step turns .* of shape \(3,\) into shape \(6,\)"):
        mg.run(Growing(3), 4)


def test_observables_must_be_what_was_declared() -> None:
    class Silent(Walk):
        def observe(self, state):  # type: ignore[no-untyped-def]
            return {"position": state}

    with pytest.raises(mg.MorphogenError, match="declares the observables"):
        mg.run(Silent(3), 4)


def test_the_progress_log_tells_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    mg.run(Walk(3), 100, progress=True)
    assert "Walk: 100/100 steps" in capsys.readouterr().err
