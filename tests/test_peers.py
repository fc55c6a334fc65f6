"""Other people's servers as experiments/engines/peers.yaml has them: each answers what ours answer,
and one that this machine has not costs its own cells alone. Nothing here measures."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from zyphos_lab import plan, spec, targets
from zyphos_lab.child import Children
from zyphos_lab.errors import LabError, TargetError
from zyphos_lab.record import NOT_HERE
from zyphos_lab.spec import CommandTarget
from zyphos_lab.store import Store
from zyphos_lab.targets.missing import path_of, present

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "experiments" / "engines"
EXPERIMENT = spec.load(FOLDER / "peers.yaml")
TARGETS: dict[str, Any] = {cell.target_name: cell.target for cell in EXPERIMENT.cells}
PEERS = [name for name, target in TARGETS.items() if isinstance(target, CommandTarget)]
OWN = ["asio", "libuv"]
GET = b"GET / HTTP/1.1\r\nHost: peer\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
BODY = b"Hello, world!"
END_SECONDS = 60


@contextmanager
def served(name: str, folder: Path) -> Iterator[Any]:
    """The target as the experiment has it, on any core; a skip with the reason where it is not."""
    target = TARGETS[name].model_copy(update={"cpus": ()})
    try:
        present(target)
    except TargetError as error:
        pytest.skip(str(error))
    running = targets.make(name, target, Children(folder)).start()
    try:
        yield running
    finally:
        assert running.stop() is False


def connected(running: Any) -> socket.socket:
    return socket.create_connection((running.address, running.port), timeout=END_SECONDS)


def until_end(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answers(told: bytes) -> list[bytes]:
    """The bodies, by their lengths; every status is 200."""
    bodies = []
    while told:
        head, _, rest = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        [length] = re.findall(rb"(?im)^content-length: (\d+)\r?$", head)
        bodies.append(rest[: int(length)])
        told = rest[int(length) :]
    return bodies


@pytest.mark.native
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_on_kept_connections_and_in_order(name: str, tmp_path: Path) -> None:
    with served(name, tmp_path) as running, connected(running) as one, connected(running) as two:
        for connection in (one, two):  # both at once: one worker has room for them
            connection.sendall(GET * 16)
        for connection in (one, two):
            connection.sendall(GET * 15 + LAST)
            assert answers(until_end(connection)) == [BODY] * 32
        assert len(running.pids()) <= 2  # a worker, and nginx's master


@pytest.mark.native
@pytest.mark.parametrize("name", OWN)
def test_a_peer_of_ours_takes_a_request_in_pieces(name: str, tmp_path: Path) -> None:
    with served(name, tmp_path) as running, connected(running) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(GET)):
            connection.sendall(GET[at : at + 1])
        connection.sendall(b"nonsense\r\n\r\n" + GET)
        told = until_end(connection)
        assert told.startswith(b"HTTP/1.1 200 ") and told.count(BODY) == 1
        assert b"HTTP/1.1 400 Bad Request" in told


@pytest.mark.native
@pytest.mark.parametrize("name", OWN)
def test_a_peer_of_ours_waits_for_who_does_not_read(name: str, tmp_path: Path) -> None:
    """More requests than the sockets between them hold, and nobody reads the answers at first."""
    count = 500_000
    with served(name, tmp_path) as running, socket.socket() as connection:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, 1 << 16)
        connection.connect((running.address, running.port))
        asked = memoryview(GET * count + LAST)
        rest = asked[_taken(connection, asked) :]
        assert rest, "it took all, and answered nobody"
        told = _exchanged(connection, rest)
        assert told.count(b"HTTP/1.1 200 OK\r\n") == told.count(BODY) == count + 1


def _taken(connection: socket.socket, asked: memoryview) -> int:
    """How many bytes go out until the peer takes no more for a second."""
    sent = 0
    connection.settimeout(1.0)
    with suppress(TimeoutError):
        while sent < len(asked):
            sent += connection.send(asked[sent : sent + (1 << 16)])
    return sent


def _exchanged(connection: socket.socket, rest: memoryview) -> bytes:
    """Sends the rest and reads meanwhile, until the peer closes."""
    connection.setblocking(False)
    parts: list[bytes] = []
    while True:
        wanted = [connection] if rest else []
        readable, writable, _ = select.select([connection], wanted, [], END_SECONDS)
        assert readable or writable
        if writable:
            rest = rest[connection.send(rest[: 1 << 16]) :]
        if readable:
            part = connection.recv(1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)


@pytest.mark.native
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "usage: zyphos-peer-"),
        (["127.0.0.1", "80x"], 2, "usage: zyphos-peer-"),
        (["nowhere", "0"], 1, "zyphos-peer-"),
    ],
)
def test_a_peer_of_ours_says_why_it_does_not_start(
    name: str, words: list[str], code: int, said: str
) -> None:
    try:
        path = path_of(TARGETS[name].command[0])
    except LabError as error:
        pytest.skip(str(error))
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=END_SECONDS)
    assert done.returncode == code and done.stderr.startswith(said), done
    assert done.stderr.count("\n") == 1 and not done.stdout


# --- a peer that is not there --------------------------------------------------------------------

SMALL = """
schema: 1
name: absent
question: Who is there?
targets:
  here: {command: [PYTHON, -m, http.server, "{port}", --bind, "{address}"], ready: {http: /}}
  away: {command: [zyphos-peer-nobody, "{port}"], package: libnobody-dev}
