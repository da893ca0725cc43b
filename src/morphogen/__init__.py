"""morphogen: run a self-organising system, measure what emerges, and check what the literature says about it."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Nothing heavy is imported until it is used: `import morphogen` must stay instant.
_HOME = {
    "Coupled": "combinators",
    "DivergenceError": "errors",
    "Ensemble": "combinators",
    "Flow": "system",
    "Host": "system",
    "Interrupted": "errors",
    "Learner": "learners.learner",
    "Lesion": "combinators",
    "Map": "system",
    "MorphogenError": "errors",
    "Noise": "combinators",
    "Observable": "system",
    "Perturbed": "combinators",
    "Reading": "measure",
    "Society": "societies.society",
    "System": "system",
    "advance": "run",
    "measure": "measure:read",
    "open": "trajectory",
    "parameter": "system",
    "run": "run",
    "study": "atlas.study",
    "sweep": "steer.sweep",
}

if TYPE_CHECKING:
    from morphogen.atlas.study import study
    from morphogen.combinators import Coupled, Ensemble, Lesion, Noise, Perturbed
    from morphogen.errors import DivergenceError, Interrupted, MorphogenError
    from morphogen.learners.learner import Learner
    from morphogen.measure import Reading
    from morphogen.measure import read as measure
    from morphogen.run import advance, run
    from morphogen.societies.society import Society
    from morphogen.steer.sweep import sweep
    from morphogen.system import Flow, Host, Map, Observable, System, parameter
    from morphogen.trajectory import open  # noqa: A004

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'morphogen' has no attribute '{name}'")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(f"morphogen.{module}"), attribute or name)


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Importing the submodule `morphogen.run` would hide the function `run` behind the module of that name: here it does not."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
