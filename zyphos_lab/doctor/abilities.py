"""What this machine and this user can do, each tried for real."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from zyphos_lab import host, links
from zyphos_lab.doctor import namespaces, uring
from zyphos_lab.doctor.check import Check, State, apt, found, modprobe, sudo
from zyphos_lab.links.ability import NFTABLES
from zyphos_lab.packets import capture
from zyphos_lab.probes import native
from zyphos_lab.probes.perf import HARDWARE, SOFTWARE
from zyphos_lab.spec.link_models import LinkKind

TUNGETFEATURES = 0x800454CF
CONGESTION_CONTROLS = ("cubic", "reno", "bbr")
# A run with a thousand connections in one process needs this many, with room to spare.
DESCRIPTORS_WANTED = 4096

TOOLS = {
    "nginx": ("nginx-light", "the server that experiments compare ours with"),
    "haproxy": ("haproxy", "one of the peers of experiments/engines/peers.yaml"),
    "h2o": ("h2o", "one of the peers of experiments/engines/peers.yaml"),
    "lighttpd": ("lighttpd", "one of the peers of experiments/engines/peers.yaml"),
    "wrk": ("wrk", "the load generator that ours is checked against"),
    "bpftrace": ("bpftrace", "one-off questions to the kernel beside an experiment"),
    "perf": ("linux-perf", "profiles that explain where CPU goes"),
    "valgrind": ("valgrind", "exact counts of instructions where there is no PMU"),
    "git": ("git", "records name the commit they were measured at"),
}


def checks() -> Iterator[Check]:
    """All abilities, most wanted first."""
    yield native_module()
    yield bpf()
    yield event_loops()
    yield io_uring()
    yield uring_switches()
    yield from perf_events()
    yield cpus()
    yield numa()
    yield descriptors()
    yield locked_memory()
    yield from congestion_controls()
    yield from network_namespaces()
    yield tun()
    yield kinds_of_links()
    yield packets()
    yield tracefs()
    yield from tools()


def packets() -> Check:
    why = "`run --capture`: a trial's packets, drawn as a ladder"
    reason = capture.missing()
    fix = "run as root, or " + sudo("setcap cap_net_raw+ep <zyphos-capture>")
    return found("packets", "packet capture", reason, "lo can be captured", why, fix)


def native_module() -> Check:
    why = "server, load generator and probes are in it: without it nothing runs"
    try:
        reason = native.core() and ""
    except ImportError as error:
        reason = str(error)
    return found("native", "native module", reason, "loads", why, "make build")


def bpf() -> Check:
    why = "probe syscalls: which system calls a request costs, counted exactly"
    try:
        loaded = native.core().load_syscall_counter()
    except ImportError as error:
        return found("bpf", "BPF", str(error), "", why, "make build")
    if not isinstance(loaded, str):
        return found(
            "bpf", "BPF", "", f"loads; costs {loaded.cost_ns:.0f} ns a system call", why, ""
        )
    # The reason ends with its mending, after the semicolon.
    reason, _, fix = loaded.partition("; ")
    return found("bpf", "BPF", reason, "", why, fix)


def event_loops() -> Check:
    why = "the engines select, poll and epoll; `exclusive: true` needs EPOLLEXCLUSIVE (Linux 4.5)"
    reason = ""
    with select.epoll() as poller, socket.socket() as listener:
        try:
            poller.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        except OSError as error:
            reason = f"no EPOLLEXCLUSIVE: {error.strerror}"
    value = "select (descriptors below 1024), poll, epoll (level, edge, oneshot, exclusive)"
    return found("event_loops", "event loops", reason, value, why, "")


def io_uring() -> Check:
    why = "the uring engine; needs defer_taskrun and buffer_rings (Linux 6.1)"
    works, reason = uring.abilities()
    lacking = [name for name in ("defer_taskrun", "buffer_rings") if name not in works]
    if not reason and lacking:
        reason = f"this kernel lacks {' and '.join(lacking)}"
    disabled = host.sysctl("kernel.io_uring_disabled") not in (None, "0")
    fix = sudo("sysctl -w kernel.io_uring_disabled=0") if disabled else ""
    return found("io_uring", "io_uring", reason, ", ".join(works), why, fix)


def uring_switches() -> Check:
    why = "switches of engine uring (`targets.NAME.uring`), each tried on a ring"
    try:
        tried: dict[str, bool | str] = native.core().uring_features()
    except ImportError as error:
        return found("uring_features", "io_uring switches", str(error), "", why, "make build")
    works = ", ".join(name for name, able in tried.items() if able is True)
    lacking = [f"{name}: {reason}" for name, reason in tried.items() if reason is not True]
    state: State = "ok" if works and not lacking else "warn" if works else "missing"
    value = "; ".join([works, *lacking] if works else lacking)
    return Check("uring_features", "io_uring switches", state, value, why)


def perf_events() -> Iterator[Check]:
    try:
        reasons: dict[str, str] = native.core().PerfCounters([os.getpid()]).reasons
    except ImportError as error:
        reasons = dict.fromkeys((*SOFTWARE, *HARDWARE), str(error))
    for kind, names, why in (
        ("software", SOFTWARE, "probe perf: context switches, faults, migrations of whole trees"),
        ("hardware", HARDWARE, "probe perf: cycles and instructions a request; none is no error"),
    ):
        reason, _, fix = next((reasons[name] for name in names if name in reasons), "").partition(
            "; "
        )
        command = fix if "sysctl" in fix else ""
        yield found(f"perf_{kind}", f"perf {kind} events", reason, "count", why, command)


def cpus() -> Check:
    usable = sorted(os.sched_getaffinity(0))
    why = "server and load are pinned to cores of their own"
    value = f"{len(usable)} usable: {','.join(map(str, usable))}"
    if len(usable) >= 2:
        return Check("cpus", "CPUs", "ok", value, why)
    return Check("cpus", "CPUs", "warn", f"{value}: both sides must share one", why)


def numa(nodes: Path = Path("/sys/devices/system/node")) -> Check:
    why = "a worker that is pinned has its memory on its CPU's node: with one there is no other"
    count = len(list(nodes.glob("node[0-9]*")))
    if count > 1:
        return Check("numa", "NUMA nodes", "ok", f"{count} nodes", why)
    value = "one node" if count else "the kernel tells of none (CONFIG_NUMA)"
    return Check("numa", "NUMA nodes", "info", f"{value}: local against remote is skipped", why)


def descriptors() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    why = "two sockets a connection; more connections need several processes"
    value = f"{_limit(soft)} (hard {_limit(hard)})"
    if soft == resource.RLIM_INFINITY or soft >= DESCRIPTORS_WANTED:
        return Check("nofile", "open files", "ok", value, why)
    return Check("nofile", "open files", "warn", value, why, f"ulimit -n {_limit(hard)}")


def locked_memory() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    why = "io_uring's rings and buffers count against it for users without CAP_IPC_LOCK"
    value = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft // 1024} KiB"
    enough = os.geteuid() == 0 or soft == resource.RLIM_INFINITY or soft >= 8 << 20
    if enough:
        return Check("memlock", "locked memory", "ok", value, why)
    return Check("memlock", "locked memory", "warn", value, why, "ulimit -l unlimited")


def _limit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def congestion_controls() -> Iterator[Check]:
    why = "experiments set it for each socket: tcp_congestion"
    for name in CONGESTION_CONTROLS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            try:
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
                reason = ""
            except OSError as error:
                reason = f"setsockopt TCP_CONGESTION: {error.strerror}"
        yield found(
            f"congestion_{name}", f"TCP {name}", reason, "per socket", why, _congestion_fix(name)
        )


def _congestion_fix(name: str) -> str:
    allowed = host.sysctl("net.ipv4.tcp_allowed_congestion_control") or ""
    if name in (host.sysctl("net.ipv4.tcp_available_congestion_control") or "").split():
        return sudo(f'sysctl -w net.ipv4.tcp_allowed_congestion_control="{allowed} {name}"')
    return modprobe(f"tcp_{name}")


def network_namespaces() -> Iterator[Check]:
    made, netem = namespaces.trial()
    reason = f"unshare: {namespaces.reason(made)}" if made else ""
    why = "links other than loopback: client and server in networks of their own"
    yield found("netns", "network namespaces", reason, "can be made", why, "sudo -s")
    why = "a link with delay and loss made by the kernel; the lab's own TUN emulator needs none"
    if netem is None:
        reason = "not tried: no network namespace"
    else:
        reason = f"tc netem: {namespaces.reason(netem)}" if netem else ""
    yield found("netem", "netem", reason, "works", why, modprobe("sch_netem"))


def tun() -> Check:
    reason = ""
    try:
        with open("/dev/net/tun", "rb+", buffering=0) as device:
            fcntl.ioctl(device, TUNGETFEATURES, struct.pack("I", 0))
    except OSError as error:
        reason = f"/dev/net/tun: {error.strerror}"
    why = "the link emulator's packets pass through it"
    return found("tun", "TUN device", reason, "opens", why, modprobe("tun"))


def kinds_of_links() -> Check:
    why = "what an experiment's `link` can put between client and server"
    kinds = {kind: links.missing(kind) for kind in (*get_args(LinkKind), NFTABLES)}
    value = ", ".join(kind for kind, (reason, _) in kinds.items() if not reason)
    lacking = [f"{kind}: {reason}" for kind, (reason, _) in kinds.items() if reason]
    fixes = [hint for kind, (reason, hint) in kinds.items() if reason and kind != "netem"]
    state: State = "warn" if fixes else "ok"
    return Check("links", "links", state, "; ".join([value, *lacking]), why, "".join(fixes[:1]))


def tracefs() -> Check:
    mounted = any(
        Path(folder, "events").is_dir()
        for folder in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
    )
    reason = "" if mounted else "not mounted, or not readable for this user"
    why = "bpftrace and perf find tracepoints there; the lab's own probes do without"
    fix = sudo("mount -t tracefs none /sys/kernel/tracing")
    return found("tracefs", "tracefs", reason, "mounted", why, fix)


def tools() -> Iterator[Check]:
    for name, (package, why) in TOOLS.items():
        path = host.which(name)
        reason = "" if path else "not installed"
        yield found(f"tool_{name}", name, reason, path or "", why, apt(package))
