"""The probes against real processes and sockets that do a known number of things."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from probe_programs import BURN, BURN_50_MS, Servant, around, servant
from zyphos_lab import probes, proc
from zyphos_lab.errors import UsageError
from zyphos_lab.probes import native, processes, rusage
from zyphos_lab.probes.base import Pids, Probe
from zyphos_lab.probes.netstat import NetstatProbe, RawNetstat
from zyphos_lab.probes.perf import PerfProbe
from zyphos_lab.probes.rusage import RusageProbe
from zyphos_lab.probes.syscalls import SyscallsProbe
from zyphos_lab.probes.tcp_info import TcpInfoProbe


@pytest.fixture
def server() -> Iterator[Servant]:
    with servant() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Servant]:
    with servant() as one:
        yield one


def able(probe: Probe[Any]) -> None:
    """Skips, with the probe's own reason, where the machine cannot do it."""
    if probe.reason:
        pytest.skip(probe.reason)


# make


def test_always_on_probes_come_unasked() -> None:
    assert [probe.name for probe in probes.make([])] == ["rusage", "netstat", "host"]


def test_each_probe_is_made_once() -> None:
    names = [probe.name for probe in probes.make(["tcp_info", "rusage", "tcp_info"])]
    assert names == ["tcp_info", "rusage", "netstat", "host"]


def test_without_local_processes_only_host_wide_probes() -> None:
    assert [probe.name for probe in probes.make(["tcp_info"], [])] == ["netstat", "host"]


def test_unknown_probe_names_the_near_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'syscalls'"):
        probes.make(["syscals"])


# processes


def test_tree_leaves_the_other_side_out(server: Servant) -> None:
    whole = processes.tree([os.getpid()])
    assert server.pid in whole and whole[0] == os.getpid()
    assert server.pid not in processes.tree([os.getpid()], apart={server.pid})


def test_gone_process_is_no_error() -> None:
    with servant() as one:
        pid = one.pid
    assert processes.tree([pid]) == []
    assert processes.cpu_ns(pid) is None
    assert processes.threads(pid) == []
    assert processes.affinity(pid) == frozenset()


# rusage


def test_cpu_lies_between_what_the_process_itself_reads(server: Servant) -> None:
    probe = RusageProbe()
    probe.attach({"server": [server.pid]}, 0)
    earliest = int(server.do("answer = time.process_time_ns()"))
    before = probe.snapshot()
    first = int(server.do("answer = time.process_time_ns()"))
    server.do(BURN)
    last = int(server.do("answer = time.process_time_ns()"))
    after = probe.snapshot()
    latest = int(server.do("answer = time.process_time_ns()"))
    columns, skipped = probe.columns(before, after, 10)
    cpu_ns = columns["server_cpu_ns"]
    assert isinstance(cpu_ns, int)
    assert last - first <= cpu_ns <= latest - earliest
    assert columns["server_cpu_ns_per_request"] == cpu_ns / 10
    user_ns, system_ns = columns["server_user_ns"], columns["server_system_ns"]
    assert isinstance(user_ns, int) and isinstance(system_ns, int)
    assert user_ns + system_ns == cpu_ns
    assert "server_cpu_ns" not in skipped


def test_ended_threads_stay_in_the_cpu(server: Servant) -> None:
    thread = (
        f"t = threading.Thread(target=exec, args=({BURN_50_MS!r}, globals())); t.start(); t.join()"
    )
    columns, _ = around(RusageProbe(), {"server": [server.pid]}, (server, thread))
    assert isinstance(columns["server_cpu_ns"], int) and columns["server_cpu_ns"] >= 50_000_000


def test_ended_children_stay_in_the_cpu(server: Servant) -> None:
    child = f"subprocess.run([sys.executable, '-S', '-c', 'import time\\n' + {BURN_50_MS!r}])"
    columns, _ = around(RusageProbe(), {"server": [server.pid]}, (server, child))
    # Children's times count whole clock ticks of 10 ms, down.
    assert isinstance(columns["server_cpu_ns"], int) and columns["server_cpu_ns"] >= 40_000_000
    assert columns["server_processes"] == 1


def test_children_belong_to_the_tree(server: Servant) -> None:
    server.do("child = subprocess.Popen(['cat'], stdin=subprocess.PIPE)")
    columns, _ = around(RusageProbe(), {"server": [server.pid]})
    assert columns["server_processes"] == 2
    columns, _ = around(
        RusageProbe(), {"server": [server.pid]}, (server, "child.stdin.close(); child.wait()")
    )
    assert columns["server_processes"] == 1 and columns["server_processes_ended"] == 1


