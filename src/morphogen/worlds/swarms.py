"""Birds in the plane: Chazelle's averaging flock, Vicsek's self-propelled particles, Reynolds' boids.

All three keep the network of who sees whom in their state, so that its changes can be watched: an *edge* joins two birds that see each
other, a *switch* is an edge that appears or disappears. Neighbours are found among all pairs: O(n^2) time and memory a step,
meant for up to about a thousand birds.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Observable, Observation, System, parameter

PIXELS = 256


class Birds(NamedTuple):
    """Positions and velocities (n, 2), edges (n, n) of bool (symmetric, empty diagonal), the number of steps made, the number of
    edges that switched in the last step, and the number of the last step in which any did (0: none yet)."""

    positions: Array
    velocities: Array
    edges: Array
    clock: Array
    switches: Array
    last_switch: Array


class _Swarm(System):
    """What the three worlds share: what is seen, how the network is kept, the picture."""

    n: eqx.AbstractVar[int]
    radius: eqx.AbstractVar[Array]

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (
            Observable("positions", ("bird", "axis"), "length", "where each bird is"),
            Observable("velocities", ("bird", "axis"), "length per step", "displacement in one step"),
            Observable("polarisation", (), "1", "length of the mean heading: 1 when all fly the same way"),
            Observable("edges", (), "edges", "pairs of birds that see each other"),
            Observable("switches", (), "edges", "edges that appeared or disappeared in the last step"),
            Observable("last_switch", (), "step", "the last step in which an edge switched"),
        )

    def observe(self, state: Birds) -> Observation:
        return {
            "positions": state.positions,
            "velocities": state.velocities,
            "polarisation": polarisation(state.velocities),
            "edges": _pairs(state.edges),
            "switches": state.switches,
            "last_switch": state.last_switch,
        }

    @abstractmethod
    def displacements(self, positions: Array) -> Array:
        """x_j - x_i for every pair: (n, n, 2), index (i, j)."""

    def _linked(self, positions: Array, edges: Array) -> Array:
        """The network at `positions`; `edges` is the one before."""
        return (squared_length(self.displacements(positions)) <= self.radius**2) & ~jnp.eye(self.n, dtype=bool)

    def begin(self, positions: Array, velocities: Array) -> Birds:
        """The state with these positions and velocities, both (n, 2), at step 0."""
        if jnp.shape(positions) != (self.n, 2) or jnp.shape(velocities) != (self.n, 2):
            given = f"{jnp.shape(positions)} and {jnp.shape(velocities)}"
            raise MorphogenError(f"{self.n} birds need positions and velocities of shape ({self.n}, 2), not {given}")
        dtype, none = self.radius.dtype, jnp.int32(0)
        edges = self._linked(jnp.asarray(positions, dtype), jnp.zeros((self.n, self.n), bool))
        return Birds(jnp.asarray(positions, dtype), jnp.asarray(velocities, dtype), edges, none, none, none)

    def _moved(self, state: Birds, positions: Array, velocities: Array) -> Birds:
        edges, clock = self._linked(positions, state.edges), state.clock + 1
        switches = _pairs(edges ^ state.edges)
        return Birds(positions, velocities, edges, clock, switches, jnp.where(switches > 0, clock, state.last_switch))

    def frame(self, state: Birds) -> tuple[Array, Array]:
        """Lower left corner (2,) and side of the square that `render` shows: by default the smallest that holds all birds."""
        low, high = state.positions.min(axis=0), state.positions.max(axis=0)
        side = 1.1 * jnp.maximum(jnp.max(high - low), self.radius)
        return (low + high - side) / 2, side

    def render(self, state: Birds) -> Array:
        """Every bird a short dash behind its position, coloured by its heading, on night blue: (256, 256, 3) of uint8."""
        corner, side = self.frame(state)
        along = jnp.linspace(0.0, 0.03, 16)[None, :, None] * side
        points = state.positions[:, None] - along * headings(state.velocities)[:, None]
        cells = jnp.clip((points - corner) / side * PIXELS, 0, PIXELS - 1).astype(jnp.int32)
        angle = jnp.arctan2(state.velocities[:, 1], state.velocities[:, 0])
        hues = 150 + 105 * jnp.cos(angle[:, None] - jnp.array([0.0, 2.0, 4.0]) * math.pi / 3)
        fading = jnp.linspace(1.0, 0.35, 16)[None, :, None]
        background = jnp.broadcast_to(jnp.array([13.0, 17.0, 33.0]), (PIXELS, PIXELS, 3))
        return background.at[PIXELS - 1 - cells[..., 1], cells[..., 0]].max(hues[:, None] * fading).astype(jnp.uint8)


class AveragingFlock(_Swarm):
    """Chazelle's flock: n birds in the open plane that average their velocities with those of the birds they see. Deterministic.

        v_i(t+1) = v_i(t) + c_i sum_{j seen by i} (v_j(t) - v_i(t)),      x_i(t+1) = x_i(t) + v_i(t+1)

    with c_i = averaging / (d_i + 1), d_i the number of birds seen. `averaging` = 1 is the plain mean over oneself and the birds seen,
    at most 1/2 is a lazy walk (a bird keeps at least half of its own velocity), 0 switches the averaging off. Two birds alone
    have their relative velocity multiplied by 1 - averaging at each step.

    Two birds see each other from a distance of `radius` on and lose each other beyond radius (1 + hysteresis): without the
    band, birds that fly at exactly that distance would switch for ever by rounding alone. The paper asks for some hysteresis
    when edges break; a band in distance is this library's form of it.

    `noise` adds to each component of v_i(t+1) an independent number, uniform in +-noise (1 + t)^-noise_decay, which the bird keeps
    and passes on: constant noise makes the velocity of a lone bird a random walk.

    Start: positions uniform in a square with `density` birds per unit of area, headings uniform, every speed `speed`.
    Use `begin(positions, velocities)` for another start. Raises MorphogenError for values that make no sense. Cost O(n^2) a step.
    Source: Chazelle (2009), arXiv 0905.4241.
    """

    n: int = eqx.field(static=True)
    averaging: Array
    radius: Array
    hysteresis: Array
    noise: Array
    noise_decay: Array
    density: Array
    speed: Array

    def __init__(
        self,
        n: int = 64,
        averaging: float = 0.5,
        radius: float = 1.0,
        hysteresis: float = 1e-3,
        noise: float = 0.0,
        noise_decay: float = 0.0,
        density: float = 1.2,
        speed: float = 0.1,
    ) -> None:
        self.n = _count("AveragingFlock", n)
        if not 0 <= averaging <= 1:
            raise MorphogenError(f"averaging must be between 0 (off) and 1 (the plain mean), not {averaging}")
        _positive("AveragingFlock", radius=radius, density=density)
        _not_negative("AveragingFlock", hysteresis=hysteresis, noise=noise, noise_decay=noise_decay, speed=speed)
        self.averaging, self.radius, self.hysteresis = parameter(averaging), parameter(radius), parameter(hysteresis)
        self.noise, self.noise_decay = parameter(noise), parameter(noise_decay)
        self.density, self.speed = parameter(density), parameter(speed)

    def init(self, key: PRNGKeyArray) -> Birds:
        place, heading = jax.random.split(key)
        side = jnp.sqrt(self.n / self.density)
        return self.begin(side * _uniform(place, (self.n, 2), side.dtype), self.speed * _headings(heading, self.n, side.dtype))

    def displacements(self, positions: Array) -> Array:
        return positions[None] - positions[:, None]

    def _linked(self, positions: Array, edges: Array) -> Array:
        squares = squared_length(self.displacements(positions))
        held = edges & (squares <= (self.radius * (1 + self.hysteresis)) ** 2)
        return ((squares <= self.radius**2) & ~jnp.eye(self.n, dtype=bool)) | held

    def step(self, state: Birds, key: PRNGKeyArray) -> Birds:
        v = state.velocities
        # Products with 0 and 1 only: the matrix product must not be rounded to fewer bits on an accelerator.
        seen = state.edges.astype(v.dtype)
        degree = seen.sum(axis=1, keepdims=True)
        pull = jnp.matmul(seen, v, precision="highest") - degree * v
        amplitude = self.noise * (1.0 + state.clock.astype(v.dtype)) ** -self.noise_decay
        kick = amplitude * (2 * _uniform(key, v.shape, v.dtype) - 1)
        v = v + self.averaging / (degree + 1) * pull + kick
        return self._moved(state, state.positions + v, v)


class _Boxed(_Swarm):
    """A swarm in a periodic square box: a bird that leaves on one side enters on the other."""

    box: eqx.AbstractVar[Array]

    def displacements(self, positions: Array) -> Array:
        straight = positions[None] - positions[:, None]
        return straight - self.box * jnp.round(straight / self.box)

    def frame(self, state: Birds) -> tuple[Array, Array]:
        return jnp.zeros(2, self.box.dtype), self.box


class Vicsek(_Boxed):
    """Vicsek's self-propelled particles: constant speed, the mean heading of all within `radius` (oneself included), plus noise.

        x_i(t+1) = x_i(t) + v_i(t),      theta_i(t+1) = arg sum_{j within radius of i at t} exp(i theta_j(t)) + xi,

    xi uniform in +-noise / 2 radians, v_i = speed (cos theta_i, sin theta_i), in a periodic box of side `box`. Order sets in when noise
    falls or density n / box^2 rises. The defaults are those of the paper's figure 1d (ordered motion).

    Raises MorphogenError for values that make no sense (box at least 2 radius: an image must not be seen twice). Cost O(n^2) a step.
    Source: Vicsek, Czirok, Ben-Jacob, Cohen & Shochet (1995), Physical Review Letters 75, 1226.
    """

    n: int = eqx.field(static=True)
    noise: Array
    box: Array
    speed: Array
    radius: Array

    def __init__(self, n: int = 300, noise: float = 0.1, box: float = 5.0, speed: float = 0.03, radius: float = 1.0) -> None:
        self.n = _count("Vicsek", n)
        _positive("Vicsek", radius=radius, speed=speed)
        _not_negative("Vicsek", noise=noise)
        self.noise, self.box, self.speed, self.radius = parameter(noise), _box("Vicsek", box, radius), parameter(speed), parameter(radius)

    def init(self, key: PRNGKeyArray) -> Birds:
        place, heading = jax.random.split(key)
        dtype = self.box.dtype
        return self.begin(self.box * _uniform(place, (self.n, 2), dtype), self.speed * _headings(heading, self.n, dtype))

    def step(self, state: Birds, key: PRNGKeyArray) -> Birds:
        v = state.velocities
        total = jnp.matmul(state.edges.astype(v.dtype), v, precision="highest") + v
        turn = self.noise * (_uniform(key, (self.n,), v.dtype) - 0.5)
        angle = jnp.arctan2(total[:, 1], total[:, 0]) + turn
        return self._moved(state, (state.positions + v) % self.box, self.speed * _directions(angle))


class Boids(_Boxed):
    """Reynolds' boids: separation, alignment and cohesion, in a periodic box. Deterministic after the start.

    Each bird is accelerated by separation s_i + alignment (mean v_j - v_i) + cohesion (mean x_j - x_i), means over the birds within
    `radius`, s_i = sum over those nearer than `crowding` of (x_i - x_j) / |x_i - x_j|^2; then its speed is brought into
    [slowest, fastest]. Reynolds gives rules, not equations; this is their most common form, with weighted sums in place
    of his priorities.

    Raises MorphogenError for values that make no sense. Cost O(n^2) a step. Source: Reynolds (1987), SIGGRAPH, 25-34.
    """

    n: int = eqx.field(static=True)
    separation: Array
    alignment: Array
    cohesion: Array
    box: Array
    radius: Array
    crowding: Array
    slowest: Array
    fastest: Array

    def __init__(
        self,
        n: int = 200,
        separation: float = 0.002,
        alignment: float = 0.05,
        cohesion: float = 0.002,
        box: float = 10.0,
        radius: float = 1.0,
        crowding: float = 0.4,
        slowest: float = 0.02,
        fastest: float = 0.06,
    ) -> None:
        self.n = _count("Boids", n)
        _positive("Boids", radius=radius, crowding=crowding, slowest=slowest)
        _not_negative("Boids", separation=separation, alignment=alignment, cohesion=cohesion)
        if fastest < slowest:
            raise MorphogenError(f"Boids needs slowest <= fastest, not {slowest} and {fastest}")
        if crowding > radius:
            raise MorphogenError(f"Boids needs crowding <= radius (a bird avoids only birds it sees), not {crowding} and {radius}")
        self.separation, self.alignment, self.cohesion = parameter(separation), parameter(alignment), parameter(cohesion)
        self.box, self.radius, self.crowding = _box("Boids", box, radius), parameter(radius), parameter(crowding)
        self.slowest, self.fastest = parameter(slowest), parameter(fastest)

    def init(self, key: PRNGKeyArray) -> Birds:
        place, heading = jax.random.split(key)
        dtype = self.box.dtype
        return self.begin(self.box * _uniform(place, (self.n, 2), dtype), self.fastest * _headings(heading, self.n, dtype))

    def step(self, state: Birds, key: PRNGKeyArray) -> Birds:
        v, apart = state.velocities, self.displacements(state.positions)
        squares = squared_length(apart)
        seen = state.edges.astype(v.dtype)
        share = seen / jnp.maximum(seen.sum(axis=1, keepdims=True), 1.0)
        # Rows of birds that see nobody sum to 0, and so does their pull.
        align = jnp.matmul(share, v, precision="highest") - share.sum(axis=1, keepdims=True) * v
        gather = jnp.einsum("ij,ijk->ik", share, apart, precision="highest")
        near = (squares < self.crowding**2) & (squares > 0)
        push = -jnp.einsum("ij,ijk->ik", near / jnp.where(near, squares, 1.0), apart, precision="highest")
        v = v + self.separation * push + self.alignment * align + self.cohesion * gather
        speed = jnp.sqrt(squared_length(v))[:, None]
        v = headings(v) * jnp.clip(speed, self.slowest, self.fastest)
        return self._moved(state, (state.positions + v) % self.box, v)


def squared_length(vectors: Array) -> Array:
    """The squared length of vectors (..., 2): (...)."""
    return vectors[..., 0] ** 2 + vectors[..., 1] ** 2


def headings(velocities: Array) -> Array:
    """Unit vectors along `velocities` (..., 2); along the first axis where the velocity is zero."""
    lengths = jnp.sqrt(squared_length(velocities))[..., None]
    still = jnp.zeros_like(velocities).at[..., 0].set(1.0)
    return jnp.where(lengths > 0, velocities / jnp.where(lengths > 0, lengths, 1.0), still)


def polarisation(velocities: Array) -> Array:
    """Length of the mean heading of birds with `velocities` (..., bird, 2): (...), from 0 to 1; n random headings give about
    0.89 / sqrt(n). Source: Vicsek et al. (1995)."""
    return jnp.sqrt(squared_length(jnp.mean(headings(velocities), axis=-2)))


def _pairs(edges: Array) -> Array:
    return jnp.sum(edges, dtype=jnp.int32) // 2


def _uniform(key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Array:
    return jax.random.uniform(key, shape, dtype)


def _directions(angle: Array) -> Array:
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def _headings(key: PRNGKeyArray, n: int, dtype: Any) -> Array:
    return _directions(2 * math.pi * _uniform(key, (n,), dtype))


def _count(world: str, n: int) -> int:
    if n < 1:
        raise MorphogenError(f"{world} needs n >= 1 birds, not {n}")
    return n


def _box(world: str, box: float, radius: float) -> Array:
    if box < 2 * radius:
        raise MorphogenError(f"{world} needs a box of at least twice the radius {radius}, not {box}")
    return parameter(box)


def _positive(world: str, **values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise MorphogenError(f"{world} needs {name} > 0, not {value}")


def _not_negative(world: str, **values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise MorphogenError(f"{world} needs {name} >= 0, not {value}")