load: {protocol: http1, connections: 1, check: {status: 200}, arrival: {law: constant, rate: 20/s}}
repeat: {starts: 1, warmup: 0s, window: 300ms}
probes: []
factors: {server: {set: target, values: [here, away]}}
""".replace("PYTHON", sys.executable)


def test_who_is_missing_is_said_before_the_run() -> None:
    notes = {note.code: note.message for note in plan.make(spec.loads(SMALL)).notes}
    assert notes["target_missing"] == (
        "program zyphos-peer-nobody is not on this machine (apt-get install "
        "libnobody-dev, then `make build`): its cells are skipped"
    )


@pytest.mark.parametrize(
    ("command", "package", "missing"),
    [
        ("no-such-server", "no-such-server", True),
        ("/nowhere/server", "server", True),
        ("sh", "dash", False),
        (shutil.which("sh"), "dash", False),
        ("no-such-server", None, False),  # it has to be there: its start will say so
    ],
)
def test_only_what_has_a_package_may_be_missing(
    command: str, package: str | None, missing: bool
) -> None:
    target = CommandTarget(command=(command, "{port}"), package=package)
    if not missing:
        present(target)
        return
    with pytest.raises(TargetError, match=f"program {command} is not on this machine") as caught:
        present(target)
    assert caught.value.hint == f"apt-get install {package}"


def test_the_record_says_which_versions_were_measured() -> None:
    cells = spec.loads(SMALL).cells
    assert targets.packages(cells) == {"libnobody-dev": None}
    assert targets.packages([cell for cell in cells if cell.target_name == "here"]) == {}
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg-query on this machine")
    known = spec.loads(SMALL.replace("libnobody-dev", "dpkg")).cells
    version = targets.packages(known)["dpkg"]
    assert version is not None and re.match(r"\d+\.", version)


@pytest.mark.native
@pytest.mark.core
def test_who_is_missing_costs_his_own_cells_alone(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SMALL)
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "x.yaml", "--no-notebook"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*command, "--no-report"], cwd=tmp_path, env=env, capture_output=True, text=True,
        timeout=END_SECONDS,
    )  # fmt: skip
    [folder] = (tmp_path / "results/absent").iterdir()
    store = Store.open(folder)
    assert store.manifest["packages"] == {"libnobody-dev": None}
    rows = {row["target"]: row for row in store.rows()}
    assert [one["code"] for one in rows["away"]["reasons"]] == ["target_missing"]
    assert "target_missing" in NOT_HERE and rows["away"]["requests_done"] is None
    assert rows["here"]["requests_done"] > 0
    assert done.returncode == (5 if rows["here"]["verdict"] == "INVALID" else 0), done.stderr
    assert done.stderr.count("zyphos-peer-nobody is not on this machine") >= 1


# --- what the experiments ask --------------------------------------------------------------------


def test_every_server_has_one_worker_on_the_same_core_and_the_load_the_other() -> None:
    for cell in EXPERIMENT.cells:
        target: Any = cell.target
        assert tuple(target.cpus) == (0,) and tuple(cell.load.cpus) == (1,), cell.id
        assert cell.load.check is not None and cell.load.check.body_bytes == len(BODY)


def test_the_share_is_of_what_nginx_can_do() -> None:
    latency = spec.load(FOLDER / "latency_at_70.yaml")
    assert latency.searched is not None
    assert set(latency.searched.shares.values()) == {"server=nginx"}
    assert {cell.load.arrival.offered for cell in latency.cells} == {0.7}


def test_servers_mean_the_same_nginx_in_both() -> None:
    latency = spec.load(FOLDER / "latency_at_70.yaml")
    assert TARGETS["nginx"] in [cell.target for cell in latency.cells]
