"""Measures: pure functions from arrays to a reading, with an interval, a unit and, on request, a test against surrogates.

`@measure` turns a function of one data item (a series, a field, ...) into a `Measure`: `sample_entropy.value(x)` is the bare
number, `sample_entropy(x)` the `Reading`, and `measure(data, "sample-entropy")` reads arrays, xarray variables and batches.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache, update_wrapper
from importlib import import_module
from typing import Any, Literal

import numpy as np

from morphogen.errors import MorphogenError
from morphogen.statistics import LEVEL, Interval, block_length
from morphogen.surrogates import SURROGATES

Tail = Literal["both", "greater", "less"]
Needs = Literal["series", "channels", "symbols", "phases", "field", "points", "events", "system"]
NanPolicy = Literal["raise", "drop", "interpolate"]


@dataclass(frozen=True)
class Kind:
    """What a measure needs: the dimensions of one data item, and how its readings get an interval and surrogates by default."""

    dims: tuple[str, ...]
    interval: str | None
    surrogate: str | None


KINDS: dict[str, Kind] = {
    "series": Kind(("time",), "segments", "iaaft"),
    "symbols": Kind(("time",), "segments", "shuffle"),
    "channels": Kind(("time", "channel"), "blocks", "shift"),
    "phases": Kind(("time", "oscillator"), "blocks", "shift"),
    "field": Kind(("height", "width"), None, "cells"),
    "points": Kind(("n", "coordinate"), "bootstrap", "columns"),
    "events": Kind(("n",), "bootstrap", None),
    "system": Kind((), None, None),
}
RESAMPLES = 100
BY_KIND = "by kind"
SEGMENTS = 8


@dataclass(frozen=True)
class Reading:
    """What a measure read: the value, its 95 % interval, its unit, and how it was obtained.

    `p` is the share of surrogates at least as far from their mean as the value is, on both sides unless the measure says
    otherwise. `warnings` says what the reader must know (missing values filled, too short for an interval, ...). Value, low and
    high are numbers, or arrays for a measure that reads several at once (a spectrum).
    """

    measure: str
    value: Any
    low: Any
    high: Any
    unit: str
    n: int
    interval: str
    warnings: tuple[str, ...] = ()
    surrogates: int = 0
    surrogate: str | None = None
    null_mean: float | None = None
    p: float | None = None
    parameters: tuple[tuple[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = {n: np.asarray(getattr(self, n)).tolist() for n in ("value", "low", "high")}
        return asdict(self) | plain | {"warnings": list(self.warnings), "parameters": dict(self.parameters)}

    def __str__(self) -> str:
        p = "" if self.p is None else f", p = {self.p:.3g} against {self.surrogates} {self.surrogate} surrogates"
        if np.ndim(self.value):
            rows = zip(self.value, self.low, self.high, strict=True)
            return f"{self.measure} = " + ", ".join(f"{v:.4g} [{low:.4g}, {high:.4g}]" for v, low, high in rows) + f" {self.unit}"
        return f"{self.measure} = {self.value:.4g} {self.unit} [{self.low:.4g}, {self.high:.4g}]{p}"


class Measure:
    """An instrument of the catalogue; made by `@measure`."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        needs: Needs,
        unit: str,
        source: str,
        interval: str | None,
        surrogate: str | None,
        tail: Tail = "both",
    ) -> None:
        self.value, self.tail = function, tail
        self.name, self.needs, self.unit, self.source = name, needs, unit, source
        self.interval, self.surrogate = interval, surrogate
        update_wrapper(self, function)

    @property
    def parameters(self) -> dict[str, Any]:
        """The options of the measure and their defaults."""
        listed = list(inspect.signature(self.value).parameters.values())[1:]
        return {p.name: p.default for p in listed if p.default is not p.empty}

    def __call__(
        self, data: Any, *, interval: bool = True, surrogates: int = 0, key: int = 0, nan: NanPolicy = "raise", **options: Any
    ) -> Reading:
        """Read one data item (or a system) and say how sure the number is.

        Args:
            interval: False leaves out the interval, which costs many evaluations.
            surrogates: how many surrogates to test against.
            key: the seed of resampling and surrogates, and of the measure itself where it draws at random.
            nan: what to do with missing values along time: refuse, drop the instants, or interpolate linearly.
            options: the measure's own parameters.
        """
        unknown = [o for o in options if o not in self.parameters]
        if unknown:
            raise MorphogenError(f"{self.name} has no parameter '{unknown[0]}'; it has {', '.join(self.parameters) or 'none'}")
        if "key" in self.parameters:
            options["key"] = key
        chosen = tuple({**self.parameters, **options}.items())
        if self.needs == "system":
            return self._read_system(data, interval, surrogates, options, chosen)
        x, warnings = clean(self.name, data, self.needs, nan)
        value = self._number(x, options)
        random = np.random.default_rng(key)
        low, high, how = float("nan"), float("nan"), "none"
        if interval:
            low, high, how, more = self._interval(x, value, random, options)
            warnings += more
        null_mean, p = None, None
        if surrogates:
            null_mean, p = self._test(x, value, surrogates, random, options)
        against = self.surrogate if surrogates else None
        return Reading(self.name, value, low, high, self.unit, len(x), how, tuple(warnings), surrogates, against, null_mean, p, chosen)

    def _number(self, x: np.ndarray, options: dict[str, Any]) -> float:
        value = float(self.value(x, **options))
        if np.isnan(value):
            # A NaN compares as not extreme and not outside: it would pass every test further on.
            raise MorphogenError(f"{self.name} gives no number for these {len(x)} rows")
        return value

    def _read_system(
        self, system: Any, interval: bool, surrogates: int, options: dict[str, Any], chosen: tuple[tuple[str, Any], ...]
    ) -> Reading:
        if surrogates:
            raise MorphogenError(f"{self.name} reads a system, which has no surrogates")
        got = self.value(system, **options)
        unknown = got.value * np.nan if isinstance(got, Interval) else np.nan
        if not isinstance(got, Interval):
            return Reading(self.name, float(got), unknown, unknown, self.unit, 1, "none", parameters=chosen)
        if not interval:
            return Reading(self.name, got.value, unknown, unknown, self.unit, 1, "none", parameters=chosen)
        return Reading(self.name, got.value, got.low, got.high, self.unit, 1, "batch means", parameters=chosen)

    def _interval(
        self, x: np.ndarray, value: float, random: np.random.Generator, options: dict[str, Any]
    ) -> tuple[float, float, str, list[str]]:
        def read(part: np.ndarray) -> float:
            return self._number(part, options)

        if self.interval == "segments":
            return segments(read, x, value)
        if self.interval in ("blocks", "bootstrap"):
            block = 1 if self.interval == "bootstrap" else max(block_length(c) for c in np.asarray(x, dtype=float).reshape(len(x), -1).T)
            low, high, lost = block_bootstrap(read, x, block, random)
            said = [f"{lost} of {RESAMPLES} resamples could not be read and are left out of the interval"] if lost else []
            return low, high, f"block bootstrap, blocks of {block}" if self.interval == "blocks" else "bootstrap", said
        return float("nan"), float("nan"), "none", ["one data item of this kind has no interval: read several"]

    def _test(self, x: np.ndarray, value: float, count: int, random: np.random.Generator, options: dict[str, Any]) -> tuple[float, float]:
        if count < 19:
            raise MorphogenError(f"surrogates={count} cannot reach p = 0.05: at least 19 are needed")
        if self.surrogate is None:
            raise MorphogenError(f"{self.name} has no surrogate: its data have no order to destroy")
        make = SURROGATES[self.surrogate]
        try:
            null = np.array([self._number(make(x, random), options) for _ in range(count)])
        except MorphogenError as error:
            raise MorphogenError(f"{self.name} cannot read a {self.surrogate} surrogate of these data: {error}") from None
        centre = float(null.mean())
        # The tolerance counts a surrogate that equals the value up to rounding as being as extreme.
        slack = 1e-12 * max(1.0, abs(value))
        if self.tail == "both":
            extreme = np.abs(null - centre) >= abs(value - centre) - slack
        else:
            extreme = null >= value - slack if self.tail == "greater" else null <= value + slack
        return centre, float((1 + extreme.sum()) / (count + 1))


