"""Page 100: cream mixes into coffee. Entropy rises; does complexity rise and fall?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from morphogen.atlas.page import Gate, Lab, Paper, Part, page
from morphogen.atlas.rules import greater, less, within
from morphogen.combinators import Ensemble
from morphogen.measures.complexity import coarse_grain, compressed_size, majority_adjust, quantise, row_shuffled
from morphogen.run import advance
from morphogen.statistics import rank_correlation
from morphogen.system import System, generator, host_key
from morphogen.worlds.lattice import COFFEE, CREAM, LatticeWalkers, StirredLattice, SymmetricExclusion

WORLDS = {"interacting": SymmetricExclusion, "non-interacting": LatticeWalkers, "stirred": StirredLattice}


@dataclass(frozen=True)
class Arm:
    """One world at one size, measured: bytes at each (seed, time); those of the surrogates are means over the shuffles."""

    times: np.ndarray
    grids: np.ndarray
    fine: np.ndarray
    naive: np.ndarray
    adjusted: np.ndarray
    naive_shuffled: np.ndarray
    adjusted_shuffled: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        """X: adjusted complexity beyond that of the row-shuffled picture, i.e. lateral structure."""
        return self.adjusted - self.adjusted_shuffled

    @property
    def greatest_excess(self) -> np.ndarray:
        """The largest X of each seed, and one byte where it is less: no compressor resolves less than a byte."""
        return np.maximum(self.excess.max(axis=1), 1.0)

    @property
    def top_to_bottom(self) -> np.ndarray:
        """Particles per cell in the upper half less those in the lower half, at the end, for each seed."""
        upper, lower = np.array_split(self.grids[:, -1].mean(axis=-1), 2, axis=-1)
        return upper.mean(-1) - lower.mean(-1)


Arms = dict[tuple[str, int], Arm]
"""The arms by the name of their world and their size n."""


@page(
    100,
    "coffee-automaton",
    chapter="automata",
    paper=Paper(
        "Quantifying the Rise and Fall of Complexity in Closed Systems: The Coffee Automaton",
        "Aaronson, Carroll, Ouellette",
        2014,
        arxiv="1405.6903",
    ),
    null="the low-entropy start: the same worlds begin already mixed, at equilibrium, so that nothing is left to relax",
    sketch={"sizes": (24, 32), "seeds": 3, "records": 8, "surrogates": 2},
    paper_scale={"sizes": (48, 96, 144, 192, 288), "records": 48, "surrogates": 32},
)
def coffee_automaton(
    lab: Lab,
    *,
    sizes: tuple[int, ...] = (48, 96, 144),
    seeds: int = 5,
    records: int = 24,
    duration: float = 0.35,
    stirs: int = 120,
    surrogates: int = 8,
) -> None:
    """Cream is poured on coffee: the upper half of an n x n grid is full. It mixes by exchange of neighbours (interacting), by
    independent random walks (non-interacting) or with sine shears on top (stirred, this page's positive control).

    Entropy is the compressed size of the fine picture. Apparent complexity is the compressed size of a coarse-grained one: means
    over g x g cells, in 3 levels (naive), or in 7 levels with each row's majority absorbing its neighbouring levels (adjusted, the
    paper's second attempt). The paper reports that the complexity of the interacting automaton rises and falls with a peak
    that grows like n. Its authors took this back on 3 June 2014: B. Werness found that the automaton is the symmetric exclusion
    process, whose negative dependence keeps it from ever becoming complex; the bump comes from pixels between two buckets. So C2 is
    *expected to fail*: a C2 that fails reproduces the correction.

    New here is a surrogate: cells shuffled within their row, which keeps the vertical profile and destroys lateral structure. The excess
    X = C(picture) - mean C(row-shuffled picture), adjusted, is zero without lateral structure. It tells a real rise (stirring, C3)
    from the artefact (C4).

    `duration` is in units of n^2 sweeps, `stirs` the length of the stirred arm, `records` the number of times, logarithmic in between.

    Stricter than the chapter: entropy is judged over the whole stirred run, not only up to its first maximum, and by the worst of the
    sizes; C2 also asks for the growth with n that the paper claims; intervals, not means, must clear the thresholds. The factors of 2
    (C2) and 4 (C3) are judged as differences, X(stirred) - 4 X(interacting) > 0, which is the same inequality: X(interacting) comes so
    near to nil that a ratio to it has no bounded interval. This form was chosen after a first run on keys 1000 to 1004, where the ratio
    left C3 undecided for that reason; the factors are as announced.
    """
    arms: Arms = {}
    for name, world in WORLDS.items():
        for n in sizes:
            lab.say(f"{name}, n = {n}")
            last = stirs if name == "stirred" else round(duration * n * n)
            times = record_times(last, records)
            grids = pictures(world(n, start="mixed" if lab.null else "layers"), lab.keys(seeds), times)
            random = [generator(host_key(number, n)) for number in lab.seed_numbers(seeds)]
            arms[name, n] = measured(times, grids, grain(n), surrogates, random)

    conserved = particles_are_conserved(lab, arms)
    entropy_rises(lab, arms, conserved)
    complexity_rises_and_falls(lab, arms, conserved)
    stirring_shows(lab, arms, conserved)
    peak_is_an_artefact(lab, arms, conserved)
    tell(lab, arms)
    lab.picture(*drawn({name: arms[name, sizes[-1]] for name in WORLDS}, sizes[-1]))


def grain(n: int) -> int:
    """The side g of a coarse cell: a twelfth of the grid, and never so small that noise fills the buckets."""
    return max(6, n // 12)


def record_times(last: int, records: int) -> np.ndarray:
    """0 and at most `records` - 1 different whole times from 1 to `last`, evenly spaced in the logarithm."""
    return np.unique(np.concatenate(([0], np.round(np.geomspace(1, last, records - 1)).astype(int))))


def pictures(system: System, keys: list[Any], times: np.ndarray) -> np.ndarray:
    """The grids (seed, time, n, n) of `system` at `times`; the seeds run side by side in one program."""
    ensemble = Ensemble(system, len(keys))
    state, now, grids = ensemble.start(jnp.stack(keys)), 0, []
    for time in times:
        state, now = advance(ensemble, state, int(time) - now, first=now), int(time)
        grids.append(np.asarray(ensemble.observe(state)["grid"]))
    return np.stack(grids, axis=1)


def measured(times: np.ndarray, grids: np.ndarray, g: int, surrogates: int, random: list[np.random.Generator]) -> Arm:
    """All compressed sizes of `grids` (seed, time, n, n), coarse-grained over `g` x `g` cells."""
    fine = np.array([[compressed_size(grid, method="gzip") for grid in run] for run in grids], dtype=float)
    sizes = np.array([complexities(run, g) for run in grids])
    shuffled = np.array(
        [np.mean([complexities(row_shuffled(run, r), g) for _ in range(surrogates)], axis=0) for run, r in zip(grids, random, strict=True)]
    )
    return Arm(times, grids, fine, sizes[:, 0], sizes[:, 1], shuffled[:, 0], shuffled[:, 1])


def complexities(run: np.ndarray, g: int) -> np.ndarray:
    """Naive and adjusted apparent complexity (2, time) in bytes of the pictures (time, n, n)."""
    means = coarse_grain(run, g)
    # One scale, 0 to 1 particle per cell, at all times: a scale stretched to each picture would magnify the noise of the mixed state.
    naive, adjusted = quantise(means, 3), majority_adjust(quantise(means, 7))
    return np.array([[compressed_size(levels, method="gzip") for levels in stack] for stack in (naive, adjusted)], dtype=float)


def particles_are_conserved(lab: Lab, arms: Arms) -> Gate:
    """Gate: a world that loses cream is not a closed system."""
    off = max(int(np.abs(arm.grids.sum(axis=(-2, -1), dtype=int) - n * (n // 2)).max()) for (_, n), arm in arms.items())
    return lab.gate("cream is conserved", off == 0, f"the number of particles is off by {off} at most")


def entropy_rises(lab: Lab, arms: Arms, *gates: Gate) -> None:
    """C1, the second law: judged by the size at which a seed's rank correlation is worst."""
    parts = {}
    for name in WORLDS:
        of_sizes = [rank_correlation(arm.fine, tuple(arm.times)) for (arm_name, _), arm in arms.items() if arm_name == name]
        parts[f"{name}, rank correlation with time"] = Part(effect=np.min(of_sizes, axis=0), rule=greater(by=0.9))
    lab.claim("C1", "entropy (bytes of the fine picture) rises with time in all three worlds, at every size", parts=parts, gates=gates)


def complexity_rises_and_falls(lab: Lab, arms: Arms, *gates: Gate) -> None:
    """C2, which its authors took back: expected to fail, provided the instrument is not blind and mixing was waited for."""
    sizes = sorted({n for _, n in arms})
    inter, free, stirred = (arms[name, sizes[-1]] for name in WORLDS)
    seen = stirred.greatest_excess.mean() / inter.greatest_excess.mean()
    sees = lab.gate("the instrument sees lateral structure", seen >= 4.0, f"stirring gives {seen:.1f} times the excess of exchange alone")
    left = max(np.abs(arm.top_to_bottom.mean()) for arm in (inter, free))
    mixed = lab.gate("mixing was waited for", left < 0.1, f"top less bottom at the end: {left:.3f} particles per cell")
    peak = inter.adjusted.max(axis=1)
    lab.claim(
        "C2",
        "taken back by its authors in 2014, expected to fail: the adjusted complexity of the interacting automaton rises and falls, "
        "with a peak that grows like n and carries lateral structure that the non-interacting automaton lacks",
        parts={
            "falls: (peak - end) / peak": Part(effect=(peak - inter.adjusted[:, -1]) / np.maximum(peak, 1.0), rule=greater(by=0.3)),
            "grows: slope of log peak on log n": Part(effect=peak_slope(arms, "adjusted"), rule=within(0.7, 1.6)),
            "greatest X less 2 times that of non-interacting": Part(
                effect=inter.greatest_excess, control=2.0 * free.greatest_excess, rule=greater()
            ),
        },
        gates=(*gates, sees, mixed),
    )


def stirring_shows(lab: Lab, arms: Arms, *gates: Gate) -> None:
    """C3, the positive control: complexity does rise and fall in a closed system that is stirred."""
    parts = {}
    for n in sorted({n for _, n in arms})[-2:]:
        inter, stirred = arms["interacting", n], arms["stirred", n]
        # At least 4 times as much, as a difference: the control is a few bytes, and dividing by what may be nil has no bounded interval.
        parts[f"n = {n}: greatest X less 4 times that of interacting"] = Part(
            effect=stirred.greatest_excess, control=4.0 * inter.greatest_excess, rule=greater()
        )
        parts[f"n = {n}: last X / greatest X"] = Part(effect=stirred.excess[:, -1] / stirred.greatest_excess, rule=less(0.6))
    lab.claim("C3", "stirring raises lateral complexity well above that of exchange alone, and it falls again", parts=parts, gates=gates)


def peak_is_an_artefact(lab: Lab, arms: Arms, *gates: Gate) -> None:
    """C4: the naive bump grows with n as published, and pictures without any lateral structure have the same bump."""
    parts = {"slope of log peak on log n": Part(effect=peak_slope(arms, "naive"), rule=within(0.7, 1.6))}
    sizes = sorted({n for _, n in arms})
    for n in sizes:
        parts[f"n = {n}: row-shuffled / peak - 1"] = Part(effect=shuffling_at_peak(arms["interacting", n]), rule=within(-0.15, 0.15))
    lost = shuffling_at_peak(arms["stirred", sizes[-1]]).mean()
    can = lab.gate("shuffling can take a peak away", lost < -0.15, f"row-shuffled / peak - 1 is {lost:.2f} with stirring, n = {sizes[-1]}")
    text = "the published (naive) peak of the interacting automaton grows with n, and shuffling every row leaves it as it is"
    lab.claim("C4", text, parts=parts, gates=(*gates, can))


def shuffling_at_peak(arm: Arm) -> np.ndarray:
    """For each seed, what shuffling the rows changes of the naive complexity at the time of its peak, relative to the peak."""
    at = arm.naive.argmax(axis=1)[:, None]
    peak, twin = (np.take_along_axis(values, at, axis=1)[:, 0] for values in (arm.naive, arm.naive_shuffled))
    return twin / np.maximum(peak, 1.0) - 1.0


def peak_slope(arms: Arms, which: str) -> np.ndarray:
    """For each seed, the least-squares slope of log(peak of the interacting complexity) on log n."""
    sizes = sorted({n for _, n in arms})
    peaks = np.array([getattr(arms["interacting", n], which).max(axis=1) for n in sizes])
    return np.polyfit(np.log(sizes), np.log(np.maximum(peaks, 1.0)), 1)[0]


def tell(lab: Lab, arms: Arms) -> None:
    """The table of means over seeds, and what the reader must know beside the verdicts."""
    rows = [
        {
            "world": name,
            "n": n,
            "entropy, end": arm.fine[:, -1].mean().round(),
            "C naive, peak": arm.naive.max(axis=1).mean().round(),
            "C naive, end": arm.naive[:, -1].mean().round(),
            "C naive, row-shuffled, peak": arm.naive_shuffled.max(axis=1).mean().round(),
            "C adjusted, peak": arm.adjusted.max(axis=1).mean().round(),
            "C adjusted, end": arm.adjusted[:, -1].mean().round(),
            "X, greatest": arm.excess.max(axis=1).mean().round(1),
        }
        for (name, n), arm in arms.items()
    ]
    lab.table("bytes, means over seeds", rows)
    sizes = sorted({n for _, n in arms})
    adjusted = arms["interacting", sizes[-1]].adjusted
    peak, end = adjusted.max(axis=1).mean(), adjusted[:, -1].mean()
    halves = np.arange(sizes[-1])[:, None] < np.full(sizes[-1], sizes[-1] // 2)
    bands = complexities(halves[None], grain(sizes[-1]))[1, 0]
    lab.note(
        "C2 is the paper's claim, which its authors took back (first author's blog, update of 3 June 2014): B. Werness found that the "
        "interacting automaton is the symmetric exclusion process and never becomes complex. 'Fails' is therefore the expected verdict "
        "and a successful reproduction of the correction, not a failed reproduction of the paper."
    )
    lab.note(
        f"The first part of C2 alone says little: at n = {sizes[-1]} the adjusted complexity goes from {peak:.0f} bytes at its peak to "
        f"{end:.0f} at the end, where two plain bands take {bands:.0f}. The verdict is in the growth with n and in X."
    )
    lab.note(
        f"The mean over g x g cells of a mixed state fluctuates by 0.5 / g (exclusion) or 0.7 / g (walkers), with g = {grain(sizes[0])} at "
        f"n = {sizes[0]} and {grain(sizes[-1])} at n = {sizes[-1]}. Where a bucket is narrower than about 4 of these, late times show "
        "false complexity, more so without interaction: that is why C2 is judged at the largest size, and against the surrogate."
    )
    lab.note(
        f"The sizes here end at n = {sizes[-1]}, and logarithmic times can pass beside the top of a narrow peak: slopes are over a factor "
        f"of {sizes[-1] / sizes[0]:.3g} in n. gzip is one compressor; the size of an empty frame is subtracted."
    )


def drawn(arms: dict[str, Arm], n: int) -> tuple[Figure, str]:
    """Five snapshots of each world (first seed), and its curves (means over seeds, bands from least to greatest)."""
    figure = Figure(figsize=(14.5, 7.2), facecolor="#fffdf9")
    widths = [1.0] * 5 + [2.35]
    cells = figure.add_gridspec(3, 6, width_ratios=widths, left=0.055, right=0.985, top=0.885, bottom=0.06, wspace=0.06, hspace=0.2)
    colours = LinearSegmentedColormap.from_list("coffee", [np.array(COFFEE) / 255, np.array(CREAM) / 255])
    top = 1.08 * max(max(arm.naive.max(), arm.adjusted.max()) for arm in arms.values())
    for row, (name, arm) in enumerate(arms.items()):
        unit = "stirs" if name == "stirred" else "sweeps"
        for column, at in enumerate(snapshots(arm)):
            axes = figure.add_subplot(cells[row, column])
            axes.imshow(arm.grids[0, at], cmap=colours, vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.set_title(f"{arm.times[at]:,} {unit}" if column else "start", fontsize=10, color="#5b4636", pad=3)
            if column == 0:
                axes.set_ylabel(name, fontsize=14, fontweight="bold", color="#3b2416", labelpad=8)
        axes = figure.add_subplot(cells[row, 5])
        curves(axes, arm, unit, top)
        # The panel stands off from the pictures, whose own gaps are narrow.
        box = axes.get_position()
        axes.set_position((box.x0 + 0.055, box.y0, box.width - 0.055, box.height))
        if row == 0:
            lines = axes.get_legend_handles_labels()
            figure.legend(*lines, loc="upper right", ncols=2, frameon=False, fontsize=10, bbox_to_anchor=(0.99, 0.995))
    figure.text(0.03, 0.945, "Cream into coffee: is there a complex middle?", fontsize=19, fontweight="bold", color="#3b2416")
    return figure, (
        f"Cells with cream (light) and without on a {n} x {n} grid, one seed; at right the compressed sizes of the coarse picture (mean and"
        " range over seeds). Where the dotted line (every row shuffled) lies on the naive one, the peak holds no lateral structure."
    )


def snapshots(arm: Arm) -> np.ndarray:
    """Which records are drawn: the start, three on the way, the end."""
    return np.round(np.array([0.0, 0.4, 0.65, 0.85, 1.0]) * (len(arm.times) - 1)).astype(int)


def curves(axes: Any, arm: Arm, unit: str, top: float) -> None:
    """Complexities of one world against time, on the scale common to all three."""
    late = arm.times > 0
    lines = (
        ("C naive", arm.naive, "#b5651d", "-"),
        ("C naive, rows shuffled", arm.naive_shuffled, "#b5651d", (0, (1.5, 1.5))),
        ("C adjusted", arm.adjusted, "#3b2416", "-"),
        ("X, lateral excess", arm.excess, "#1f8a8a", "-"),
    )
    for label, values, colour, style in lines:
        shown = values[:, late]
        axes.plot(arm.times[late], shown.mean(axis=0), color=colour, linestyle=style, linewidth=2.2, label=label)
        if style == "-":
            axes.fill_between(arm.times[late], shown.min(axis=0), shown.max(axis=0), color=colour, alpha=0.13, linewidth=0)
    axes.set(xscale="log", ylim=(-0.1 * top, top), xlim=(1, arm.times[-1]))
    for at in snapshots(arm)[1:-1]:
        axes.axvline(arm.times[at], color="#d8c8b4", linewidth=0.9, zorder=0)
    axes.set_ylabel("bytes", fontsize=10, labelpad=2)
    axes.annotate(unit, (0.99, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=10, color="#5b4636")
    axes.set_facecolor("#fffdf9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
