"""Page 006: the parameters of a scene sort themselves into a smooth grid, and so take less room."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array
from matplotlib.figure import Figure

from morphogen.atlas.page import Lab, Paper, Part, page
from morphogen.atlas.rules import count, greater, less, ratio
from morphogen.data.images import photograph
from morphogen.learners.gridsort import grid_sort, unit_range
from morphogen.measures.gridcode import grid_code, neighbour_distance, scalar_code
from morphogen.run import advance
from morphogen.system import Observable, System, host_key, parameter

# The channels of a splat are x, y, log s1, log s2, theta, red, green, blue.
SORTED_BY = np.array([1, 1, 1, 1, 0, 1, 1, 1], dtype=float)
"""Channels that the sort compares: position, scale and colour; not rotation."""
SMOOTHED = np.array([0, 0, 1, 1, 1, 0, 0, 0], dtype=float)
"""Channels that training draws towards their blurred grid: scale and rotation."""
RATES = np.array([0.001, 0.001, 0.01, 0.01, 0.01, 0.005, 0.005, 0.005])
"""Adam's rate for each channel, set on pilot keys so that plain fits reach the quality of the chapter's prototype, 48.9 dB."""
QUALITY = 27.0
ARMS = ("float16", "scalar, unsorted", "grid code, unsorted", "grid code, sorted after", "grid code, sorted in training")


@page(
    6,
    "self-sorting-splats",
    chapter="structure",
    paper=Paper(
        "Compact 3D Scene Representation via Self-Organizing Gaussian Grids",
        "Morgenstern, Barthel, Hilsmann, Eisert",
        2023,
        arxiv="2312.13299",
    ),
    null="the sorter aims at the blurred grid of a shuffled copy: as many exchanges, none towards a like neighbour",
    sketch={"colours": (16,), "sides": (8, 16), "pixels": 16, "steps": 12, "every": 6, "seeds": 3},
    paper_scale={"sides": (32, 64), "pixels": 160, "steps": 2000, "seeds": 5},
)
def self_sorting_splats(
    lab: Lab,
    *,
    colours: tuple[int, ...] = (64, 128),
    sides: tuple[int, ...] = (16, 32),
    pixels: int = 40,
    steps: int = 160,
    every: int = 60,
    weight: float = 3e-3,
    seeds: int = 5,
) -> None:
    """A permutation of splats renders the same picture, so it is free to put order into them, and order is short to write down.

    Splats here are two-dimensional Gaussians with position, two scales, rotation and colour, blended by normalised weights and
    fitted to a photograph by Adam; they lie on a side x side grid. The sort (exchanges within groups of four, towards the
    blurred grid, at shrinking radius) is judged by itself on random colours (C1) and on fitted splats (C1b). Then the whole
    scheme: sort every `every` steps, moments of the optimiser included, and draw scale and rotation towards their blurred
    grid. C2 compares bytes at equal quality (27 dB) and prints which share is quantisation and which self-organisation; C3 asks
    what it costs in quality and time.

    Stricter than the chapter: the code pays for its own parameters (an empirical entropy without its table favours grids with few
    cells: with 16 coefficients in a band it cannot exceed 4 bits each, so that even noise looks compressible), and C3, which
    would hold without any order, also asks that the trained grid be smooth. Left out: three dimensions, view-dependent
    colour, densification and pruning, a real image codec; the 8x to 26x of the paper cannot appear on grids this small, and
    no such number is claimed.
    """
    image = photograph(size=pixels, side=320 - 320 % pixels)
    sorter = Sorter(lab.null)
    keys = lab.keys(seeds)
    lab.say("sorting random colours")
    stages = sort_colours(lab, sorter, keys, colours)
    fits = {side: [fit_both(lab, sorter, image, side, steps, every, weight, key) for key in keys] for side in sides}
    sort_splats(lab, sorter, keys, fits[sides[-1]])
    claim_order(lab)
    lab.say("measuring bytes at equal quality")
    sizes = {side: [bytes_at(QUALITY, f, image, sorter, key) for f, key in zip(fits[side], keys, strict=True)] for side in sides}
    claim_storage(lab, sizes, sides)
    claim_cost(lab, fits[sides[-1]])
    draw(lab, stages, fits[sides[-1]][0], image, sorter, keys[0])


class Splats(NamedTuple):
    """Parameters (side, side, 8) on their grid, and the optimiser's state."""

    grid: Array
    moments: Any


