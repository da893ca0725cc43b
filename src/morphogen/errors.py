"""What the library says when it is asked for something it cannot do."""


class MorphogenError(ValueError):
    """A mistake in what was asked: one line that says what, which value, and what would be right.

    The command line prints the line and exits with code 2; in Python it is an ordinary `ValueError`.
    """


class DivergenceError(ArithmeticError):
    """A state stopped being finite. `step` and `where` say when and in which part; what was recorded before is in `recorded`."""

    def __init__(self, message: str, *, step: int, where: str, recorded: object = None) -> None:
        super().__init__(message)
        self.step, self.where, self.recorded = step, where, recorded


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run. `step` says how far it came; a run with a store can be resumed from there."""

    def __init__(self, message: str, *, step: int) -> None:
        super().__init__(message)
        self.step = step
