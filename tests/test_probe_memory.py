"""Probe `memory` at processes that run already: as many allocations more as a program makes more,
when it says that it cannot count them, and resident memory over time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from probe_programs import Servant, servant
from zyphos_lab.metrics import lookup
from zyphos_lab.probes import COSTLY, native
from zyphos_lab.probes.base import Columns, Pids, Skipped
from zyphos_lab.probes.elf import defines
from zyphos_lab.probes.memory import MemoryProbe
from zyphos_lab.trace.run import probes_of

pytestmark = pytest.mark.core

TIMES = 1000
BLOCK_BYTES = 64 << 20
# The same calls, and orders of one length, but for what is called: Python's own are alike.
LIBC = (
    "libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p; "
    "some, none, free, keep = libc.malloc, libc.labs, libc.free, libc.labs"
)
NONE = f"kept = [none(40) for _ in range({TIMES})]"
MALLOC = f"kept = [some(40) for _ in range({TIMES})]"
FREE = "[free(ctypes.c_void_p(block)) for block in kept]"
KEEP = "[keep(ctypes.c_void_p(block)) for block in kept]"


@pytest.fixture(scope="module")
def probe() -> Iterator[MemoryProbe]:
    one = MemoryProbe()
    if one.traps.reason:
        pytest.skip(one.traps.reason)
    yield one
    one.close()


@pytest.fixture
def server() -> Iterator[Servant]:
    with servant() as one:
        yield one


def around(probe: MemoryProbe, pids: Pids, *orders: tuple[Servant, str]) -> tuple[Columns, Skipped]:
    probe.attach(pids, 0)
    for one, _ in orders:
        one.asleep()
    before = probe.snapshot()
    for one, statement in orders:
        one.do(statement)
        one.asleep()
    return probe.columns(before, probe.snapshot(), 10)


def counted(probe: MemoryProbe, server: Servant, order: str) -> dict[str, int]:
    """What one order to the server has cost, by name."""
    columns, _ = around(probe, {"server": [server.pid]}, (server, order))
    return {name: int(str(columns[f"server_memory_{name}"])) for name in probe.counts}


def test_a_thousand_mallocs_are_a_thousand_more(probe: MemoryProbe, server: Servant) -> None:
    server.do(LIBC)
    for warm in (MALLOC, FREE, NONE, KEEP):
        server.do(warm)
    orders = {"none": NONE, "malloc": MALLOC, "keep": KEEP, "free": FREE}
    rounds = [{name: counted(probe, server, one) for name, one in orders.items()} for _ in range(3)]
    least = {
        name: {key: min(one[name][key] for one in rounds) for key in probe.counts}
        for name in orders
    }
    without, more, keep, free = least.values()  # what Python does besides only adds
    assert more["mallocs"] - without["mallocs"] == TIMES
    assert more["allocations"] - without["allocations"] == TIMES
    assert more["allocated_bytes"] - without["allocated_bytes"] == 40 * TIMES
    assert free["frees"] - keep["frees"] == TIMES


def test_one_process_after_another(probe: MemoryProbe) -> None:
    """As trials have it: the traps of one that has ended are taken away, and set in the next."""
    for _ in range(2):
        with servant() as one:
            one.do(LIBC)
            assert counted(probe, one, MALLOC)["mallocs"] >= TIMES


def test_who_counts_them_is_said(probe: MemoryProbe, server: Servant) -> None:
    columns, skipped = around(probe, {"server": [server.pid]}, (server, "pass"))
    assert columns["server_memory_counted_by"] == "traps" and "server_memory" not in skipped
    assert columns["client_memory_mallocs"] is columns["client_memory_counted_by"] is None
    assert "no process of this side" in skipped["client_memory"]


def test_resident_memory_is_seen_to_grow(probe: MemoryProbe, server: Servant) -> None:
    probe.attach({"server": [server.pid]}, 0)
    before = probe.snapshot()
    wait_for_samples(probe, 3)
    server.do(f"block = bytearray({BLOCK_BYTES})")
    wait_for_samples(probe, 3)
    after = probe.snapshot()
    columns, skipped = probe.columns(before, after, 1)
    assert "memory_samples" not in skipped
    [series] = probe.series(before, after)
    rss, times = series.values["rss_bytes"], series.time_ns
    assert series.name == "server_memory" and len(rss) == columns["memory_samples"] >= 6
    assert BLOCK_BYTES <= float(rss[-1] or 0) - float(rss[0] or 0) < BLOCK_BYTES + (8 << 20)
    assert list(times) == sorted(times) and before.time_ns <= times[0] <= times[-1] <= after.time_ns
    assert columns["server_memory_rss_bytes_max"] == max(rss, key=lambda one: one or 0)
    mean = float(str(columns["server_memory_rss_bytes_mean"]))
    assert float(rss[0] or 0) < mean < float(rss[-1] or 0)
    assert int(str(columns["observer_memory_ns"])) > 0


def wait_for_samples(probe: MemoryProbe, more: int) -> None:
    """Until there are so many more than now."""
    assert probe.sampler is not None
    wanted = len(probe.sampler.samples) + more
    while len(probe.sampler.samples) < wanted:
        time.sleep(0.001)


def test_forked_processes_are_told_of(probe: MemoryProbe, server: Servant) -> None:
    fork = "subprocess.run(['/bin/true'])"
    server.do(fork)
    assert counted(probe, server, fork)["forks"] == 1


def test_another_allocator_is_null_and_a_reason(probe: MemoryProbe) -> None:
    """AddressSanitizer's, in a process whose C library has one as well."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc here, whose libasan.so has a malloc of its own")
    find = [compiler, "-print-file-name=libasan.so"]
    library = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
    if not defines(library, "malloc"):
        pytest.skip(f"no malloc in {library}")
    environment = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    command = ["/bin/cat"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("up\n")
        process.stdin.flush()
        assert process.stdout.readline() == "up\n"
        probe.attach({"server": [process.pid]}, 0)
        before = probe.snapshot()
        columns, skipped = probe.columns(before, probe.snapshot(), 1)
    assert columns["server_memory_mallocs"] is None
    assert (
        "libasan" in skipped["server_memory"] and "not by the C library" in skipped["server_memory"]
    )


def test_which_file_has_a_function() -> None:
    core = Path(str(native.core().__file__))
    assert defines(str(core), "PyInit__core")
    assert not defines(str(core), "malloc"), "it is called there, and defined elsewhere"
    assert not defines(str(core), "Init__core"), "the end of a name is none"
    assert not defines(sys.executable + "-none", "malloc") and not defines("/etc/passwd", "malloc")


def test_it_rests_and_wakes(probe: MemoryProbe, server: Servant) -> None:
    assert "memory" in COSTLY
    server.do(LIBC)
    probe.rest()
    assert probe.snapshot().trapped == {} and probe.sampler is None
    probe.wake()
    assert counted(probe, server, MALLOC)["mallocs"] >= TIMES


def test_a_trace_has_it_only_where_it_is_asked_for() -> None:
    with probes_of(["memory"]) as made:
        assert [one.name for one in made.probes] == ["memory"]
    with probes_of([]) as made:
        assert "memory" not in [one.name for one in made.probes]
        assert "--probe memory" in made.left_out["memory"]


def test_every_column_is_a_metric(probe: MemoryProbe) -> None:
    assert [name for name in probe.names() if lookup(name) is None] == []
    assert [name for name in probe.per_request() if lookup(f"{name}_per_request") is None] == []


def test_a_refusal_is_null_and_a_reason(monkeypatch: pytest.MonkeyPatch, server: Servant) -> None:
    reason = "memory: read /sys/kernel/btf/vmlinux: No such file or directory (errno 2)"
    monkeypatch.setattr(native, "core", lambda: SimpleNamespace(load_allocations=lambda: reason))
    probe = MemoryProbe()
    columns, skipped = around(probe, {"server": [server.pid]}, (server, "pass"))
    assert {columns[name] for name in probe.per_request()} == {None}
    assert skipped["server_memory"] == reason
    assert int(str(columns["memory_samples"])) == 0 or columns["server_memory_rss_bytes_max"]
    probe.close()
