"""Roll-out overhead: `run` of a trivial map against a `lax.scan` written by hand, same steps, same recording.

Goal: at most 1.3 times the hand-written loop. The map is two multiplications, so this is nearly all overhead.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from compare import side_by_side

import morphogen as mg
from morphogen.worlds.maps import Logistic

STEPS = 4_000_000


@jax.jit
def by_hand(r: jax.Array, x: jax.Array) -> jax.Array:
    def step(x: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        x = r * x * (1 - x)
        return x, x

    return jax.lax.scan(step, x, None, length=STEPS)[1]


def main() -> None:
    system, start = Logistic(3.7), jnp.array([0.3])
    ours = mg.run(system, STEPS, state=start).x.values[0, 1:]
    theirs = np.asarray(by_hand(system.r, start[0]))
    # The two programs may contract multiply-adds differently, and the map is chaotic: only the first steps can agree.
    np.testing.assert_allclose(ours[:20], theirs[:20], rtol=1e-3)

    def library(every: int) -> None:
        mg.run(system, STEPS, every=every, state=start, progress=False)

    def plain() -> None:
        np.asarray(by_hand(system.r, start[0]))

    ratio = side_by_side(f"{STEPS:,} steps of a trivial map, every one recorded: run against lax.scan", lambda: library(1), plain)
    print(f"run costs {1 / ratio:.2f} times the hand-written scan (goal: 1.3)")


if __name__ == "__main__":
    main()