CATALOGUE: dict[str, Measure] = {}


def measure(
    name: str,
    *,
    needs: Needs,
    unit: str,
    source: str,
    interval: str | None = BY_KIND,
    surrogate: str | None = BY_KIND,
    tail: Tail = "both",
) -> Callable[[Callable[..., Any]], Measure]:
    """Declare a measure. The decorated function takes one data item first and its own options as keywords, and returns a number.

    Args:
        needs: what one data item is; see `KINDS`.
        interval: "segments" (values on disjoint stretches), "blocks" (moving-block bootstrap), "bootstrap" or None; by kind.
        surrogate: a name in `morphogen.surrogates.SURROGATES` or None; by kind.
        tail: which side of the surrogates counts as extreme: "both", "greater" or "less".

    A function of a system returns an `Interval` (of arrays for a spectrum), or a number that has none. A function with an option
    `key` draws at random, and is given the key of the reading.
    """
    if needs not in KINDS:
        raise MorphogenError(f"measure {name} needs '{needs}', which is none of {', '.join(KINDS)}")
    kind = KINDS[needs]

    def register(function: Callable[..., Any]) -> Measure:
        how = kind.interval if interval == BY_KIND else interval
        made = Measure(function, name, needs, unit, source, how, kind.surrogate if surrogate == BY_KIND else surrogate, tail)
        CATALOGUE[name] = made
        return made

    return register


