"""Page 024: an array sorts itself, each cell running a sorting rule of its own. How much of what looks like competence is?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from morphogen.atlas.page import Gate, Lab, Paper, Part, page
from morphogen.atlas.rules import count, greater, less, within
from morphogen.worlds.classical_sorting import top_down
from morphogen.worlds.sorting import ALGOTYPES, COLOURS, Algotype, Cells, Sorting, SortingCells, ascending, sort_to_rest

PAIRS: tuple[tuple[Algotype, Algotype], ...] = (("bubble", "selection"), ("bubble", "insertion"), ("selection", "insertion"))
MOVABLE = {"movable": True, "immovable": False}
PROGRESS = np.linspace(0.0, 1.0, 201)

Arms = dict[tuple[str, int, str], list[Sorting]]
"""Runs, one a seed, of arrays of one algotype, by algotype, number of frozen cells and their kind ("" for none)."""


@dataclass(frozen=True)
class Chimera:
    """Arrays of two algotypes, one run a seed, and the same runs stopped where their mean aggregation peaks."""

    first: str
    second: str
    speed_ratio: float
    runs: list[Sorting]
    at_peak: list[Cells]
    course: np.ndarray
    """A of each seed along the progress grid."""

    @property
    def peak(self) -> int:
        return int(self.course.mean(axis=0).argmax())


@page(
    24,
    "self-sorting",
    chapter="automata",
    paper=Paper(
        "Classical Sorting Algorithms as a Model of Morphogenesis: self-sorting arrays reveal unexpected competencies in a minimal model "
        "of basal intelligence",
        "Zhang, Goldstein, Levin",
        2024,
        arxiv="2401.05375",
    ),
    null="the look: an activated cell changes places with the neighbour on a random side, whatever their order and its algotype",
    sketch={"n": 30, "seeds": 5},
    paper_scale={"n": 100, "seeds": 100},
)
def self_sorting(lab: Lab, *, n: int = 100, seeds: int = 60, frozen: int = 3) -> None:
    """Every cell of an array runs a sorting rule by itself: bubble, insertion or selection. Nobody is in charge, and each instant one
    random cell looks and possibly changes places. The paper reports that this sorts as well as the classical loop (C1), bears
    damage better (C2), steps back from its goal to get around damage (C3), and that cells of one algotype cluster while a mixed array
    sorts itself (C4). Frozen cells never act; movable ones can be moved by others, immovable ones by nobody.

    Sortedness S is the number of adjacent pairs in ascending order, the error n - 1 - S, aggregation A the fraction of adjacent pairs
    of equal algotype. Delayed gratification is the mean over episodes of S (a drop and the rise after it) of (rise - drop) / drop.

    The paper's threads are replaced by uniform random activation, so that no algotype is faster by accident. All arms of a
    seed begin with the same array. In the null, runs end after n(n-1)/4 swaps, what a random array needs on average.

    Stricter than the chapter. C1 asks every array of all three algotypes to end sorted, since the ratio alone is an identity: swaps of
    neighbours out of order are as many as the inversions, whoever makes them. C2 gives the classical loop the same defect: it may
    not use a frozen cell as the mover, nor (immovable) as the one moved, where the paper always compares with the immovable
    case; the two kinds are judged apart, and the advantage must be half a pair. C4's intervals, not its means, must clear 0.05, against
    the higher of two label controls. C3b and C4b test the mundane explanations: that immovable cells merely cut the array into
    shorter ones, and that algotypes differ in speed.
    """
    keys = lab.seed_numbers(seeds)
    limit = n * (n - 1) // 4 if lab.null else None
    arms = single_arms(lab, n, keys, frozen, limit)
    gates = instrument(lab, arms)

    as_well_as_central(lab, arms, gates)
    bears_damage(lab, arms, frozen, gates)
    gratification = {arm: np.array([delayed_gratification(r.sortedness) for r in runs]) for arm, runs in arms.items()}
    steps_back(lab, arms, gratification, frozen, keys, limit, gates)
    fair = [chimera(lab, n, pair, keys, 1.0, limit) for pair in PAIRS]
    matched = [chimera(lab, n, pair, keys, slowness(arms, pair), limit) for pair in PAIRS]
    algotypes_cluster(lab, arms, fair, matched, gates)
    lab.picture(*drawn(fair, arms))


def single_arms(lab: Lab, n: int, keys: list[int], frozen: int, limit: int | None) -> Arms:
    """Arrays of one algotype without and with frozen cells of both kinds."""
    arms: Arms = {}
    for algotype in ALGOTYPES:
        lab.say(f"{algotype} cells")
        arms[algotype, 0, ""] = sort_to_rest(SortingCells(n, algotype, blind=lab.null), keys, swaps=limit)
        for kind, movable in MOVABLE.items():
            for number in range(1, frozen + 1):
                world = SortingCells(n, algotype, frozen=number, movable=movable, blind=lab.null)
                arms[algotype, number, kind] = sort_to_rest(world, keys, swaps=limit)
    return arms


def instrument(lab: Lab, arms: Arms) -> tuple[Gate, ...]:
    """Gates: no cell is lost, the running counts are those of a recount, the classical loops sort, and no run was cut short."""
    runs = [(kind, run) for (_, _, kind), group in arms.items() for run in group]
    lost = sum(not cells_kept(run, kind == "immovable") for kind, run in runs)
    off = sum(ascending(run.end.values) != run.sortedness[-1] or agreement(run.end.labels) != run.aggregation[-1] for _, run in runs)
    whole = [run.start for run in arms["bubble", 0, ""]]
    loops = {a: [top_down(start.values, start.frozen, a) for start in whole] for a in ALGOTYPES}
    crossed = [inversions(start.values) for start in whole]
    unsorted = sum(loop.error > 0 for of_one in loops.values() for loop in of_one)
    odd = sum(loop.swaps != k for a in ("bubble", "insertion") for loop, k in zip(loops[a], crossed, strict=True))
    seen = (
        f"without defects {unsorted} of {3 * len(whole)} end unsorted, and {odd} of bubble and insertion swap other than once an inversion"
    )
    cut = sum(not run.rested for _, run in runs)
    return (
        lab.gate("cells are conserved", lost == 0, f"{lost} of {len(runs)} runs lost a cell, its label, or the place of an immovable one"),
        lab.gate("running counts are right", off == 0, f"S or A differs from a recount at the end of {off} of {len(runs)} runs"),
        lab.gate("the classical loops sort", unsorted == odd == 0, seen),
        lab.gate("runs were waited for", lab.null or cut == 0, f"{cut} of {len(runs)} runs had not come to rest when they ended"),
    )


def cells_kept(run: Sorting, immovable: bool) -> bool:
    """Whether the end holds the cells of the start (value, label and defect together), and immovable ones where they were."""
    start, end = (np.stack([cells.values, cells.labels, cells.frozen]) for cells in (run.start, run.end))
    same = np.array_equal(start[:, start[0].argsort()], end[:, end[0].argsort()])
    return same and (not immovable or np.array_equal(start[:, run.start.frozen], end[:, run.start.frozen]))


def agreement(labels: np.ndarray) -> float:
    return float(np.mean(labels[1:] == labels[:-1]))


def inversions(values: np.ndarray) -> int:
    """Pairs, adjacent or not, that are out of order."""
    return int(np.triu(values[:, None] > values[None, :], 1).sum())


def as_well_as_central(lab: Lab, arms: Arms, gates: Sequence[Gate]) -> None:
    """C1. Selection's swaps are reported, not claimed: they are many times the classical ones."""
    classical = {a: [top_down(r.start.values, r.start.frozen, a) for r in arms[a, 0, ""]] for a in ALGOTYPES}
    sorted_all = np.all([[run.error == 0 for run in arms[a, 0, ""]] for a in ALGOTYPES], axis=0)
    parts = {
        f"{a}, swaps over classical": Part(
            effect=[run.swaps / max(loop.swaps, 1) for run, loop in zip(arms[a, 0, ""], classical[a], strict=True)],
            rule=within(0.95, 1.05),
        )
        for a in ("bubble", "insertion")
    }
    parts["all three algotypes end sorted"] = Part(effect=sorted_all, rule=count(at_least=len(sorted_all)))
    lab.claim("C1", "cells on their own sort with as many swaps as the classical loop", parts=parts, gates=gates)
    rows = [
        {
            "algotype": a,
            "swaps": mean(run.swaps for run in arms[a, 0, ""]),
            "classical swaps": mean(loop.swaps for loop in classical[a]),
            "comparisons": mean(run.comparisons for run in arms[a, 0, ""]),
            "classical comparisons": mean(loop.comparisons for loop in classical[a]),
            "activations": mean(run.activations for run in arms[a, 0, ""]),
        }
        for a in ALGOTYPES
    ]
    lab.table("cost of sorting, means over seeds", rows)
    more = {a: mean(r.comparisons for r in arms[a, 0, ""]) / mean(loop.comparisons for loop in classical[a]) for a in ALGOTYPES}
    swaps = mean(r.swaps for r in arms["selection", 0, ""]) / mean(loop.swaps for loop in classical["selection"])
    lab.note(
        f"C1's 'as efficient' leaves selection out, and comparisons. Selection cells make {swaps:.1f} times the swaps of the classical "
        f"loop. In comparisons, counting every look, the cells need {more['bubble']:.1f} (bubble), {more['insertion']:,.0f} (insertion) "
        f"and {more['selection']:.1f} (selection) times as many."
    )


