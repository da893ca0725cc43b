"""Local rules on grids, tapes and graphs."""
