"""What contradicts itself among the switches of engine uring, with its place in the file.

cpp/engine/uring_options.cpp has the same rules; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import EngineTarget, Uring

# The key that is complained of, whether it is wrong, and why.
CONTRADICTIONS: tuple[tuple[str, Callable[[Uring], bool], str], ...] = (
    (
        "single_issuer",
        lambda u: not u.single_issuer and u.taskrun == "defer",
        "taskrun defer needs single_issuer",
    ),
    ("sqpoll", lambda u: u.sqpoll and u.taskrun != "none", "sqpoll needs taskrun none"),
    ("sqpoll_cpu", lambda u: u.sqpoll_cpu is not None and not u.sqpoll, "sqpoll_cpu needs sqpoll"),
    (
        "buffer_ring",
        lambda u: u.multishot_recv and not u.buffer_ring,
        "multishot_recv needs buffer_ring",
    ),
    (
        "recv_bundles",
        lambda u: u.recv_bundles and not u.buffer_ring,
        "recv_bundles needs buffer_ring",
    ),
    (
        "incremental_buffers",
        lambda u: u.incremental_buffers and not u.buffer_ring,
        "incremental_buffers needs buffer_ring",
    ),
    (
        "incremental_buffers",
        lambda u: u.incremental_buffers and u.recv_bundles,
        "incremental_buffers excludes recv_bundles",
    ),
    (
        "link_recv",
        lambda u: u.link_recv and u.multishot_recv,
        "link_recv excludes multishot_recv",
    ),
    (
        "registered_buffers",
        lambda u: u.registered_buffers and u.send_zc_bytes is None,
        "registered_buffers needs send_zc_bytes",
    ),
    (
        "submissions",
        lambda u: (u.link_recv or u.link_shutdown) and u.submissions < 2,
        "links need 2 submissions",
    ),
    ("link_sends", lambda u: u.link_sends and not u.send_apart, "link_sends needs send_apart"),
    (
        "send_apart",
        lambda u: u.send_apart and (u.send_zc_bytes is not None or u.link_recv),
        "send_apart excludes send_zc_bytes and link_recv",
    ),
    (
        "send_apart",
        lambda u: u.send_apart and u.link_shutdown,
        "send_apart excludes link_shutdown",
    ),
    (
        "submissions",
        lambda u: u.send_apart and u.submissions < 64,
        "send_apart needs 64 submissions",
    ),
    (
        "completions",
        lambda u: u.completions < u.submissions,
        "there must be no fewer completions than submissions",
    ),
    (
        "buffers",
        lambda u: u.buffers.bit_count() != 1,
        "buffers must be a power of two, at most 32768",
    ),
)


def uring(cell: Cell, source: Source) -> Iterator[Complaint]:
    """Switches without their engine, and switches against each other."""
    if not isinstance(cell.target, EngineTarget):
        return
    path: Path = ("targets", cell.target_name, "uring")
    if cell.target.engine != "uring" and cell.target.uring != Uring():
        message = f"`uring` is for engine uring, this is engine {cell.target.engine}"
        yield source.key_mark(path).complaint(message)
    for key, wrong, message in CONTRADICTIONS:
        if wrong(cell.target.uring):
            given = source.at((*path, key)) is not None
            mark = source.key_mark((*path, key)) if given else source.owner_mark(path)
            yield mark.complaint(message)