def mean(numbers: Any) -> float:
    return float(np.mean(list(numbers)))


def bears_damage(lab: Lab, arms: Arms, frozen: int, gates: Sequence[Gate]) -> None:
    """C2a and C2b: at least two of the three algotypes, so the two with the greatest mean advantage must hold."""
    rows = []
    for id, (kind, movable) in zip(("C2a", "C2b"), MOVABLE.items(), strict=True):
        errors: dict[str, tuple[list[int], list[int]]] = {}
        for a in ALGOTYPES:
            for number in range(1, frozen + 1):
                runs = arms[a, number, kind]
                loops = [top_down(run.start.values, run.start.frozen, a, movable).error for run in runs]
                errors[a] = [run.error for run in runs], loops
                rows.append({"frozen": number, "kind": kind, "algotype": a, "error": mean(errors[a][0]), "classical error": mean(loops)})
                rows[-1]["classical error, immovable"] = mean(top_down(run.start.values, run.start.frozen, a).error for run in runs)
        best = sorted(ALGOTYPES, key=lambda a: mean(errors[a][0]) - mean(errors[a][1]))[:2]
        parts = {f"{a}, error": Part(effect=errors[a][0], control=errors[a][1], rule=less(by=0.5)) for a in best}
        text = f"with {frozen} {kind} frozen cells, at least two of the three algotypes end with less error than the classical loop"
        lab.claim(id, text, parts=parts, gates=gates)
    lab.table("errors with frozen cells, means over seeds", rows)
    lab.note(
        "An immovable cell cuts a bubble or insertion array into pieces that nothing crosses, and cells and loop sort each piece: they end "
        "with the same error, and the distributed version has no advantage to show there. Selection's comes from the classical loop, which "
        "fails over and over to fetch one frozen minimum. The paper sets movable cells against an immovable baseline: last column."
    )


