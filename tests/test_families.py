"""IPv4, IPv6 and both: what the file says, what the programs are told, and whole runs."""

from __future__ import annotations

import http.client
from pathlib import Path

import pandas as pd
import pytest

from linking import needs
from running import load, refused, served
from spec_samples import ECHO, HTTP
from test_links_runs import run
from zyphos_lab import _core, links, spec
from zyphos_lab.child import Children
from zyphos_lab.errors import SpecError
from zyphos_lab.links import LinkMissingError, ability
from zyphos_lab.links.base import HERE, Ends
from zyphos_lab.report import link_text
from zyphos_lab.spec import families
from zyphos_lab.targets import make

NO_IPV6 = ability.no_ipv6_here()[0]
ipv6 = pytest.mark.skipif(bool(NO_IPV6), reason=f"no IPv6 here: {NO_IPV6}")
ENGINES = ["sequential", "thread", "pool", "select", "poll", "epoll", "coroutine", "uring"]

EXPERIMENT = """
schema: 1
name: demo
question: Which way?
targets: {echo: {engine: epoll, protocol: echo, family: dual}}
load: {protocol: echo, connections: 2, deadline: 5s}
factors: {way: {set: load.family, values: [ipv4, ipv6]}}
repeat: {starts: 1, warmup: 0s, window: 300ms}
probes: [syscalls, tcp_info]
"""


def sample(target: str = "", load: str = "", link: str = "kind: loopback") -> str:
    text = ECHO.replace("engine: epoll", f"engine: epoll{target}", 1)
    text = text.replace("  connections: 4", f"  connections: 4{load}", 1)
    return text.replace("kind: loopback", link, 1)


def said(text: str) -> tuple[str, str]:
    cell = spec.loads(text).cells[0]
    assert isinstance(cell.target, spec.EngineTarget)
    return (
        families.listens(cell.target, cell.link),
        families.connects(cell.load, cell.target, cell.link),
    )


@pytest.mark.parametrize(
    ("target", "load", "link", "found"),
    [
        ("", "", "kind: loopback", ("ipv4", "ipv4")),
        (", family: ipv6", "", "kind: loopback", ("ipv6", "ipv6")),
        (', address: "::1"', "", "kind: loopback", ("ipv6", "ipv6")),
        (', address: "::"', "", "kind: loopback", ("dual", "ipv6")),
        (", family: dual", "", "kind: loopback", ("dual", "ipv6")),
        (", family: dual", "\n  family: ipv4", "kind: loopback", ("dual", "ipv4")),
        ("", "", "kind: veth, family: ipv6", ("ipv6", "ipv6")),
        (", family: dual", "", "kind: veth", ("dual", "ipv4")),
        (", family: dual", "\n  family: ipv6", "kind: tun, family: ipv6", ("dual", "ipv6")),
    ],
)
def test_what_is_not_said_follows(
    target: str, load: str, link: str, found: tuple[str, str]
) -> None:
    assert said(sample(target, load, link)) == found


