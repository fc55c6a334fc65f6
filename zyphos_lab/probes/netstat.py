"""Probe `netstat`: the network stack's own counters, of whole network namespaces, as `net_*`.

They name what a request cannot see: delayed ACKs, retransmission timers, listen queues that
overflowed, packets dropped before a socket. They count everybody's traffic, not only the trial's.
Sources: /proc/PID/net/{netstat,snmp} of the server and, where a link keeps them apart, of the
client (then the sum, so that both sides count as they do in one namespace), else of this process;
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
    "net_tcp_syncookies_sent": ("TcpExt", "SyncookiesSent"),
    "net_tcp_syncookies_received": ("TcpExt", "SyncookiesRecv"),
    "net_tcp_syncookies_failed": ("TcpExt", "SyncookiesFailed"),
    "net_tcp_fastopen_active": ("TcpExt", "TCPFastOpenActive"),
    "net_tcp_fastopen_active_failed": ("TcpExt", "TCPFastOpenActiveFail"),
    "net_tcp_fastopen_passive": ("TcpExt", "TCPFastOpenPassive"),
    "net_tcp_fastopen_passive_failed": ("TcpExt", "TCPFastOpenPassiveFail"),
    "net_tcp_fastopen_overflows": ("TcpExt", "TCPFastOpenListenOverflow"),
    "net_tcp_fastopen_cookies_asked": ("TcpExt", "TCPFastOpenCookieReqd"),
    "net_busy_poll_packets": ("TcpExt", "BusyPollRxPackets"),
    "net_tcp_challenge_acks": ("TcpExt", "TCPChallengeACK"),
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
    "net_tcp_fastopen_passive",
    "net_tcp_segs_in",
    "net_tcp_segs_out",
)


@dataclass(frozen=True, slots=True)
class RawNetstat:
    """The files as read, two for each namespace; None where one is gone or absent."""

    netstat: tuple[bytes | None, ...]
    snmp: tuple[bytes | None, ...]
    softnet: bytes | None


class NetstatProbe(Probe[RawNetstat]):
    """Always on; needs no rights."""

    name = "netstat"
    grows = (*COUNTERS, *SOFTNET)

    def __init__(self) -> None:
        self._folders = ["/proc/self/net"]

    def attach(self, pids: Pids, port: int) -> None:
        servers = pids.get("server", ())
        own = f"/proc/{servers[0]}/ns/net" if servers else "/proc/self/ns/net"
        spaces = processes.net_namespaces(pids)
        self._folders = [(path or own).replace("/ns/", "/") for path in spaces]

    def snapshot(self) -> RawNetstat:
        return RawNetstat(
            tuple(processes.read(f"{folder}/netstat") for folder in self._folders),
            tuple(processes.read(f"{folder}/snmp") for folder in self._folders),
            processes.read("/proc/net/softnet_stat"),
        )

    def columns(
        self, before: RawNetstat, after: RawNetstat, requests: int
    ) -> tuple[Columns, Skipped]:
        columns = absent((*COUNTERS, *SOFTNET), PER_REQUEST)
        skipped: Skipped = {}
        if None in (*before.netstat, *before.snmp, *after.netstat, *after.snmp):
            place = " or ".join(self._folders)
            return columns, {"net": f"{place} cannot be read: the process has ended"}
        old, new = _totals(before), _totals(after)
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


def _totals(raw: RawNetstat) -> dict[str, dict[str, int]]:
    """{section: {name: value}} over all namespaces."""
    totals: dict[str, dict[str, int]] = {}
    for text in (*raw.netstat, *raw.snmp):
        for section, counters in _sections(text).items():
            into = totals.setdefault(section, {})
            for name, value in counters.items():
                into[name] = into.get(name, 0) + value
    return totals


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