def test_faults_memory_and_switches(server: Servant) -> None:
    pages = 500
    touch = (
        f"m = mmap.mmap(-1, {pages} * 4096); m.madvise(mmap.MADV_NOHUGEPAGE); "
        f"[m.__setitem__(i * 4096, 1) for i in range({pages})]"
    )
    nap = "[time.sleep(0.0001) for i in range(20)]"
    columns, skipped = around(
        RusageProbe(), {"server": [server.pid]}, (server, touch), (server, nap)
    )
    faults, rss = columns["server_page_faults_minor"], columns["server_rss_bytes"]
    switches = columns["server_context_switches_voluntary"]
    assert isinstance(faults, int) and faults >= pages
    assert isinstance(rss, int) and rss >= pages * 4096
    assert isinstance(switches, int) and switches >= 20
    assert columns["server_threads"] == 1 and columns["server_threads_ended"] == 0
    assert "client_rusage" in skipped and "server_rusage" not in skipped
    assert columns["client_cpu_ns"] is None


def test_descriptors_are_those_that_are_open(
    server: Servant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened() -> object:
        columns, skipped = around(RusageProbe(), {"server": [server.pid]})
        assert ("server_descriptors" in skipped) == (columns["server_descriptors"] is None)
        return columns["server_descriptors"]

    before = opened()
    if before is None:
        pytest.skip("/proc/PID/fd has no size here (Linux 6.2)")
    assert before == len(os.listdir(f"/proc/{server.pid}/fd"))
    server.do("files = [open('/dev/null') for _ in range(37)]")
    assert opened() == len(os.listdir(f"/proc/{server.pid}/fd")) == int(str(before)) + 37
    monkeypatch.setattr(rusage, "_descriptors", lambda process: None)
    assert opened() is None


def test_too_many_threads_give_a_reason(server: Servant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rusage, "THREADS_MAX", 0)
    columns, skipped = around(RusageProbe(), {"server": [server.pid]})
    assert columns["server_context_switches_voluntary"] is None
    assert columns["server_context_switches_voluntary_per_request"] is None
    assert "use probe perf" in skipped["server_context_switches_voluntary"]
    assert isinstance(columns["server_cpu_ns"], int)


def test_threads_beyond_counting_are_not_listed(
    server: Servant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rusage, "LISTED_MAX", 0)
    columns, skipped = around(RusageProbe(), {"server": [server.pid]})
    assert columns["server_threads"] == 1
    assert columns["server_threads_ended"] is None and "server_threads_ended" in skipped
    assert columns["server_migrations"] is None
    assert isinstance(columns["server_cpu_ns"], int)


def test_threads_are_counted_without_a_list(server: Servant) -> None:
    server.do("import threading; stop = threading.Event()")
    server.do("for _ in range(9): threading.Thread(target=stop.wait).start()")
    assert proc.thread_count(server.pid) == len(proc.threads(server.pid)) == 10
    assert proc.first_threads(server.pid, 4) == proc.threads(server.pid)[:4]
    server.do("stop.set()")
    assert proc.thread_count(2**22 + 1) == 0 and proc.first_threads(2**22 + 1, 4) == []


def test_children_are_found_either_way(server: Servant, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = proc.children(os.getpid())
    assert server.pid in listed
    monkeypatch.setattr(proc, "THREADS_MANY", 0)
    again = proc.children(os.getpid())
    assert server.pid in again and set(again) <= set(listed)  # a zombie is listed, too


def test_server_that_ended_gives_a_reason() -> None:
    probe = RusageProbe()
    with servant() as one:
        probe.attach({"server": [one.pid]}, 0)
        before = probe.snapshot()
    columns, skipped = probe.columns(before, probe.snapshot(), 10)
    assert columns["server_cpu_ns"] is None
    assert "ended" in skipped["server_rusage"]


def test_no_requests_give_no_ratio(server: Servant) -> None:
    columns, _ = around(RusageProbe(), {"server": [server.pid]}, (server, BURN), requests=0)
    assert columns["server_cpu_ns"] and columns["server_cpu_ns_per_request"] is None


# syscalls


@pytest.mark.core
def test_names_are_those_of_this_architecture() -> None:
    core = native.core()
    numbers = {core.syscall_name(n): n for n in range(core.SYSCALL_SLOTS)}
    libc = ctypes.CDLL(None)
    assert libc.syscall(numbers["getppid"]) == os.getppid()
    assert libc.syscall(numbers["gettid"]) == os.getpid()
    assert numbers["io_uring_setup"] == 425  # the same everywhere
    assert core.syscall_name(core.SYSCALL_SLOTS + 1) is None


@pytest.fixture(scope="module")
def counting() -> Iterator[SyscallsProbe]:
    probe = SyscallsProbe()
    able(probe)
    yield probe
    probe.close()


CALLS_1000 = "[os.getppid() for i in range(1000)]"


@pytest.mark.answers("m01.build.4")
@pytest.mark.core
def test_calls_are_counted_exactly(
    counting: SyscallsProbe, server: Servant, other: Servant
) -> None:
    pids: Pids = {"server": [server.pid], "client": [other.pid]}
    orders = ((server, CALLS_1000), (other, "os.getppid()"), (server, CALLS_1000))
    columns, skipped = around(counting, pids, *orders, requests=1000)
    assert columns["server_syscall_getppid"] == 2000
    assert columns["server_syscall_getppid_per_request"] == 2.0
    assert columns["client_syscall_getppid"] == 1
    named = [name for name in columns if name.startswith("server_syscall_")]
    parts = [columns[name] for name in named if not name.endswith("_per_request")]
    assert columns["server_syscalls"] == sum(part for part in parts if isinstance(part, int))
    assert "server_syscalls" not in skipped


@pytest.mark.core
def test_only_named_processes_are_counted(
    counting: SyscallsProbe, server: Servant, other: Servant
) -> None:
    around(counting, {"server": [other.pid]}, (other, CALLS_1000))
    columns, skipped = around(counting, {"server": [server.pid]}, (other, CALLS_1000))
    assert columns["server_syscalls"] == 0
    assert columns["client_syscalls"] is None and "client_syscalls" in skipped


@pytest.mark.core
def test_a_name_once_seen_stays(counting: SyscallsProbe, server: Servant) -> None:
    around(counting, {"server": [server.pid]}, (server, "os.getppid()"))
    columns, _ = around(counting, {"server": [server.pid]})
    assert columns["server_syscall_getppid"] == 0
    assert columns["server_syscall_io_uring_enter"] == 0


@pytest.mark.core
def test_children_are_followed(counting: SyscallsProbe, server: Servant) -> None:
    """Those that were there at attach, and those that are forked later."""
    program = "import os, sys; sys.stdin.read(); [os.getppid() for i in range(300)]"
    old = f"p = subprocess.Popen([sys.executable, '-S', '-c', {program!r}], stdin=subprocess.PIPE)"
    end = "p.stdin.close(); p.wait()"
    server.do(old)
    columns, _ = around(
        counting, {"server": [server.pid]}, (server, end), (server, old), (server, end)
    )
    assert columns["server_syscall_getppid"] == 600


@pytest.mark.core
def test_observer_says_what_it_cost(counting: SyscallsProbe, server: Servant) -> None:
    columns, skipped = around(counting, {"server": [server.pid]}, (server, CALLS_1000))
    cost_ns = columns["observer_bpf_ns"]
    assert (cost_ns is None) == ("observer_bpf_ns" in skipped)
    assert columns["server_observer_bpf_ns"] == cost_ns


class Refusing:
    """Stands for _core on a machine that refuses everything."""

    @staticmethod
    def load_syscall_counter() -> str:
        return "syscalls: bpf(BPF_PROG_LOAD): Operation not permitted (errno 1); run as root"


def test_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch, server: Servant) -> None:
    monkeypatch.setattr(native, "core", Refusing)
    columns, skipped = around(SyscallsProbe(), {"server": [server.pid]})
    assert columns["server_syscalls"] is None and columns["server_syscalls_per_request"] is None
    assert "errno 1" in skipped["syscalls"]


@pytest.mark.parametrize("kind", [SyscallsProbe, TcpInfoProbe, PerfProbe])
def test_missing_module_is_a_reason(
    kind: type[Probe[Any]], monkeypatch: pytest.MonkeyPatch, server: Servant
) -> None:
    def missing() -> None:
        raise ImportError("the native module does not load; build it: make build")

    monkeypatch.setattr(native, "core", missing)
    probe = kind()
    columns, skipped = around(probe, {"server": [server.pid]})
    assert "make build" in skipped[probe.name]
    assert columns and not [value for value in columns.values() if value is not None]


# tcp_info


@pytest.mark.core
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_segments_are_counted_on_both_sides(address: str) -> None:
    probe = TcpInfoProbe()
    able(probe)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, 0), family=family)
    except OSError as error:
        pytest.skip(f"no {address} here: {error}")
    with listener:
        place = listener.getsockname()[:2]
        with socket.create_connection(place) as client, listener.accept()[0] as accepted:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
            probe.attach({}, place[1])
            before = probe.snapshot()
            for _ in range(50):
                client.sendall(b"x" * 64)
                accepted.sendall(accepted.recv(64))
                client.recv(64)
            columns, skipped = probe.columns(before, probe.snapshot(), 50)
    for side in ("server", "client"):
        assert columns[f"{side}_tcp_data_segs_out"] == 50
        assert columns[f"{side}_tcp_data_segs_in"] == 50
        assert columns[f"{side}_tcp_data_segs_out_per_request"] == 1.0
        assert columns[f"{side}_tcp_bytes_received"] == 50 * 64
        assert columns[f"{side}_tcp_retransmits"] == 0
        assert columns[f"{side}_tcp_sockets"] == 1
        assert isinstance(columns[f"{side}_tcp_rtt_ns_mean"], float)
    assert columns["client_tcp_bytes_acked"] == 50 * 64
    assert columns["client_tcp_congestion"] == "reno"
    assert skipped == {}


