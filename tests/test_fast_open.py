"""TCP Fast Open and busy polling: what the file may say, and that the kernel does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from linking import needs
from running import refused
from spec_samples import ECHO
from test_links_runs import run
from zyphos_lab import plan_notes, spec
from zyphos_lab.errors import SpecError
from zyphos_lab.spec import socket_rules

SYSCTL = "{both: {net.ipv4.tcp_fastopen: 3}}"
EXPERIMENT = f"""
schema: 1
name: demo
question: Does a request go with the SYN?
targets: {{echo: {{engine: epoll, protocol: echo, socket: {{tcp_fastopen: 64}}}}}}
load: {{protocol: echo, connections: 2, requests_per_connection: 1, deadline: 5s}}
link: {{kind: veth, sysctl: {SYSCTL}}}
factors: {{fast_open: {{set: load.socket.tcp_fastopen_connect, values: [false, true]}}}}
repeat: {{starts: 1, warmup: 100ms, window: 300ms}}
"""


def sample(target: str = "{}", load: str = "{}", link: str = "{kind: loopback}") -> str:
    text = ECHO.replace("engine: epoll", f"engine: epoll, socket: {target}", 1)
    text = text.replace("socket: {tcp_congestion: cubic}", f"socket: {load}", 1)
    text = text.replace("set: targets.*.socket.tcp_quickack", "set: load.socket.tcp_quickack", 1)
    return text.replace("link: {kind: loopback}", f"link: {link}", 1)


ON, CONNECT = "{tcp_fastopen: 64}", "{tcp_fastopen_connect: true}"


@pytest.mark.parametrize(
    ("target", "load", "link", "complaint"),
    [
        ("{}", "{tcp_fastopen: 9}", "{kind: loopback}",
         "`tcp_fastopen` is the length of a listening socket's queue"),
        (CONNECT, "{}", "{kind: loopback}", "`tcp_fastopen_connect` is for who connects"),
        (ON, "{}", "{kind: veth}",
         "`tcp_fastopen` needs bit 2 of net.ipv4.tcp_fastopen, which is 1 there"),
        ("{}", CONNECT, "{kind: veth, sysctl: {client: {net.ipv4.tcp_fastopen: 2}}}",
         "`tcp_fastopen_connect` needs bit 1 of net.ipv4.tcp_fastopen, which is 2 there"),
        ("{tcp_fastopen: 0}", "{}", "{kind: loopback}", "`targets.echo.socket.tcp_fastopen`"),
        ("{so_busy_poll_budget: 70000}", "{}", "{kind: loopback}", "so_busy_poll_budget"),
    ],
)  # fmt: skip
def test_what_cannot_be_has_its_line(target: str, load: str, link: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(sample(target, load, link))
    assert complaint in str(caught.value)


def test_it_reaches_the_programs() -> None:
    text = sample(ON, "{tcp_fastopen_connect: true, so_busy_poll: 50, so_prefer_busy_poll: true}")
    experiment = spec.loads(text)
    cell = experiment.cells[0]
    assert isinstance(cell.target, spec.EngineTarget)
    assert "socket.tcp_fastopen=64" in spec.serve_words(cell.target)
    words = spec.load_words(cell.load, experiment.repeat, address="::1", port=9, seed=7)
    asked = {"fastopen_connect=true", "busy_poll=50", "prefer_busy_poll=true"}
    assert {word for word in words if word.partition("_")[2] in asked} == {
        "socket.tcp_fastopen_connect=true",
        "socket.so_busy_poll=50",
        "socket.so_prefer_busy_poll=true",
    }


@pytest.mark.parametrize(
    ("setting", "roles"),
    [("0", ["server", "client"]), ("1", ["server"]), ("2", ["client"]), ("3", []), ("gone", [])],
)
def test_a_machine_that_does_not_allow_it_is_told_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, roles: list[str]
) -> None:
    """It is read, never written."""
    own = tmp_path / "tcp_fastopen"
    if setting != "gone":
        own.write_text(f"{setting}\n")
        own.chmod(0o400)
    monkeypatch.setattr(plan_notes, "FAST_OPEN", own)
    found = list(plan_notes._fast_open_notes(spec.loads(sample(ON, CONNECT)).cells))
    assert all(note.code == "no_fast_open" and not note.refuses for note in found)
    told = [note.message for note in found]
    assert [role for text in told for role in ("server", "client") if f"of the {role}" in text] == (
        roles
    )
    assert all(f"{socket_rules.FAST_OPEN} is {setting} on this machine" in text for text in told)


@pytest.mark.native
@pytest.mark.parametrize(
    ("program", "word"),
    [
        ("zyphos-serve", "socket.tcp_fastopen_connect=true"),
        ("zyphos-load", "socket.tcp_fastopen=4"),
    ],
)
def test_the_programs_know_their_own_side_alone(program: str, word: str) -> None:
    code, _, told = refused(program, word)
    assert code == 2 and "unknown" in told


@needs("veth")
@pytest.mark.native
@pytest.mark.core
def test_requests_go_with_the_syn(tmp_path: Path) -> None:
    """Every connection but the first of all, which asks for the cookie, comes with its request.

    Connections and those with data are counted by the kernel in one reading: on a busy machine
    that is late, and the load's own count is of another window.
    """
    done, store = run(tmp_path, EXPERIMENT)
    assert done.returncode in (0, 5), done.stderr
    rows = {row["cell"]: row for row in store.rows() if row["stage"] == "measure"}
    assert set(rows) == {"fast_open=false", "fast_open=true"}
    for row in rows.values():
        assert row["requests_done"] > 0 and row["requests_failed"] == 0
    plain, fast = rows["fast_open=false"], rows["fast_open=true"]
    assert plain["net_tcp_fastopen_passive"] == plain["net_tcp_fastopen_active"] == 0
    assert plain["net_tcp_passive_opens"] > 0
    assert fast["net_tcp_passive_opens"] > 0
    assert fast["net_tcp_fastopen_passive"] >= 0.9 * fast["net_tcp_passive_opens"]
    assert fast["net_tcp_fastopen_active"] >= 0.9 * fast["net_tcp_active_opens"]
    assert fast["net_tcp_fastopen_active_failed"] == fast["net_tcp_fastopen_overflows"] == 0
