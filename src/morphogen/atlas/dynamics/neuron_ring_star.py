"""Page 191: four Chialvo neurons in a ring star with higher-order coupling, and whether the coupling is higher-order at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from morphogen.atlas.page import Lab, Paper, Part, page
from morphogen.atlas.rules import count, crosses, greater, less
from morphogen.measures import bifurcation
from morphogen.measures.bifurcation import CHAOS, DOUBLED, ESCAPED, FIXED, QUASIPERIODIC, REGIMES
from morphogen.measures.entropy import sample_entropy
from morphogen.steer.attractors import WINDOW, Settled, activations, chaos_index, draw_starts, select, settle, split, two_chaotic
from morphogen.worlds.neurons import CoupledMaps, RingStar, best_pairwise, mixed_derivative

ROUTE: dict[str, Any] = dict(mu=0.1506, s1=0.0539, b=0.4172, k0=0.0008)
CLASSIC: dict[str, Any] = dict(mu=0.0, s1=0.0, b=0.6, k0=0.04)
COEXISTING: dict[str, Any] = dict(mu=0.01456, s1=0.02435, b=0.61886, k0=0.04187)
COEXISTING_STRENGTH = -0.0285
RANDOM_LOW: dict[str, Any] = dict(mu=0.0, s1=0.0, b=0.35, k0=0.0)
RANDOM_HIGH: dict[str, Any] = dict(mu=0.15, s1=0.15, b=0.65, k0=0.06)
LEAST_RUN = 5
ORDER = (FIXED, DOUBLED, QUASIPERIODIC, CHAOS)
COLOURS = ("#4c78a8", "#72b7b2", "#b279a2", "#eeb43f", "#d1495b", "#9a9a9a", "#d9d9d9")


@page(
    191,
    "neuron-ring-star",
    chapter="dynamics",
    paper=Paper(
        "On the higher-order smallest ring star network of Chialvo neurons under diffusive couplings",
        "Nair, Ghosh, Fatoyinbo, Muni",
        2024,
        arxiv="2405.06000",
    ),
    null="the three-body coupling is cut: s2 is zero whatever the sweep says, all else untouched",
    sketch=dict(grid=24, starts=2, transient=400, steps=400, series=400, sets=12, basin=12, seeds=1),
    paper_scale=dict(grid=300, sets=900, seeds=10),
    float64=True,
)
def neuron_ring_star(
    lab: Lab,
    *,
    grid: int = 250,
    starts: int = 4,
    transient: int = 4000,
    steps: int = 4000,
    series: int = 5000,
    sets: int = 150,
    basin: int = 100,
    seeds: int = 5,
) -> None:
    """Does three-body coupling take four map neurons into chaos, and is it more than pairwise coupling in disguise?

    A centre and three peripheral Chialvo neurons form the complete graph on four nodes. Pairs are coupled with weights mu (centre)
    and s1 (ring), triangles with strength s2 by the linear term x_j + x_k - 2 x_i. We sweep s2 and read the regime of the
    attractor: its period, its largest Lyapunov exponent lambda, Gottwald and Melbourne's K; and we follow the fixed point and the
    orbit of period two to the multipliers that carry them away (C1). At the classical parameters, with no pairwise coupling
    at all, s2 alone must make chaos on one side and synchrony on the other (C2).

    Then the question the paper's title raises. On this graph each pair lies in exactly two triangles, so that the three-body sum is
    2 s2 sum_j (x_j - x_i): a pairwise network with weights w_ij + 2 s2 moves identically (C3, expected to fail as a claim of
    irreducibility). A nonlinear three-body term, s2 (x_j x_k - x_i^2), is the control that must not be reducible (C3b). To the
    chapter's rule (orbits and exponents differ from those of the reduced network) we add a comparison with the best-fitting pairwise
    weights, and a test that covers *every* pairwise network, also nonlinear ones: the mixed second derivative of one node's next
    state by two others is zero in all of them.

    C4 asks whether K and lambda agree on random parameter sets, and C4b whether sample entropy orders chaos as lambda does. Only sets
    with positive pairwise weights are drawn: without three-body coupling they have no chaos. K is the modified form of the test
    (2009), which subtracts the oscillation that a non-zero mean causes. C5 is coexistence: one
    parameter set, found by random search on pilot keys, with two chaotic attractors.

    Seeds are initial conditions (and parameter sets in C4). Escaping orbits are counted and drawn. Not verified against the paper:
    the normalisation of its three-body sum, and its own parameter sets.
    """
    scheme = Scheme(starts, transient, steps, series, 0.0 if lab.null else 1.0)
    keys = jnp.stack(lab.keys(seeds))
    lab.say("sweeping the three-body strength")
    route = sweep_route(lab, scheme, keys, grid)
    promote_chaos(lab, scheme, keys)
    lab.say("looking for a pairwise network that does the same")
    twins = reduce_to_pairs(lab, scheme, keys)
    lab.say("comparing the instruments")
    compare_instruments(lab, scheme, keys, sets)
    coexistence(lab, scheme, keys, basin)
    draw(lab, scheme, route, twins)


class Scheme(NamedTuple):
    """How every orbit of the page is run; `mechanism` is 1, or 0 in the null, and multiplies every three-body strength."""

    starts: int
    transient: int
    steps: int
    series: int
    mechanism: float

    def networks(self, s2: Any, *, three_body: str = "linear", **parameters: Any) -> RingStar:
        """A batch of networks along a common leading axis; single numbers are shared."""
        s2 = self.mechanism * jnp.asarray(s2)
        columns = {name: jnp.broadcast_to(value, s2.shape) for name, value in parameters.items()}
        return jax.vmap(lambda strength, rest: RingStar(s2=strength, three_body=three_body, **rest))(s2, columns)


def run_each(scheme: Scheme, s2: np.ndarray, keys: Any, salt: int, **parameters: Any) -> tuple[RingStar, Settled, tuple[int, int, int]]:
    """Every strength from `starts` random starts for every seed: the flat batch of networks, what was read, and its (seed, s2, start)."""
    shape = (len(keys), len(s2), scheme.starts)
    folded = jax.vmap(lambda key: jax.random.fold_in(key, salt))(keys)
    networks = scheme.networks(np.broadcast_to(np.asarray(s2)[None, :, None], shape).ravel(), **parameters)
    states = draw_starts(networks, split(folded, len(s2) * scheme.starts).reshape(-1))
    return networks, settle(networks, states, scheme.transient, scheme.steps), shape


class Route(NamedTuple):
    """The sweep of one seed as it is drawn: strengths, the bounded start chosen at each, its network and end, regime, exponent."""

    s2: np.ndarray
    networks: RingStar
    states: Any
    code: np.ndarray
    exponent: np.ndarray


def route_grid(points: int) -> np.ndarray:
    """Four fifths of the points in 0.04 .. 0.15, where everything happens."""
    inside = int(0.8 * points)
    outside = points - inside
    parts = [np.linspace(-0.12, 0.04, outside - outside // 3, endpoint=False), np.linspace(0.04, 0.15, inside)]
    return np.concatenate([*parts, np.linspace(0.15, 0.2, outside // 3 + 1)[1:]])


def sweep_route(lab: Lab, scheme: Scheme, keys: Any, points: int) -> Route:
    """C1: fixed point, period doubling, quasi-periodicity, chaos in this order along s2, and the two crossings that separate them."""
    s2 = route_grid(points)
    networks, settled, shape = run_each(scheme, s2, keys, 1, **ROUTE)
    escaped = np.asarray(settled.escaped).reshape(shape)
    first = np.argmin(escaped, axis=2)
    flat = np.ravel_multi_index((*np.indices(shape[:2]), first), shape)
    chosen = select((settled.state, settled.period, settled.exponent, settled.escaped), flat)
    code = bifurcation.regime(chosen[1], chosen[2], chosen[3])
    families = route_families(scheme)
    rows = [inspect_route(families, s2, code[i], np.asarray(chosen[0])[i]) for i in range(len(keys))]
    lab.table("route to chaos", [dict(seed=i, **row) for i, row in zip(lab.seed_numbers(len(keys)), rows, strict=True)])
    lab.claim(
        "C1",
        "raising s2 leads, in order, to a fixed point, period 2^k, quasi-periodicity and chaos, by a flip and a Neimark-Sacker crossing",
        parts={
            "all four regimes in order, 5 points or more each": Part([r["route"] for r in rows], count(at_least=len(rows))),
            "multipliers reach -1 and the unit circle (distance)": Part([r["residual"] for r in rows], less(1e-8)),
            "they cross at speed": Part([r["speed"] for r in rows], greater(1e-3)),
            "where the regime changes (grid points off)": Part([r["off"] for r in rows], less(3.0)),
        },
    )
    beyond = escaped[:, s2 > 0.12]
    lab.note(f"Of {beyond.size} orbits beyond s2 = 0.12, {beyond.mean():.0%} escape to infinity; strengths where all do are drawn grey.")
    exponent = np.where(np.asarray(chosen[3])[0], np.nan, np.asarray(chosen[2])[0])
    return Route(s2, select(networks, flat[0]), select(settled.state, flat[0]), code[0], exponent)


Families = tuple[bifurcation.Family, bifurcation.Family]


def route_families(scheme: Scheme) -> Families:
    """The network of C1 as a map with the free parameter s2, once for its fixed points and twice for its orbits of period two."""
    base = RingStar(**ROUTE)

    def family(state: Any, strength: Any) -> Any:
        network = eqx.tree_at(lambda n: n.strength, base, scheme.mechanism * strength)
        return network.rule(state.reshape(base.n, 2)).ravel()

    return family, bifurcation.iterate(family, 2)


def inspect_route(families: Families, s2: np.ndarray, code: np.ndarray, states: np.ndarray) -> dict[str, Any]:
    """The order of regimes along one seed's sweep, and the crossings found by following its fixed point and its orbit of period two."""
    begins = bifurcation.runs_in_order(code, ORDER, LEAST_RUN)
    row: dict[str, Any] = {REGIMES[c]: np.nan for c in ORDER}
    row |= {REGIMES[c]: round(float(s2[i]), 4) for c, i in zip(ORDER, begins, strict=False)}
    flip = crossing(families, s2, states, begins, 0, "flip")
    neimark = crossing(families, s2, states, begins, 1, "Neimark-Sacker")
    found = [c for c in (flip, neimark) if c is not None]
    spacing = (0.15 - 0.04) / max(1, int(0.8 * len(s2)) - 1)
    places = [abs(c.value - s2[begins[k + 1]]) / spacing if len(begins) > k + 1 else np.inf for k, c in enumerate((flip, neimark)) if c]
    complete = len(found) == 2
    return row | {
        "route": len(begins) == len(ORDER),
        "flip": flip.value if flip else np.nan,
        "Neimark-Sacker": neimark.value if neimark else np.nan,
        # Where no crossing is found the distance of a multiplier from the circle is not small, and nothing crosses.
        "residual": max(c.residual for c in found) if complete else 1.0,
        "speed": min(c.speed for c in found) if complete else 0.0,
        "off": min(max(places), float(len(s2))) if complete else float(len(s2)),
    }


