"""What trials ran in: cheap to read, told apart where it changed, and CONFOUNDED where it matters.

The run at the end is real: a target's program is replaced between the trials of the two arms.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from probe_programs import servant
from store_factory import make_store
from zyphos_lab import environment, native, report, runner, spec
from zyphos_lab.plan import Plan
from zyphos_lab.record import Record
from zyphos_lab.report.confounded import environments, mark
from zyphos_lab.schedule import Schedule
from zyphos_lab.stage import Note, Planned
from zyphos_lab.store import Store

GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
AUTOCORKING = "proc/sys/net/ipv4/tcp_autocorking"


def machine(root: Path, **files: str) -> str:
    """A root of which only the named files are there."""
    for path, text in {GOVERNOR: "performance", AUTOCORKING: "1", **files}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text + "\n")
    return str(root)


def test_the_same_twice_is_the_same() -> None:
    pids: Mapping[Any, Any] = {"server": [os.getpid()], "client": []}
    one, two = environment.take(pids), environment.take(pids)
    assert one == two
    assert one.facts["client"] is None
    server = one.facts["server"]
    assert server["program"].startswith("python")
    assert server["cpus"] == sorted(os.sched_getaffinity(0))
    assert server["own_network_namespace"] is False


def test_a_changed_setting_changes_the_environment(tmp_path: Path) -> None:
    before = environment.take({}, machine(tmp_path))
    after = environment.take({}, machine(tmp_path, **{GOVERNOR: "powersave", AUTOCORKING: "0"}))
    assert before.id != after.id
    assert environment.difference(before.facts, after.facts) == {
        "host.governor": (["performance"], ["powersave"]),
        "host.sysctls.net.ipv4.tcp_autocorking": ("1", "0"),
    }


def test_a_program_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    here = Path(shutil.which("sleep") or "")
    copy = tmp_path / "sleep"
    seen = []
    for more in (b"", b"\0", b""):
        copy.unlink(missing_ok=True)
        copy.write_bytes(here.read_bytes() + more)
        copy.chmod(0o755)
        with servant() as one:
            one.do(f"p = subprocess.Popen([{str(copy)!r}, '600']); answer = str(p.pid)")
            pid = int(one.do("pass"))
            seen.append(environment.take({"server": [pid]}).facts["server"]["program"])
            one.do("p.kill(); p.wait()")
    assert seen[0] == seen[2] != seen[1]


def test_a_library_loaded_later_is_no_difference() -> None:
    a = {"server": {"program": "x 1", "libraries": {"libc.so.6": "1"}}}
    b = {"server": {"program": "x 1", "libraries": {"libc.so.6": "1", "libnss.so.2": "2"}}}
    c = {"server": {"program": "x 1", "libraries": {"libc.so.6": "9"}}}
    assert environment.difference(a, b) == {}
    assert environment.difference(a, c) == {"server.libraries.libc.so.6": ("1", "9")}


# --- what it means for a run ----------------------------------------------------------------------

FACTS: dict[str, Any] = {
    "old": {"host": {"governor": ["performance"]}, "server": {"program": "s 1", "cpus": [0]}},
    "slow": {"host": {"governor": ["powersave"]}, "server": {"program": "s 1", "cpus": [0]}},
    "new": {"host": {"governor": ["performance"]}, "server": {"program": "s 2", "cpus": [0]}},
    "many": {"server": {"program": "s 1", "limits": {"Max open files": "1024"}}},
    "few": {"server": {"program": "s 1", "limits": {"Max open files": "64"}}},
}


def answer(tmp_path: Path, which: Any, sets: str = "load.socket.tcp_nodelay") -> Any:
    """The Answer of a run in which `which(row)` names each trial's environment."""
    from store_factory import EXPERIMENT

    def change(row: dict[str, Any]) -> None:
        row["environment"] = which(row)

    nodelay = {"set": sets, "values": [False, True]}
    experiment = {**EXPERIMENT, "factors": {**EXPERIMENT["factors"], "nodelay": nodelay}}
    store = make_store(tmp_path, change=change, experiment=experiment, histograms=False)
    with Store.open(store.path, write=True) as again:
        for name, facts in FACTS.items():
            again._append_event({"event": "environment", "id": name, "facts": facts})
    return report.answer(Store.open(store.path))


def codes(made: Any) -> list[str]:
    return [remark.code for remark in made.reasons]


def test_one_environment_confounds_nothing(tmp_path: Path) -> None:
    made = answer(tmp_path, lambda row: "old")
    assert codes(made) == []
    assert any(delta.comparison.verdict == "faster" for delta in made.deltas)


def test_a_setting_that_goes_with_the_arm(tmp_path: Path) -> None:
    made = answer(tmp_path, lambda row: "slow" if row["factor_nodelay"] else "old")
    assert {delta.comparison.verdict for delta in made.deltas} == {"cannot tell"}
    reason = made.deltas[0].comparison.reason
    assert reason.startswith('CONFOUNDED: host.governor ["performance"] -> ["powersave"]')
    assert "in 8 of 8 blocks" in reason
    assert codes(made) == ["confounded"]
    assert made.verdict == "DEGRADED"


