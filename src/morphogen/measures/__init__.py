"""Measures: the instruments, a file a family. `morphogen.measure.catalogue()` lists them all."""
