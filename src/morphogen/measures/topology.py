"""The shape of a cloud of points: components, loops and voids that persist as the points are grown into balls.

`persistence_diagrams` gives the births and deaths of all features of the Vietoris-Rips complex (two points are joined once their
distance is at most the scale), computed by ripser; the readings are the longest life and the sum of lives in one dimension. A
reading of one cloud has no interval: resampled points coincide, which thins the cloud and moves every birth. Read several clouds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from morphogen.errors import MorphogenError
from morphogen.measure import measure

LARGEST = 3000  # points; above, the distances and the triangles among them outgrow a desk machine


def persistence_diagrams(points: Any, *, dimension: int = 1, sample: int | None = None, threshold: float = np.inf) -> list[np.ndarray]:
    """Births and deaths (k, 2) in dimensions 0 to `dimension` of the Vietoris-Rips filtration of `points` (n, coordinates).

    Scales are Euclidean distances (edge lengths, not ball radii), with coefficients modulo 2, in the single precision of ripser.
    What never dies has the death infinity: one component always, more below a finite `threshold`, the largest scale looked at.
    `sample` keeps that many points by greedy (farthest point) selection; each birth and death then moves by at most twice the
    distance from which the sample covers the cloud. Cost: at worst the cube of the number of (dimension + 1)-cells, in practice
    about n^2.5 for loops. Raises `MorphogenError` for fewer than 2 points, values that are not finite, or more than 3000 points
    without `sample`. Sources: Edelsbrunner, Letscher & Zomorodian (2002); Bauer (2021) for the algorithm.
    """
    import ripser

    cloud = _cloud(points)
    if not 0 <= dimension <= 3:
        raise MorphogenError(f"persistence: dimension={dimension} must be between 0 and 3")
    if not threshold > 0:
        raise MorphogenError(f"persistence: threshold={threshold} must be above 0")
    n = len(cloud)
    if sample is not None and not 2 <= sample <= min(n, LARGEST):
        raise MorphogenError(f"persistence: sample={sample} must lie between 2 and {min(n, LARGEST)} for {n} points")
    if sample is None and n > LARGEST:
        gigabytes, triangles = n * n * 12 / 1e9, n * (n - 1) * (n - 2) / 6
        raise MorphogenError(
            f"persistence: {n} points need {gigabytes:.1f} GB of distances and have {triangles:.1e} triangles; give sample=1000 "
            f"to keep that many by farthest-point selection (up to {LARGEST} are taken whole)"
        )
    found = ripser.ripser(cloud, maxdim=dimension, thresh=threshold, n_perm=sample if sample != n else None)
    return [np.asarray(diagram, dtype=np.float64) for diagram in found["dgms"]]


def _cloud(points: Any) -> np.ndarray:
    cloud = np.asarray(points, dtype=np.float64)
    if cloud.ndim != 2 or cloud.shape[1] < 1:
        raise MorphogenError(f"persistence: wants points (n, coordinates), not the shape {cloud.shape}")
    if len(cloud) < 2:
        raise MorphogenError(f"persistence: {len(cloud)} points are too few; 2 is the least")
    if not np.isfinite(cloud).all():
        raise MorphogenError("persistence: the points contain NaN or infinity; drop these points first")
    if np.all(cloud == cloud[0]):
        raise MorphogenError("persistence: all points coincide; a cloud without extent has no shape")
    return cloud


def _lives(points: Any, dimension: int, sample: int | None) -> np.ndarray:
    diagram = persistence_diagrams(points, dimension=dimension, sample=sample)[dimension]
    lives = diagram[:, 1] - diagram[:, 0]
    return lives[np.isfinite(lives)]


@measure("maximum-persistence", needs="points", unit="distance", source="Edelsbrunner, Letscher & Zomorodian (2002)", interval=None)
def maximum_persistence(points: Any, *, dimension: int = 1, sample: int | None = None) -> float:
    """The longest life (death - birth) of a component (`dimension` 0), loop (1) or void (2) among `points` (n, coordinates).

    0 when there is none. The one component that never dies is left out. n equally spaced points on a circle of radius R give
    2 R (sin(pi ceil(n / 3) / n) - sin(pi / n)), which tends to sqrt(3) R. Unit: that of the coordinates.
    Cost: as `persistence_diagrams`; `sample` for more than 3000 points.
    Blind spots: a single bridging or central outlier kills a loop early; noise alone has a longest life that grows with the extent of
    the cloud: compare with surrogates of the same density. Errors: as `persistence_diagrams`.
    Sources: Edelsbrunner, Letscher & Zomorodian (2002); Adamaszek & Adams (2017) for the circle.
    """
    lives = _lives(points, dimension, sample)
    return float(lives.max()) if len(lives) else 0.0


@measure("total-persistence", needs="points", unit="distance", source="Cohen-Steiner et al. (2010)", interval=None)
def total_persistence(points: Any, *, dimension: int = 1, sample: int | None = None, power: float = 1.0) -> float:
    """The sum of lives^power of all features in one dimension of `points` (n, coordinates).

    In dimension 0 with power 1 it is the length of the minimum spanning tree. Unit: that of the coordinates, to the power.
    Cost: as `persistence_diagrams`. Blind spots: dominated by short-lived noise for power 1 and large n; power 2 or 3 is steadier.
    The one component that never dies is left out. Errors: as `persistence_diagrams`, and for a power that is not above 0.
    Source: Cohen-Steiner, Edelsbrunner, Harer & Mileyko (2010).
    """
    if not power > 0:
        raise MorphogenError(f"total-persistence: power={power} must be above 0")
    return float((_lives(points, dimension, sample) ** power).sum())
