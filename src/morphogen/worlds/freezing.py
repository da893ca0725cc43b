"""When is a flock frozen for ever? A certificate that no edge of an averaging flock will switch again.

Flocks that fly apart slowly, or towards each other over a long way, look frozen long before they are. So "no switch for a while" is
no proof; this is one. Let the network be as it is now. Within a flock (a connected part) of birds with c_i = averaging / (d_i + 1)
velocities go to the mean V weighted with 1 / c_i, and the distance of bird i from the straight line x_i + V tau never
exceeds

    D_i = sqrt(c_i) (delta mu + kick sqrt(sum_j 1 / c_j)) / (1 - mu),

delta the length of (v_j - V) / sqrt(c_j) over the flock, mu the largest modulus of the other eigenvalues of the averaging, and
kick = sqrt(2) sum_{s >= t} noise_s the greatest total of noise to come. V itself drifts by at most `kick`. The network is
frozen when, for all future time,

    birds joined:               |x_ij| + D_i + D_j <= radius (1 + hysteresis),
    same flock, not joined:     |x_ij| - D_i - D_j > radius,
    different flocks:           |x_ij + V_ij tau| - D_i - D_j - 2 kick tau > radius  for every real tau >= 0.

Then no edge can be the first to switch. Sufficient, not necessary: a frozen flock may have to relax before it can be certified.
The proof is for exact arithmetic; positions and velocities enter as they were computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from morphogen.errors import MorphogenError


@dataclass(frozen=True)
class Flocks:
    """The flocks of one network: the number of the flock of each bird, the size of each flock, and the greatest difference (length) of
    the velocities of two birds of one flock."""

    label: np.ndarray
    sizes: np.ndarray
    spread: float

    @property
    def share_in_company(self) -> float:
        """The share of birds whose flock has two birds or more."""
        return float(self.sizes[self.sizes > 1].sum() / self.sizes.sum())


def flocks(velocities: np.ndarray, edges: np.ndarray) -> Flocks:
    """The connected parts of `edges` (n, n) and how far the velocities (n, 2) of their birds agree. Cost O(n^2)."""
    if edges.shape != (len(velocities), len(velocities)):
        raise MorphogenError(f"{len(velocities)} birds need edges of shape {(len(velocities),) * 2}, not {edges.shape}")
    _, label = connected_components(edges, directed=False)
    apart = np.linalg.norm(velocities[:, None] - velocities[None], axis=-1)
    return Flocks(label, np.bincount(label), float(apart[label[:, None] == label[None]].max()))


def noise_to_come(noise: float, decay: float, step: int) -> float:
    """An upper bound of sum_{s >= step} noise (1 + s)^-decay: infinite unless the noise is summable (decay > 1)."""
    if noise == 0:
        return 0.0
    return noise * ((1.0 + step) ** -decay + (1.0 + step) ** (1 - decay) / (decay - 1)) if decay > 1 else np.inf


def frozen(
    positions: np.ndarray,
    velocities: np.ndarray,
    edges: np.ndarray,
    *,
    averaging: float,
    radius: float = 1.0,
    hysteresis: float = 1e-3,
    noise_left: float = 0.0,
) -> bool:
    """Whether it is certain that no edge of this averaging flock will ever switch again (see the module's text).

    Args:
        positions, velocities: (n, 2); edges: (n, n) of bool; averaging, radius, hysteresis: those of the `AveragingFlock`.
        noise_left: bound of the noise to come in one component of one velocity, summed over all steps (see `noise_to_come`).

    Cost: O(n^3), an eigenvalue problem for each flock.
    """
    if not np.isfinite(noise_left):
        return False
    n, kick = len(positions), np.sqrt(2.0) * noise_left
    label = flocks(velocities, edges).label
    mean, bound = np.empty((n, 2)), np.empty(n)
    for flock in range(label.max() + 1):
        birds = np.flatnonzero(label == flock)
        mean[birds], bound[birds] = _excursion(velocities[birds], edges[np.ix_(birds, birds)], averaging, kick)
    if not np.isfinite(bound).all():
        return False
    apart, slack = positions[None] - positions[:, None], bound[None] + bound[:, None]
    distance = np.linalg.norm(apart, axis=-1)
    same = label[:, None] == label[None]
    stay = distance + slack <= radius * (1 + hysteresis)
    keep_off = distance - slack > radius
    pass_by = _never_within(apart, mean[None] - mean[:, None], radius + slack, 2 * kick)
    fine = np.where(edges, stay, np.where(same, keep_off, pass_by))
    np.fill_diagonal(fine, True)
    return bool(fine.all())


def _excursion(velocities: np.ndarray, edges: np.ndarray, averaging: float, kick: float) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean velocity V (2,) of one flock, and the bound D_i (n,) of its birds' departures from straight lines."""
    degree = edges.sum(axis=1).astype(float)
    if len(degree) == 1:
        return velocities[0], np.zeros(1)
    if averaging == 0:
        return velocities.mean(axis=0), np.full(len(degree), np.inf)
    c = averaging / (degree + 1)
    mean = (velocities / c[:, None]).sum(axis=0) / (1 / c).sum()
    # Symmetric twin of the averaging matrix: the same eigenvalues, and orthogonal modes, so that lengths shrink by mu.
    root = np.sqrt(c)
    twin = np.eye(len(c)) - root[:, None] * (np.diag(degree) - edges) * root[None]
    values = np.linalg.eigvalsh(twin)
    mu = max(abs(values[0]), abs(values[-2]))
    if mu >= 1:
        return mean, np.full(len(c), np.inf)
    delta = np.linalg.norm((velocities - mean) / root[:, None])
    return mean, root * (delta * mu + kick * np.sqrt((1 / c).sum())) / (1 - mu)


def _never_within(apart: np.ndarray, relative: np.ndarray, radius: np.ndarray, opening: float) -> np.ndarray:
    """Whether |apart + relative tau| > radius + opening tau for all tau >= 0, for each pair."""
    # |.|^2 - (.)^2 = a tau^2 + 2 b tau + c; its least value over tau >= 0 is at tau = max(0, -b / a).
    a = (relative**2).sum(-1) - opening**2
    b = (apart * relative).sum(-1) - radius * opening
    c = (apart**2).sum(-1) - radius**2
    apart_for_good = (a >= 0) & (b >= 0)
    passes = (a > 0) & (a * c > b**2)
    return (c > 0) & (apart_for_good | passes)
