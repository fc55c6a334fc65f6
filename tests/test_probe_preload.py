"""Probe `memory` at processes that count their own calls (a preloaded library): the same as traps
count, children too, on both sides of a run; and when it says that it cannot.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import assert_measured
from probe_programs import Servant, servant
from test_links_runs import run
from zyphos_lab import child
from zyphos_lab.probes import preload
from zyphos_lab.probes.base import Columns
from zyphos_lab.probes.memory import COUNTS, MemoryProbe
from zyphos_lab.stage import INSTRUMENTED, MEASURE, OBSERVER, PLAIN

pytestmark = [pytest.mark.core, pytest.mark.native]

TIMES = 1000
# One of each kind, and what calls them within the C library.
CALLS = """
import ctypes, json
libc = ctypes.CDLL(None)
for name in ('malloc', 'calloc', 'realloc', 'aligned_alloc', 'memalign', 'strdup'):
    getattr(libc, name).restype = ctypes.c_void_p
pointer = ctypes.c_void_p
def each():
    block = libc.realloc(pointer(libc.malloc(40)), 100)
    there = pointer()
    libc.posix_memalign(ctypes.byref(there), 64, 256)
    for one in (block, libc.calloc(3, 5), libc.realloc(None, 7), libc.aligned_alloc(64, 128),
                libc.memalign(32, 64), libc.strdup(b'text'), there.value):
        libc.free(pointer(one))
    libc.realloc(pointer(libc.malloc(8)), 0)
    libc.free(None)
def some(times):
    return [libc.malloc(40) for _ in range(times)]
def fork(times):
    child = os.fork()
    if child == 0:
        some(times)
        os._exit(0)
    os.waitpid(child, 0)
"""
EXECUTED = f"import ctypes; malloc = ctypes.CDLL(None).malloc; [malloc(40) for _ in range({TIMES})]"


@pytest.fixture
def own() -> Iterator[MemoryProbe]:
    if not preload.library():
        pytest.skip(f"{preload.LIBRARY} was not built")
    one = MemoryProbe()
    yield one
    one.close()


@pytest.fixture
def server(own: MemoryProbe) -> Iterator[Servant]:
    with servant(own.environment("server")) as one:
        one.do(f"exec({CALLS!r})")
        one.do("each(); fork(1)")
        yield one


def counted(columns: Columns, by: str) -> dict[str, int]:
    assert columns["server_memory_counted_by"] == by
    return {name: int(str(columns[f"server_memory_{name}"])) for name in COUNTS}


def done(probe: MemoryProbe, server: Servant, order: str) -> dict[str, int]:
    """What the process itself counts of one order."""
    probe.attach({"server": [server.pid]}, 0)
    before = probe.snapshot()
    server.do(order)
    return counted(probe.columns(before, probe.snapshot(), 10)[0], "preload")


def test_traps_count_the_same(own: MemoryProbe, server: Servant) -> None:
    """One and the same calls, counted by the process itself and by traps in it."""
    traps = MemoryProbe()
    if traps.traps.reason:
        pytest.skip(traps.traps.reason)
    probes = (own, traps)
    for probe in probes:
        probe.attach({"server": [server.pid]}, 0)
    before = [probe.snapshot() for probe in probes]
    server.do(f"[each() for _ in range({TIMES})]")
    server.do("json.loads(json.dumps([str(one) * one for one in range(300)]))")
    found = [
        probe.columns(was, probe.snapshot(), 10)[0]
        for probe, was in zip(probes, before, strict=True)
    ]
    traps.close()
    by_itself, by_traps = counted(found[0], "preload"), counted(found[1], "traps")
    assert by_itself == by_traps
    assert by_itself["mallocs"] > 4 * TIMES and by_itself["reallocs"] >= 2 * TIMES
    assert by_itself["aligned_allocs"] == 3 * TIMES and by_itself["callocs"] >= TIMES


def test_forked_processes_count_too(own: MemoryProbe, server: Servant) -> None:
    server.do("fork(1)")
    without, more = done(own, server, "fork(0)"), done(own, server, f"fork({TIMES})")
    assert TIMES <= more["mallocs"] - without["mallocs"] < TIMES + 50, "Python's own list grows too"
    columns, skipped = own.columns(own.snapshot(), own.snapshot(), 1)
    assert columns["server_memory_forks"] is None and "counted" in skipped["server_memory_forks"]


def test_executed_programs_count_too(own: MemoryProbe, server: Servant) -> None:
    order = f"subprocess.run([sys.executable, '-S', '-c', {EXECUTED!r}])"
    assert done(own, server, order)["mallocs"] > TIMES


def test_threads_have_their_own_slots_and_one_sum(own: MemoryProbe, server: Servant) -> None:
    threads = (
        "each_own = [threading.Thread(target=some, args=(100,)) for _ in range(8)]; "
        "[one.start() for one in each_own]; [one.join() for one in each_own]"
    )
    assert done(own, server, threads)["mallocs"] >= 800


STATIC = 'int main(void) { puts("up"); fflush(stdout); return getchar(); }'
OWN = (
    """