def turning_points(series: np.ndarray) -> np.ndarray:
    """Episodes (k, 3) of a series: where a drop starts, where it ends and the next rise starts, and where that rise ends.

    Steps without change belong to no direction. A rise before the first drop and a drop that no rise follows are no episode.
    """
    steps = np.diff(np.asarray(series))
    changes = np.flatnonzero(steps)
    if changes.size == 0:
        return np.zeros((0, 3), dtype=int)
    signs = np.sign(steps[changes])
    turns = np.concatenate(([changes[0]], changes[1:][signs[1:] != signs[:-1]], [changes[-1] + 1]))
    drops = np.arange(0 if signs[0] < 0 else 1, len(turns) - 2, 2)
    return turns[drops[:, None] + np.arange(3)]


def delayed_gratification(series: np.ndarray) -> float:
    """Mean of (rise - drop) / drop over the episodes of `series`, repeats left out; 0 without an episode."""
    high, low, after = np.asarray(series)[turning_points(series)].T
    return float(np.mean((after - high) / (high - low))) if len(high) else 0.0


def in_pieces(start: Cells) -> Cells:
    """The same array without defects, cut where the frozen cells were: each piece holds values of its own, in the same relative order.

    Nothing ever crosses the cuts, as nothing crosses an immovable cell, but all cells act.
    """
    values, cuts = start.values.copy(), np.flatnonzero(start.frozen)
    for a, b in zip(np.r_[0, cuts + 1], np.r_[cuts, values.size], strict=True):
        values[a:b] = a + start.values[a:b].argsort().argsort()
    values[cuts] = cuts
    return start._replace(values=values, frozen=np.zeros_like(start.frozen))


