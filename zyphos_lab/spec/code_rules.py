"""What a target that is pure code must agree on, with itself and with the rest of the cell. See
rules.py. A relative name of a file or library is looked for beside the experiment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path as FilePath

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import AnyTarget, Cell
from zyphos_lab.spec.load_files import beside
from zyphos_lab.spec.models import NO_LOAD
from zyphos_lab.spec.shape import meant
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import CodeTarget

Found = Iterator[Complaint]

# As `zyphos-code list` has them; a test holds the two together.
CODE_PATHS = (
    "clock_coarse",
    "clock_syscall",
    "clock_tsc",
    "clock_tsc_ordered",
    "clock_vdso",
    "echo_server",
    "histogram_record",
    "http1_request",
    "http1_request_avx2",
    "http1_request_avx512",
    "http1_request_scalar",
    "http1_request_simd",
    "http1_request_sse42",
    "http1_request_table",
    "http1_response",
    "http1_response_table",
    "http1_server",
    "http1_server_simd",
    "http1_server_table",
    "nothing",
    "regex_backtracking",
    "regex_lazy_dfa",
    "regex_nfa",
    "route_build_dfa",
    "route_build_hash",
    "route_build_linear",
    "route_build_radix",
    "route_build_trie",
    "route_dfa",
    "route_hash",
    "route_linear",
    "route_radix",
    "route_trie",
    "spin",
)
KINDS = ("text", "hex", "file")


def located(target: AnyTarget, name: str, source: Source) -> AnyTarget:
    """The target with the places of its files in place of their names."""
    if not isinstance(target, CodeTarget):
        return target
    owner: Path = ("targets", name)
    update: dict[str, object] = {}
    if target.library is not None:
        found = beside(target.library, source.mark((*owner, "library")))
        update["library"] = str(FilePath(found).absolute())
    pieces = [
        piece
        if piece.file is None
        else piece.model_copy(update={"file": beside(piece.file, source.mark((*owner, "input")))})
        for piece in target.input
    ]
    return target.model_copy(update={**update, "input": tuple(pieces)})


def load(cell: Cell, source: Source) -> Found:
    """Code has no load, and everything else needs one."""
    is_code = isinstance(cell.target, CodeTarget)
    if is_code and cell.load is not NO_LOAD:
        message = f"the target `{cell.target_name}` is pure code: it takes no load"
        yield source.key_mark(("load",)).complaint(message, "leave `load` out")
    elif not is_code and cell.load is NO_LOAD:
        mark = source.owner_mark(("load",))
        yield mark.complaint("the experiment lacks the key `load`")


def around(cell: Cell, source: Source) -> Found:
    """Code has nothing between it and a client, nor a server that could be stopped."""
    if not isinstance(cell.target, CodeTarget):
        return
    message = f"the target `{cell.target_name}` is pure code"
    if cell.link.kind != "loopback":
        yield source.key_mark(("link",)).complaint(f"{message}: there is no link")
    if source.at(("capture",)) is not None:
        yield source.key_mark(("capture",)).complaint(f"{message}: it sends no packets")
    if cell.disturb:
        yield source.key_mark(("disturb",)).complaint(f"{message}: there is no server to stop")


def names(cell: Cell, source: Source) -> Found:
    """A code path that there is, in a library that is there."""
    target, owner = cell.target, ("targets", cell.target_name)
    if not isinstance(target, CodeTarget):
        return
    if target.library is None and target.code not in CODE_PATHS:
        message = f"there is no code path `{target.code}`"
        yield source.mark((*owner, "code")).complaint(message, meant(target.code, CODE_PATHS))
    if target.library is not None and not os.access(target.library, os.R_OK):
        message = f"cannot read {target.library}"
        yield source.mark((*owner, "library")).complaint(message, "a shared library, such as x.so")


def pieces(cell: Cell, source: Source) -> Found:
    """Each of one kind, each file readable."""
    if not isinstance(cell.target, CodeTarget):
        return
    owner: Path = ("targets", cell.target_name, "input")
    for at, piece in enumerate(cell.target.input):
        given = [kind for kind in KINDS if getattr(piece, kind) is not None]
        mark = source.mark((*owner, at))
        if len(given) != 1:
            message = (
                f"a piece of `input` needs exactly one of text, hex, file; it has {len(given)}"
            )
            yield mark.complaint(message)
        elif piece.file is not None and not os.access(piece.file, os.R_OK):
            yield mark.complaint(f"cannot read {piece.file}")


RULES = (load, around, names, pieces)
