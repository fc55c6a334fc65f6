"""The ladders of a run's captured trials: what `show --packets`, the report and the README draw.

Numbers come from the pcapng file, read anew each time; nothing of them is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import UsageError
from zyphos_lab.packets import frames, kernel_states
from zyphos_lab.packets.capture import FOLDER, SUFFIX, file_of
from zyphos_lab.packets.connections import Connection, of_frames
from zyphos_lab.packets.kernel_states import NOTHING, KernelStates
from zyphos_lab.packets.ladder import ROWS, Ladder, ladder, telling
from zyphos_lab.packets.marks import marks
from zyphos_lab.packets.pauses import Setting
from zyphos_lab.packets.tls import tls_bytes
from zyphos_lab.packets.transitions import Matched, matched

if TYPE_CHECKING:
    from zyphos_lab.store import Store

HERE, FAR = "loopback", "server"  # a link with namespaces is captured at its client's end
TO_CAPTURE = "capture them with `zyphos-lab run FILE --capture`"


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured trial: its row, its file, and what its experiment set."""

    row: Mapping[str, Any]
    path: Path
    connections: Sequence[Connection]
    setting: Setting
    states: KernelStates = NOTHING

    @property
    def trial(self) -> int:
        return int(self.row["trial"])

    def kernel(self, connection: Connection) -> Matched:
        """The kernel's transitions of a connection, beside their packets."""
        if connection.protocol != "tcp":
            return Matched(reason="no TCP")
        return matched(connection, self.states, "" if self.row.get("link_kind") == HERE else FAR)


def trials(store: Store) -> list[int]:
    """The numbers of the trials whose packets are there, in order."""
    known = (store.path / FOLDER).glob(f"*{SUFFIX}")
    return sorted(int(path.stem) for path in known if path.stem.isdigit())


def captured(store: Store, trial: int | None = None) -> Captured:
    """A captured trial, the first by default. UsageError where there is none."""
    known = trials(store)
    if not known:
        raise UsageError(f"{store.path}: no packets were captured in this run", TO_CAPTURE)
    wanted = known[0] if trial is None else trial
    rows = {int(row["trial"]): row for row in store.rows()}
    if wanted not in known or wanted not in rows:
        some = ", ".join(map(str, known[:20]))
        raise UsageError(f"no packets of trial {wanted}", f"captured are: {some}")
    path = file_of(store.path, wanted)
    setting = setting_of(store, rows[wanted])
    found = of_frames(frames.read(path).frames)
    return Captured(rows[wanted], path, found, setting, kernel_states.load(path))


def setting_of(store: Store, row: Mapping[str, Any]) -> Setting:
    """What the cell of a trial sets; nothing is known where its experiment cannot be read now."""
    from zyphos_lab import spec
    from zyphos_lab.errors import LabError

    request = store.manifest.get("request", {})
    try:
        experiment = spec.loads(
            store.manifest["spec_text"],
            request["file"],
            request["profile"],
            tuple(request["sets"]),
            tuple(request["only"]),
        )
    except (LabError, KeyError):
        return Setting()
    cell = next((one for one in experiment.cells if one.id == row["cell"]), None)
    if cell is None:
        return Setting()
    socket = getattr(cell.target, "socket", None)
    echo = cell.load.protocol == "echo"
    return Setting(
        cell.load.socket.tcp_nodelay,
        None if socket is None else socket.tcp_nodelay,
        cell.load.message_bytes if echo else None,
    )


def drawn(one: Captured, number: int | None = None, rows: int = ROWS) -> Ladder:
    """The ladder of a connection: the most telling, or the one with this number. UsageError where
    there is none such.
    """
    numbered = {connection.number: connection for connection in one.connections}
    chosen = telling(one.connections, one.setting) if number is None else numbered.get(number)
    if chosen is None:
        has = f"trial {one.trial} has connections 1 to {len(numbered)}" if numbered else "none"
        raise UsageError(f"no such connection among the packets of trial {one.trial}", has)
    title = f"{one.row['cell']}\ntrial {one.trial}, connection {chosen.number}"
    return ladder(chosen, one.setting, rows, title, one.kernel(chosen))


def plain(one: Captured) -> dict[str, Any]:
    """All packets of a trial as plain data, for `--json`."""
    return {
        "trial": one.trial,
        "cell": one.row["cell"],
        "file": str(one.path),
        "states_error_ns": None if one.states.reason else one.states.error_ns,
        "states_lost": None if one.states.reason else one.states.lost,
        "states_reason": one.states.reason,
        "connections": [
            {**_connection(connection), **_transitions(one.kernel(connection))}
            for connection in one.connections
        ],
    }


def _transitions(kernel: Matched) -> dict[str, Any]:
    """`after_packet_ns` is null where no packet is the cause."""
    return {
        "transitions_reason": kernel.reason,
        "transitions": [
            {
                "packet": one.number,
                "since_ns": one.since_ns,
                "side": one.side,
                "from": one.change.before,
                "to": one.change.after,
                "after_packet_ns": one.between_ns,
                "error_ns": kernel.far_error_ns or kernel.error_ns
                if one.side == FAR
                else kernel.error_ns,
                "note": one.note,
            }
            for one in kernel.transitions
        ],
    }


def _connection(one: Connection) -> dict[str, Any]:
    names = marks(one.segments)
    return {
        "connection": one.number,
        "protocol": one.protocol,
        "client": list(one.client),
        "server": list(one.server),
        "begun_ns": one.begun_ns,
        "tls": None if (found := tls_bytes(one)) is None else asdict(found),
        "packets": [
            {
                "since_ns": segment.since_ns,
                "from": "client" if segment.from_client else "server",
                "flags": list(segment.packet.flag_names),
                "seq": segment.seq,
                "ack": segment.ack,
                "window_bytes": segment.window_bytes,
                "wire_bytes": segment.packet.wire_bytes,
                "link_bytes": segment.packet.link_bytes,
                "ip_bytes": segment.packet.ip_bytes,
                "tcp_bytes": segment.packet.transport_bytes,
                "tcp_options_bytes": segment.packet.option_bytes,
                "payload_bytes": segment.packet.payload_bytes,
                "mark": name,
            }
            for segment, name in zip(one.segments, names, strict=True)
        ],
    }
