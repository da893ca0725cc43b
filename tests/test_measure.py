"""The measure machinery: intervals, surrogate tests, missing values, batches, and the catalogue."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from morphogen.errors import MorphogenError
from morphogen.measure import CATALOGUE, KINDS, block_bootstrap, catalogue, clean, find, measure, read, segments
from morphogen.statistics import Interval, block_length

# By name, because `morphogen.measure` as an attribute is the function that reads.
MODULE = sys.modules["morphogen.measure"]


@pytest.fixture
def declare(monkeypatch):
    """`measure`, for measures that are gone after the test."""
    monkeypatch.setattr(MODULE, "CATALOGUE", dict(CATALOGUE))
    return lambda name="trial", **how: measure(name, **({"needs": "series", "unit": "1", "source": "nobody (1900)"} | how))


def noise(n=200, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def autoregression(n, seed, memory=0.8):
    x, e = np.zeros(n), noise(n, seed)
    for i in range(1, n):
        x[i] = memory * x[i - 1] + e[i]
    return x


def test_a_reading_says_how_it_was_obtained(declare):
    @declare()
    def spread(x, *, power: float = 2.0):
        return np.mean(np.abs(x) ** power)

    reading = spread(noise(), power=1.0, surrogates=19)
    assert reading.value == spread.value(noise(), power=1.0) == np.abs(noise()).mean()
    assert reading.low < reading.value < reading.high and reading.interval == "8 segments"
    assert (reading.n, reading.unit, reading.surrogates, reading.surrogate) == (200, "1", 19, "iaaft")
    # IAAFT keeps the values, so every surrogate reads the same and none is less extreme.
    assert reading.p == 1.0 and reading.null_mean == pytest.approx(reading.value)
    assert reading.as_dict()["parameters"] == {"power": 1.0} and spread.parameters == {"power": 2.0}
    assert str(reading).startswith("trial = 0.") and "p = 1" in str(reading)
    bare = spread(noise(), interval=False)
    assert np.isnan(bare.low) and bare.interval == "none" and bare.p is None


def test_same_key_same_reading_other_key_other_surrogates(declare):
    @declare(surrogate="shuffle")
    def memory(x):
        return np.corrcoef(x[:-1], x[1:])[0, 1]

    first, again, other = (memory(noise(), surrogates=19, key=k) for k in (1, 1, 2))
    assert first == again and first.null_mean != other.null_mean


def test_p_values_of_noise_are_uniform_and_memory_is_found(declare):
    @declare(surrogate="shuffle")
    def memory(x):
        return np.corrcoef(x[:-1], x[1:])[0, 1]

    p = np.array([memory(noise(100, seed), surrogates=39, interval=False, key=seed).p for seed in range(200)])
    assert 0.02 < np.mean(p <= 0.05) < 0.09 and 0.4 < p.mean() < 0.6
    assert memory(autoregression(200, 0), surrogates=99).p == 0.01


def test_tails_are_one_sided(declare):
    def memory(x):
        return np.corrcoef(x[:-1], x[1:])[0, 1]

    up, down = (declare(surrogate="shuffle", tail=tail)(memory) for tail in ("greater", "less"))
    assert up(autoregression(200, 0), surrogates=19).p == 0.05
    assert down(autoregression(200, 0), surrogates=19).p == 1.0


def test_block_bootstrap_of_a_mean_covers_where_the_plain_bootstrap_does_not():
    covered = {"blocks": 0, "bootstrap": 0}
    for seed in range(100):
        x = autoregression(400, seed)
        for name, block in (("blocks", block_length(x)), ("bootstrap", 1)):
            low, high, lost = block_bootstrap(np.mean, x, block, np.random.default_rng(seed))
            assert lost == 0
            covered[name] += low <= 0 <= high
    assert covered["blocks"] >= 80 and covered["bootstrap"] <= 65


def test_segments_of_a_mean_cover_at_their_level():
    covered = 0
    for seed in range(200):
        x = noise(160, seed)
        low, high, how, said = segments(np.mean, x, x.mean())
        covered += low <= 0 <= high
        assert how == "8 segments" and not said
    assert 180 <= covered <= 198


def test_segments_fall_back_to_fewer_and_then_to_none():
    def needs(least):
        def mean(part):
            if len(part) < least:
                raise MorphogenError("too short")
            return part.mean()

        return mean

    assert segments(needs(10), noise(80), 0.0)[2] == "8 segments"
    assert segments(needs(11), noise(80), 0.0)[2] == "4 segments"
    low, _, how, said = segments(needs(21), noise(80), 0.0)
    assert np.isnan(low) and how == "none" and "no interval" in said[0]


def test_a_number_that_is_none_is_refused_and_not_tested(declare):
    calls = []

    @declare()
    def fails_on_surrogates(x):
        calls.append(1)
        return 1.0 if len(calls) == 1 else np.nan

    with pytest.raises(MorphogenError, match="cannot read a iaaft surrogate"):
        fails_on_surrogates(noise(), surrogates=19, interval=False)
    with pytest.raises(MorphogenError, match="gives no number"):
        fails_on_surrogates(noise())


def test_missing_values_are_refused_dropped_or_interpolated(declare):
    @declare()
    def total(x):
        return x.sum()

    x = np.array([0.0, 1, np.nan, 3, np.inf, 5])
    with pytest.raises(MorphogenError, match=r"2 of 6 values are missing or infinite \(first in row 2\)"):
        total(x)
    dropped, filled = total(x, nan="drop", interval=False), total(x, nan="interpolate", interval=False)
    assert dropped.value == 9 and dropped.n == 4 and "2 of 6 rows" in dropped.warnings[0]
    assert filled.value == 15 and filled.n == 6 and "interpolated" in filled.warnings[0]
    assert np.isnan(x[2])


def test_symbols_are_whole_numbers_whatever_is_missing():
    for policy in ("raise", "drop", "interpolate"):
        with pytest.raises(MorphogenError, match="whole numbers"):
            clean("trial", np.array([0.0, 1.5, 2.0]), "symbols", policy)
    kept, said = clean("trial", np.array([0.0, np.nan, 2.0]), "symbols", "drop")
    assert kept.dtype == np.int64 and kept.tolist() == [0, 2] and len(said) == 1
    with pytest.raises(MorphogenError, match="whole numbers"):
        clean("trial", np.array([0.0, np.nan, 1.0]), "symbols", "interpolate")


@pytest.mark.parametrize(
    "data, how, says",
    [
        (np.ones((2, 3)), {}, r"reads time: an array of 1 dimension"),
        (np.array(["a", "b"]), {}, "reads numbers"),
        (np.full(3, np.nan), {"nan": "drop"}, "every row"),
        (np.ones(3), {"nan": "ignore"}, "must be raise, drop or interpolate"),
        (np.ones(30), {"surrogates": 5}, "surrogates=5 cannot reach p = 0.05"),
        (np.ones(30), {"colour": 1}, "no parameter 'colour'; it has none"),
    ],
)
def test_refuses(declare, data, how, says):
    @declare()
    def total(x):
        return x.sum()

    with pytest.raises(MorphogenError, match=says):
        total(data, **how)


def test_kinds_and_surrogates_that_do_not_exist_are_refused(declare):
    with pytest.raises(MorphogenError, match="needs 'sound'"):
        declare(needs="sound")
    with pytest.raises(MorphogenError, match="has no surrogate"):
        declare(needs="events")(lambda x: x.mean())(np.ones(30), surrogates=19)


def test_systems_read_intervals_and_arrays(declare):
    spectrum = declare(needs="system")(lambda system, *, key=0: Interval(np.array([2.0, key]), np.array([1.0, 0]), np.array([3.0, 9])))
    reading = spectrum("a system", key=7)
    assert reading.value.tolist() == [2, 7] and reading.as_dict()["high"] == [3, 9] and "2 [1, 3], 7 [0, 9]" in str(reading)
    assert np.isnan(spectrum("a system", interval=False).low).all()
    plain = declare(needs="system")(lambda system: 4)("a system")
    assert plain.value == 4.0 and np.isnan(plain.low) and plain.interval == "none"
    with pytest.raises(MorphogenError, match="has no surrogates"):
        spectrum("a system", surrogates=19)


def test_reading_by_name_runs_over_dimensions(declare, monkeypatch):
    first = declare()(lambda x: x[0])
    monkeypatch.setattr(MODULE, "catalogue", lambda: {"trial": first})
    data = xr.DataArray(np.arange(24.0).reshape(2, 3, 4), dims=("sample", "time", "cell"), coords={"cell": list("abcd")})
    found = read(data, "trial", interval=False)
    assert found.value.dims == ("sample", "cell")
    np.testing.assert_array_equal(found.value, data.isel(time=0))
    assert list(found.cell.values) == list("abcd") and found.attrs["measure"] == "trial"
    along = read(data, "trial", over="cell", interval=False)
    assert along.value.dims == ("sample", "time")
    np.testing.assert_array_equal(along.value, data.isel(cell=0))
    assert read(np.arange(5.0), "trial", interval=False).value == 0
    assert read(np.arange(10.0).reshape(2, 5), "trial", interval=False).value.values.tolist() == [0, 5]
    with pytest.raises(MorphogenError, match="no dimension 'depth'"):
        read(data, "trial", over="depth")
    with pytest.raises(MorphogenError, match="has 2: choose one of x, y"):
        read(xr.Dataset({"x": data, "y": data}), "trial")


def test_catalogue_lists_every_family_with_all_that_is_promised():
    known = catalogue()
    assert {"lyapunov", "lyapunov-spectrum", "lyapunov-rosenstein", "zero-one", "sample-entropy"} <= set(known)
    for name, each in known.items():
        assert each.name == name and each.needs in KINDS and each.unit and each.source and each.__doc__
    with pytest.raises(MorphogenError, match="did you mean sample-entropy"):
        find("sample-entropie")


def test_importing_the_machinery_does_not_import_jax_or_numba():
    code = "import sys, morphogen.measure, morphogen.surrogates; sys.exit(any(m in sys.modules for m in ('jax', 'numba', 'scipy.stats')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
