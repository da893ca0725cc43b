"""How a flock can take an exponential of an exponential: contacts between birds, in exact rational arithmetic.

Two birds in contact have their relative velocity multiplied by lambda = 1 - averaging at each step. Let them fly apart so
that they would come to rest at distance 1 + margin if they went on averaging. They lose each other after about
log(1 / margin) / log(1 / lambda) steps, at a relative speed of the order of the margin (`contact`).

`Chain` makes two levels of it. In each of two mirrored flocks, D and C part like that, so that C comes down to A slowly, after
t_2 ~ 1 / margin steps. All that time A and B have been averaging, and what is left of their opposed velocities is
u lambda^t_2. C joins A: now A sees two birds and weighs more in the flock's mean than B does (the mean of averaging with
c_i = averaging / (d_i + 1) weighs birds with d_i + 1). So that tiny rest, invisible in the mean until now, becomes the velocity of
the whole flock: u lambda^t_2 / 7 (Chazelle's "spectral shift"). The mirrored flocks drift towards each other and meet after
t_3 ~ lambda^-t_2 steps.

        D  up after the contact                     D'
        C  down, slowly                             C'
                    |                                |
     B <---- A      v          mirror        v     A' ----> B'

Rational numbers need no hysteresis: birds see each other at a distance of at most 1, exactly. Steps are taken one by one
(`stepped`) or event by event in closed form (`event_driven`), which tests hold against each other.
Source: Chazelle (2009), arXiv 0905.4241, for the mechanism; the arrangement of the birds is this library's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from morphogen.errors import MorphogenError

Number = Any
"""A Fraction, or a float where rounding is to be seen."""
Vector = tuple[Number, Number]
Edges = list[list[int]]
"""For each bird, whom it sees."""


def neighbours(positions: Sequence[Vector]) -> Edges:
    """Who sees whom: birds at distance 1 or less. O(n^2)."""
    n = len(positions)
    seen: Edges = [[] for _ in range(n)]
    for i in range(n):
        for j in range(i):
            if (positions[i][0] - positions[j][0]) ** 2 + (positions[i][1] - positions[j][1]) ** 2 <= 1:
                seen[i].append(j)
                seen[j].append(i)
    return seen


def averaged(velocities: Sequence[Vector], seen: Edges, averaging: Number) -> list[Vector]:
    """One step of v_i + averaging / (d_i + 1) sum_j (v_j - v_i), in the arithmetic of its arguments."""
    after = []
    for i, (x, y) in enumerate(velocities):
        c = averaging / (len(seen[i]) + 1)
        after.append((x + c * sum(velocities[j][0] - x for j in seen[i]), y + c * sum(velocities[j][1] - y for j in seen[i])))
    return after


@dataclass(frozen=True)
class Contact:
    """A contact that ended: how many steps two birds saw each other, and with which relative speed they left."""

    steps: int
    exit_speed: Number


def contact(
    margin: Number, contraction: Number, *, speed: Number = Fraction(1, 5), averaging: Number | None = None, limit: int = 2000
) -> Contact | None:
    """Two birds on a line that fly apart and would come to rest at distance 1 + `margin`; None if they never part.

    Args:
        margin: > 0; a Fraction for exact arithmetic, a float to see where rounding swallows it.
        contraction: lambda, between 0 and 1: sets the start 1 + margin - speed lambda / (1 - lambda) and, unless `averaging` is given,
            the averaging 1 - lambda.
        averaging: the averaging that acts; 0 switches it off and leaves the start as it is.
        limit: steps after which they are said never to part.
    """
    if not margin > 0 or not 0 < contraction < 1:
        raise MorphogenError(f"a contact needs margin > 0 and contraction between 0 and 1, not {margin} and {contraction}")
    kind = float if isinstance(margin, float) else Fraction
    contraction, speed = kind(contraction), kind(speed)
    averaging = 1 - contraction if averaging is None else kind(averaging)
    start = 1 + margin - speed * contraction / (1 - contraction)
    if not 0 < start <= 1:
        raise MorphogenError(f"the birds must see each other at first: margin {margin} and speed {speed} set them {start} apart")
    positions, velocities = [(kind(0), kind(0)), (start, kind(0))], [(kind(0), kind(0)), (speed, kind(0))]
    for step in range(limit):
        seen = neighbours(positions)
        if not seen[0]:
            return Contact(step, velocities[1][0] - velocities[0][0])
        velocities = averaged(velocities, seen, averaging)
        positions = _flown(positions, velocities)
    return None


@dataclass(frozen=True)
class Times:
    """When C lost D (t_1), when it joined A (t_2), when the mirrored flocks met (t_3), in steps; and the speed C and D parted with."""

    first: int
    second: int
    third: int
    exit_speed: Fraction

    @property
    def log_third(self) -> float:
        """The natural logarithm of t_3, which itself may have thousands of digits."""
        return math.log(self.third)


@dataclass(frozen=True)
class Chain:
    """The arrangement of two levels (see the module's text): eight birds, four in each of two mirrored flocks.

    Args:
        margin: of the contact of C and D. contraction: lambda; the averaging is 1 - lambda.
        speed: the relative speed C and D start with. residual: u, the speed of A and, the other way, of B.
        gap: how far C has still to come to A once it is free of D.
    """

    margin: Fraction
    contraction: Fraction
    speed: Fraction = Fraction(1, 5)
    residual: Fraction = Fraction(1, 100)
    gap: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not self.margin > 0 or not 0 < self.contraction < 1:
            raise MorphogenError(f"a chain needs margin > 0 and contraction between 0 and 1, not {self.margin} and {self.contraction}")
        if not (0 < self._pair <= 1 and self.gap > 0 and 0 < self.residual * self._reach <= Fraction(1, 10)):
            raise MorphogenError(
                f"a chain needs C and D in contact at first (they are {self._pair} apart), gap > 0 and a small residual, "
                f"not {self.gap} and {self.residual}"
            )

    @property
    def _reach(self) -> Fraction:
        """sum_{t >= 1} lambda^t: how far a velocity of 1 still carries while it is averaged away."""
        return self.contraction / (1 - self.contraction)

    @property
    def _pair(self) -> Fraction:
        return 1 + self.margin - self.speed * self._reach

    def start(self) -> tuple[list[Vector], list[Vector]]:
        """Positions and velocities of A, B, C, D and their mirror images A', B', C', D'; the mirror is the line x = 1."""
        u, w, none = self.residual, self.speed, Fraction(0)
        a = -u * self._reach
        low = 1 + self.gap + w / 2 * self._reach
        positions = [(a, none), (a - Fraction(3, 4), none), (none, low), (none, low + self._pair)]
        velocities = [(u, none), (-u, none), (none, -w / 2), (none, w / 2)]
        return positions + [(2 - x, y) for x, y in positions], velocities + [(-x, y) for x, y in velocities]

    def stepped(self, *, averaging: Fraction | None = None, limit: int = 5000) -> Times | None:
        """The three times, step by step with the rule itself; None if the flocks have not met after `limit` steps.

        `averaging` = 0 switches it off and leaves the start as it is. Numbers grow by a few digits each step: cost O(steps^2) and more.
        """
        positions, velocities = self.start()
        averaging = 1 - self.contraction if averaging is None else averaging
        first = second = 0
        exit_speed = Fraction(0)
        for step in range(limit):
            seen = neighbours(positions)
            if not first and 3 not in seen[2]:
                first, exit_speed = step, velocities[3][1] - velocities[2][1]
            if not second and 0 in seen[2]:
                second = step
            if any(j >= 4 for i in range(4) for j in seen[i]):
                return Times(first, second, step, exit_speed)
            velocities = averaged(velocities, seen, averaging)
            positions = _flown(positions, velocities)
        return None

    def event_driven(self) -> Times:
        """The three times, from event to event in closed form. Exact, but for rounding `third` to its last step."""
        lam, u = self.contraction, self.residual
        first = contact(self.margin, lam, speed=self.speed)
        if first is None or first.exit_speed > Fraction(1, 5):
            raise MorphogenError(f"C and D must part slowly for A, B and C to stay together: margin {self.margin} is too large")
        slow = first.exit_speed / 2
        # C has come down by speed / 2 (lambda + ... + lambda^t_1) in the contact; from here on it glides.
        height = self.start()[0][2][1] - self.speed / 2 * self._reach * (1 - lam**first.steps)
        second = self._joins(height, slow, first.steps)
        return Times(first.steps, second, second + self._meets(u * lam**second), first.exit_speed)

    def _joins(self, height: Fraction, slow: Fraction, since: int) -> int:
        """The first step at which C, gliding down from `height` since step `since`, sees A."""

        def sees(t: int) -> bool:
            across = -self.residual * self._reach * self.contraction**t
            return across**2 + (height - (t - since) * slow) ** 2 <= 1

        # The distance only shrinks until C is level with A, so that the first step can be bisected for.
        early, late = since, since + math.floor(height / slow)
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (early, middle) if sees(middle) else (middle, late)
        return late

    def _meets(self, rest: Fraction) -> int:
        """How many steps after C joined the mirrored flocks see each other; `rest` = u lambda^t_2 is the speed left in A and B.

        Velocities across, relative to A: C -rest, B -2 rest. Their difference p and sum q are modes of the star B - A - C, with
        factors 1 - averaging / 2 and 1 - 7 averaging / 6; A departs from the mean rest / 7 by -2 q / 7, C by p / 2 + 3 q / 14.
        """
        averaging = 1 - self.contraction
        difference, total = rest, -3 * rest
        slow_mode, fast_mode = 1 - averaging / 2, 1 - 7 * averaging / 6
        carried_p, carried_q = difference * slow_mode / (1 - slow_mode), total * fast_mode / (1 - fast_mode)
        ahead_a = -rest * self._reach - 2 * carried_q / 7
        ahead_c = carried_p / 2 + 3 * carried_q / 14
        return math.ceil((Fraction(1, 2) - max(ahead_a, ahead_c)) / (rest / 7))


def log(value: Fraction | float) -> float:
    """The natural logarithm, also of a Fraction far below the smallest float."""
    return math.log(value.numerator) - math.log(value.denominator) if isinstance(value, Fraction) else math.log(value)


def _flown(positions: Sequence[Vector], velocities: Sequence[Vector]) -> list[Vector]:
    return [(x + v, y + w) for (x, y), (v, w) in zip(positions, velocities, strict=True)]
