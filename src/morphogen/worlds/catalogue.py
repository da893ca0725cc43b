"""The worlds by the names they have on the command line. Nothing is imported until a world is asked for."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from morphogen.errors import MorphogenError
from morphogen.system import System

WORLDS = {
    "boids": "swarms:Boids",
    "chazelle-flock": "swarms:AveragingFlock",
    "chialvo": "maps:Chialvo",
    "coffee": "lattice:SymmetricExclusion",
    "henon": "maps:Henon",
    "kuramoto": "oscillators:Kuramoto",
    "lattice-walkers": "lattice:LatticeWalkers",
    "logistic": "maps:Logistic",
    "lorenz": "flows:Lorenz",
    "neuron-chain": "neurons:NeuronChain",
    "neuron-ring-star": "neurons:RingStar",
    "roessler": "flows:Roessler",
    "rulkov": "maps:Rulkov",
    "sorting-cells": "sorting:SortingCells",
    "standard-map": "maps:Standard",
    "stirred-coffee": "lattice:StirredLattice",
    "vicsek": "swarms:Vicsek",
}


def world(name: str) -> type[System]:
    """The class of the world called `name`."""
    if name not in WORLDS:
        close = get_close_matches(name, WORLDS, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(WORLDS)}"
        raise MorphogenError(f"there is no system '{name}': {hint}")
    module, _, attribute = WORLDS[name].partition(":")
    found: type[System] = getattr(import_module(f"morphogen.worlds.{module}"), attribute)
    return found
