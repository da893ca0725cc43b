"""Every world of the catalogue can be built from the command line's types, run, and described."""

from __future__ import annotations

import numpy as np
import pytest

import morphogen as mg
from morphogen.arguments import options
from morphogen.worlds.catalogue import WORLDS, world


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_world_runs_as_it_comes(name: str) -> None:
    kind = world(name)
    system = kind(**{n: default for n, (_, default) in options(kind.__init__, skip=1).items()})
    got = mg.run(system, 4, every=2, key=1)
    assert got.sizes["time"] == 3
    for o in system.observables:
        assert o.meaning and got[o.name].dims == ("sample", "time", *o.dims)
        values = got[o.name].values
        assert not np.issubdtype(values.dtype, np.inexact) or np.isfinite(values).all(), o.name
    assert kind.__doc__ and len(kind.__doc__) > 60


def test_a_name_that_is_nearly_right_gets_a_hint() -> None:
    with pytest.raises(mg.MorphogenError, match="did you mean kuramoto"):
        world("kuramotto")
