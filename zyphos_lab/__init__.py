"""Zyphos Lab: every claim about servers and network protocols as an experiment that anyone can run.

Imports nothing heavy: `zyphos-lab --help` pays for what stands here.
"""

from importlib import metadata

try:
    __version__ = metadata.version("zyphos-lab")
except metadata.PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+source"

__all__ = ["__version__"]
