"""Page 125: three regions in the derivative of the end of training with respect to its start (Belrose & Scherlis 2024)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from morphogen.atlas.page import Lab, Paper, Part, page
from morphogen.atlas.rules import count, greater, less, ratio, within
from morphogen.data.digits import digits
from morphogen.learners.learner import Learner, TrainingMap
from morphogen.learners.nets import Dense, accuracy, cross_entropy
from morphogen.learners.streams import Epochs
from morphogen.learners.subspace import SubspaceLearner
from morphogen.measures.representation import chance_overlap, subspace_overlap
from morphogen.measures.tangent import flow_jacobian

BULK = 0.05
"""A singular value belongs to the bulk when it is within this distance of 1; the counts depend on it."""
TOP = 50
BATCH = 64
HELD_OUT = 197
# XLA runs the loop over updates on one core, so two Jacobians at a time fill the two cores of lab scale.
WORKERS = 2
COLOURS = {"digits": "#1b6ca8", "shuffled labels": "#e08e0b", "noise inputs": "#8a8a8a"}


@dataclass(frozen=True)
class CosineMomentum:
    """Gradient descent with momentum whose rate falls to zero along a cosine over `steps`."""

    steps: int

    def __call__(self, rate: Any, momentum: Any) -> optax.GradientTransformation:
        return optax.sgd(optax.cosine_decay_schedule(rate, self.steps), momentum)


class Material(NamedTuple):
    """The data of one seed: three training sets that share a split, a test set, and which pixels vary in training."""

    training: dict[str, tuple[np.ndarray, np.ndarray]]
    test: tuple[np.ndarray, np.ndarray]
    varying: np.ndarray


class Spectrum(NamedTuple):
    """The Jacobian of one training run, decomposed on the directions that training can move.

    `values` (m,) descend; `left` and `right` (parameter, m) are singular vectors in the whole space of weights; `free` is the space
    on which the Jacobian must be the identity (see `_free_directions`), and `leak` is how far it is from that.
    """

    start: jax.Array
    end: jax.Array
    values: np.ndarray
    left: np.ndarray
    right: np.ndarray
    free: np.ndarray
    leak: float

    @property
    def bulk(self) -> np.ndarray:
        return np.abs(self.values - 1) < BULK

    @property
    def by_distance(self) -> np.ndarray:
        """Indices of the singular values, nearest to 1 first."""
        return np.argsort(np.abs(self.values - 1))

    @property
    def cosines(self) -> np.ndarray:
        """cos(u_i, v_i): 1 where a direction is mapped to itself."""
        return (self.left * self.right).sum(0)


@page(
    125,
    "training-jacobian",
    chapter="training",
    paper=Paper("Understanding Gradient Descent through the Training Jacobian", "Belrose, Scherlis", 2024, arxiv="2412.07003"),
    null="the same digits, whitened: the net learns them, but no direction of its inputs has less variance than another",
    sketch={"hidden": 4, "steps": 50, "seeds": 2},
    paper_scale={"hidden": 64, "steps": 625, "seeds": 5},
)
def training_jacobian(lab: Lab, *, hidden: int = 16, steps: int = 300, seeds: int = 5, rate: float = 0.1, momentum: float = 0.9) -> None:
    """A training run maps starting weights to final weights. Its derivative J = d theta_T / d theta_0 has three kinds of directions.

    A perceptron 64-16-10 learns 8 x 8 digits for 300 updates in a fixed order. J is computed exactly, column by column, with the
    same tangent propagator that measures Lyapunov exponents, and taken apart by its singular values: *chaotic* directions
    (sigma >> 1), *stable* ones (sigma < 1), and a *bulk* with sigma near 1 that training hands through unchanged (u = v). The paper's
    account is that the bulk is a property of the inputs: weights that read input directions of little variance are never pushed.
    So J is computed again with shuffled labels and with noise for inputs, unit steps along the bulk are tried on the trained
    network, and training is confined to the bulk and to as many directions outside it. Each seed draws split, weights and order.

    Stricter than the chapter's draft: two kinds of directions have singular value exactly 1 for nothing, the weights of pixels that
    never vary and shifts of all logits together, to which the softmax is blind. Every claim is judged without them, save where a
    part says so, and noise is put on the varying pixels only.
    """
    recipe = Dense((64, hidden, 10))
    studied = []
    for number, key in zip(lab.seed_numbers(seeds), lab.keys(seeds), strict=True):
        lab.say(f"training Jacobians of seed {number}: {recipe.size} weights, {steps} updates, three data sets")
        studied.append(_study_seed(recipe, _material(number, lab.null), key, steps, {"rate": rate, "momentum": momentum}))
    gates = _gates(lab, studied)
    _claim_regions(lab, studied, gates)
    _claim_inputs(lab, studied, gates)
    _claim_silence(lab, studied, gates)
    _claim_subspace(lab, studied, gates)
    _tables(lab, studied)
    lab.note(f"The bulk is |sigma - 1| < {BULK}; every count depends on that choice. Singular values are in single precision.")
    lab.note("Lab scale has 16 hidden units and 12 epochs where the paper has 64 and 25; its LeNet-5 and larger nets are not covered.")
    lab.note("Weights of constant pixels are silent in training and loud on noise for a trivial reason; counting them in would flatter C3.")
    caption = "Left of the notch are chaotic, right of it stable directions; in the notch lies the bulk, which training maps to itself."
    lab.picture(_picture(studied[0]), caption)


class Seed(NamedTuple):
    """All that is measured on one seed."""

    spectra: dict[str, Spectrum]
    kl: dict[str, np.ndarray]
    losses: dict[str, float]
    accuracy: tuple[float, float]
    mismatch: float


def _material(number: int, whiten: bool) -> Material:
    images, labels, test_images, test_labels = digits(HELD_OUT, number)
    random = np.random.default_rng(number)
    if whiten:
        both = _whitened(np.concatenate([images, test_images]))
        images, test_images = both[: len(images)], both[len(images) :]
    varying = images.std(0) > 0
    noise = np.where(varying, random.uniform(size=images.shape), 0).astype(np.float32)
    training = {
        "digits": (images, labels),
        "shuffled labels": (images, random.permutation(labels)),
        "noise inputs": (noise, labels),
    }
    return Material(training, (test_images, test_labels), varying)


def _whitened(images: np.ndarray) -> np.ndarray:
    """The images turned (zero-phase, so that pixels stay pixels) into ones with equal variance in every direction they have at all.

    Mean and standard deviation over all varying pixels stay what they were.
    """
    varying = images.std(0) > 0
    pixels = images[:, varying].astype(float)
    centred = pixels - pixels.mean(0)
    variance, axes = np.linalg.eigh(np.cov(centred.T))
    white = (centred @ axes / np.sqrt(variance)) @ axes.T
    out = np.zeros_like(images)
    out[:, varying] = pixels.mean() + pixels.std() * white
    return out


def _study_seed(recipe: Dense, material: Material, key: Any, steps: int, hyper: dict[str, float]) -> Seed:
    start_key, order_key = jax.random.split(key)
    learners = {
        name: Learner(recipe, cross_entropy, CosineMomentum(steps), Epochs(data, BATCH, order_key), hyper)
        for name, data in material.training.items()
    }
    learner = learners["digits"]
    start = learner.flat(learner.init(start_key).weights)
    free = _free_directions(learner, material.varying)
    runs = [TrainingMap(each, steps, key) for each in learners.values()]
    with ThreadPoolExecutor(WORKERS) as pool:
        jacobians = list(pool.map(lambda run: np.asarray(flow_jacobian(run, start, 1, block=256)), runs))
    found = [_spectrum(run, start, jacobian, free) for run, jacobian in zip(runs, jacobians, strict=True)]
    spectra = dict(zip(learners, found, strict=True))
    spectrum = spectra["digits"]
    model = learner.assemble(learner.unflat(spectrum.end))
    return Seed(
        spectra,
        _kl_per_direction(learner, spectrum, material.training["digits"][0], key),
        _confined(learner, spectrum, material.test, steps, key),
        (float(accuracy(model, material.training["digits"])), float(accuracy(model, material.test))),
        _finite_difference(runs[0], spectrum),
    )


def _free_directions(learner: Learner, varying: np.ndarray) -> np.ndarray:
    """An orthonormal basis (parameter, k) of what training cannot move: weights of constant pixels first, then shifts of all logits."""
    size = learner.make.size  # type: ignore[attr-defined]
    place = jax.tree.map(lambda leaf: np.asarray(leaf).astype(int), learner.unflat(jnp.arange(size, dtype=jnp.float32)))
    idle = place.layers[0].weight[~varying].ravel()
    groups = np.concatenate([place.layers[-1].weight, place.layers[-1].bias[None]])
    basis = np.zeros((size, len(idle) + len(groups)), np.float32)
    basis[idle, np.arange(len(idle))] = 1
    for i, group in enumerate(groups):
        basis[group, len(idle) + i] = len(group) ** -0.5
    return basis


def _spectrum(training: TrainingMap, start: jax.Array, jacobian: np.ndarray, free: np.ndarray) -> Spectrum:
    leak = max(np.abs(jacobian @ free - free).max(), np.abs(free.T @ jacobian - free.T).max())
    moved = np.linalg.qr(free, mode="complete")[0][:, free.shape[1] :]
    left, values, right = np.linalg.svd(moved.T @ jacobian @ moved)
    return Spectrum(start, _train(training, start), values, moved @ left, moved @ right.T, free, float(leak))


@eqx.filter_jit
def _train(training: TrainingMap, start: jax.Array) -> jax.Array:
    return training(start)


@eqx.filter_jit
def _train_each(training: TrainingMap, starts: jax.Array) -> jax.Array:
    return jax.vmap(training)(starts)


def _finite_difference(training: TrainingMap, spectrum: Spectrum, size: float = 0.01, probes: int = 12) -> float:
    """Median relative error with which J foretells what steps +-size of the starting weights do, over the whole spectrum."""
    chosen = np.linspace(0, len(spectrum.values) - 1, probes).astype(int)
    steps = size * jnp.asarray(spectrum.right.T[chosen])
    ends = _train_each(training, spectrum.start + jnp.concatenate([steps, -steps]))
    change = np.asarray(ends[:probes] - ends[probes:]) / (2 * size)
    foretold = spectrum.values[chosen, None] * spectrum.left.T[chosen]
    return float(np.median(np.linalg.norm(change - foretold, axis=1) / np.linalg.norm(foretold, axis=1)))


def _kl_per_direction(learner: Learner, spectrum: Spectrum, images: np.ndarray, key: Any) -> dict[str, np.ndarray]:
    """KL of the trained network to itself after a unit step along each v_i, then along free directions; in nats, on four inputs."""
    normal = jax.random.normal(jax.random.fold_in(key, 1), images.shape)
    inputs = {
        "training images": images,
        "inverted images": 1 - images,
        "Gaussian, size of the images": images.mean() + images.std() * normal,
        "Gaussian, variance 1": normal,
    }
    directions = np.concatenate([spectrum.right.T, spectrum.free.T])
    return {name: np.asarray(_kl(learner, spectrum.end, jnp.asarray(directions), x)) for name, x in inputs.items()}


@eqx.filter_jit
def _kl(learner: Learner, end: jax.Array, directions: jax.Array, inputs: jax.Array) -> jax.Array:
    before = jax.nn.log_softmax(learner.assemble(learner.unflat(end))(inputs))

    def after(direction: jax.Array) -> jax.Array:
        change = jax.nn.log_softmax(learner.assemble(learner.unflat(end + direction))(inputs)) - before
        # Probabilities sum to 1, so sum p (exp c - 1) = 0: adding it makes every term positive and small divergences exact.
        return (jnp.exp(before) * (jnp.expm1(change) - change)).sum(-1).mean()

    return jax.lax.map(after, directions, batch_size=BATCH)


def _confined(learner: Learner, spectrum: Spectrum, test: Any, steps: int, key: Any) -> dict[str, float]:
    """Test losses of training in the whole space, in the bulk, and in the same number k of directions furthest from sigma = 1."""
    order = spectrum.by_distance
    k = int(min(spectrum.bulk.sum(), (~spectrum.bulk).sum()))
    losses = {"whole space": float(cross_entropy(learner.assemble(learner.unflat(spectrum.end)), test)), "k": k}
    for name, chosen in {"outside the bulk": order[-k:], "bulk": order[:k]}.items():
        basis = np.zeros(spectrum.right.shape[::-1], np.float32)  # rows of zeros never move: they keep one shape for all seeds
        basis[:k] = spectrum.right.T[chosen]
        confined = SubspaceLearner(learner, spectrum.start, basis)
        end = _train(TrainingMap(confined, steps, key), jnp.zeros(len(basis)))
        losses[name] = float(cross_entropy(confined.assemble(end), test))
    return losses


def _gates(lab: Lab, studied: list[Seed]) -> tuple[Any, ...]:
    trained, tested = np.array([s.accuracy for s in studied]).T
    mismatch = max(s.mismatch for s in studied)
    leak = max(s.leak for seed in studied for s in seed.spectra.values())
    return (
        lab.gate("it learns", trained >= 0.95, f"training accuracy at least {trained.min():.3f} (>= 0.95 wanted), test {tested.min():.3f}"),
        lab.gate("J is the derivative", mismatch < 0.05, f"finite steps of 0.01 differ from J by {mismatch:.2g} in the median"),
        lab.gate("free directions stand apart", leak < 1e-4, f"J departs from the identity on them by {leak:.2g}"),
    )


def _claim_regions(lab: Lab, studied: list[Seed], gates: tuple[Any, ...]) -> None:
    real = [s.spectra["digits"] for s in studied]
    lab.claim(
        "C1",
        "training has chaotic, bulk and stable directions, and maps the bulk to itself",
        parts={
            "bulk fraction": Part(effect=[s.bulk.mean() for s in real], rule=within(0.2, 0.8)),
            "bulk fraction with free directions": Part(effect=[_with_free(s) for s in real], rule=within(0.2, 0.8)),
            "largest singular value": Part(effect=[s.values.max() for s in real], rule=greater(10.0)),
            "fraction below 0.9": Part(effect=[(s.values < 0.9).mean() for s in real], rule=greater(0.1)),
            "median cos(u, v) in the bulk": Part(effect=[_median(s.cosines[s.bulk]) for s in real], rule=greater(0.95)),
            "bulk fraction of identity + noise": Part(effect=[_noise_bulk(s, i) for i, s in enumerate(real)], rule=less(0.15)),
        },
        gates=gates,
    )


def _with_free(spectrum: Spectrum) -> float:
    size, free = spectrum.free.shape
    return float((spectrum.bulk.sum() + free) / size)


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else float("nan")


def _noise_bulk(spectrum: Spectrum, seed: int) -> float:
    """The bulk fraction of I + Gaussian noise that is as far from the identity as J, in the Frobenius norm."""
    size = len(spectrum.values)
    # |U S V' - I|^2 = sum of s^2 - 2 s (u . v) + 1.
    deviation = np.sqrt(np.sum(spectrum.values**2 - 2 * spectrum.values * spectrum.cosines + 1))
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32) * (deviation / size)
    return float((np.abs(np.linalg.svd(np.eye(size, dtype=np.float32) + noise, compute_uv=False) - 1) < BULK).mean())


def _core(spectrum: Spectrum, k: int) -> np.ndarray:
    return spectrum.right[:, spectrum.by_distance[:k]]


def _beyond_chance(first: Spectrum, second: Spectrum) -> float:
    """Overlap of the k directions nearest sigma = 1, k being half of the first's bulk, in units of the overlap by chance."""
    k = max(1, int(first.bulk.sum()) // 2)
    return subspace_overlap(_core(first, k), _core(second, k)) / chance_overlap(len(first.values), k, k)


def _claim_inputs(lab: Lab, studied: list[Seed], gates: tuple[Any, ...]) -> None:
    shuffled = np.array([_beyond_chance(s.spectra["digits"], s.spectra["shuffled labels"]) for s in studied])
    noise = np.array([_beyond_chance(s.spectra["digits"], s.spectra["noise inputs"]) for s in studied])
    lab.claim(
        "C2",
        "the bulk depends on the inputs and not on the labels (overlap of bulks in units of chance)",
        parts={
            "with shuffled labels": Part(effect=shuffled, rule=greater(2.5)),
            "with noise for inputs": Part(effect=noise, rule=less(1.7)),
            "both in every seed": Part(effect=(shuffled >= 2.5) & (noise <= 1.7), rule=count(at_least=len(studied))),
        },
        gates=gates,
    )


def _claim_silence(lab: Lab, studied: list[Seed], gates: tuple[Any, ...]) -> None:
    def along(inputs: str, where: str) -> np.ndarray:
        return np.array([_mean_kl(s, inputs, where) for s in studied])

    top, noise = f"top {TOP}", "Gaussian, variance 1"

    lab.claim(
        "C3",
        "unit steps along the bulk change nothing on training images and as much as any on foreign inputs (KL, bulk over top 50)",
        parts={
            "training images": Part(along("training images", "bulk"), ratio(at_most=1e-3), along("training images", top)),
            "Gaussian inputs": Part(along(noise, "bulk"), ratio(at_least=0.2), along(noise, top)),
        },
        gates=gates,
    )


def _mean_kl(seed: Seed, inputs: str, where: str) -> float:
    spectrum, kl = seed.spectra["digits"], seed.kl[inputs]
    live = kl[: len(spectrum.values)]
    chosen = {
        f"top {TOP}": live[:TOP],
        "bulk": live[spectrum.bulk],
        "inner half of the bulk": live[spectrum.by_distance[: max(1, int(spectrum.bulk.sum()) // 2)]],
        "weights of constant pixels": kl[len(spectrum.values) :][(spectrum.free == 1).any(0)],
    }[where]
    return float(chosen.mean()) if chosen.size else float("nan")


def _claim_subspace(lab: Lab, studied: list[Seed], gates: tuple[Any, ...]) -> None:
    whole, outside, bulk = (np.array([s.losses[name] for s in studied]) for name in ("whole space", "outside the bulk", "bulk"))
    spectra = [s.spectra["digits"] for s in studied]
    others = [*spectra[1:], spectra[0]]
    lab.claim(
        "C4",
        "training lives outside the bulk, and the bulk is the same from another start (test losses in k directions)",
        parts={
            "outside the bulk over whole space": Part(outside, ratio(at_most=1.1), whole),
            "bulk over outside the bulk": Part(bulk, ratio(at_least=3.0), outside),
            "both in every seed": Part((outside <= 1.1 * whole) & (bulk >= 3 * outside), count(at_least=len(studied))),
            "overlap with the next seed's bulk over chance": Part(
                [_beyond_chance(a, b) for a, b in zip(spectra, others, strict=True)], greater(2.5)
            ),
        },
        gates=gates,
    )


def _tables(lab: Lab, studied: list[Seed]) -> None:
    def mean(name: str, read: Any) -> float:
        return float(np.mean([read(s.spectra[name]) for s in studied]))

    lab.table(
        "regions",
        [
            {
                "trained on": name,
                "bulk": mean(name, lambda s: s.bulk.mean()),
                "bulk with free directions": mean(name, _with_free),
                "below 0.9": mean(name, lambda s: (s.values < 0.9).mean()),
                "above 1.1": mean(name, lambda s: (s.values > 1.1).mean()),
                "largest": mean(name, lambda s: s.values.max()),
                "median cos(u, v) in the bulk": mean(name, lambda s: _median(s.cosines[s.bulk])),
            }
            for name in COLOURS
        ],
    )
    places = (f"top {TOP}", "bulk", "inner half of the bulk", "weights of constant pixels")
    lab.table(
        "divergence after a unit step",
        [{"inputs": i} | {where: float(np.mean([_mean_kl(s, i, where) for s in studied])) for where in places} for i in studied[0].kl],
    )
    lab.table("test loss", [{"seed": i} | s.losses for i, s in enumerate(studied)])


def _picture(seed: Seed) -> Figure:
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    bird, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    real = seed.spectra["digits"]
    first, last = np.flatnonzero(real.bulk)[[0, -1]]
    for axes in (bird, below):
        axes.axvspan(first, last, color=COLOURS["digits"], alpha=0.08, lw=0)
        axes.spines[["top", "right"]].set_visible(False)
    for name, spectrum in reversed(seed.spectra.items()):
        rank = np.arange(len(spectrum.values))
        style = {"color": COLOURS[name], "s": 4 if name != "digits" else 7, "lw": 0, "label": name}
        bird.scatter(rank, np.maximum(np.abs(spectrum.values - 1), 1e-6), **style)
        below.scatter(rank, spectrum.cosines, **style)
    bird.axhline(BULK, color="0.4", lw=0.8, ls="--")
    bird.set(yscale="log", ylabel="|singular value - 1|")
    middle = (0.5 * first, 0.5 * (first + last), 0.5 * (last + len(real.values)))
    for place, text in zip(middle, ("chaotic", "bulk", "stable"), strict=True):
        bird.annotate(text, (place, 1.02), xycoords=("data", "axes fraction"), ha="center", color=COLOURS["digits"], fontsize=11)
    bird.legend(frameon=False, markerscale=3, loc="lower left")
    below.axhline(0, color="0.6", lw=0.6)
    below.set(xlabel="rank of the singular value", ylabel="cos(u, v)", ylim=(-0.35, 1.05), xlim=(-8, len(real.values) + 8))
    figure.suptitle("d(weights after training) / d(weights before)", fontsize=13)
    return figure