def crossing(
    families: Families, s2: np.ndarray, states: np.ndarray, begins: list[int], stage: int, kind: str
) -> bifurcation.Crossing | None:
    """Follow the orbit of a stage (0: the fixed point, 1: period two) upwards in s2 to its first crossing of a kind."""
    if len(begins) <= stage:
        return None
    at = begins[stage] + LEAST_RUN - 1
    branch = bifurcation.follow(families[stage], states[at].ravel(), float(s2[at]), 0.2, high=0.21, stride=0.004, points=120)
    return next((c for c in branch.crossings if c.kind == kind), None)


def promote_chaos(lab: Lab, scheme: Scheme, keys: Any) -> None:
    """C2: at the classical parameters and without pairwise coupling, s2 makes chaos when negative and synchrony when positive."""
    effective = np.array([-0.02, -0.03, -0.04, -0.05, -0.06, -0.08, -0.10, 0.0, 0.03, 0.04, 0.05, 0.06])
    networks, settled, shape = run_each(scheme, effective / 2, keys, 2, **CLASSIC)
    escaped = np.asarray(settled.escaped).reshape(shape)
    exponent = np.where(escaped, np.nan, np.asarray(settled.exponent).reshape(shape))
    error = np.asarray(settled.error).reshape(shape)
    flat = np.arange(escaped.size).reshape(shape)
    ends = flat[:, [0, 4], :]
    x = np.asarray(activations(select(networks, ends.ravel()), select(settled.state, ends.ravel()), scheme.series))
    k = chaos_index(np.moveaxis(x, 2, 1)).reshape(*ends.shape, x.shape[2])
    lab.table(
        "classical parameters",
        [
            {"2 s2": float(e), "lambda": np.nanmean(exponent[:, i]), "synchrony error": error[:, i].max(), "escaped": escaped[:, i].mean()}
            for i, e in enumerate(effective)
        ],
    )
    lab.claim(
        "C2",
        "at classical parameters and mu = s1 = 0, 2 s2 from -0.02 to -0.06 brings chaos, and 2 s2 >= 0.03 full synchrony",
        parts={
            "lambda": Part(np.nanmean(exponent[:, [0, 4]], axis=2), crosses(0.002, 0.02)),
            "K, median over nodes and starts": Part(np.median(k, axis=(2, 3)), crosses(0.4, 0.9)),
            "largest synchrony error at 2 s2 >= 0.03": Part(error[:, effective >= 0.03].max(axis=(1, 2)), less(1e-6)),
        },
    )


