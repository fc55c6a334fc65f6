"""Which of the foreign generators this machine has: path and version, or the reason why not."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zyphos_lab.errors import GeneratorError
from zyphos_lab.rulers import go_build
from zyphos_lab.rulers.ab import Ab
from zyphos_lab.rulers.base import Adapter
from zyphos_lab.rulers.h2load import H2load
from zyphos_lab.rulers.oha import Oha
from zyphos_lab.rulers.vegeta import Vegeta
from zyphos_lab.rulers.wrk import Wrk
from zyphos_lab.spec.models import Generator

ADAPTERS: dict[str, Adapter] = {
    tool.name: tool for tool in (Wrk(), H2load(), Ab(), Oha(), Vegeta())
}
VERSION_TIMEOUT_S = 10
NUMBER = re.compile(r"\d+\.\d+[\w.+-]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A generator that is there. `version` is "unknown" where the program does not say."""

    adapter: Adapter
    path: str
    version: str


def find(generator: Generator) -> Found:
    """The program of a foreign generator. GeneratorError with where to get it."""
    adapter = ADAPTERS[generator.tool]
    wanted = generator.path or adapter.name
    path = shutil.which(wanted)
    if path is None:
        message = f"generator {adapter.name} is not on this machine: no program `{wanted}`"
        raise GeneratorError(message, adapter.package)
    return Found(adapter, path, _version(path, tuple(adapter.version)))


@cache
def _version(path: str, words: tuple[str, ...]) -> str:
    """What it says when asked; once per process."""
    try:
        done = subprocess.run(
            [path, *words], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GeneratorError(f"{path} does not run: {error}") from error
    said = (done.stdout + done.stderr).splitlines()[:1]  # further lines name libraries
    found = NUMBER.search("".join(said))
    return found[0] if found else _built(path) or "unknown"


def _built(path: str) -> str | None:
    """Of a Go program that was built without telling it its version."""
    try:
        return go_build.version(Path(path))
    except OSError:
        return None
