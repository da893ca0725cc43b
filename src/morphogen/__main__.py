"""`python -m morphogen` is the command `morphogen`."""

from morphogen.cli import main

main()