class SplatFit(System):
    """Fitting splats to a photograph; one step is one Adam update. `smoothing` draws scale and rotation to their blurred grid."""

    side: int = eqx.field(static=True)
    image: Array
    smoothing: Array

    def __init__(self, image: np.ndarray, side: int, smoothing: float) -> None:
        self.side, self.image, self.smoothing = side, parameter(image), parameter(smoothing)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("quality", (), "dB", "peak signal-to-noise ratio of the rendered picture"),)

    @property
    def optimiser(self) -> Any:
        return optax.chain(optax.scale_by_adam(b1=0.9, b2=0.99), optax.scale(-1.0))

    def init(self, key: Any) -> Splats:
        """Random positions; the colour of the photograph there; round splats as wide as their mean distance."""
        for_place, for_colour = jax.random.split(key)
        place = jax.random.uniform(for_place, (self.side, self.side, 2))
        cell = jnp.clip((place * len(self.image)).astype(int), 0, len(self.image) - 1)
        colour = self.image[cell[..., 1], cell[..., 0]] + 0.05 * jax.random.normal(for_colour, (*place.shape[:2], 3))
        shape = jnp.concatenate([jnp.full((*place.shape[:2], 2), -jnp.log(1.5 * self.side)), jnp.zeros((*place.shape[:2], 1))], -1)
        grid = jnp.concatenate([place, shape, colour], -1)
        return Splats(grid, self.optimiser.init(grid))

    def step(self, state: Splats, key: Any) -> Splats:
        slope = jax.grad(self.loss)(state.grid)
        updates, moments = self.optimiser.update(slope, state.moments)
        return Splats(state.grid + jnp.asarray(RATES, state.grid.dtype) * updates, moments)

    def loss(self, grid: Array) -> Array:
        """Squared error of the picture, plus the mean squared distance of scale and rotation from their grid blurred over 5 x 5 cells."""
        rough = (grid - _blur5(grid)) * jnp.asarray(SMOOTHED, grid.dtype)
        return jnp.mean((render(grid, len(self.image)) - self.image) ** 2) + self.smoothing * jnp.mean(rough**2)

    def observe(self, state: Splats) -> dict[str, Array]:
        return {"quality": psnr(state.grid, self.image)}


def render(grid: Array, pixels: int) -> Array:
    """The picture (pixels, pixels, 3) of splats (side, side, 8): at each pixel the mean of their colours, weighted by their Gaussians."""
    q = grid.reshape(-1, 8)
    centre = (jnp.arange(pixels) + 0.5) / pixels
    y, x = jnp.meshgrid(centre, centre, indexing="ij")
    dx, dy = x.reshape(-1, 1) - q[:, 0], y.reshape(-1, 1) - q[:, 1]
    cosine, sine = jnp.cos(q[:, 4]), jnp.sin(q[:, 4])
    along, across = (cosine * dx + sine * dy) * jnp.exp(-q[:, 2]), (cosine * dy - sine * dx) * jnp.exp(-q[:, 3])
    # The small floor keeps a pixel that no splat reaches from dividing nothing by nothing.
    w = jnp.exp(-0.5 * (along**2 + across**2)) + 1e-8
    return ((w @ q[:, 5:]) / w.sum(1, keepdims=True)).reshape(pixels, pixels, 3)


@eqx.filter_jit
def psnr(grid: Array, image: Array) -> Array:
    """Peak signal-to-noise ratio in dB of the splats' picture against `image`, values between 0 and 1."""
    return -10 * jnp.log10(jnp.mean((jnp.clip(render(grid, len(image)), 0, 1) - image) ** 2))


def _blur5(grid: Array) -> Array:
    """Gaussian blur of 5 cells, standard deviation 3, edges repeated."""
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 3.0) ** 2)
    weights = weights / weights.sum()
    for axis in (0, 1):
        padded = jnp.pad(grid, [(2, 2) if a == axis else (0, 0) for a in range(3)], mode="edge")
        size = grid.shape[axis]
        grid = sum(float(w) * jax.lax.slice_in_dim(padded, i, i + size, axis=axis) for i, w in enumerate(weights))  # type: ignore[assignment]
    return grid