def steps_back(
    lab: Lab, arms: Arms, gratification: dict[Any, np.ndarray], frozen: int, keys: list[int], limit: int | None, gates: Sequence[Gate]
) -> None:
    """C3, and C3b: is it more than the shorter pieces explain?"""
    none, stuck, carried = (gratification["bubble", *arm] for arm in ((0, ""), (frozen, "immovable"), (frozen, "movable")))
    parts = {
        "immovable: increase": Part(effect=stuck, control=none, rule=greater(by=0.0)),
        "movable: less than half of that increase": Part(effect=carried - none, control=(stuck - none) / 2, rule=less(by=0.0)),
    }
    text = f"bubble cells delay gratification more with {frozen} immovable frozen cells than with none, and not so with movable ones"
    lab.claim("C3", text, parts=parts, gates=gates)
    n = arms["bubble", 0, ""][0].start.values.size
    pieces = sort_to_rest(
        SortingCells(n, "bubble", blind=lab.null),
        keys,
        starts=[in_pieces(r.start) for r in arms["bubble", frozen, "immovable"]],
        swaps=limit,
    )
    cut = np.array([delayed_gratification(r.sortedness) for r in pieces])
    lab.claim(
        "C3b",
        "more than half of that increase is more than whole arrays cut into the same pieces show, without any defect",
        effect=stuck - cut,
        control=(stuck - none) / 2,
        rule=greater(by=0.0),
        gates=gates,
    )
    rows = [{"algotype": a, "frozen": f, "kind": kind, "delayed gratification": g.mean()} for (a, f, kind), g in gratification.items()]
    blind = [delayed_gratification(r.sortedness) for r in sort_to_rest(SortingCells(n, blind=True), keys, swaps=n * (n - 1) // 4)]
    rows.append({"algotype": "bubble", "frozen": 0, "kind": f"in the pieces of {frozen} immovable", "delayed gratification": cut.mean()})
    rows.append({"algotype": "none (blind swaps)", "frozen": 0, "kind": "", "delayed gratification": np.mean(blind)})
    lab.table("delayed gratification, means over seeds", rows)
    lab.note(
        f"Bubble arrays, delayed gratification: {none.mean():.3f} whole, {stuck.mean():.3f} with {frozen} immovable cells, "
        f"{cut.mean():.3f} without defects in the same pieces. A bubble cell cannot pass an immovable one: there is nothing to get around, "
        f"only shorter arrays. The measure is positive without sorting, too: {np.mean(blind):.3f} for random swaps of neighbours."
    )


def slowness(arms: Arms, pair: tuple[str, str]) -> float:
    """Activations that the second algotype alone takes to sort, over those of the first: at this speed_ratio both sort equally fast."""
    first, second = (mean(run.activations for run in arms[a, 0, ""]) for a in pair)
    return second / first


def chimera(lab: Lab, n: int, pair: tuple[Algotype, Algotype], keys: list[int], speed_ratio: float, limit: int | None) -> Chimera:
    """Run half-and-half arrays, and run them again up to the progress (fraction of all swaps) at which the mean A peaks."""
    lab.say(f"{pair[0]} and {pair[1]} cells, speed ratio {speed_ratio:.3g}")
    world = SortingCells(n, *pair, speed_ratio=speed_ratio, blind=lab.null)
    runs = sort_to_rest(world, keys, swaps=limit)
    course = aggregation_course(runs)
    stops = [swap_at(run, PROGRESS[course.mean(axis=0).argmax()]) for run in runs]
    at_peak = [run.end for run in sort_to_rest(world, keys, swaps=stops)]
    return Chimera(*pair, speed_ratio, runs, at_peak, course)


def swap_at(run: Sorting, progress: Any) -> Any:
    """The number of swaps done at a fraction of all."""
    return np.round(np.asarray(progress) * run.swaps).astype(int)


def aggregation_course(runs: list[Sorting]) -> np.ndarray:
    """A of each run along the progress grid (seeds, 201)."""
    return np.array([run.aggregation[swap_at(run, PROGRESS)] for run in runs])


def label_control(arms: Arms, pair: tuple[str, str]) -> np.ndarray:
    """A along the progress of arrays with labels only: both run the same algorithm, that of the pair with the higher peak."""
    courses = [aggregation_course(arms[a, 0, ""]) for a in pair]
    return max(courses, key=lambda course: course.mean(axis=0).max())


def across_runs(at_peak: list[Cells]) -> float:
    """The A that positions alone explain: a cell and its neighbour are taken from different runs, and compared, for all pairs of runs."""
    labels = np.array([cells.labels for cells in at_peak])
    left, right = 2 * labels[:, :-1] - 1, 2 * labels[:, 1:] - 1
    products = left.sum(axis=0) * right.sum(axis=0) - (left * right).sum(axis=0)
    return float((1 + products / (len(labels) * (len(labels) - 1))).mean() / 2)


def algotypes_cluster(lab: Lab, arms: Arms, fair: list[Chimera], matched: list[Chimera], gates: Sequence[Gate]) -> None:
    """C4 with fair activation and C4b with matched speeds. The peak of a mean curve is the mean over seeds at its peak."""
    rested = [run.rested for c in (*fair, *matched) for run in c.runs]
    done = lab.gate("chimeras were waited for", lab.null or all(rested), f"{np.sum(rested)} of {len(rested)} chimeras came to rest")
    rows = []
    for id, chimeras, how in (
        ("C4", fair, "fair activation"),
        ("C4b", matched, "speeds matched, so that each algotype alone sorts equally fast"),
    ):
        parts = {}
        for c in chimeras:
            control = label_control(arms, (c.first, c.second))
            tops = c.course[:, c.peak], control[:, control.mean(axis=0).argmax()]
            parts[f"{c.first} and {c.second}: peak"] = Part(effect=tops[0], control=tops[1], rule=greater(by=0.05))
            parts[f"{c.first} and {c.second}: end"] = Part(effect=c.course[:, -1], control=control[:, -1], rule=within(-0.03, 0.03))
            rows.append(clustering_row(c, float(tops[1].mean())))
        lab.claim(id, f"cells of one algotype cluster on the way, and no more when sorted ({how})", parts=parts, gates=(*gates, done))
    lab.table("clustering in chimeras, means over seeds", rows)
    lost = [b for a, b in zip(rows[:3], rows[3:], strict=True) if b["peak A"] - b["label control"] < (a["peak A"] - a["label control"]) / 2]
    speed = "vanishes or halves for " + ", ".join(row["pair"] for row in lost) if lost else "stays, to more than half, for all three pairs"
    ends = "; ".join(f"{row['pair']} {row['peak A']:.3f}, by position {row['by position']:.3f}" for row in rows[:3])
    lab.note(
        f"Mundane causes of clustering. Speed: after matching, the effect {speed}. Position: neighbours from different runs at the same "
        f"progress agree in the share 'by position'; what A has beyond that is local. Peak A: {ends}. Near 0.5 by position, the "
        "algotypes do not sit at different ends; where it is near A itself, different ends are the whole effect."
    )
    lab.note("When two arrays of the same cells are both sorted, A is the same in both: the 'end' parts of C4 say only that chimeras sort.")


def clustering_row(c: Chimera, control: float) -> dict[str, Any]:
    moved = [run.labels_moved[: swap_at(run, PROGRESS[c.peak])] for run in c.runs]
    return {
        "pair": f"{c.first} and {c.second}",
        "speed ratio": c.speed_ratio,
        "peak A": c.course.mean(axis=0).max(),
        "at progress": PROGRESS[c.peak],
        "label control": control,
        "by position": across_runs(c.at_peak),
        "swaps by the second, to the peak": np.concatenate(moved).mean() if sum(map(len, moved)) else 0.0,
        "error at the end": mean(run.error for run in c.runs),
    }


def drawn(chimeras: list[Chimera], arms: Arms) -> tuple[Figure, str]:
    """A column a chimera: S of the first seed and A over seeds against progress; below, the array where A peaks."""
    figure = Figure(figsize=(15, 7.6), facecolor="#fcfcfa")
    grid = figure.add_gridspec(2, 3, left=0.05, right=0.99, bottom=0.035, top=0.8, wspace=0.1, hspace=0.14, height_ratios=(2.3, 1))
    figure.text(0.05, 0.94, "Cells that sort themselves", fontsize=22, fontweight="bold", color="#222222")
    figure.text(0.05, 0.9, "nobody is in charge, and no cell knows which rule the others follow", fontsize=13, color="#666666")
    for column, c in enumerate(chimeras):
        upper, lower = (figure.add_subplot(grid[row, column]) for row in range(2))
        courses(upper, c, label_control(arms, (c.first, c.second)), column == 0)
        dip(upper, c.runs[0], PROGRESS[c.peak])
        bars(lower, c)
    return figure, (
        "Fraction of adjacent pairs in ascending order (S, black, one seed) and of equal algotype (A, mean and deviation over seeds; "
        "dotted: labels without consequences). Insets: the deepest dip of each run, a step back (red) and the rise it pays for (green). "
        "Below: the same array where A peaks, bar height = value."
    )


def shades() -> list[str]:
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in COLOURS]


def courses(axes: Any, c: Chimera, control: np.ndarray, first: bool) -> None:
    """S and A on one scale: both are fractions of the n - 1 adjacent pairs."""
    run, middle, spread = c.runs[0], c.course.mean(axis=0), c.course.std(axis=0)
    pairs = run.start.values.size - 1
    axes.plot(np.linspace(0, 1, run.swaps + 1), run.sortedness / pairs, color="black", linewidth=1.3, label="sortedness S")
    axes.fill_between(PROGRESS, middle - spread, middle + spread, color="#8e44ad", alpha=0.22, linewidth=0)
    axes.plot(PROGRESS, middle, color="#8e44ad", linewidth=2.4, label="aggregation A")
    axes.plot(PROGRESS, control.mean(axis=0), color="#8e44ad", linewidth=1.4, linestyle=(0, (1.5, 1.5)), label="A, labels only")
    axes.plot([PROGRESS[c.peak]] * 2, (0, middle[c.peak]), color="#8e44ad", linewidth=1)
    axes.annotate("array below", (PROGRESS[c.peak], 0), (4, 4), textcoords="offset points", fontsize=9.5, color="#8e44ad")
    axes.set(xlim=(0, 1), ylim=(0, 1.03), xticks=(0, 0.5, 1), xticklabels=("0", "progress (fraction of swaps)", "1"))
    axes.set_yticks((0.0, 0.5, 1.0), ("0", "0.5", "1") if first else ("", "", ""))
    if first:
        axes.set_ylabel("fraction of adjacent pairs", fontsize=12)
        axes.figure.legend(loc="upper right", frameon=False, fontsize=11.5, ncols=3, bbox_to_anchor=(0.995, 0.985))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_facecolor("none")
    for name, colour, side, shift in zip((c.first, c.second), shades(), ("right", "left"), (0.485, 0.515), strict=True):
        axes.text(shift, 1.06, name, transform=axes.transAxes, ha=side, fontsize=15, fontweight="bold", color=colour)


def dip(axes: Any, run: Sorting, peak: float) -> None:
    """Magnify the deepest drop of S that the rise after it repays; the inset keeps clear of the line at `peak`."""
    series, episodes = run.sortedness, turning_points(run.sortedness)
    if len(episodes) == 0:
        return
    drops, rises = series[episodes[:, 0]] - series[episodes[:, 1]], series[episodes[:, 2]] - series[episodes[:, 1]]
    chosen = np.argmax(np.where(rises > drops, drops, -1))
    (high, low, after), drop, rise = episodes[chosen], drops[chosen], rises[chosen]
    start, stop = max(high - (after - high) // 3, 0), min(after + (after - high) // 3, len(series) - 1)
    at = low / run.swaps
    left = float(np.clip(max(at - 0.1, peak + 0.03), 0.02, 0.56))
    inset = axes.inset_axes((left, 0.085, 0.42, 0.25))
    lines = ((start, high, "black", 1.3), (high, low, "#c0392b", 3.0), (low, after, "#2e8b57", 3.0), (after, stop, "black", 1.3))
    for a, b, colour, width in lines:
        inset.plot(np.arange(a, b + 1), series[a : b + 1], color=colour, linewidth=width, solid_capstyle="round", drawstyle="steps-post")
    inset.set_title(f"delayed gratification:\ngives up {drop}, then gains {rise}", fontsize=10.5, color="#444444", pad=4, loc="left")
    inset.set(xticks=[], yticks=[], facecolor="white")
    inset.spines[:].set_color("#bbbbbb")
    height = series[low] / (run.start.values.size - 1)
    axes.plot(at, height, "o", markersize=13, markerfacecolor="none", markeredgecolor="#c0392b", markeredgewidth=1.6)
    axes.plot((at, max(at, left)), (height - 0.03, 0.46), color="#c0392b", linewidth=1, linestyle=(0, (3, 2)))


def bars(axes: Any, c: Chimera) -> None:
    cells = c.at_peak[0]
    axes.bar(np.arange(cells.values.size), cells.values + 1, width=1.0, color=[shades()[label] for label in cells.labels], linewidth=0)
    axes.set(xlim=(-0.5, cells.values.size - 0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_facecolor("none")