def test_a_setting_that_changes_for_both_arms_between_blocks(tmp_path: Path) -> None:
    made = answer(tmp_path, lambda row: "slow" if row["block"] > 3 else "old")
    assert codes(made) == ["environment_changed"]
    assert any(delta.comparison.verdict == "faster" for delta in made.deltas)


@pytest.mark.parametrize(
    ("sets", "confounds"),
    [("targets.echo.command", False), ("target", False), ("targets.echo.cpus", True)],
)
def test_a_factor_explains_what_it_sets(tmp_path: Path, sets: str, confounds: bool) -> None:
    made = answer(tmp_path, lambda row: "new" if row["factor_nodelay"] else "old", sets)
    assert codes(made) == (["confounded"] if confounds else [])


@pytest.mark.parametrize(
    ("sets", "confounds"),
    [("targets.echo.descriptors_max", False), ("targets.echo.threads_max", True)],
)
def test_a_factor_explains_the_limit_that_it_sets(
    tmp_path: Path, sets: str, confounds: bool
) -> None:
    made = answer(tmp_path, lambda row: "few" if row["factor_nodelay"] else "many", sets)
    assert codes(made) == (["confounded"] if confounds else [])


def test_a_declared_program_that_changes_within_its_arm(tmp_path: Path) -> None:
    made = answer(
        tmp_path,
        lambda row: "new" if row["factor_nodelay"] and row["block"] > 3 else "old",
        "target",
    )
    assert codes(made) == ["confounded", "environment_changed"]
    assert "server.program s 1 -> s 2" in made.reasons[0].message


def test_runs_without_environments_pass(tmp_path: Path) -> None:
    store = make_store(tmp_path, histograms=False)
    around = environments(store.trials(), store.environments())
    assert around.of == {}
    comparisons = [delta.comparison for delta in report.answer(Store.open(store.path)).deltas]
    assert mark(comparisons, around, {}) == comparisons


# --- a real run -----------------------------------------------------------------------------------

REAL = """
schema: 1
name: swapped
question: Is a program that was replaced between the arms told?
targets:
  copy: {{command: [{program}, engine=epoll, protocol=echo, message_bytes=64, "port={{port}}"]}}
load: {{protocol: echo, connections: 2, deadline: 200ms}}
factors:
  nodelay: {{set: load.socket.tcp_nodelay, values: [false, true]}}
compare: [{{factor: nodelay, baseline: false, metrics: [latency_ns_p50]}}]
repeat: {{starts: 6, warmup: 0, window: 100ms}}
probes: [rusage]
"""


class Replacer:
    """A Progress that puts another program in place for the arm with nodelay."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._bytes = Path(native.program("zyphos-serve")).read_bytes()

    def started(self, store: Store, plan: Plan, finished: int) -> None:
        return

    def extended(self, added: Sequence[Planned], schedule: Schedule) -> None:
        return

    def said(self, note: Note) -> None:
        return

    def trial_begins(self, planned: Planned) -> None:
        self._program.unlink(missing_ok=True)
        self._program.write_bytes(self._bytes + b"\0" * bool(planned.cell.factors["nodelay"]))
        self._program.chmod(0o755)

    def trial_ended(self, planned: Planned, record: Record) -> None:
        return

    def stopped(self) -> None:
        return


@pytest.mark.usefixtures("quiet_machine")
def test_a_program_replaced_between_the_arms_is_confounded(tmp_path: Path) -> None:
    program = tmp_path / "server"
    experiment = spec.loads(REAL.format(program=program))
    store = runner.execute(runner.begin(experiment, tmp_path / "results"), Replacer(program))
    assert len(store.environments()) == 2
    assert {row["environment"] for row in store.rows()} == store.environments().keys()
    [delta] = report.answer(store).deltas
    assert delta.comparison.verdict == "cannot tell"
    assert delta.comparison.reason.startswith("CONFOUNDED: server.program server ")


SYSCTL = """
import fcntl, socket, struct, sys
from pathlib import Path
import machine
from test_environment import LOOPBACK, Replacer
from zyphos_lab import report, runner, spec, trial

trial._against = machine.quiet(trial._against)

class Corker(Replacer):
    def __init__(self):
        pass

    def trial_begins(self, planned):
        Path("/proc/sys/net/ipv4/tcp_autocorking").write_text(
            str(int(planned.cell.factors["nodelay"]))
        )

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
run = runner.begin(spec.loads(LOOPBACK), Path(sys.argv[1]))
[delta] = report.answer(runner.execute(run, Corker())).deltas
print(delta.comparison.reason)
"""
LOOPBACK = REAL.replace(
    '{{command: [{program}, engine=epoll, protocol=echo, message_bytes=64, "port={{port}}"]}}',
    "{{engine: epoll, protocol: echo}}",
).format()


def test_a_sysctl_changed_between_the_arms_is_confounded(tmp_path: Path) -> None:
    """In a network namespace of its own: nobody else's setting is touched."""
    apart = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("no user or network namespace may be made here")
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [*apart, sys.executable, "-c", SYSCTL, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    changed = "CONFOUNDED: host.sysctls.net.ipv4.tcp_autocorking 0 -> 1 (baseline -> arm)"
    assert done.stdout.startswith(f"{changed} in ")