@pytest.mark.core
def test_sockets_that_come_and_go_are_said() -> None:
    probe = TcpInfoProbe()
    able(probe)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
        with socket.create_connection(place) as first, listener.accept()[0] as one:
            probe.attach({}, place[1])
            before = probe.snapshot()
            with socket.create_connection(place) as second, listener.accept()[0]:
                second.sendall(b"x")
                columns, skipped = probe.columns(before, probe.snapshot(), 1)
                assert columns["client_tcp_sockets_opened"] == 1
                assert columns["client_tcp_data_segs_out"] == 1
                assert skipped == {}
            middle = probe.snapshot()
            one.close()
            first.close()
            columns, skipped = probe.columns(before, probe.snapshot(), 1)
            assert len(middle) == 2
    assert columns["client_tcp_sockets_closed"] == 1
    assert columns["client_tcp_segs_out"] is None
    assert "1 of 1 sockets closed" in skipped["client_tcp"]


@pytest.mark.core
def test_unknown_port_is_a_reason() -> None:
    probe = TcpInfoProbe()
    able(probe)
    columns, skipped = around(probe, {})
    assert columns["server_tcp_segs_out"] is None
    assert "port is not known" in skipped["tcp_info"]


# netstat


def test_connections_are_seen() -> None:
    probe = NetstatProbe()
    probe.attach({}, 0)
    before = probe.snapshot()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(7):
            socket.create_connection(listener.getsockname()).close()
        columns, skipped = probe.columns(before, probe.snapshot(), 7)
    opens = columns["net_tcp_active_opens"]
    assert isinstance(opens, int) and opens >= 7
    assert columns["net_listen_drops"] is not None
    assert all("no counter" in reason for reason in skipped.values())


def test_counters_that_a_kernel_lacks_are_null() -> None:
    def raw(acks: int) -> RawNetstat:
        text = f"TcpExt: DelayedACKs Other\nTcpExt: {acks} 1\n"
        return RawNetstat(
            (text.encode(),), (b"Tcp: InSegs\nTcp: 5\n",), b"00000001 00000002 0000000a\n"
        )

    columns, skipped = NetstatProbe().columns(raw(40), raw(52), 6)
    assert columns["net_tcp_delayed_acks"] == 12
    assert columns["net_tcp_delayed_acks_per_request"] == 2.0
    assert columns["net_tcp_segs_in"] == 0
    assert columns["net_softnet_squeezes"] == 0
    assert columns["net_tcp_timeouts"] is None
    assert skipped["net_tcp_timeouts"] == "this kernel has no counter TcpExt.TCPTimeouts"


def test_netstat_of_an_ended_server_is_a_reason() -> None:
    probe = NetstatProbe()
    with servant() as one:
        probe.attach({"server": [one.pid]}, 0)
        before = probe.snapshot()
    columns, skipped = probe.columns(before, probe.snapshot(), 1)
    assert columns["net_tcp_delayed_acks"] is None
    assert "ended" in skipped["net"]
