"""Page 157: birds average their velocities. How long until they agree, and until the network of who sees whom stops changing?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from morphogen.atlas.page import Gate, Lab, Paper, Part, page
from morphogen.atlas.rules import count, greater, less, monotone, within
from morphogen.combinators import Ensemble, EnsembleState
from morphogen.run import advance, run
from morphogen.worlds.contact import Chain, Contact, Times, contact, log
from morphogen.worlds.freezing import flocks, frozen, noise_to_come
from morphogen.worlds.swarms import AveragingFlock

AGREED = 1e-6
"""The greatest difference of velocity within a flock that counts as agreement; speeds start at 0.1."""
GAP = math.pi**2 / 3
"""Rate of a long line of n birds, times n^2."""
CONTRACTIONS = (Fraction(1, 3), Fraction(3, 5))
START_SPEED = Fraction(1, 5)


@dataclass(frozen=True)
class Runs:
    """What became of the runs (one for each seed) of one arm at one size."""

    last_switch: np.ndarray
    certified: np.ndarray
    spread: np.ndarray
    company: np.ndarray
    steps: int


Arms = dict[tuple[str, int], Runs]
"""Runs by the name of the noise ("none", "decaying", "constant") and the number of birds."""


@page(
    157,
    "flock-convergence",
    chapter="collectives",
    paper=Paper("The Convergence of Bird Flocking", "Chazelle", 2009, arxiv="0905.4241"),
    null="the averaging: every c_i is 0, neighbours are ignored and birds fly straight (but for noise)",
    sketch={"sizes": (8, 12, 16), "seeds": 3, "steps": 1000, "lines": (6, 8, 12), "digits": 20, "chained": (100,), "shown_steps": 200},
    paper_scale={"sizes": (8, 16, 32, 64, 128, 256), "steps": 50_000, "lines": (8, 16, 32, 64, 128), "digits": 100, "seeds": 20},
    float64=True,
)
def flock_convergence(
    lab: Lab,
    *,
    sizes: tuple[int, ...] = (8, 16, 32, 64, 128),
    seeds: int = 10,
    steps: int = 20_000,
    noise: float = 0.01,
    lines: tuple[int, ...] = (8, 16, 32, 64),
    digits: int = 37,
    chained: tuple[int, ...] = (100, 1000, 10_000),
    shown_steps: int = 600,
) -> None:
    """Each bird averages its velocity with those within distance 1 (c_i = averaging / (d_i + 1), with a lazy averaging of 1/2). Chazelle
    proves that flocks stop breaking up after at most exponential time, but that they can go on merging for a time that is a tower
    of exponentials of height O(log n), and that decaying noise is tolerated.

    C1 flies `seeds` random starts at each of `sizes` until it is *certain* that no edge will switch again (see
    `morphogen.worlds.freezing`: flocks that drift apart slowly only look frozen), at most `steps` steps. C2 times the relaxation of a
    line of birds. C3 is the mechanism of the lower bound, one and two levels of the tower, in exact rational arithmetic: a contact
    with margin epsilon down to 10^-`digits`, and a chain of two, whose second meeting takes a number of steps with thousands of
    digits (margins 1 / `chained`). Nothing here verifies the upper bound. C4 is C1 under velocity noise (1 + t)^-2.

    Stricter than the chapter: freezing is proved for each run, under noise too; birds that fly straight also stop switching once they are
    all alone, and then agree trivially, so C1 and C4 also ask that most birds end in company; growth of the time with n is asked for in
    every seed's slope too, not only in the medians; the two-level ratio must hold for every margin.

    C1-control is the control the chapter announces, on its own so that it can fall on its own.
    """
    averaging = 0.0 if lab.null else 0.5
    arms: Arms = {}
    for n in sizes:
        for name, (amplitude, decay) in {"none": (0.0, 0.0), "decaying": (noise, 2.0), "constant": (noise, 0.0)}.items():
            lab.say(f"{n} birds, noise: {name}")
            flock = AveragingFlock(n, averaging=averaging, noise=amplitude, noise_decay=decay)
            arms[name, n] = flown(flock, lab.keys(seeds), steps)
    freezing(lab, arms, sizes, seeds)
    lab.say("lines of birds")
    relaxation(lab, lines, seeds, averaging=0.0 if lab.null else 1.0)
    lab.say("contacts in exact arithmetic")
    margins = [Fraction(1, 10**k) for k in range(1, digits + 1)]
    contacts = tower(lab, margins, chained)
    noise_is_tolerated(lab, arms, sizes, seeds)
    tell(lab, arms, sizes)
    shown = AveragingFlock(24, averaging=averaging)
    lab.picture(*drawn(shown, lab.keys(1)[0], shown_steps, margins, contacts))


def flown(flock: AveragingFlock, keys: list[Any], steps: int, stride: int = 500) -> Runs:
    """Fly one flock per key until all are certified as frozen and agree, at most `steps` steps; looked at every `stride` steps."""
    ensemble = Ensemble(flock, len(keys))
    state, now = ensemble.start(jnp.stack(keys)), 0
    averaging, hysteresis = float(flock.averaging), float(flock.hysteresis)
    certified, summaries = np.zeros(len(keys), bool), []
    while now < steps:
        state, now = advance(ensemble, state, min(stride, steps - now), first=now), min(now + stride, steps)
        left = noise_to_come(float(flock.noise), float(flock.noise_decay), now)
        birds = [np.asarray(leaf) for leaf in (state.members.positions, state.members.velocities, state.members.edges)]
        summaries = [flocks(v, e) for v, e in zip(birds[1], birds[2], strict=True)]
        certified |= [
            done or frozen(x, v, e, averaging=averaging, hysteresis=hysteresis, noise_left=left)
            for done, x, v, e in zip(certified, *birds, strict=True)
        ]
        if certified.all() and max(s.spread for s in summaries) < AGREED:
            break
    spread, company = (np.array([getattr(s, name) for s in summaries]) for name in ("spread", "share_in_company"))
    return Runs(np.asarray(state.members.last_switch), certified, spread, company, now)


def freezing_parts(arms: Arms, name: str, sizes: tuple[int, ...], seeds: int) -> dict[str, Part]:
    """The inequalities of C1 for the arm `name`; company is held against that under constant noise."""

    def least_company(arm: str) -> np.ndarray:
        return np.min([arms[arm, n].company for n in sizes], axis=0)

    # No control here: lasting noise can never be certified, so that a comparison would say nothing. Company is what it can lose.
    at_all_sizes = np.all([arms[name, n].certified & (arms[name, n].spread < AGREED) for n in sizes], axis=0)
    last = np.array([arms[name, n].last_switch for n in sizes])
    slopes = np.polyfit(np.log(sizes), np.log(1.0 + last), 1)[0]
    return {
        "frozen for certain and agreed, at every size": Part(at_all_sizes, count(at_least=seeds)),
        "birds in company, least of all sizes": Part(least_company(name), greater(by=0.5), least_company("constant")),
        "median last switch rises with n": Part(np.median(last, axis=1)[None], monotone(at_least=0.9), deterministic=True),
        "slope of log(1 + last switch) on log n": Part(slopes, greater(by=0.0)),
    }


def freezing(lab: Lab, arms: Arms, sizes: tuple[int, ...], seeds: int) -> None:
    """C1, and the control that the chapter announces for it."""
    text = "every flock freezes: no edge will switch again, for certain, velocities in each flock agree, and it takes longer for more birds"
    lab.claim("C1", text, parts=freezing_parts(arms, "none", sizes, seeds))
    largest = arms["constant", sizes[-1]]
    lab.claim(
        "C1-control",
        f"as the chapter announces: under constant noise switches go on in the last tenth of {largest.steps} steps (n = {sizes[-1]})",
        effect=largest.last_switch > 0.9 * largest.steps,
        rule=count(at_least=math.ceil(0.9 * seeds)),
    )


def relaxation(lab: Lab, lines: tuple[int, ...], seeds: int, averaging: float) -> None:
    """C2: the slowest mode of a line of n birds at distance 1, timed in the flock itself."""
    rates, switched = np.empty((seeds, len(lines))), 0
    for column, n in enumerate(lines):
        flock = AveragingFlock(n, averaging=averaging)
        ensemble, keys = Ensemble(flock, seeds), jnp.stack(lab.keys(seeds))
        # So slow that the line keeps its shape: the network is the path from first to last.
        velocities = 1e-9 * jax.vmap(lambda key, n=n: jax.random.normal(key, (n, 2)))(keys)
        places = jnp.stack([jnp.arange(n, dtype=velocities.dtype), jnp.zeros(n)], axis=-1)
        state = EnsembleState(keys, jnp.uint32(0), jax.vmap(lambda v, flock=flock, places=places: flock.begin(places, v))(velocities))
        # After 1.5 n^2 steps the second mode is a millionth of the first.
        early = advance(ensemble, state, 3 * n * n // 2)
        late = advance(ensemble, early, n * n, first=3 * n * n // 2)
        ends = [np.linalg.norm(s.members.velocities[:, 0] - s.members.velocities[:, -1], axis=-1) for s in (early, late)]
        rates[:, column] = np.log(ends[0] / ends[1]) / (n * n)
        switched += int(np.asarray(late.members.last_switch).sum())
    kept = lab.gate("the lines stay lines", switched == 0, f"{switched} edges switched")
    scaled = rates * np.square(lines)
    lab.claim(
        "C2",
        "a line of n birds agrees at the rate (pi^2 / 3) / n^2, the closer the longer the line",
        parts={
            f"n = {lines[-1]}: rate n^2 / (pi^2 / 3)": Part(scaled[:, -1] / GAP, within(0.95, 1.05)),
            "distance from pi^2 / 3 falls with n": Part(np.abs(scaled - GAP), monotone(increasing=False, at_least=0.9)),
        },
        gates=(kept,),
    )
    lab.table("relaxation of a line", [{"n": n, "rate n^2": m, "pi^2 / 3": GAP} for n, m in zip(lines, scaled.mean(axis=0), strict=True)])


Contacts = dict[tuple[Fraction, str], list[Contact | None]]
"""Contacts by lambda and arithmetic ("exact", "float64"), one for each margin."""


def tower(lab: Lab, margins: list[Fraction], chained: tuple[int, ...]) -> Contacts:
    """C3: one level (contact time against margin), two levels chained, and what rounding makes of it."""
    averaging = Fraction(0) if lab.null else None
    contacts: Contacts = {}
    parts, rows = {}, []
    for lam in CONTRACTIONS:
        exact = contacts[lam, "exact"] = [contact(m, lam, speed=START_SPEED, averaging=averaging) for m in margins]
        rounded = contacts[lam, "float64"] = [contact(float(m), lam, speed=START_SPEED, averaging=averaging) for m in margins]
        times = np.array([math.nan if c is None else c.steps for c in exact])
        slope = np.polyfit([-log(m) for m in margins], times, 1)[0]
        parts[f"lambda = {lam}: slope of contact time, measured / predicted"] = Part(
            slope * log(1 / lam), within(0.98, 1.02), deterministic=True
        )
        chains = {d: meetings(Fraction(1, d), lam, averaging) for d in chained}
        ratios = [math.nan if t is None else t.log_third / t.second / log(1 / lam) for t in chains.values()]
        parts[f"lambda = {lam}: log t_3 / t_2 over log(1 / lambda)"] = Part(ratios, within(0.9, 1.1), deterministic=True)
        wrong = np.array([e != r for e, r in zip(steps_of(exact), steps_of(rounded), strict=True)], dtype=float)
        size = np.array([float(m) for m in margins])
        small, large = wrong[size < 1e-16].mean(), wrong[size > 1e-12].mean()
        parts[f"lambda = {lam}: float64 wrong, share of margins < 1e-16"] = Part(small, greater(by=0.99), deterministic=True)
        parts[f"lambda = {lam}: float64 wrong, share of margins > 1e-12"] = Part(large, less(0.01), deterministic=True)
        for d, t in chains.items():
            if t is not None:
                found = {"t_1": t.first, "t_2": t.second, "log t_3": t.log_third, "log t_3 / t_2": t.log_third / t.second}
                rows.append({"lambda": str(lam), "margin": f"1/{d}", "log(1 / lambda)": log(1 / lam)} | found)
    text = "contact time grows as log(1 / margin) / log(1 / lambda), two chained levels give t_3 ~ lambda^-t_2; float64 is lost below 1e-16"
    lab.claim("C3", text, parts=parts, gates=checks(lab, contacts, averaging))
    lab.table("two levels of the tower", rows)
    return contacts


def steps_of(contacts: list[Contact | None]) -> list[int | None]:
    return [None if c is None else c.steps for c in contacts]


def meetings(margin: Fraction, lam: Fraction, averaging: Fraction | None) -> Times | None:
    """The times of the chain: from event to event, or step by step where the averaging is switched off."""
    chain = Chain(margin, lam, speed=START_SPEED)
    return chain.event_driven() if averaging is None else chain.stepped(averaging=averaging)


def checks(lab: Lab, contacts: Contacts, averaging: Fraction | None) -> list[Gate]:
    """Gates: the exit speed is what lambda to the power of the contact time leaves, and both ways of following a chain agree."""
    off = 0.0
    for (lam, arithmetic), found in contacts.items():
        if arithmetic == "exact":
            shrink = log(1 / lam) if averaging is None else 0.0
            off = max(off, *(abs(log(START_SPEED / c.exit_speed) - c.steps * shrink) for c in found if c is not None))
    identity = lab.gate("exit speed = start speed lambda^steps", off < 1e-9, f"logarithms differ by {off:.1e} at most")
    # Small enough to be stepped through: numbers grow with every step.
    small = [
        Chain(Fraction(1, 10), Fraction(1, 3), gap=Fraction(1, 50), residual=Fraction(1, 5)),
        Chain(Fraction(1, 5), Fraction(3, 5), gap=Fraction(1, 50), residual=Fraction(1, 15)),
    ]
    pairs = [(chain.stepped(), chain.event_driven()) for chain in small]
    seen = "; ".join(f"t_3 = {a.third if a else None} step by step, {b.third} event by event" for a, b in pairs)
    agree = lab.gate("event by event = step by step", all(a == b for a, b in pairs), seen)
    return [identity, agree]


def noise_is_tolerated(lab: Lab, arms: Arms, sizes: tuple[int, ...], seeds: int) -> None:
    """C4: C1 again under decaying noise; its control is noise that does not decay."""
    text = "velocity noise that decays as (1 + t)^-2 leaves C1 as it is; constant noise does not"
    lab.claim("C4", text, parts=freezing_parts(arms, "decaying", sizes, seeds))


def tell(lab: Lab, arms: Arms, sizes: tuple[int, ...]) -> None:
    """The table of runs, and what the reader must know beside the verdicts."""
    rows = [
        {
            "noise": name,
            "n": n,
            "median last switch": np.median(arms[name, n].last_switch),
            "latest": arms[name, n].last_switch.max(),
            "certified": int(arms[name, n].certified.sum()),
            "runs": len(arms[name, n].certified),
            "greatest spread": float(arms[name, n].spread.max()),
            "in company": arms[name, n].company.mean().round(3),
            "steps flown": arms[name, n].steps,
        }
        for name in ("none", "decaying", "constant")
        for n in sizes
    ]
    lab.table("freezing", rows)
    largest = arms["constant", sizes[-1]]
    lab.note(
        "This page shows the mechanism of the lower bound, one and two levels, and freezing of random starts. It does not verify the upper "
        "bound: random flocks come nowhere near a tower, and towers of height 3 exist only as logarithms."
    )
    lab.note(
        f"Constant noise, n = {sizes[-1]}: latest switch at step {largest.last_switch.max()} of {largest.steps}, "
        f"{largest.company.mean():.0%} of the birds in company at the end. In the open plane lasting noise does not keep "
        "edges switching for ever: it takes the flocks "
        "apart, lone birds random-walk in velocity, and they meet no more. In short runs (1000 steps) switches do go on, which is what "
        "C1-control would have seen there; what lasting noise destroys is company, and this is what C1 and C4 are held against."
    )
    lab.note(
        "Hysteresis is a band in distance (edges form at 1 and break beyond 1.001), this page's form of the paper's rule. C3 needs "
        "none: its numbers are exact. c_i = averaging / (d_i + 1), with averaging 1/2 (lazy) in C1 and C4, 1 (the plain mean) in C2, "
        "1 - lambda in C3. The certificate is a proof in exact arithmetic applied to float64 numbers."
    )


PAPER = "#fbfaf6"


def drawn(flock: AveragingFlock, key: Any, steps: int, margins: list[Fraction], contacts: Contacts) -> tuple[Figure, str]:
    """Left the flight net of one flock, right contact times against the logarithm of the margin."""
    figure = Figure(figsize=(14.5, 7.0), facecolor=PAPER)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1.0))
    shown, last = flight_net(left, flock, key, steps)
    contact_times(right, margins, contacts)
    figure.text(0.035, 0.935, "How long until birds agree?", fontsize=21, fontweight="bold", color="#1d2733")
    figure.subplots_adjust(left=0.03, right=0.975, top=0.85, bottom=0.1, wspace=0.14)
    return figure, (
        f"Left: the flight net of {flock.n} birds for {shown} steps, one seed (last switch of an edge: step {last}); dots are the start, "
        "colours are headings, thin lines who sees whom. Right: how long two birds stay in contact against the margin of the "
        "contact, exact (lines: slope 1 / log(1 / lambda)) and in float64, which takes every margin below 1e-16 for the same."
    )


def flight_net(axes: Any, flock: AveragingFlock, key: Any, steps: int) -> tuple[int, int]:
    """Tracks of all birds and, at evenly spaced steps, lines between those that see each other. Returns (steps drawn, last switch)."""
    trajectory = run(flock, steps, key=key, record=["positions", "velocities", "last_switch"])
    x, v = trajectory["positions"].values[0], trajectory["velocities"].values[0]
    last = int(trajectory["last_switch"].values[0, -1])
    shown = min(steps, max(40, int(1.3 * last)))
    axes.set_facecolor(PAPER)
    for t in np.unique(np.linspace(0, shown, 13).astype(int)):
        i, j = np.nonzero(np.triu(sees(x[t], 1.0)))
        links = list(np.stack([x[t, i], x[t, j]], axis=1))
        axes.add_collection(LineCollection(links, colors="#8d99a6", linewidths=0.7, alpha=0.6, zorder=1))
    hue = 0.45 + 0.38 * np.cos(np.arctan2(v[..., 1], v[..., 0])[..., None] - np.array([3.4, 5.5, 1.3]))
    for bird in range(flock.n):
        pieces = list(np.stack([x[:shown, bird], x[1 : shown + 1, bird]], axis=1))
        axes.add_collection(LineCollection(pieces, colors=hue[1 : shown + 1, bird], linewidths=2.4, capstyle="round", zorder=2))
        axes.plot(*x[0, bird], "o", color=hue[0, bird], markeredgecolor="#1d2733", markeredgewidth=0.6, markersize=5, zorder=3)
        step = 0.25 * v[shown, bird] / max(np.linalg.norm(v[shown, bird]), 1e-12)
        arrow = {"arrowstyle": "-|>", "color": hue[shown, bird], "lw": 2.0, "mutation_scale": 14}
        axes.annotate("", x[shown, bird] + step, x[shown, bird], arrowprops=arrow, zorder=4)
    axes.autoscale_view()
    axes.set_aspect("equal", adjustable="datalim")
    axes.axis("off")
    axes.set_title(
        f"The flight net: {flock.n} birds, {shown} steps, last switch of an edge at {last} (colour: heading)",
        fontsize=13,
        color="#1d2733",
        loc="left",
    )
    return shown, last


def sees(positions: np.ndarray, radius: float) -> np.ndarray:
    """Who is within `radius` of whom: (n, n) of bool."""
    distance = np.linalg.norm(positions[None] - positions[:, None], axis=-1)
    return (distance <= radius) & ~np.eye(len(positions), dtype=bool)


def contact_times(axes: Any, margins: list[Fraction], contacts: Contacts) -> None:
    """Steps in contact against log10(1 / margin), exact and rounded, with the predicted slopes."""
    decades = np.array([-log(m) / math.log(10) for m in margins])
    for lam, colour in zip(CONTRACTIONS, ("#0b6e8f", "#d1495b"), strict=True):
        exact, rounded = (
            np.array([math.nan if s is None else float(s) for s in steps_of(contacts[lam, kind])]) for kind in ("exact", "float64")
        )
        middle = np.nanmean(exact) - decades.mean() * math.log(10) / log(1 / lam)
        axes.plot(decades, middle + decades * math.log(10) / log(1 / lam), color=colour, linewidth=1.6, alpha=0.55)
        axes.plot(decades, exact, "o", color=colour, markersize=5, label=f"exact, λ = {lam}")
        name = "float64" if lam == CONTRACTIONS[-1] else None
        axes.plot(decades, rounded, "+", color="#1d2733", markersize=9, markeredgewidth=1.1, label=name)
    axes.axvline(16, color="#9aa5b1", linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
    place = {"xycoords": ("data", "axes fraction"), "xytext": (5, 0), "textcoords": "offset points"}
    axes.annotate("float64 ends here", (16, 0.02), fontsize=10, color="#5c6773", **place)
    axes.set_xlabel("log₁₀(1 / margin ε)", fontsize=12)
    axes.set_ylabel("steps in contact τ", fontsize=12)
    axes.set_title("One level of the tower: τ = log(1/ε) / log(1/λ) + const", fontsize=13, color="#1d2733", loc="left")
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=11, loc="upper left", bbox_to_anchor=(0.0, 0.93))
