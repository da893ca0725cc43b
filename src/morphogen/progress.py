"""A progress bar with steps per second and time left: live in a terminal or a notebook, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

LOG_SECONDS = 10.0


class Progress(Protocol):
    """Where a long computation says how far it is."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def update(self, done: int) -> None: ...


def progress(title: str, total: int, show: bool | None, *, unit: str = "steps", start: int = 0) -> Progress:
    """A progress display for `total` units; `show=None` shows it in a terminal or notebook and stays silent elsewhere."""
    live = _in_notebook() or sys.stderr.isatty()
    if show is None:
        show = live
    if not show:
        return Silent()
    return Live(title, total, unit, start) if live else Log(title, total, unit, start)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class Silent:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def update(self, done: int) -> None:
        return None


class Live(Silent):
    """A bar that redraws itself (rich; also in notebooks)."""

    def __init__(self, title: str, total: int, unit: str, start: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.start, self.unit, self.began = start, unit, time.perf_counter()
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[rate]}"),
            TimeRemainingColumn(),
            console=None if _in_notebook() else Console(stderr=True),
        )
        self.task = self.bar.add_task(title, total=total, completed=start, rate=unit)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.bar.stop()

    def update(self, done: int) -> None:
        rate = (done - self.start) / max(time.perf_counter() - self.began, 1e-9)
        self.bar.update(self.task, completed=done, rate=f"{self.unit}, {rate:,.0f}/s")


class Log(Silent):
    """A line every ten seconds, for output that goes to a file."""

    def __init__(self, title: str, total: int, unit: str, start: int) -> None:
        self.title, self.total, self.unit, self.start = title, total, unit, start
        self.began = self.said = time.perf_counter()

    def update(self, done: int) -> None:
        now = time.perf_counter()
        if now - self.said < LOG_SECONDS and done < self.total:
            return
        self.said = now
        rate = (done - self.start) / max(now - self.began, 1e-9)
        left = (self.total - done) / max(rate, 1e-9)
        print(f"{self.title}: {done:,}/{self.total:,} {self.unit}, {rate:,.0f}/s, {left:,.0f} s left", file=sys.stderr, flush=True)