static char room[1 << 20]; static unsigned long used;
void* malloc(unsigned long n) { void* at = room + used; used += (n + 15) & ~15ul; return at; }
void free(void* block) { (void)block; }
"""
    + STATIC
)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [(STATIC, ["-static"], "no dynamic linker"), (OWN, ["-fno-builtin"], "allocator of its own")],
)
def test_a_program_that_cannot_count_is_null_and_a_reason(
    own: MemoryProbe, tmp_path: Path, source: str, options: list[str], said: str
) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc here")
    (tmp_path / "a.c").write_text(f"#include <stdio.h>\n{source}")
    command = [compiler, *options, "-w", "-o", str(tmp_path / "a"), str(tmp_path / "a.c")]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no static C library here")
    environment = own.environment("client")
    pipe = subprocess.PIPE
    program = [str(tmp_path / "a")]
    with subprocess.Popen(program, env=environment, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        own.attach({"client": [process.pid]}, 0)
        columns, skipped = own.columns(own.snapshot(), own.snapshot(), 1)
        process.communicate(b"x")
    assert columns["client_memory_mallocs"] is None and said in skipped["client_memory"]


def test_other_libraries_are_preloaded_behind_it() -> None:
    command = child.Command(["x"], env={"LD_PRELOAD": "/lib/theirs.so", "A": "1"})
    found = child._environment(command, {"LD_PRELOAD": "/lib/ours.so", "ZYPHOS_RUN": "r"})
    assert found["LD_PRELOAD"] == "/lib/ours.so:/lib/theirs.so"
    assert (found["A"], found["ZYPHOS_RUN"]) == ("1", "r")
    assert child._environment(command, {})["LD_PRELOAD"] == "/lib/theirs.so"


RUN = """
schema: 1
name: demo
question: What do both sides allocate?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2, deadline: 5s}
repeat: {starts: 1, warmup: 0s, window: 300ms}
design: {observer: {pairs: 1}}
probes: [memory]
"""


def test_a_run_counts_on_both_sides_and_not_in_plain_trials(
    own: MemoryProbe, tmp_path: Path
) -> None:
    finished, store = run(tmp_path, RUN)
    assert_measured(finished.returncode, store, finished.stderr)
    [measured] = [row for row in store.rows() if row["stage"] == MEASURE]
    for side in ("server", "client"):
        assert measured[f"{side}_memory_counted_by"] == "preload", measured["skipped"]
        assert 0 <= measured[f"{side}_memory_allocations"] < measured["requests_done"]
        assert measured[f"{side}_memory_rss_bytes_max"] > 1 << 20
    arms = {row["arm"]: row for row in store.rows() if row["stage"] == OBSERVER}
    assert arms[INSTRUMENTED]["server_memory_counted_by"] == "preload"
    assert arms[PLAIN].get("server_memory_counted_by") is None
    [event] = list(store.trial_events(MEASURE))
    series = {one["name"]: one for one in event["series"]}
    assert {"server_memory", "client_memory"} <= set(series)
    assert len(series["server_memory"]["rss_bytes"]) == measured["memory_samples"] > 1
