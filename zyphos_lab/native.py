"""Where the native programs are: `bin/` beside the module _core, or the folder ZYPHOS_BIN names;
and whether they were built from the sources that lie here.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from zyphos_lab.errors import LabError

APART = ("_test", "_fuzz", "_bench")  # programs of their own, which no run uses


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


def outdated() -> str:
    """The newest native source that is newer than all that was built of them, as `cpp/x/y.h`; ''
    where there is none, or no sources lie beside the package. Some 5 ms.

    Python may then know of a counter or a function that what was built does not have. Git and
    editors touch what they change, so that times tell it as they tell the build.
    """
    root = Path(__file__).resolve().parent.parent
    sources = (path for path in _sources(root / "cpp") if not path.stem.endswith(APART))
    newest = max(sources, key=_changed, default=None)
    if newest is None or _changed(newest) <= max(map(_changed, _built()), default=0.0):
        return ""
    return newest.relative_to(root).as_posix()


def _sources(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in (".cpp", ".h", ".c"))


def _built() -> Iterable[Path]:
    folder = _folder()
    return [*folder.glob("zyphos-*"), *_module()]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _module() -> list[Path]:
    """The file of _core; none where it was not built."""
    core = importlib.util.find_spec("zyphos_lab._core")
    return [Path(core.origin)] if core and core.origin else []


def _folder() -> Path:
    """An editable install keeps what was built apart from the sources: _core shows where."""
    named = os.environ.get("ZYPHOS_BIN")
    if named:
        return Path(named)
    beside = next(iter(_module()), Path(__file__))
    return beside.parent / "bin"
