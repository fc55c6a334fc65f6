"""Programs that this machine may not have: other people's servers, named with their `package`.

Where such a program is not there, its cells are left out and said to be, as those of a generator or
a link that is missing; a program without `package` has to be there. It starts no server.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator

from zyphos_lab import host, native
from zyphos_lab.errors import LabError, TargetError
from zyphos_lab.spec import CommandTarget
from zyphos_lab.spec.cell import Cell

OURS = "zyphos-"


class TargetMissingError(TargetError):
    """This machine has no such program: no other trial could do better."""

    code = "target_missing"


def path_of(name: str) -> str:
    """Where the program `name` is; `name` itself where it says where, or nobody knows.

    The lab's own are found by their name, LabError when one was not built; others on the PATH and
    in the system folders that an ordinary user's PATH leaves out.
    """
    if name.startswith(OURS):
        return native.program(name)
    return name if "/" in name else host.which(name) or name


def present(target: object) -> None:
    """Raises TargetMissingError where `target` has a package, and its program is not here."""
    if not isinstance(target, CommandTarget) or target.package is None:
        return
    name = target.command[0]
    if not _is_there(name):
        build = ", then `make build`" if name.startswith(OURS) else ""
        message = f"program {name} is not on this machine"
        raise TargetMissingError(message, f"apt-get install {target.package}{build}")


def notes(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """(code, message) for each program that is missing: said before the run."""
    for target in {cell.target_name: cell.target for cell in cells}.values():
        try:
            present(target)
        except TargetMissingError as error:
            yield error.code, f"{error}: its cells are skipped"


def packages(cells: Iterable[Cell]) -> dict[str, str | None]:
    """Version by package, of those that targets name; None where dpkg does not know it, or is not
    here. Some 10 ms where there is any.
    """
    others = [cell.target for cell in cells if isinstance(cell.target, CommandTarget)]
    named = {target.package for target in others if target.package is not None}
    if not named:
        return {}
    found: dict[str, str | None] = dict.fromkeys(sorted(named))
    command = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *found]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return found
    for line in done.stdout.splitlines():
        name, _, version = line.partition(" ")
        found[name] = version or None
    return found


def _is_there(name: str) -> bool:
    try:
        path = path_of(name)
    except LabError:
        return False
    return os.access(path, os.X_OK) if "/" in path else False
