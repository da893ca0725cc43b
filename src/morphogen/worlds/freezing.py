"""When is a flock frozen for ever? A certificate that no edge of an averaging flock will switch again.

Flocks that fly apart slowly, or towards each other over a long way, look frozen long before they are. So "no switch for a while" is
no proof; this is one. Let the network be as it is now. Within a flock (a connected part) of birds with c_i = averaging / (d_i + 1)
velocities go to the mean V weighted with 1 / c_i, and the distance of bird i from the straight line x_i + V tau never
exceeds

    D_i = sqrt(c_i) (delta mu + kick sqrt(sum_j 1 / c_j)) / (1 - mu),

delta the length of (v_j - V) / sqrt(c_j) over the flock, mu the largest modulus of the other eigenvalues of the averaging, and
kick = sqrt(2) sum_{s >= t} noise_s the greatest total of noise to come. V itself drifts by at most `kick`. Noise moves two birds of one
flock apart by no more than N_ij = kick sum_{m >= 0} |row i - row j of the averaging matrix to the power m|_1, which is far less than
their shares of D for birds close in the network; without it D is called D0. The network is frozen when, for all future time,

    birds joined:               |x_ij| + D0_i + D0_j + N_ij <= radius (1 + hysteresis),
    same flock, not joined:     |x_ij| - D0_i - D0_j - N_ij > radius,
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
        positions: (n, 2).
        velocities: (n, 2).
        edges: (n, n) of bool.
        averaging: that of the `AveragingFlock`, as are `radius` and `hysteresis`.
        noise_left: bound of the noise to come in one component of one velocity, summed over all steps (see `noise_to_come`).

    Cost: O(n^3), an eigenvalue problem for each flock.
    """
    if not np.isfinite(noise_left):
        return False
    n, kick = len(positions), np.sqrt(2.0) * noise_left
    label = flocks(velocities, edges).label
    mean, calm, driven, shaken = np.empty((n, 2)), np.empty(n), np.empty(n), np.zeros((n, n))
    for flock in range(label.max() + 1):
        birds = np.flatnonzero(label == flock)
        block = np.ix_(birds, birds)
        one = _Flock(velocities[birds], edges[block], averaging)
        if not one.mixes:
            return False
        mean[birds], calm[birds], driven[birds] = one.mean, one.calm, one.calm + kick * one.response
        if kick > 0:
            shaken[block] = kick * one.shaking(_near(positions[birds], edges[block], radius, one.calm, kick * one.response))
    apart = positions[None] - positions[:, None]
    distance, same = np.linalg.norm(apart, axis=-1), label[:, None] == label[None]
    slack = calm[None] + calm[:, None] + shaken
    stay = distance + slack <= radius * (1 + hysteresis)
    keep_off = distance - slack > radius
    pass_by = _never_within(apart, mean[None] - mean[:, None], radius + driven[None] + driven[:, None], 2 * kick)
    fine = np.where(edges, stay, np.where(same, keep_off, pass_by))
    np.fill_diagonal(fine, True)
    return bool(fine.all())


class _Flock:
    """One flock as a linear system: `mean` is V (2,), `calm` D0_i (n,), `response` (n,) what a unit of kick adds to D_i."""

    def __init__(self, velocities: np.ndarray, edges: np.ndarray, averaging: float) -> None:
        degree = edges.sum(axis=1).astype(float)
        n = len(degree)
        self.mean, self.calm, self.response, self.mixes = velocities.mean(axis=0), np.zeros(n), np.zeros(n), True
        self.matrix = np.eye(n)
        if n == 1:
            return
        if averaging == 0:
            self.mixes = False
            return
        c = averaging / (degree + 1)
        root, laplacian = np.sqrt(c), np.diag(degree) - edges
        self.matrix = np.eye(n) - c[:, None] * laplacian
        # Symmetric twin of the averaging matrix: the same eigenvalues, and orthogonal modes, so that lengths shrink by mu.
        values = np.linalg.eigvalsh(np.eye(n) - root[:, None] * laplacian * root[None])
        mu = max(abs(values[0]), abs(values[-2]))
        self.mixes = mu < 1
        self.mean = (velocities / c[:, None]).sum(axis=0) / (1 / c).sum()
        if self.mixes:
            self.calm = root * np.linalg.norm((velocities - self.mean) / root[:, None]) * mu / (1 - mu)
            self.response = root * np.sqrt((1 / c).sum()) / (1 - mu)

    def shaking(self, pairs: np.ndarray) -> np.ndarray:
        """An upper bound of sum_m |row i - row j of matrix^m|_1 for the `pairs` marked in a mask (n, n); D's own bound for the others.

        The summands never rise with m (a stochastic matrix brings rows together), so that one of them stands for all up to the next
        one computed; the rest of the series is covered by its slowest mode.
        """
        crude = self.response[:, None] + self.response[None]
        i, j = np.nonzero(np.triu(pairs))
        power, reached, total = np.eye(len(self.matrix)), 0, np.zeros(len(i))
        step, stride = self.matrix, 1
        gap = np.abs(power[i] - power[j]).sum(axis=1)
        while len(i) and gap.max() > 1e-9 and reached < 2**40:
            total += stride * gap
            power, reached = power @ step, reached + stride
            gap = np.abs(power[i] - power[j]).sum(axis=1)
            if reached >= 8 * stride:
                step, stride = step @ step, 2 * stride
        # A row difference r of zero sum has sum_m |r matrix^m|_1 <= |r|_1 max sqrt(c) sqrt(sum 1 / c) / (1 - mu).
        total += gap * self.response.max()
        bound = crude.copy()
        bound[i, j] = bound[j, i] = np.minimum(total, crude[i, j])
        return bound


def _near(positions: np.ndarray, edges: np.ndarray, radius: float, calm: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """Which pairs of one flock the crude bound does not already settle."""
    distance = np.linalg.norm(positions[None] - positions[:, None], axis=-1)
    slack = (calm + driven)[:, None] + (calm + driven)[None]
    return np.where(edges, distance + slack > radius, distance - slack <= radius)


def _never_within(apart: np.ndarray, relative: np.ndarray, radius: np.ndarray, opening: float) -> np.ndarray:
    """Whether |apart + relative tau| > radius + opening tau for all tau >= 0, for each pair."""
    # |.|^2 - (.)^2 = a tau^2 + 2 b tau + c; its least value over tau >= 0 is at tau = max(0, -b / a).
    a = (relative**2).sum(-1) - opening**2
    b = (apart * relative).sum(-1) - radius * opening
    c = (apart**2).sum(-1) - radius**2
    apart_for_good = (a >= 0) & (b >= 0)
    passes = (a > 0) & (a * c > b**2)
    return (c > 0) & (apart_for_good | passes)