class Twin(NamedTuple):
    """A three-body form against pairwise networks, one row per seed; `gap` (time,) is the mean distance of the orbits of the first seed."""

    orbit: np.ndarray
    exponent: np.ndarray
    fitted: np.ndarray
    mixed: np.ndarray
    gap: np.ndarray


def reduce_to_pairs(lab: Lab, scheme: Scheme, keys: Any) -> dict[str, Twin]:
    """C3 and C3b: compare a three-body form with the reduced pairwise weights, with the best-fitting ones, and with all pairwise maps."""
    twins = {form: compare_with_pairs(scheme, keys, form) for form in ("linear", "quadratic")}
    texts = {
        "linear": ("C3", "the paper's linear three-body coupling is irreducible: no pairwise network reproduces it (expected to fail)"),
        "quadratic": ("C3b", "a nonlinear three-body coupling, s2 (x_j x_k - x_i^2), is irreducible to pairwise coupling"),
    }
    for form, twin in twins.items():
        id, text = texts[form]
        lab.claim(
            id,
            text,
            parts={
                "orbits leave the reduced network's within 30 steps": Part(twin.orbit, greater(1e-6)),
                "lambda differs from the reduced network's": Part(twin.exponent, greater(0.01)),
                "orbits leave the best-fitting pairwise network's": Part(twin.fitted, greater(1e-6)),
                "mixed second derivative by two other nodes": Part(twin.mixed, greater(1e-6)),
            },
        )
    lab.table(
        "reduction to pairs",
        [
            {
                "three-body form": form,
                "orbit difference, median": twin.orbit.mean(),
                "against best fit": twin.fitted.mean(),
                "lambda difference": twin.exponent.mean(),
                "mixed derivative": twin.mixed.mean(),
            }
            for form, twin in twins.items()
        ],
    )
    lab.note(
        """C3 is the page's finding. On the complete graph of four nodes each pair lies in two triangles, so the linear three-body sum is
        2 s2 sum_j (x_j - x_i): the paper's network is a pairwise network with weights w_ij + 2 s2, to rounding. Every result above is
        therefore also a result about pairwise coupling; only the nonlinear control is higher-order."""
    )
    return twins


