"""A load whose connections come from several addresses: what the file may say, and the ports."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from running import Load, refused, served
from spec_samples import ECHO
from zyphos_lab import spec
from zyphos_lab.errors import SpecError

PORTS = 20
HERE = Path(__file__).parent


def sample(keys: str) -> str:
    return ECHO.replace("  connections: 4", f"  connections: 4\n  {keys}", 1)


def test_what_is_said_reaches_the_program() -> None:
    def words_of(keys: str) -> set[str]:
        experiment = spec.loads(sample(keys))
        load = experiment.cells[0].load
        return set(spec.load_words(load, experiment.repeat, address="127.0.0.1", port=9, seed=7))

    assert words_of("addresses: 3") - words_of("addresses: 1") == {"addresses=3"}


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("addresses: 0", "`load.addresses`"),
        ("addresses: 251", "`load.addresses`"),
        ("addresses: 5", "4 connections cannot come from 5 addresses"),
    ],
)
def test_what_cannot_be_has_its_line(keys: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.loads(sample(keys))
    assert complaint in str(caught.value)


def test_other_generators_have_none() -> None:
    with pytest.raises(SpecError, match="generator wrk knows no `addresses`"):
        spec.loads(sample("addresses: 2\n  generator: wrk"))


@pytest.mark.parametrize(
    ("link", "family", "complaint"),
    [
        ("{kind: veth}", "ipv4", "`addresses` are those of the loopback"),
        ("{kind: loopback}", "ipv6", "the loopback has one address of IPv6"),
    ],
)
def test_only_the_loopback_of_ipv4_has_several(link: str, family: str, complaint: str) -> None:
    text = sample("addresses: 2").replace("link: {kind: loopback}", f"link: {link}", 1)
    if family == "ipv6":
        text = text.replace("engine: epoll", "engine: epoll, family: ipv6", 1)
    with pytest.raises(SpecError) as caught:
        spec.loads(text)
    assert complaint in str(caught.value)


@pytest.mark.native
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("addresses=2", "address=::1"), "addresses are those of 127.0.0.0/8"),
        (("addresses=251",), "addresses must be at most 250"),
    ],
)
def test_the_program_refuses_in_one_line(words: tuple[str, ...], told: str) -> None:
    code, _, said = refused("zyphos-load", "port=1", *words)
    assert code == 2 and told in said and said.count("\n") == 1


def connect_from(addresses: int) -> None:
    """In a namespace of its own, whose clients have 20 ports: how many of 60 connections stand.

    The server's port is a fixed one: a free one would be one of the twenty.
    """
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ports = Path("/proc/sys/net/ipv4/ip_local_port_range")
    ports.write_text(f"40000 {40000 + PORTS - 1}\n", encoding="ascii")
    words = ["protocol=echo", "warmup_ns=0", "window_ns=50000000", "port=39000"]
    words += ["connections=60", f"addresses={addresses}"]
    with served("engine=epoll", "protocol=echo", "port=39000"), Load(*words) as running:
        print(running.event("connected")["connections"])


def inside(script: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "-n", sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=HERE)


@functools.cache
def no_namespace() -> str:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "no `unshare` or no `ip`"
    made = inside("")
    return "" if made.returncode == 0 else f"no namespace of its own: {made.stderr.strip()}"


@pytest.mark.native
@pytest.mark.parametrize(("addresses", "most"), [(1, PORTS), (3, 3 * PORTS)])
def test_each_address_has_the_ports_once_more(addresses: int, most: int) -> None:
    if why := no_namespace():
        pytest.skip(why)
    done = inside(f"import test_load_addresses as here; here.connect_from({addresses})")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == most
