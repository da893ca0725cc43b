"""A page: one paper as one function. It receives a `Lab`, runs the paper's experiment, and states claims that can fall.

    @page(29, "edge-of-chaos", chapter="automata", paper=Paper(...), null="the rule, shuffled in time", sketch=dict(steps=20))
    def edge_of_chaos(lab, *, rules=(0, 110), steps=2000, seeds=5):
        ...
        lab.claim("C1", "complex rules teach more", effect=score[complex], control=score[uniform], rule=greater(by=0.05))

The harness (`morphogen.atlas.study`) runs it, and runs it again with `lab.null` true.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from morphogen.atlas.rules import Outcome, Rule, Verdict
from morphogen.errors import MorphogenError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scale = Literal["sketch", "lab", "paper"]
SCALES: tuple[Scale, ...] = ("sketch", "lab", "paper")
FIRST_KEY = 1000
"""Verdicts run on keys from here up; smaller keys are for tuning and pilots."""
LEAST_SEEDS = 3


@dataclass(frozen=True)
class Paper:
    """The paper a page runs."""

    title: str
    authors: str
    year: int
    arxiv: str | None = None
    doi: str | None = None

    @property
    def link(self) -> str | None:
        if self.arxiv:
            return f"https://arxiv.org/abs/{self.arxiv}"
        return f"https://doi.org/{self.doi}" if self.doi else None

    def __str__(self) -> str:
        source = f", arXiv {self.arxiv}" if self.arxiv else f", doi {self.doi}" if self.doi else ""
        return f"{self.authors} ({self.year}). {self.title}{source}"


@dataclass(frozen=True)
class Page:
    """A page as the atlas knows it: the paper, the function, and the parameters at each scale."""

    number: int
    slug: str
    chapter: str
    paper: Paper
    null: str
    function: Callable[..., None]
    sketch: Mapping[str, Any]
    paper_scale: Mapping[str, Any]
    float64: bool

    @property
    def defaults(self) -> dict[str, Any]:
        """The page's parameters at lab scale."""
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        return {p.name: p.default for p in parameters}

    def parameters(self, scale: Scale, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters at `scale`, with the user's choices on top."""
        defaults = self.defaults
        for name in chosen:
            if name not in defaults:
                raise MorphogenError(f"{self.slug} has no parameter '{name}'; it has {', '.join(defaults)}")
        at_scale = {"sketch": self.sketch, "lab": {}, "paper": self.paper_scale}[scale]
        return {**defaults, **at_scale, **chosen}


REGISTRY: dict[str, Page] = {}


def page(
    number: int,
    slug: str,
    *,
    chapter: str,
    paper: Paper,
    null: str,
    sketch: Mapping[str, Any],
    paper_scale: Mapping[str, Any] | None = None,
    float64: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare a page. Parameters are the function's keyword arguments with lab-scale defaults.

    Args:
        number: the paper's number in the reading list.
        slug: the page's name on the command line.
        null: one line: which mechanism `lab.null` removes.
        sketch: parameters of the test scale (at most 5 s); paper_scale: those of the paper.
        float64: run the page in double precision.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        parameters = list(inspect.signature(function).parameters.values())
        loose = [p.name for p in parameters[1:] if p.kind is not p.KEYWORD_ONLY or p.default is p.empty]
        if not parameters or loose:
            raise MorphogenError(f"page {slug}: every parameter after lab must be keyword-only with a default, unlike {loose}")
        if not function.__doc__:
            raise MorphogenError(f"page {slug} needs a docstring: what the paper says and how the page checks it")
        made = Page(number, slug, chapter, paper, null, function, dict(sketch), dict(paper_scale or {}), float64)
        made.parameters("sketch", made.sketch)
        made.parameters("paper", made.paper_scale)
        REGISTRY[slug] = made
        return function

    return register


@dataclass(frozen=True)
class Part:
    """One inequality of a claim that has several: all must hold."""

    effect: Any
    rule: Rule
    control: Any = None
    deterministic: bool = False


@dataclass(frozen=True)
class Gate:
    """A precondition: when it is closed, the claims that name it are undecided."""

    name: str
    open: bool
    seen: str


@dataclass(frozen=True)
class PartResult:
    """One judged inequality, in plain values."""

    name: str
    rule: str
    effect: float
    low: float
    high: float
    control: float | None
    seeds: int
    deterministic: bool
    verdict: Verdict


@dataclass(frozen=True)
class ClaimResult:
    """A claim and what it came to."""

    id: str
    text: str
    parts: tuple[PartResult, ...]
    verdict: Verdict
    reason: str
    seconds: float


@dataclass
class Lab:
    """What a page works with: the scale, the keys, whether the mechanism is switched off, and where its findings go."""

    scale: Scale = "lab"
    null: bool = False
    first_key: int = FIRST_KEY
    announce: Callable[[str], None] = lambda message: None
    stopped: bool = False
    claims: list[ClaimResult] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pictures: list[tuple[Figure, str]] = field(default_factory=list)
    _since: float = field(default_factory=time.perf_counter)

    def seed_numbers(self, count: int) -> list[int]:
        """`count` integers, from the first verdict key up."""
        if count < 1:
            raise MorphogenError(f"a page needs at least 1 seed, not {count}")
        return [self.first_key + i for i in range(count)]

    def keys(self, count: int) -> list[Any]:
        """`count` JAX keys, one for each seed."""
        import jax

        return [jax.random.key(number) for number in self.seed_numbers(count)]

    def say(self, message: str) -> None:
        """Tell whoever waits what is going on. Here, and at every claim, a Ctrl-C that got lost takes effect."""
        self._heed()
        self.announce(message)

    def _heed(self) -> None:
        # An interrupt that strikes inside a callback of the compiler or the garbage collector is printed and forgotten there.
        if self.stopped:
            raise KeyboardInterrupt

    def gate(self, name: str, condition: Any, seen: str) -> Gate:
        """A precondition of claims: the instrument works, the net has learned, the world is alive. `seen` says what was measured."""
        gate = Gate(name, bool(np.all(condition)), seen)
        self.gates.append(gate)
        return gate

    def claim(
        self,
        id: str,
        text: str,
        *,
        effect: Any = None,
        control: Any = None,
        rule: Rule | None = None,
        parts: Mapping[str, Part] | None = None,
        gates: Sequence[Gate] = (),
        deterministic: bool = False,
    ) -> ClaimResult:
        """State a claim and judge it.

        Args:
            effect: one number per seed, or one row per seed where the rule wants curves.
            control: the same without the claimed cause, paired by seed.
            rule: see `morphogen.atlas.rules`.
            parts: instead of effect, control and rule: several named inequalities; the claim holds when all do, fails
                when any fails, and is undecided otherwise.
            gates: preconditions; one that is closed makes the claim undecided.
            deterministic: the effect is exact, no seed changes it: every entry must satisfy the rule, and no interval is drawn.
        """
        self._heed()
        if any(c.id == id for c in self.claims):
            raise MorphogenError(f"the page states claim {id} twice")
        if parts is None:
            if effect is None or rule is None:
                raise MorphogenError(f"claim {id} needs effect= and rule=, or parts=")
            parts = {"": Part(effect, rule, control, deterministic)}
        if not parts:
            raise MorphogenError(f"claim {id} has no parts: a claim without an inequality cannot fall")
        judged = tuple(_judge(name, part) for name, part in parts.items())
        verdict, reason = self._settle(judged, gates)
        now = time.perf_counter()
        result = ClaimResult(id, text, judged, verdict, reason, now - self._since)
        self._since = now
        self.claims.append(result)
        return result

    def _settle(self, judged: Sequence[PartResult], gates: Sequence[Gate]) -> tuple[Verdict, str]:
        closed = [g for g in gates if not g.open]
        if closed:
            return Verdict.UNDECIDED, f"gate '{closed[0].name}' is closed: {closed[0].seen}"
        few = [p for p in judged if not p.deterministic and p.seeds < LEAST_SEEDS]
        if few:
            return Verdict.UNDECIDED, f"{few[0].seeds} seeds are too few: a verdict takes {LEAST_SEEDS}"
        if self.scale == "sketch":
            return Verdict.UNDECIDED, "sketch scale gives no verdict"
        verdicts = [p.verdict for p in judged]
        named = [p.name or p.rule for p in judged if p.verdict is not Verdict.HOLDS]
        if Verdict.FAILS in verdicts:
            return Verdict.FAILS, ", ".join(p.name for p in judged if p.verdict is Verdict.FAILS and p.name)
        if Verdict.UNDECIDED in verdicts:
            return Verdict.UNDECIDED, f"the interval does not settle: {', '.join(named)}"
        return Verdict.HOLDS, ""

    def note(self, text: str) -> None:
        """Something the reader must know beside the verdicts: what the scale cannot show, what was made stricter."""
        self.notes.append(re.sub(r"\s+", " ", text).strip())

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """A table to print and keep as CSV: a list of rows with the same columns."""
        if name in self.tables:
            raise MorphogenError(f"the page has two tables named '{name}'")
        self.tables[name] = [{k: _plain(v) for k, v in row.items()} for row in rows]

    def picture(self, figure: Figure, caption: str) -> None:
        """A Matplotlib figure to keep; the first one is the page's face."""
        if not hasattr(figure, "savefig"):
            raise MorphogenError(f"lab.picture takes a matplotlib Figure, not {type(figure).__name__}")
        self.pictures.append((figure, re.sub(r"\s+", " ", caption).strip()))


def _judge(name: str, part: Part) -> PartResult:
    effect = np.asarray(part.effect, dtype=float)
    control = None if part.control is None else np.asarray(part.control, dtype=float)
    effect = np.atleast_1d(effect)
    if control is not None and np.atleast_1d(control).shape[0] != effect.shape[0]:
        raise MorphogenError(f"effect has {effect.shape[0]} seeds but control {np.atleast_1d(control).shape[0]}: they are paired")
    control = None if control is None else np.atleast_1d(control)
    if effect.size == 0 or np.isnan(effect).any() or (control is not None and np.isnan(control).any()):
        outcome = Outcome(_unknown(), None, Verdict.UNDECIDED)
    else:
        outcome = part.rule.judge(effect, control, part.deterministic)
    i = outcome.interval
    return PartResult(
        name, str(part.rule), i.value, i.low, i.high, outcome.control, int(effect.shape[0]), part.deterministic, outcome.verdict
    )


def _unknown() -> Any:
    from morphogen.statistics import Interval

    return Interval(float("nan"), float("-inf"), float("inf"))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) or hasattr(value, "item"):
        return np.asarray(value).tolist()
    return value
