"""The command line: `main` is the entry point of `zyphos-lab`. Imports nothing heavy."""

from zyphos_lab.cli.main import main

__all__ = ["main"]