@cache
def catalogue() -> dict[str, Measure]:
    """Every measure by name. Imports all families once."""
    package = import_module("morphogen.measures")
    for family in pkgutil.iter_modules(package.__path__):
        import_module(f"morphogen.measures.{family.name}")
    return dict(sorted(CATALOGUE.items()))


def find(name: str) -> Measure:
    """The measure called `name`."""
    everything = catalogue()
    if name not in everything:
        close = get_close_matches(name, everything, n=3)
        raise MorphogenError(
            f"there is no measure '{name}': " + (f"did you mean {' or '.join(close)}?" if close else "`morphogen list` shows them")
        )
    return everything[name]


def read(data: Any, name: str, *, over: str | Sequence[str] | None = None, **options: Any) -> Any:
    """Read `data` with the measure called `name`: `mg.measure(trajectory.x, "sample-entropy", surrogates=99)`.

    Args:
        data: an array, an `xarray.DataArray`, a Dataset with one variable, or (for measures of systems) a system.
        over: the dimension or dimensions that make up one data item; by default the ones of that name if the array has
            them, else the last ones. A reading is taken for each entry of the remaining dimensions.
        options: as for `Measure.__call__`: interval, surrogates, key, nan, and the measure's parameters.

    Returns:
        A `Reading`; or, when dimensions remain, a Dataset of value, low, high (and p, null_mean) over them.
    """
    import xarray as xr

    chosen = find(name)
    if chosen.needs == "system":
        return chosen(data, **options)
    if isinstance(data, xr.Dataset):
        if len(data.data_vars) != 1:
            raise MorphogenError(
                f"{name} reads one variable, and the Dataset has {len(data.data_vars)}: choose one of {', '.join(map(str, data.data_vars))}"
            )
        data = next(iter(data.data_vars.values()))
    array = data if isinstance(data, xr.DataArray) else xr.DataArray(np.asarray(data))
    item = _item_dims(chosen, array, over)
    rest = [d for d in array.dims if d not in item and array.sizes[d] > 1]
    array = array.squeeze([d for d in array.dims if d not in item and array.sizes[d] == 1], drop=True).transpose(*rest, *item)
    if not rest:
        return chosen(array.values, **options)
    shape = tuple(array.sizes[d] for d in rest)
    readings = [chosen(array.values[i], **options) for i in np.ndindex(shape)]
    names = ("value", "low", "high") + (("p", "null_mean") if options.get("surrogates") else ())
    variables = {n: (rest, np.array([getattr(r, n) for r in readings]).reshape(shape)) for n in names}
    warnings = sorted({w for r in readings for w in r.warnings})
    attrs = {"measure": name, "units": chosen.unit, "source": chosen.source, "warnings": "; ".join(warnings)}
    return xr.Dataset(variables, coords={d: array.coords[d] for d in rest if d in array.coords}, attrs=attrs)


def _item_dims(chosen: Measure, array: Any, over: str | Sequence[str] | None) -> list[Any]:
    dims = KINDS[chosen.needs].dims
    given = [over] if isinstance(over, str) else list(over or ())
    for d in given:
        if d not in array.dims:
            raise MorphogenError(f"the data have no dimension '{d}'; they have {', '.join(map(str, array.dims))}")
    if len(given) == len(dims):
        return given
    if len(given) == 1 and len(dims) == 2 and "time" in array.dims and given[0] != "time":
        return ["time", given[0]]
    if given:
        raise MorphogenError(f"{chosen.name} reads {' x '.join(dims)}: over must name {len(dims)} dimension(s), not {len(given)}")
    if all(d in array.dims for d in dims):
        return list(dims)
    if array.ndim < len(dims):
        raise MorphogenError(f"{chosen.name} reads {' x '.join(dims)}: it needs {len(dims)} dimensions, and the data have {array.ndim}")
    if "time" in dims and "time" in array.dims:
        others = [d for d in array.dims if d != "time"]
        return ["time", *others[len(others) - len(dims) + 1 :]]
    return list(array.dims[array.ndim - len(dims) :])


