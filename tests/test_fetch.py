"""The fetcher, zyphos-fetch: against our own server and nginx, over real TLS of each kind; what
fails is told apart. No speed is asserted: what is, is which phases there are and that they add up.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import END_SECONDS, refused, served
from test_dns import serving
from zyphos_lab.native import program
from zyphos_lab.probes.native import core
from zyphos_lab.record import load_columns
from zyphos_lab.targets import certificate

pytestmark = [pytest.mark.native, pytest.mark.core]

HOST = "www.zyphos.test"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="no nginx on this machine (apt: nginx-light)")
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl (apt: openssl)")
PARTS = ("dns_ns", "connect_ns", "tls_ns", "request_ns", "wait_ns", "transfer_ns")
SHORT = ("warmup_ns=0", "window_ns=100000000")
CONFIG = """
daemon off; worker_processes 1; pid DIR/pid; error_log stderr; events { worker_connections 256; }
http {
  access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f;
  uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  ssl_certificate DIR/certificate.pem; ssl_certificate_key DIR/key.pem;
  ssl_protocols PROTOCOLS; ssl_session_cache builtin:1000; ssl_early_data EARLY;
  server { listen 127.0.0.1:PORT ssl; location / { return 200 "hello"; } }
}
"""


def fetched(*words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and events by name of a run that ends by itself."""
    done = subprocess.run(
        [program("zyphos-fetch"), f"name={HOST}", *words],
        capture_output=True, text=True, timeout=END_SECONDS,
    )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {event["event"]: event for event in events}


def histograms(result: dict[str, Any]) -> dict[str, Any]:
    decode = core().Histogram.decode
    return {name: decode(base64.b64decode(text)) for name, text in result["histograms"].items()}


@contextlib.contextmanager
def world(*words: str) -> Iterator[tuple[str, ...]]:
    """Our own server and a name server that knows it: the words to fetch from it."""
    names = serving(f"record.{HOST}=127.0.0.1")
    with served("protocol=http1", *words) as server, names as (_, port):
        yield f"port={server.port}", f"resolver.port={port}", *SHORT


def test_each_phase_of_a_cold_fetch_has_its_time() -> None:
    with world("response_bytes=100000") as words:
        code, events = fetched(*words, "check.body_bytes=100000")
    result = events["result"]
    assert code == 0 and list(events) == ["connected", "window", "result"]
    assert result["requests_failed"] == 0 and not result["errors"]
    found = histograms(result)
    assert {found[name].count for name in PARTS} == {result["requests_done"]}
    assert all(found[name].min > 0 for name in PARTS if name != "tls_ns")
    assert found["tls_ns"].max == 0
    parts = sum(found[name].mean for name in PARTS)
    assert abs(parts / found["latency_ns"].mean - 1) < 0.01
    before = sum(found[name].mean for name in PARTS[:-1])
    assert abs(before / found["first_byte_ns"].mean - 1) < 0.01
    row, skipped, reasons = load_columns(result)
    assert row["first_byte_ns_p50"] > 0 and row["dns_ns_p99"] > 0
    assert not reasons and "dns_ns" not in skipped


def test_what_is_warm_takes_no_time() -> None:
    with world() as words:
        _, cached = fetched(*words, "dns=cached")
        _, reused = fetched(*words, "connection=reuse")
    found = histograms(cached["result"])
    # Looking into what is kept takes less than any datagram.
    assert found["dns_ns"].quantile(0.5) < 20_000 and found["connect_ns"].min > 0
    found = histograms(reused["result"])
    assert [found[name].max for name in PARTS[:3]] == [0, 0, 0]
    assert found["wait_ns"].min > 0 and reused["result"]["requests_failed"] == 0


def test_an_answer_that_is_not_kept_is_asked_for_again() -> None:
    names = serving(f"record.{HOST}=127.0.0.1", "ttl_s=0", "delay_ns=2000000")
    with served("protocol=http1") as server, names as (_, port):
        words = f"port={server.port}", f"resolver.port={port}", *SHORT
        _, events = fetched(*words, "dns=cached")
    assert histograms(events["result"])["dns_ns"].min >= 2_000_000


@contextlib.contextmanager
def nginx(folder: Path, protocols: str = "TLSv1.2 TLSv1.3", early: str = "on") -> Iterator[int]:
    certificate.write(folder, HOST)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = CONFIG.replace("DIR", str(folder)).replace("PORT", str(port))
    text = text.replace("PROTOCOLS", protocols).replace("EARLY", early)
    (folder / "n.conf").write_text(text)
    command = [str(NGINX), "-e", "stderr", "-p", str(folder), "-c", str(folder / "n.conf")]
    with subprocess.Popen(command) as process:
        try:
            give_up = time.monotonic() + END_SECONDS
            while not listening(port):
                assert process.poll() is None and time.monotonic() < give_up
            yield port
        finally:
            process.terminate()


def listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@needs_nginx
@needs_openssl
@pytest.mark.parametrize(
    ("kind", "before_the_answer"),
    [
        (("tls=1.2",), True),
        (("tls=1.2", "session=resumed"), True),
        (("tls=1.3",), True),
        (("tls=1.3", "session=resumed"), True),
        (("tls=1.3", "session=early_data"), False),
        (("tls=1.3", "connection=reuse", "dns=cached"), True),
        (("tls=1.3", "session=early_data", "connection=reuse"), True),
    ],
)
def test_tls_of_each_kind(kind: tuple[str, ...], before_the_answer: bool, tmp_path: Path) -> None:
    with nginx(tmp_path) as port, serving(f"record.{HOST}=127.0.0.1") as (_, names):
        authority = f"authority={tmp_path / certificate.AUTHORITY}"
        words = f"port={port}", f"resolver.port={names}", authority, *SHORT
        code, events = fetched(*words, *kind, "check.body_bytes=5")
    result = events["result"]
    assert code == 0 and result["requests_done"] > 0
    assert result["requests_failed"] == 0 and not result["errors"]
    found = histograms(result)
    if "connection=reuse" in kind:
        assert found["tls_ns"].max == 0
    else:
        assert found["tls_ns"].min > 0
        assert (found["request_ns"].max > 0) is before_the_answer  # early data went before


@needs_nginx
@needs_openssl
@pytest.mark.parametrize(
    ("server", "kind", "errc"),
    [
        ({"early": "off"}, ("tls=1.3", "session=early_data"), "wrong_tls"),
        ({"protocols": "TLSv1.2"}, ("tls=1.3",), "tls_failed"),
        ({}, ("tls=1.3", "name=other.test"), "tls_failed"),  # the certificate is not for it
    ],
)
def test_tls_of_another_kind_is_a_failure(
    server: dict[str, str], kind: tuple[str, ...], errc: str, tmp_path: Path
) -> None:
    records = f"record.{HOST}=127.0.0.1", "record.other.test=127.0.0.1"
    with nginx(tmp_path, **server) as port, serving(*records) as (_, names):
        authority = f"authority={tmp_path / certificate.AUTHORITY}"
        code, events = fetched(f"port={port}", f"resolver.port={names}", authority, *SHORT, *kind)
    assert code == 1 and list(events) == ["error"]
    assert events["error"]["errc"] == errc, events


@needs_nginx
@needs_openssl
def test_a_stranger_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificate.write(tmp_path / "other", HOST)
    with nginx(tmp_path) as port, serving(f"record.{HOST}=127.0.0.1") as (_, names):
        authority = f"authority={tmp_path / 'other' / certificate.AUTHORITY}"
        words = f"port={port}", f"resolver.port={names}", authority, "tls=1.3", *SHORT
        code, events = fetched(*words)
    assert code == 1 and events["error"]["errc"] == "tls_failed"


def test_what_fails_is_told_apart() -> None:
    with world() as (port, names, *_):
        for words, errc in (
            ((port, names, "name=other.test"), "no_address"),
            ((port, names, "check.status=204"), "wrong_status"),
            ((port, names, "check.body_bytes=9"), "wrong_body"),
            (("port=1", names), "connect_refused"),
            ((port, "resolver.port=1"), "connect_refused"),
        ):
            code, events = fetched(*words, *SHORT)
            assert code == 1 and events["error"]["errc"] == errc, (words, events)


def test_a_name_server_that_says_nothing_is_asked_again() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        words = f"resolver.port={silent.getsockname()[1]}", "resolver.timeout_ns=20000000"
        code, events = fetched("port=1", *words)
        assert code == 1 and events["error"]["errc"] == "dns_timeout"
        silent.settimeout(END_SECONDS)
        assert len({silent.recv(512)[2:] for _ in range(3)}) == 1  # one question, three times


def test_interrupted_it_says_what_it_has() -> None:
    with world() as words:
        command = [program("zyphos-fetch"), f"name={HOST}", *words, "window_ns=60000000000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["event"] == "connected"
            assert json.loads(process.stdout.readline())["event"] == "window"
            process.send_signal(signal.SIGTERM)
            result = json.loads(process.stdout.readline())
            assert process.wait(END_SECONDS) == 128 + signal.SIGTERM
    assert result["event"] == "result" and result["interrupted"]
    assert 0 <= result["window_ns"] < 60_000_000_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name= is missing"),
        (("name=a..b",), "not a host name"),
        (("name=a", "path=x"), "must begin with /"),
        (("name=a", "session=resumed"), "without TLS there is none"),
        (("name=a", "tls=1.2", "session=early_data"), "needs tls=1.3"),
        (("name=a", "tls=1.3"), "needs authority=FILE"),
        (("name=a", "tls=1.1"), "must be one of none 1.2 1.3"),
        (("name=a", "resolver.address=x"), "resolver.address: not an IPv4"),
    ],
)
def test_what_it_does_not_take(words: tuple[str, ...], said: str) -> None:
    code, out, error = refused("zyphos-fetch", *words)
    assert (code, out) == (2, "") and said in error and error.count("\n") == 1


def test_an_authority_that_is_no_file(tmp_path: Path) -> None:
    authority = f"authority={tmp_path / 'none.pem'}"
    code, out, error = refused("zyphos-fetch", "name=a", "tls=1.3", authority)
    assert code == 1 and authority in error and json.loads(out)["errc"] == "system"
