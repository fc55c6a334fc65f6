"""Prints what pip must install before the build: the build system's needs, the dependencies of
pyproject.toml and those of the named extras (comma separated)."""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: dict, extras: list[str]) -> list[str]:
    project = pyproject["project"]
    optional = project["optional-dependencies"]
    found = pyproject["build-system"]["requires"] + project["dependencies"]
    return found + [line for extra in extras for line in optional[extra]]


if __name__ == "__main__":
    tree = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    print("\n".join(requirements(tree, sys.argv[1].split(","))))