@pytest.mark.parametrize(
    ("target", "load", "link", "complaint"),
    [
        (", family: ipv5", "", "kind: loopback", "`targets.echo.family`"),
        ("", "\n  family: dual", "kind: loopback", "`load.family`"),
        (", family: ipv6, address: 127.0.0.1", "", "kind: loopback",
         "`address: 127.0.0.1` is not of `family: ipv6`"),
        (', family: dual, address: "::1"', "", "kind: loopback",
         "a socket for both families binds `::`, not ::1"),
        ("", "\n  family: ipv6", "kind: loopback",
         "the load connects by ipv6, the target `echo` listens on ipv4"),
        (", family: ipv4", "", "kind: veth, family: ipv6",
         "the target listens on ipv4, the link is `family: ipv6`"),
        ("", "\n  family: ipv6", "kind: veth",
         "the load connects by ipv6, the link is `family: ipv4`"),
    ],
)  # fmt: skip
def test_contradictions_have_their_line(target: str, load: str, link: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(sample(target, load, link))
    assert complaint in str(caught.value)


def test_a_running_server_s_address_says_it() -> None:
    text = HTTP.replace(
        "{engine: epoll, protocol: http1}", '{attach: {port: 1, pid: 1, address: "::1"}}'
    )
    cell = spec.loads(text).cells[0]
    assert isinstance(cell.target, spec.AttachTarget)
    assert families.listens(cell.target, cell.link) == "ipv6"


@pytest.mark.parametrize(
    ("family", "words"),
    [
        (None, ["address=127.0.0.1"]),
        ("ipv4", ["address=127.0.0.1", "family=ipv4"]),
        ("ipv6", ["address=::1", "family=ipv6"]),
        ("dual", ["address=::", "family=dual"]),
    ],
)
def test_a_family_is_an_address(family: families.Listens | None, words: list[str]) -> None:
    target = spec.EngineTarget(engine="epoll", protocol="echo", family=family)
    found = [one for one in spec.serve_words(target) if one.startswith(("address", "family"))]
    assert found == words


def test_all_addresses_of_this_machine_are_for_itself_alone(tmp_path: Path) -> None:
    """Bound in a namespace of the run they are the link's, and no interface is named."""
    target = spec.EngineTarget(engine="epoll", protocol="echo", family="dual")
    words = {}
    for ends in (HERE, Ends("/run/netns/x", "/run/netns/y", "198.18.0.2", "198.18.0.1")):
        made = make("echo", target, Children(tmp_path), ends)
        words[ends.server] = [one for one in vars(made)["_words"] if one.startswith(("add", "dev"))]
    assert words == {None: ["address=::", "device=lo"], "/run/netns/x": ["address=::"]}
    plain = spec.EngineTarget(engine="epoll", protocol="echo", address="0.0.0.0")
    assert "device=lo" in vars(make("echo", plain, Children(tmp_path), HERE))["_words"]
    own = spec.EngineTarget(engine="epoll", protocol="echo")
    assert "device=lo" not in vars(make("echo", own, Children(tmp_path), HERE))["_words"]


@pytest.mark.parametrize(
    ("address", "family", "over_link", "place"),
    [
        ("127.0.0.1", None, None, "127.0.0.1"),
        ("::", None, None, "::1"),
        ("0.0.0.0", None, None, "127.0.0.1"),
        ("::", "ipv4", None, "127.0.0.1"),
        ("::", "ipv4", "198.18.0.2", "198.18.0.2"),
        ("fd00::2", None, "fd00::2", "fd00::2"),
    ],
)
def test_a_load_connects_to_what_there_is(
    address: str, family: families.Family | None, over_link: str | None, place: str
) -> None:
    assert families.reached(address, family, over_link) == place


def test_a_machine_without_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = spec.loads(EXPERIMENT).cells
    (tmp_path / "table").write_text("fe80" + 28 * "0" + " 04 40 20 80 eth0\n", encoding="ascii")
    for name, why in (("none", "this kernel has no IPv6"), ("table", "has no IPv6 address")):
        monkeypatch.setattr(ability, "TABLE_OF_ADDRESSES", str(tmp_path / name))
        with pytest.raises(LinkMissingError, match=why):
            links.ipv6_present(cells[0])
        [(code, note)] = links.ipv6_notes(cells)
        assert code == "link_missing" and why in note and "\n" not in note
        links.ipv6_present(spec.loads(ECHO).cells[0])


def test_the_report_says_who_connected_how() -> None:
    rows = [
        {"cell": f"way={way}", "server_family": server, "client_family": way}
        for way, server in (("ipv4", "ipv4"), ("ipv6", "dual"))
    ]
    [told] = link_text.sentences(pd.DataFrame(rows))
    assert told == (
        "Loads connected by IPv4 to servers that listen on IPv4 (way=ipv4); "
        "IPv6 to servers that listen on both by one socket (way=ipv6)."
    )
    assert list(link_text.sentences(pd.DataFrame(rows[:1]))) == []


def asked(host: str, port: int) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request("GET", "/")
    content = connection.getresponse().read()
    connection.close()
    return content


@ipv6
@pytest.mark.native
@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_serves_both_families_by_one_socket(engine: str) -> None:
    able = _core.engines()[engine]
    if able is not True:
        pytest.skip(f"engine {engine}: {able}")
    with served(f"engine={engine}", "family=dual", "device=lo") as server:
        for host in ("127.0.0.1", "::1"):
            assert asked(host, server.port) == b"Hello, world!"


@ipv6
@pytest.mark.native
def test_a_load_connects_by_either() -> None:
    with served("engine=epoll", "protocol=echo", "family=dual", "device=lo") as server:
        for address in ("127.0.0.1", "::1"):
            words = ("warmup_ns=0", "window_ns=50000000", "connections=2", "protocol=echo")
            result = load(*words, f"address={address}", f"port={server.port}")
            assert result["requests_done"] > 0 and result["requests_failed"] == 0


@pytest.mark.native
@pytest.mark.parametrize("program", ["zyphos-serve", "zyphos-reference"])
def test_the_programs_refuse_contradictions_in_one_line(program: str) -> None:
    code, _, told = refused(program, "address=127.0.0.1", "family=ipv6")
    assert code in (1, 2)
    assert told.strip() == f"{program}: address=127.0.0.1 is not of family=ipv6"
    code, _, told = refused(program, "family=both")
    assert code == 2 and "must be one of ipv4 ipv6 dual" in told


@ipv6
@pytest.mark.native
@pytest.mark.core
def test_a_run_by_either_family_on_one_server(tmp_path: Path) -> None:
    done, store = run(tmp_path, EXPERIMENT)
    assert done.returncode in (0, 5), done.stderr
    rows = {row["cell"]: row for row in store.rows() if row["stage"] == "measure"}
    assert set(rows) == {"way=ipv4", "way=ipv6"}
    for cell, row in rows.items():
        assert (row["server_family"], row["client_family"]) == ("dual", cell.removeprefix("way="))
        assert row["requests_done"] > 0 and row["requests_failed"] == 0
        assert row["server_tcp_sockets"] == row["client_tcp_sockets"] == 2, row["skipped"]


@needs("veth")
@needs("ipv6")
@pytest.mark.native
@pytest.mark.core
def test_a_dual_server_over_links_of_either_family(tmp_path: Path) -> None:
    values = "{four: {kind: veth}, six: {kind: veth, family: ipv6}}"
    text = EXPERIMENT.replace(
        "set: load.family, values: [ipv4, ipv6]", f"set: link, values: {values}"
    )
    done, store = run(tmp_path, text)
    assert done.returncode in (0, 5), done.stderr
    found = {row["cell"]: row for row in store.rows() if row["stage"] == "measure"}
    assert {cell: row["client_family"] for cell, row in found.items()} == {
        "way=four": "ipv4",
        "way=six": "ipv6",
    }
    for row in found.values():
        assert row["server_family"] == "dual" and row["requests_done"] > 0
        assert row["server_tcp_sockets"] == row["client_tcp_sockets"] == 2, row["skipped"]