def clean(name: str, data: Any, needs: Needs, nan: NanPolicy) -> tuple[np.ndarray, list[str]]:
    """One data item as a checked array, and what was done to it. Raises for missing values unless told what to do with them."""
    if nan not in ("raise", "drop", "interpolate"):
        raise MorphogenError(f"nan must be raise, drop or interpolate, not '{nan}'")
    x = np.asarray(data)
    kind = KINDS[needs]
    if x.ndim != len(kind.dims):
        raise MorphogenError(f"{name} reads {' x '.join(kind.dims)}: an array of {len(kind.dims)} dimension(s), not of shape {x.shape}")
    if not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
        raise MorphogenError(f"{name} reads numbers, not {x.dtype}")
    if not np.issubdtype(x.dtype, np.inexact):
        return x, []
    missing = ~np.isfinite(x)
    said: list[str] = []
    if missing.any():
        x, said = _without_missing(name, x, missing, nan)
    if needs == "symbols":
        if not np.array_equal(x, np.round(x)):
            raise MorphogenError(f"{name} reads symbols (whole numbers); these are real values: bin them first")
        x = x.astype(np.int64)
    return x, said


def _without_missing(name: str, x: np.ndarray, missing: np.ndarray, nan: NanPolicy) -> tuple[np.ndarray, list[str]]:
    if nan == "raise":
        where = "row " + str(int(np.argwhere(missing)[0][0]))
        raise MorphogenError(
            f"{name}: {int(missing.sum())} of {x.size} values are missing or infinite (first in {where}); say nan=drop or nan=interpolate"
        )
    rows = missing.reshape(len(x), -1).any(1)
    if rows.all():
        raise MorphogenError(f"{name}: every row has a missing value")
    if nan == "drop":
        return x[~rows], [f"{int(rows.sum())} of {len(x)} rows with missing values dropped: what follows them is taken as their neighbour"]
    return _interpolated(x, missing), [f"{int(missing.sum())} missing values interpolated linearly"]


def _interpolated(x: np.ndarray, missing: np.ndarray) -> np.ndarray:
    filled = x.astype(float).copy()
    flat, gaps, rows = filled.reshape(len(x), -1), missing.reshape(len(x), -1), np.arange(len(x))
    for column in range(flat.shape[1]):
        known = ~gaps[:, column]
        if not known.any():
            raise MorphogenError(f"column {column} has no values at all")
        flat[:, column] = np.interp(rows, rows[known], flat[known, column])
    return filled


def segments(read: Callable[[np.ndarray], float], x: np.ndarray, value: float) -> tuple[float, float, str, list[str]]:
    """An interval from the values on disjoint stretches: value +- Student's t times their standard error.

    For measures that follow a series from point to point, where joining resampled blocks would make up transitions. The
    stretches are shorter than the whole, so that a measure with a bias at short lengths gets too wide an interval, never too narrow
    a one. Fewer stretches are tried when the measure cannot read so short ones. Source: batch means (Law & Carson 1979).
    """
    from scipy.stats import t

    for count in (SEGMENTS, 4):
        try:
            values = np.array([read(part) for part in np.array_split(x, count)])
        except MorphogenError:
            continue
        half = float(t.ppf((1 + LEVEL) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
        return value - half, value + half, f"{count} segments", []
    return float("nan"), float("nan"), "none", ["too short to be cut in four: no interval"]


def block_bootstrap(
    read: Callable[[np.ndarray], float], x: np.ndarray, block: int, random: np.random.Generator, *, resamples: int = RESAMPLES
) -> tuple[float, float, int]:
    """Percentile interval of a statistic over moving blocks of rows, and how many resamples could not be read.

    Blocks of 1 are the ordinary bootstrap. Cost: `resamples` evaluations. Source: Kuensch (1989).
    """
    n = len(x)
    starts = random.integers(0, n - block + 1, (resamples, -(-n // block)))
    values = []
    for row in starts:
        index = (row[:, None] + np.arange(block)).ravel()[:n]
        try:
            values.append(read(x[index]))
        except MorphogenError:
            continue
    if len(values) < resamples // 2:
        return float("nan"), float("nan"), resamples - len(values)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high), resamples - len(values)