class Sorter(NamedTuple):
    """The sort; in the null its target is disconnected from the grid it sorts."""

    null: bool

    def order(self, grid: np.ndarray, key: Any, weights: Any = None, watch: Any = None) -> np.ndarray:
        """The permutation for a grid (side, side, channel) whose channels are scaled to one range and weighted."""
        word = host_key(key)
        random = np.random.default_rng(word)

        def elsewhere(now: np.ndarray, blurred: np.ndarray) -> np.ndarray:
            return random.permutation(blurred.reshape(-1, blurred.shape[-1])).reshape(blurred.shape)

        return grid_sort(unit_range(np.asarray(grid, dtype=float), weights), key=word, target=elsewhere if self.null else None, watch=watch)

    def apply(self, state: Splats, key: Any) -> Splats:
        """The state with its splats sorted: parameters and both moments of the optimiser move together."""
        return permuted(state, self.order(np.asarray(state.grid), key, SORTED_BY))


def permuted(state: Splats, order: np.ndarray) -> Splats:
    """The state with the items of every (side, side, channel) array in a new order."""
    shape = state.grid.shape

    def move(leaf: Any) -> Any:
        return leaf.reshape(-1, shape[-1])[order].reshape(shape) if jnp.shape(leaf) == shape else leaf

    return jax.tree.map(move, state)


