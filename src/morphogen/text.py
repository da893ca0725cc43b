"""Numbers for people."""

from __future__ import annotations

import numpy as np


def number(value: float | None) -> str:
    """A number for people: four significant digits, and a dash for what is not there."""
    if value is None:
        return "-"
    if not np.isfinite(value):
        return "?" if np.isnan(value) else ("inf" if value > 0 else "-inf")
    return f"{value:.4g}"
