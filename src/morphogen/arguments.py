"""Command-line options made from a function's signature, with errors in one line."""

from __future__ import annotations

import inspect
import io
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import field, make_dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from morphogen.errors import MorphogenError

PLAIN = (int, float, bool, str, type(None))


def options(function: Callable[..., Any], skip: int = 0) -> dict[str, tuple[Any, Any]]:
    """The parameters of `function` that can be given on a command line: name to (type, default)."""
    hints = typing.get_type_hints(function)
    found = {}
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        kind = hints.get(parameter.name, Any)
        if parameter.default is not parameter.empty and _plain(kind):
            found[parameter.name] = (kind, parameter.default)
    return found


def _plain(kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return True
    if origin in (types.UnionType, typing.Union, tuple, list):
        return all(_plain(a) or a is Ellipsis for a in arguments)
    return kind in PLAIN


def parse(name: str, available: Mapping[str, tuple[Any, Any]], tokens: Sequence[str]) -> dict[str, Any]:
    """The values of `tokens` for the options `available`; those not given keep their defaults.

    Raises MorphogenError, in one line, for an unknown option or a value of the wrong type. `--help` prints and exits.
    """
    import tyro

    flags = [f"--{n.replace('_', '-')}" for n in available]
    for token in tokens:
        flag = token.split("=", 1)[0].replace("_", "-")
        if flag.startswith("--") and flag not in flags and flag != "--help" and flag.replace("--no-", "--") not in flags:
            close = get_close_matches(flag, flags, n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(flags) or 'none'}"
            raise MorphogenError(f"{name} has no option {flag}: {hint}")
    fields = [(n, kind, field(default=default)) for n, (kind, default) in available.items()]
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            chosen: Any = tyro.cli(make_dataclass("Parameters", fields), args=list(tokens), prog=f"morphogen ... {name}", description="")
    except SystemExit as stop:
        if not stop.code:
            raise
        raise MorphogenError(f"{name}: {_sentence(said.getvalue())}") from None
    return {n: getattr(chosen, n) for n in available}


def _sentence(message: str) -> str:
    """The one line that matters in tyro's boxed message."""
    lines = [re.sub(r"[\s│╭╮╰╯─]+", " ", line).strip() for line in message.splitlines()]
    lines = [line for line in lines if line and not set(line) <= set("-─ ")]
    return lines[1] if len(lines) > 1 else " ".join(lines)


def grid(tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """Sweep axes such as `coupling=0:4:0.1` (start:stop:step, the stop included) or `coupling=1,2,4`."""
    axes: dict[str, np.ndarray] = {}
    for token in tokens:
        name, equals, text = token.partition("=")
        try:
            if (not name.isidentifier() and not all(p.isidentifier() for p in name.split("."))) or not equals:
                raise ValueError
            if ":" in text:
                start, stop, step = (float(t) for t in text.split(":"))
                if step == 0 or (stop - start) / step < 0:
                    raise ValueError
                # The small excess keeps the stop when rounding puts it a hair beyond the last step.
                axes[name] = start + step * np.arange(int((stop - start) / step + 1e-6) + 1)
            else:
                axes[name] = np.array([float(t) for t in text.split(",")])
        except ValueError:
            raise MorphogenError(f"'{token}' is not a sweep axis: write name=start:stop:step or name=value,value,...") from None
    return axes