def sort_colours(lab: Lab, sorter: Sorter, keys: list[Any], sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Sort random colours of every size for every key; returns stages of the largest, first key, for the picture."""
    stages: list[np.ndarray] = []
    for size in sizes:
        for i, key in enumerate(keys):
            grid = np.random.default_rng(host_key(key, size)).random((size, size, 3))
            flat = grid.reshape(-1, 3)
            seen: list[np.ndarray] = []
            order = sorter.order(grid, key, watch=(lambda radius, now: seen.append(now)) if i == 0 else None)  # noqa: B023
            lab.tables.setdefault("order", []).append(_order_row(f"colours {size} x {size}", grid, order))
            if i == 0:
                picked = [seen[int(f * (len(seen) - 1))] for f in (0.3, 0.65)]
                stages = [grid, *(flat[p].reshape(grid.shape) for p in picked), flat[order].reshape(grid.shape)]
    return stages


def sort_splats(lab: Lab, sorter: Sorter, keys: list[Any], fits: list[Fit]) -> None:
    """Sort the splats of the plain fits, after their training."""
    for fit, key in zip(fits, keys, strict=True):
        grid = np.asarray(fit.plain.grid)
        order = sorter.order(grid, jax.random.fold_in(key, 99), SORTED_BY)
        lab.tables["order"].append(_order_row("splats", unit_range(grid, SORTED_BY), order))


def _order_row(what: str, grid: np.ndarray, order: np.ndarray) -> dict[str, Any]:
    """Neighbour distances of a grid as it came, laid out by principal components, and sorted; and whether every item is still there."""
    flat = grid.reshape(-1, grid.shape[-1])
    sorted_grid = flat[order].reshape(grid.shape)
    return {
        "grid": what,
        "random": neighbour_distance(grid),
        "principal components": neighbour_distance(flat[component_layout(flat)].reshape(grid.shape)),
        "sorted": neighbour_distance(sorted_grid),
        "same items": bool(np.array_equal(np.sort(order), np.arange(len(flat)))),
    }


def component_layout(flat: np.ndarray) -> np.ndarray:
    """The best cheap layout: rows by the first principal component, and within a row by the second."""
    side = int(np.sqrt(len(flat)))
    centred = flat - flat.mean(0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    rows = np.argsort(scores[:, 0], kind="stable").reshape(side, side)
    return np.concatenate([row[np.argsort(scores[row, 1], kind="stable")] for row in rows])


def claim_order(lab: Lab) -> None:
    """C1 for colours and C1b for splats, from the rows of the table of neighbour distances."""
    table = lab.tables["order"]
    for name, text, chosen in (
        ("C1", "the sort lays random colours out so that neighbours are alike", lambda what: what != "splats"),
        ("C1b", "and so it does with fitted splats, seven channels at once", lambda what: what == "splats"),
    ):
        parts: dict[str, Part] = {}
        rows = [r for r in table if chosen(r["grid"])]
        for what in dict.fromkeys(r["grid"] for r in rows):
            of = [r for r in rows if r["grid"] == what]
            after = np.array([r["sorted"] for r in of])
            parts[f"{what}: sorted / random"] = Part(after, ratio(at_most=0.25), [r["random"] for r in of])
            parts[f"{what}: sorted / components"] = Part(after, ratio(at_most=0.6), [r["principal components"] for r in of])
        parts["every item is still there, once"] = Part([r["same items"] for r in rows], count(at_least=len(rows)))
        lab.claim(name, text, parts=parts)
    lab.note(
        "C1b asks of splats what the chapter's prototype found on its own: a quarter of the random distance. Trained splats carry seven "
        "channels of nearly independent detail, and two dimensions of grid cannot bring neighbours that close in all of them."
    )


class Fit(NamedTuple):
    """A plain and a self-sorting fit from the same start, and the seconds that each took (compilation left out)."""

    plain: Splats
    sorted: Splats
    plain_seconds: float
    sorted_seconds: float
    plain_quality: float
    sorted_quality: float
    roughness: float


def fit_both(lab: Lab, sorter: Sorter, image: np.ndarray, side: int, steps: int, every: int, weight: float, key: Any) -> Fit:
    """Fit one start twice, in turns of `every` steps, so that a busy machine slows both alike."""
    lab.say(f"fitting {side} x {side} splats")
    plain, smooth = SplatFit(image, side, 0.0), SplatFit(image, side, weight)
    start = plain.init(key)
    jax.block_until_ready(advance(plain, start, 1))
    sorter.apply(start, key)
    states, seconds = [start, start], [0.0, 0.0]
    for done in range(0, steps, every):
        length = min(every, steps - done)
        for arm in (0, 1) if done // every % 2 == 0 else (1, 0):
            began = time.perf_counter()
            if arm:
                states[1] = sorter.apply(states[1], jax.random.fold_in(key, done))
            states[arm] = jax.block_until_ready(advance(smooth if arm else plain, states[arm], length, first=done))
            seconds[arm] += time.perf_counter() - began
    began = time.perf_counter()
    states[1] = sorter.apply(states[1], jax.random.fold_in(key, steps))
    seconds[1] += time.perf_counter() - began
    quality = [float(psnr(s.grid, plain.image)) for s in states]
    laid = unit_range(np.asarray(states[1].grid), SORTED_BY)
    shuffled = np.random.default_rng(host_key(key)).permutation(laid.reshape(-1, 8)).reshape(laid.shape)
    return Fit(
        states[0], states[1], seconds[0], seconds[1], quality[0], quality[1], neighbour_distance(laid) / neighbour_distance(shuffled)
    )


def coders(fit: Fit, sorter: Sorter, key: Any) -> dict[str, tuple[Any, np.ndarray]]:
    """What each arm codes, and with which code: (code, grid)."""
    plain, trained = np.asarray(fit.plain.grid, dtype=float), np.asarray(fit.sorted.grid, dtype=float)
    after = plain.reshape(-1, 8)[sorter.order(plain, jax.random.fold_in(key, 99), SORTED_BY)].reshape(plain.shape)
    return dict(zip(ARMS[1:], ((scalar_code, plain), (grid_code, plain), (grid_code, after), (grid_code, trained)), strict=True))


def coded(code: Any, grid: np.ndarray, coarseness: float, image: np.ndarray) -> tuple[float, float]:
    """Bytes and quality when every channel is rounded to `coarseness` of its standard deviation."""
    size, decoded = code(grid, coarseness * grid.reshape(-1, 8).std(0))
    return size, float(psnr(jnp.asarray(decoded, jnp.float32), parameter(image)))


def bytes_at(quality: float, fit: Fit, image: np.ndarray, sorter: Sorter, key: Any) -> dict[str, float]:
    """Bytes of every arm at the coarsest quantisation that still renders at `quality` dB, by bisection of its logarithm."""
    sizes = {"float16": fit.plain.grid.size * 2.0}
    for arm, (code, grid) in coders(fit, sorter, key).items():
        fine, coarse = np.log(1e-3), np.log(4.0)
        for _ in range(14):
            middle = (fine + coarse) / 2
            fine, coarse = (middle, coarse) if coded(code, grid, np.exp(middle), image)[1] >= quality else (fine, middle)
        sizes[arm] = coded(code, grid, np.exp(fine), image)[0]
    return sizes


def claim_storage(lab: Lab, sizes: dict[int, list[dict[str, float]]], sides: tuple[int, ...]) -> None:
    """C2, and the decomposition of the gain."""
    columns = {side: {arm: np.array([s[arm] for s in rows]) for arm in ARMS} for side, rows in sizes.items()}
    for side, column in columns.items():
        rows = [{"arm": arm, "bytes": float(column[arm].mean()), "gain": float((column["float16"] / column[arm]).mean())} for arm in ARMS]
        lab.table(f"bytes at {QUALITY:g} dB, {side} x {side}", rows)
    small, large = columns[sides[0]], columns[sides[-1]]
    last = large[ARMS[-1]]
    lab.claim(
        "C2",
        "sorting and smoothing shrink what must be stored at equal quality, and more so on a larger grid",
        parts={
            "bytes, against the same code unsorted": Part(last, ratio(at_most=0.77), large[ARMS[2]]),
            "bytes, against scalar quantisation": Part(last, ratio(at_most=0.85), large[ARMS[1]]),
            f"share left: {sides[0]} x {sides[0]} less {sides[-1]} x {sides[-1]}": Part(
                small[ARMS[-1]] / small[ARMS[2]], greater(), last / large[ARMS[2]]
            ),
        },
    )
    whole, quantised = (float((large["float16"] / large[arm]).mean()) for arm in (ARMS[-1], ARMS[1]))
    lab.note(
        f"Of the {whole:.1f}x from float16 at {QUALITY:g} dB, {quantised:.1f}x is quantisation alone; self-organisation adds "
        f"{whole / quantised:.2f}x over scalar quantisation and {float((large[ARMS[2]] / last).mean()):.2f}x over the same code unsorted."
    )


def claim_cost(lab: Lab, fits: list[Fit]) -> None:
    """C3: quality and time, and that there is order to pay for."""
    rows = [
        {
            "plain dB": f.plain_quality,
            "sorted dB": f.sorted_quality,
            "plain s": f.plain_seconds,
            "sorted s": f.sorted_seconds,
            "roughness": f.roughness,
        }
        for f in fits
    ]
    lab.table("cost", rows)
    learned = lab.gate(
        "fitted", [f.plain_quality > QUALITY for f in fits], f"plain fits reach {min(f.plain_quality for f in fits):.1f} dB at least"
    )
    lab.claim(
        "C3",
        "order costs neither quality nor time",
        parts={
            "quality lost, dB": Part([f.plain_quality - f.sorted_quality for f in fits], less(1.5)),
            "seconds, sorted / plain": Part([f.sorted_seconds for f in fits], ratio(at_most=1.25), [f.plain_seconds for f in fits]),
            "neighbour distance, sorted / shuffled": Part([f.roughness for f in fits], less(0.6)),
        },
        gates=(learned,),
    )


def draw(lab: Lab, stages: list[np.ndarray], fit: Fit, image: np.ndarray, sorter: Sorter, key: Any) -> None:
    """Colours sorting themselves; photograph, rendering and both grids of splats; rate against distortion."""
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1))
    upper, lower = halves
    titles = ("random colours", "exchanges of four, far", "nearer", "sorted: the same colours")
    for axes, grid, title in zip(upper.subplots(1, 4), stages, titles, strict=True):
        axes.imshow(grid, interpolation="nearest")
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    left, right = lower.subfigures(1, 2, width_ratios=(2.05, 1)).tolist()
    trained = np.asarray(fit.sorted.grid)
    panels = (
        (image, "photograph"),
        (np.clip(np.asarray(render(jnp.asarray(trained), len(image))), 0, 1), f"drawn by {trained[..., 0].size} splats"),
        (np.clip(np.asarray(fit.plain.grid)[..., 5:], 0, 1), "their colours, as trained"),
        (np.clip(trained[..., 5:], 0, 1), "sorted while training"),
    )
    for axes, (grid, title) in zip(left.subplots(1, 4), panels, strict=True):
        axes.imshow(grid, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    axes = right.subplots()
    styles = dict(zip(ARMS, ("#888888", "#4c78a8", "#f2a541", "#e4572e", "#111111"), strict=True))
    for arm, (code, grid) in coders(fit, sorter, key).items():
        curve = np.array([coded(code, grid, c, image) for c in np.geomspace(0.05, 1.2, 12)])
        axes.plot(curve[:, 0] / 1024, curve[:, 1], color=styles[arm], lw=2.4 if arm == ARMS[-1] else 1.6, label=arm)
    axes.axvline(fit.plain.grid.size * 2 / 1024, color=styles["float16"], ls=":", label="float16")
    axes.axhline(QUALITY, color="#bbbbbb", lw=0.8)
    axes.set(xlabel="kilobytes", ylabel="quality, dB", xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    lab.picture(
        figure,
        "Above: random colours sort themselves by exchanges of four; not one colour is changed. Below: a photograph, its splats, and their "
        "colours on the grid without and with sorting in training; right, quality against size for the five ways of storing them.",
    )
