"""What lay between client and server, in words, from the columns `link_*`. Pure functions."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from zyphos_lab.units import format_duration, format_fraction, format_rate

LOOPBACK = "loopback"
MTU_BYTES = 1500
SHOWN_MAX = 4
WAYS = ("forward", "backward")
NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
# Column of a direction to what is said of it.
FORMS = {
    "delay_ns": ("delay", format_duration),
    "jitter_ns": ("jitter", format_duration),
    "rate_bits_per_second": ("rate", lambda value: format_rate(value).replace("/s", "bit/s")),
    "queue_packets": ("queue", lambda value: f"{value:.0f} packets"),
    "queue_bytes": ("queue", lambda value: f"{value:.0f} bytes"),
    "loss_ratio": ("loss", format_fraction),
    "reorder_ratio": ("reordering", format_fraction),
    "duplicate_ratio": ("duplicates", format_fraction),
    "path_mtu_bytes": ("path MTU", lambda value: f"{value:.0f} bytes"),
}


def kinds(manifest: Mapping[str, Any], frame: pd.DataFrame) -> list[str]:
    """The kinds of link of these trials; older runs know that of the file alone."""
    asked = (manifest["experiment"].get("link") or {}).get("kind", LOOPBACK)
    if "link_kind" not in frame or not frame["link_kind"].notna().any():
        return [str(asked)]
    return [str(kind) for kind in frame["link_kind"].dropna().unique()]


def threat(manifest: Mapping[str, Any], frame: pd.DataFrame) -> str:
    """What speaks against carrying the numbers over to a real network."""
    if kinds(manifest, frame) == [LOOPBACK]:
        return (
            "Loopback only: no network card, no cable, no loss; client and server share caches and "
            "the kernel. Sizes of effects that depend on round-trip time will differ elsewhere."
        )
    return (
        "The network between client and server lies in one kernel: no card, no driver, no cable; "
        "both sides, and what emulates a path, share its CPUs and caches."
    )


def sentences(frame: pd.DataFrame) -> Iterator[str]:
    """For the method paragraph; nothing where every trial ran over loopback by IPv4."""
    yield from _families(frame)
    if "link_kind" not in frame:
        return
    kept = frame[frame["link_kind"].notna() & (frame["link_kind"] != LOOPBACK)]
    if kept.empty:
        return
    told: dict[str, list[str]] = {}
    for cell, part in kept.groupby("cell", sort=False):
        told.setdefault(described(part.iloc[0].to_dict()), []).append(str(cell))
    shown = [f"{link} ({_cells(cells, frame)})" for link, cells in list(told.items())[:SHOWN_MAX]]
    more = f"; {len(told) - SHOWN_MAX} more" if len(told) > SHOWN_MAX else ""
    yield (
        "Client and server ran in network namespaces of their own, put up for each trial: "
        f"{'; '.join(shown)}{more}."
    )
    yield from _lateness(kept)


def _families(frame: pd.DataFrame) -> Iterator[str]:
    """Who connected by which version of IP to what; nothing where it was IPv4 throughout."""
    columns = ["server_family", "client_family"]
    if any(name not in frame for name in columns):
        return
    told: dict[str, list[str]] = {}
    for cell, part in frame.dropna(subset=columns).groupby("cell", sort=False):
        server, client = part.iloc[0][columns]
        heard = "both by one socket" if server == "dual" else NAMES[server]
        text = f"{NAMES[client]} to servers that listen on {heard}"
        told.setdefault(text, []).append(str(cell))
    if set(told) - {f"{NAMES['ipv4']} to servers that listen on {NAMES['ipv4']}"}:
        shown = [f"{text} ({_cells(cells, frame)})" for text, cells in told.items()]
        yield f"Loads connected by {'; '.join(shown)}."


def described(row: Mapping[Hashable, Any]) -> str:
    """`tun, delay 5.00 ms each way, loss 1.00 % forward`."""
    parts = [str(row["link_kind"])]
    for name, (word, form) in FORMS.items():
        given = {
            way: form(row[f"link_{way}_{name}"])
            for way in WAYS
            if not _absent(row.get(f"link_{way}_{name}"))
        }
        parts += _ways(word, given)
    if not _absent(row.get("link_mtu_bytes")) and row["link_mtu_bytes"] != MTU_BYTES:
        parts.append(f"MTU {row['link_mtu_bytes']:.0f}")
    if not _absent(row.get("link_hops")):
        parts.append(f"{row['link_hops']:.0f} routers")
    return ", ".join(parts)


def _ways(word: str, given: Mapping[str, str]) -> list[str]:
    """The same both ways is said once."""
    if len(given) == len(WAYS) and len(set(given.values())) == 1:
        return [f"{word} {given[WAYS[0]]} each way"]
    return [f"{word} {text} {way}" for way, text in given.items()]


def _absent(value: Any) -> bool:
    return value is None or pd.isna(value) or value == 0


def _cells(cells: list[str], frame: pd.DataFrame) -> str:
    count = frame["cell"].nunique()
    return (
        "all cells"
        if len(cells) == count
        else ", ".join(cells[:3]) + (" ..." if len(cells) > 3 else "")
    )


def _lateness(frame: pd.DataFrame) -> Iterator[str]:
    """The emulator's stated error: how late it was itself, over all trials."""
    means, tails = ([f"link_{way}_late_ns_{name}" for way in WAYS] for name in ("mean", "p99"))
    if any(name not in frame or not frame[name].notna().any() for name in (*means, *tails)):
        return
    mean_ns = float(frame[means].max().max())
    tail_ns = float(frame[tails].max().max())
    yield (
        "The emulator wrote a packet, once it was due, within "
        f"{format_duration(mean_ns)} on average and {format_duration(tail_ns)} at p99 in the worst "
        "trial: that is the error of its delays."
    )
