"""`sweep`: one system over a grid of parameter values, every point of the grid in one compiled, vectorised run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from morphogen.combinators import Ensemble, member_keys
from morphogen.errors import MorphogenError
from morphogen.run import as_key, run
from morphogen.system import System
from morphogen.trajectory import concatenate

if TYPE_CHECKING:
    import xarray as xr


def sweep(
    system: System,
    grid: Mapping[str, ArrayLike],
    steps: int,
    *,
    every: int = 1,
    key: Any = 0,
    samples: int = 1,
    record: Sequence[str] | None = None,
    batch: int | None = None,
    progress: bool | None = None,
    check_finite: bool = False,
) -> xr.Dataset:
    """Run `system` at every combination of the values in `grid`; arguments not named below are those of `run`.

    Args:
        grid: parameter name (dotted for a part of a part) to a list of values. Parameters are array leaves; a size cannot
            be swept in one run.
        samples: independent members for each point. Sample i has the same key at every point, so that points are paired.
        batch: at most this many members at a time (default: all at once); all batches share one compilation.
        check_finite: stop at the first member that diverges; by default diverging members record NaN and the others go on.

    Returns:
        A Dataset with one dimension for each parameter, then (sample, time, the observable's own).

    Raises:
        MorphogenError: no such parameter, a parameter that is a size, an empty grid.

    Memory: as `run` with `batch` members; the records of all points.
    """
    values = {name: np.atleast_1d(np.asarray(v)) for name, v in grid.items()}
    if not values or any(v.ndim != 1 or v.size == 0 for v in values.values()):
        raise MorphogenError(f"a sweep needs a list of values for each parameter: got {dict(grid)}")
    if samples < 1:
        raise MorphogenError(f"a sweep needs at least 1 sample at each point, not {samples}")
    for name in values:
        _check(system, name)
    points = list(product(*values.values()))
    options: dict[str, Any] = {"every": every, "record": record, "progress": progress, "check_finite": check_finite}
    if system.host:
        parts = [run(_at(system, dict(zip(values, p, strict=True))), steps, key=key, ensemble=samples, **options) for p in points]
    else:
        parts = _vectorised(system, values, points, steps, as_key(key), samples, batch, options)
    joined = concatenate(parts) if len(parts) > 1 else parts[0]
    return _unstacked(joined, values, len(points), samples)


def _vectorised(
    system: System,
    values: Mapping[str, Any],
    points: list[Any],
    steps: int,
    key: Any,
    samples: int,
    batch: int | None,
    options: dict[str, Any],
) -> list[xr.Dataset]:
    keys = member_keys(key, samples, False)
    size = len(points) * samples
    columns = {name: np.repeat([p[i] for p in points], samples) for i, name in enumerate(values)}
    batch = size if batch is None else min(batch, size)
    parts = []
    for start in range(0, size, batch):
        # The last batch is filled up by repeating its end, so that it has the compiled size.
        index = np.minimum(np.arange(start, start + batch), size - 1)
        stacked = jax.tree.map(lambda _: None, system)
        for name, column in columns.items():
            leaf = _leaf(system, name)
            stacked = _replaced(stacked, name, jnp.asarray(column[index], leaf.dtype))
        ensemble = Ensemble(system, batch, stacked)
        state = _start(ensemble, keys[index % samples])
        part = run(ensemble, steps, key=key, state=state, **options)
        parts.append(part.isel(sample=slice(0, min(batch, size - start))))
    return parts


@eqx.filter_jit
def _start(ensemble: Ensemble, keys: Any) -> Any:
    return ensemble.start(keys)


def _leaf(system: Any, name: str) -> Any:
    for part in name.split("."):
        system = getattr(system, part)
    return system


def _replaced(tree: Any, name: str, value: Any) -> Any:
    return eqx.tree_at(lambda t: _leaf(t, name), tree, value, is_leaf=lambda x: x is None)


def _check(system: System, name: str) -> None:
    parameters = [n for n in vars(system) if eqx.is_array(getattr(system, n))]
    try:
        leaf = _leaf(system, name)
    except AttributeError:
        raise MorphogenError(f"{type(system).__name__} has no parameter '{name}'; it has {', '.join(parameters) or 'none'}") from None
    if not eqx.is_array(leaf):
        raise MorphogenError(f"'{name}' of {type(system).__name__} is fixed when it is compiled: run it once for each value instead")
    if leaf.ndim:
        raise MorphogenError(f"'{name}' of {type(system).__name__} is an array of shape {leaf.shape}, not one number that can be swept")


def _at(system: System, point: Mapping[str, Any]) -> System:
    for name, value in point.items():
        system = _replaced(system, name, jnp.asarray(value, _leaf(system, name).dtype))
    return system


def _unstacked(joined: xr.Dataset, values: Mapping[str, np.ndarray], points: int, samples: int) -> xr.Dataset:
    """Split the dimension `sample` into one dimension for each parameter and the samples."""
    import xarray as xr

    names = list(values)
    sizes = [len(values[n]) for n in names]
    variables = {}
    for name, array in joined.data_vars.items():
        data = array.values.reshape(*sizes, samples, *array.shape[1:])
        variables[name] = ((*names, *array.dims), data, array.attrs)
    coordinates = {n: (n, values[n]) for n in names} | {"time": joined.time, "step": joined.step}
    return xr.Dataset(variables, coords=coordinates, attrs=joined.attrs)
