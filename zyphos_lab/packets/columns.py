"""What a capture adds to its trial's record: how much was captured, and the bytes on the wire
of the measured window, layer by layer. What cannot be told is None, with its reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zyphos_lab.errors import StoreError
from zyphos_lab.packets import frames, tls_columns
from zyphos_lab.packets.connections import Connection, Segment, of_frames, segments
from zyphos_lab.packets.layers import LAYERS, layers, phases
from zyphos_lab.record import DEGRADED, Reason, Row, Skipped

CAPTURED = ("capture_packets", "capture_bytes", "capture_dropped", "capture_cpu_ns",
            "capture_states")  # fmt: skip
COUNTS = ("wire_packets", "wire_bytes", *(f"wire_{name}_bytes" for name in LAYERS))
PER_CONNECTION = ("wire_setup_bytes_per_connection", "wire_teardown_bytes_per_connection")


def columns(
    result: dict[str, Any] | str, path: Path, port: int, row: Row, start_ns: int
) -> tuple[Row, Skipped]:
    """The columns of a captured trial. `result` is zyphos-capture's, or why there is none;
    `start_ns` the window's start on CLOCK_MONOTONIC.
    """
    found: Row = dict.fromkeys((*CAPTURED, *COUNTS, *PER_CONNECTION))
    if isinstance(result, str):
        return found, {"capture": result}
    for name in CAPTURED:
        found[name] = result[name.removeprefix("capture_")]
    missing: Skipped = {}
    if result["states_reason"]:
        missing["capture_states"] = str(result["states_reason"])
    try:
        known = of_frames(frames.read(path).frames, port)
    except StoreError as error:
        return found, {**missing, "wire_bytes": str(error)}
    found |= _of_connections(known)
    begin_ns = start_ns + result["wall_minus_monotonic_ns"]
    end_ns = begin_ns + row["window_ns"]
    if why := _torn(result, end_ns):
        return found, {**missing, "wire_bytes": why}
    inside = [one for one in segments(known) if begin_ns <= one.packet.time_ns < end_ns]
    secure, unknown = tls_columns.columns(known, begin_ns, end_ns)
    if unknown:
        missing["wire_tls_bytes"] = unknown
    return found | _shared(_of_window(inside) | secure, row["requests_done"]), missing


def reason(row: Row) -> Reason:
    """Against a measured trial that was captured meanwhile."""
    message = "the trial's packets were captured meanwhile, which costs it time"
    return Reason(DEGRADED, "captured", message, {name: row[name] for name in CAPTURED})


def _torn(result: dict[str, Any], end_ns: int) -> str:
    """Why the file does not hold the whole window; '' where it does."""
    if result["dropped"]:
        return f"the capture missed {result['dropped']} packets"
    if result["ended_by"] != "signal" and result["last_ns"] < end_ns:
        limit = f"{result['packets']} packets, limit: {result['ended_by']}"
        return f"the capture ended before the window did ({limit}): raise it in `capture`"
    return ""


def _of_window(inside: list[Segment]) -> Row:
    sums = layers(inside)
    found: Row = {"wire_packets": sums.packets, "wire_bytes": sums.wire_bytes}
    return found | {f"wire_{name}_bytes": count for name, count in sums.by_layer.items()}


def _shared(found: Row, requests: int | None) -> Row:
    """Packets lie in the window exactly, so they are shared out among the requests done in it, and
    not among those between the readings of the counters, which may be late.
    """
    shares = {
        f"{name}_per_request": count / requests if requests and count is not None else None
        for name, count in found.items()
    }
    return found | shares


def _of_connections(known: list[Connection]) -> Row:
    """Means over the connections whose beginning, or end, was captured."""
    parts = [phases(one) for one in known if one.has_handshake]
    setups = [layers(one["setup"]).wire_bytes for one in parts if one["exchange"]]
    ends = [layers(one["teardown"]).wire_bytes for one in parts if one["teardown"]]
    means = [sum(sizes) / len(sizes) if sizes else None for sizes in (setups, ends)]
    return dict(zip(PER_CONNECTION, means, strict=True))