def compare_with_pairs(scheme: Scheme, keys: Any, form: str) -> Twin:
    """One form on strengths where its neurons are out of step and bounded; medians over strengths and starts, one number a seed."""
    s2 = np.linspace(-0.042, -0.024, 7)
    networks, settled, shape = run_each(scheme, s2, keys, 3, three_body=form, **CLASSIC)
    x = activations(networks, settled.state, 300)
    reduced, fitted = pairwise_of(networks), eqx.filter_jit(jax.vmap(best_pairwise))(networks, x)
    own, by_reduced, by_fitted = (activations(n, settled.state, 30) for n in (networks, reduced, fitted))
    bounded = ~np.asarray(settled.escaped).reshape(shape)

    def distance(other: Any) -> np.ndarray:
        return np.asarray(jnp.max(jnp.abs(own - other), axis=2)).reshape(*shape, 30)

    long = 4 * scheme.steps
    exponents = [np.asarray(settle(n, settled.state, scheme.transient, long).exponent).reshape(shape) for n in (networks, reduced)]
    # The exponents of one chaotic orbit scatter over a finite time: starts are averaged before they are compared.
    means = [np.nanmean(np.where(bounded, e, np.nan), axis=2) for e in exponents]
    mixed = np.asarray(eqx.filter_jit(jax.vmap(mixed_derivative))(networks, settled.state)).reshape(shape)
    to_reduced, to_fitted = distance(by_reduced), distance(by_fitted)

    def middle(values: np.ndarray) -> np.ndarray:
        return np.nanmedian(np.where(bounded, values, np.nan).reshape(shape[0], -1), axis=1)

    gap = np.nanmedian(np.where(bounded[..., None], to_reduced, np.nan)[0], axis=(0, 1))
    return Twin(
        middle(to_reduced.max(axis=3)),
        np.nanmedian(np.abs(means[0] - means[1]), axis=1),
        middle(to_fitted.max(axis=3)),
        middle(mixed),
        gap,
    )


