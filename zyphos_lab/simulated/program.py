"""zyphos-code as a process: its words, its input as a file, what it says.

The folder that it runs in is private and goes with the `with` block.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import TargetError
from zyphos_lab.native import program
from zyphos_lab.spec.target_models import CodeTarget, Piece

INPUT = "input"
HASH_DIGITS = 12
GRACE_S = 2.0


def _bytes(piece: Piece) -> bytes:
    if piece.hex is not None:
        return bytes.fromhex(piece.hex)
    return Path(piece.file).read_bytes() if piece.file else (piece.text or "").encode()


def input_of(target: CodeTarget) -> bytes:
    """The target's input, whole. TargetError where a file of it has gone."""
    try:
        return b"".join(_bytes(piece) * piece.times for piece in target.input)
    except OSError as error:
        raise TargetError(f"cannot read {error.filename}: {error.strerror}") from error


def digest(data: bytes) -> str:
    """A short hash that tells inputs apart."""
    return hashlib.sha256(data).hexdigest()[:HASH_DIGITS]


def words(target: CodeTarget) -> list[str]:
    """The program with the words that both ways of running it have."""
    which = [f"code={target.code}"]
    if target.library is not None:
        which = [f"library={target.library}", f"symbol={target.code}"]
    return [program("zyphos-code"), *which, f"input={INPUT}", f"iterations={target.iterations}"]


@contextmanager
def folder(children: Children, data: bytes) -> Iterator[Path]:
    """A private folder with the input in it."""
    path = children.folder()
    try:
        (path / INPUT).write_bytes(data)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def say(
    argv: Sequence[str], target: CodeTarget, where: Path, children: Children, patience_s: float
) -> dict[str, Any]:
    """What the program said, once it has ended. TargetError when it failed, or takes too long."""
    child = Child(Command(argv, target.cpus, cwd=where), children)
    try:
        code = child.wait(patience_s)
        if code is None:
            raise TargetError(f"{child.name} did not end within {patience_s:.0f} s")
        if code:
            raise TargetError(f"the code path failed; {child.last_words()}")
        lines = [line for line in child.output(1 << 16).splitlines() if line.startswith("{")]
    finally:
        child.stop(signal.SIGTERM, GRACE_S)
    if not lines:
        raise TargetError(f"{child.name} said nothing")
    return dict(json.loads(lines[-1]))
