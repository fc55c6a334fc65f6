"""Probe `netstat`: the network stack's own counters, host-wide (one network namespace), as `net_*`.

They name what a request cannot see: delayed ACKs, retransmission timers, listen queues that
overflowed, packets dropped before a socket. They count everybody's traffic, not only the trial's.
Sources: /proc/PID/net/{netstat,snmp} of the server where there is one, else of this process;
/proc/net/softnet_stat for the CPUs' backlogs, of the whole machine. Exact counts; some 90 us a
snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped, absent, add_per_request

# Column -> (section, key) as the kernel prints them (net/ipv4/proc.c).
COUNTERS = {
    "net_tcp_delayed_acks": ("TcpExt", "DelayedACKs"),
    "net_tcp_delayed_acks_lost": ("TcpExt", "DelayedACKLost"),
    "net_tcp_delayed_acks_locked": ("TcpExt", "DelayedACKLocked"),
    "net_tcp_auto_corking": ("TcpExt", "TCPAutoCorking"),
    "net_tcp_pure_acks": ("TcpExt", "TCPPureAcks"),
    "net_tcp_data_segs_out": ("TcpExt", "TCPOrigDataSent"),
    "net_tcp_timeouts": ("TcpExt", "TCPTimeouts"),
    "net_tcp_loss_probes": ("TcpExt", "TCPLossProbes"),
    "net_tcp_fast_retrans": ("TcpExt", "TCPFastRetrans"),
    "net_tcp_syn_retrans": ("TcpExt", "TCPSynRetrans"),
    "net_tcp_backlog_drops": ("TcpExt", "TCPBacklogDrop"),
    "net_tcp_receive_queue_drops": ("TcpExt", "TCPRcvQDrop"),
    "net_tcp_memory_pressures": ("TcpExt", "TCPMemoryPressures"),
    "net_listen_overflows": ("TcpExt", "ListenOverflows"),
    "net_listen_drops": ("TcpExt", "ListenDrops"),
    "net_tcp_segs_in": ("Tcp", "InSegs"),
    "net_tcp_segs_out": ("Tcp", "OutSegs"),
    "net_tcp_retrans_segs": ("Tcp", "RetransSegs"),
    "net_tcp_resets_out": ("Tcp", "OutRsts"),
    "net_tcp_active_opens": ("Tcp", "ActiveOpens"),
    "net_tcp_passive_opens": ("Tcp", "PassiveOpens"),
    "net_udp_datagrams_in": ("Udp", "InDatagrams"),
    "net_udp_datagrams_out": ("Udp", "OutDatagrams"),
    "net_udp_receive_drops": ("Udp", "RcvbufErrors"),
}
SOFTNET = {"net_softnet_drops": 1, "net_softnet_squeezes": 2}  # column of softnet_stat, hexadecimal
PER_REQUEST = (
    "net_tcp_delayed_acks",
    "net_tcp_pure_acks",
    "net_tcp_data_segs_out",
    "net_tcp_segs_in",
    "net_tcp_segs_out",
)


@dataclass(frozen=True, slots=True)
class RawNetstat:
    """The three files as read; None where one is gone or absent."""

    netstat: bytes | None
    snmp: bytes | None
    softnet: bytes | None


class NetstatProbe(Probe[RawNetstat]):
    """Always on; needs no rights."""

    name = "netstat"

    def __init__(self) -> None:
        self._folder = "/proc/self/net"

    def attach(self, pids: Pids, port: int) -> None:
        servers = pids.get("server", ())
        self._folder = f"/proc/{servers[0]}/net" if servers else "/proc/self/net"

    def snapshot(self) -> RawNetstat:
        return RawNetstat(
            processes.read(f"{self._folder}/netstat"),
            processes.read(f"{self._folder}/snmp"),
            processes.read("/proc/net/softnet_stat"),
        )

    def columns(
        self, before: RawNetstat, after: RawNetstat, requests: int
    ) -> tuple[Columns, Skipped]:
        columns = absent((*COUNTERS, *SOFTNET), PER_REQUEST)
        skipped: Skipped = {}
        if None in (before.netstat, before.snmp, after.netstat, after.snmp):
            return columns, {"net": f"{self._folder} cannot be read: the server has ended"}
        old = _sections(before.netstat) | _sections(before.snmp)
        new = _sections(after.netstat) | _sections(after.snmp)
        for column, (section, key) in COUNTERS.items():
            if key in new.get(section, {}) and key in old.get(section, {}):
                columns[column] = new[section][key] - old[section][key]
            else:
                skipped[column] = f"this kernel has no counter {section}.{key}"
        for column, field in SOFTNET.items():
            if before.softnet and after.softnet:
                columns[column] = _softnet(after.softnet, field) - _softnet(before.softnet, field)
            else:
                skipped[column] = "no /proc/net/softnet_stat"
        add_per_request(columns, PER_REQUEST, requests)
        return columns, skipped


def _sections(text: bytes | None) -> dict[str, dict[str, int]]:
    """Pairs of lines ("TcpExt: names", "TcpExt: values") as {section: {name: value}}."""
    lines = (text or b"").decode("ascii").splitlines()
    sections: dict[str, dict[str, int]] = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        section, _, keys = names.partition(":")
        numbers = values.partition(":")[2].split()
        sections[section] = dict(zip(keys.split(), map(int, numbers), strict=True))
    return sections


def _softnet(text: bytes, field: int) -> int:
    """One field summed over CPUs (one line each)."""
    return sum(int(line.split()[field], 16) for line in text.splitlines())