@eqx.filter_jit
def pairwise_of(networks: RingStar) -> CoupledMaps:
    """The reduced pairwise networks of a batch."""
    return jax.vmap(lambda network: network.pairwise_equivalent())(networks)


def compare_instruments(lab: Lab, scheme: Scheme, keys: Any, sets: int) -> None:
    """C4 and C4b: random parameter sets, one start each; K against lambda on all but the grey zone, sample entropy on chaos."""
    tried = int(1.25 * sets)
    flat = split(jax.vmap(lambda key: jax.random.fold_in(key, 4))(keys), tried).reshape(-1)
    drawn = jax.vmap(lambda key: jax.random.uniform(key, (5,)))(flat)
    parameters: dict[str, Any] = {
        name: RANDOM_LOW[name] + (RANDOM_HIGH[name] - RANDOM_LOW[name]) * drawn[:, i] for i, name in enumerate(RANDOM_LOW)
    }
    networks = scheme.networks(-0.1 + 0.2 * drawn[:, 4], **parameters)
    settled = settle(networks, draw_starts(networks, flat), 2 * scheme.transient, scheme.steps)
    bounded = ~np.asarray(settled.escaped).reshape(len(keys), tried)
    exponent = np.asarray(settled.exponent).reshape(bounded.shape)
    rows = []
    for seed in range(len(keys)):
        use = np.flatnonzero(bounded[seed])[:sets] + seed * tried
        x = np.asarray(activations(select(networks, use), select(settled.state, use), scheme.series))
        rows.append(agreement(exponent.ravel()[use], x))
    lab.table("instruments", rows)
    chaotic, regular = (sum(r[name] for r in rows) for name in ("chaotic", "periodic"))
    gate = lab.gate("chaos and order to tell apart", min(chaotic, regular) >= 30, f"{chaotic} chaotic and {regular} periodic points")
    lab.claim(
        "C4",
        "the 0-1 test and the Lyapunov exponent agree: K > 0.9 exactly where lambda > 0.01, on 95 % of bounded points",
        effect=[r["agree"] for r in rows],
        rule=greater(0.95),
        gates=(gate,),
    )
    lab.claim(
        "C4b",
        "on chaotic points sample entropy orders parameter sets as lambda does (Spearman)",
        effect=[r["Spearman"] for r in rows],
        rule=greater(0.6),
        gates=(gate,),
    )


def agreement(exponent: np.ndarray, x: np.ndarray) -> dict[str, Any]:
    """One seed's points: exponents (point,), activations (point, time, node)."""
    k = chaos_index(x[:, :, 0])
    grey = np.abs(exponent) < 0.005
    chaotic = exponent > 0.01
    same = (k > 0.9) == chaotic
    # Averaged over the four neurons: lambda belongs to the network, and no single neuron speaks for it.
    entropy = sample_entropy.value(np.moveaxis(x[chaotic], 2, 1)).mean(axis=1) if chaotic.any() else np.zeros(0)
    return {
        "points": len(exponent),
        "chaotic": int(chaotic.sum()),
        "periodic": int((exponent < -0.005).sum()),
        "grey": int(grey.sum()),
        "K > 0.9 in grey": int((k[grey] > 0.9).sum()),
        "agree": float(same[~grey].mean()) if (~grey).any() else np.nan,
        "Spearman": float(spearmanr(entropy, exponent[chaotic])[0]) if chaotic.sum() > 2 else np.nan,
    }


