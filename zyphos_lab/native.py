"""Where the native programs are: `bin/` beside the module _core, or the folder ZYPHOS_BIN names."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from zyphos_lab.errors import LabError


def program(name: str) -> str:
    """Path of `zyphos-serve` or `zyphos-load`; LabError when it was not built."""
    path = _folder() / name
    if not os.access(path, os.X_OK):
        raise LabError(f"{path}: this program is not there", "build it with `make build`")
    return str(path)


def library(name: str) -> str:
    """Path of a library that is built beside the programs; "" where it was not."""
    path = _folder() / name
    return str(path) if path.is_file() else ""


def _folder() -> Path:
    """An editable install keeps what was built apart from the sources: _core shows where."""
    named = os.environ.get("ZYPHOS_BIN")
    if named:
        return Path(named)
    core = importlib.util.find_spec("zyphos_lab._core")
    beside = core.origin if core and core.origin else __file__
    return Path(beside).parent / "bin"