def coexistence(lab: Lab, scheme: Scheme, keys: Any, basin: int) -> None:
    """C5: two chaotic attractors at one parameter set, told apart by exponent and range; labels must survive a doubled transient."""
    shape = (len(keys), basin)
    networks = scheme.networks(np.full(len(keys) * basin, COEXISTING_STRENGTH), **COEXISTING)
    starts = draw_starts(networks, split(jax.vmap(lambda key: jax.random.fold_in(key, 5))(keys), basin).reshape(-1))
    lengths = (4 * scheme.transient, 2 * scheme.steps, max(WINDOW, scheme.steps // 2))
    early = settle(networks, starts, *lengths)
    late = settle(networks, early.state, *lengths)
    first, second = ([np.asarray(v).reshape(*shape, -1) for v in (s.exponent, s.top, s.escaped)] for s in (early, late))
    rows = [two_chaotic(*(v[i] for v in (*first, *second))) for i in range(len(keys))]
    lab.table("coexistence", rows)
    lab.claim(
        "C5",
        "two distinct chaotic attractors coexist at one parameter set, each with 10 % of the starts or more",
        parts={
            "share of starts of the smaller": Part([r["smaller share"] for r in rows], greater(0.1)),
            "difference of lambda": Part([r["lambda difference"] for r in rows], greater(0.01)),
            "gap between their ranges": Part([r["range gap"] for r in rows], greater(0.0)),
            "labels kept when the transient doubles": Part([r["kept"] for r in rows], greater(0.95)),
        },
    )


def draw(lab: Lab, scheme: Scheme, route: Route, twins: dict[str, Twin]) -> None:
    """The bifurcation diagram with its pairwise twin on top, both exponents of chaos under it, and how far a twin stays a twin."""
    shown = 96
    x = np.asarray(activations(route.networks, route.states, shown))[:, :, 1]
    twin = np.asarray(activations(pairwise_of(route.networks), route.states, shown))[:, :, 1]
    k = chaos_index(np.asarray(activations(route.networks, route.states, scheme.series))[:, :, 1])
    bounded = route.code != ESCAPED
    colours = np.array([to_rgb(c) for c in COLOURS])[route.code]
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(2.4, 1))
    left, right = halves
    top, middle, bottom = left.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1))
    top.scatter(np.repeat(route.s2[bounded], shown), x[bounded].ravel(), s=9, c=np.repeat(colours[bounded], shown, axis=0), linewidths=0)
    top.scatter(np.repeat(route.s2[bounded], shown), twin[bounded].ravel(), s=0.5, c="black", linewidths=0)
    for axis in (top, middle, bottom):
        for s in route.s2[~bounded]:
            axis.axvline(s, color=COLOURS[ESCAPED], lw=1.2, zorder=0)
    for c in sorted({int(c) for c in route.code}):
        top.scatter([], [], s=30, color=COLOURS[c], label=REGIMES[c])
    top.scatter([], [], s=4, color="black", label="pairwise network, weights + 2 s2")
    top.legend(loc="upper left", frameon=False, fontsize=8)
    top.set_ylabel("activation of a peripheral neuron")
    top.set_title("Three-body strength leads four neurons into chaos ...", loc="left", fontsize=11)
    middle.scatter(route.s2[bounded], route.exponent[bounded], s=7, c=colours[bounded])
    middle.axhline(0, color="black", lw=0.6)
    middle.set_ylabel("Lyapunov\nexponent per step")
    bottom.scatter(route.s2[bounded], k[bounded], s=7, c=colours[bounded])
    bottom.set(ylabel="K of the\n0-1 test", ylim=(min(-0.15, k.min() - 0.1), 1.1), xlabel="three-body strength s2", xlim=(0.03, 0.15))
    panel = right.subplots()
    for name, colour in (("linear", "#4c78a8"), ("quadratic", "#d1495b")):
        panel.semilogy(np.arange(1, 31), np.maximum(twins[name].gap, 1e-17), color=colour, lw=2.2, label=f"{name} three-body term")
    panel.set(xlabel="step", ylabel="distance from its pairwise twin", ylim=(1e-17, 1e2))
    panel.legend(frameon=False, fontsize=9, loc="center right")
    panel.set_title("... but a linear one is pairwise", loc="left", fontsize=11)
    lab.picture(
        figure,
        """Left: what a peripheral neuron does as the three-body strength s2 rises, coloured by regime, with the diagram of the reduced
        pairwise network as black dots on top of it; grey bars escape. Below: the largest Lyapunov exponent and K. Right: distance between
        a three-body network and the pairwise network with weights + 2 s2 from the same state: rounding for the paper's linear term.""",
    )
