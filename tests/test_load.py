"""zyphos-load against real servers: what it counts, what it refuses, and how it ends when they do.
No bound on time is tight: speed is shown by benches."""

import base64
import contextlib
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import Load, Served, load, refused, served, shared_board
from zyphos_lab import _core

pytestmark = pytest.mark.native

SHORT = ("warmup_ns=20000000", "window_ns=200000000")


def histogram(result: dict[str, Any], name: str) -> _core.Histogram:
    return _core.Histogram.decode(base64.b64decode(result["histograms"][name]))


def late(of: _core.Histogram, from_ns: int) -> int:
    lowest, _, count = of.to_arrays()
    return int(count[lowest >= from_ns].sum())


def adds_up(result: dict[str, Any]) -> None:
    """Each request of the cohort ended once, and the histograms hold just the good ones."""
    ended = (result[f"requests_{how}"] for how in ("done", "failed", "censored"))
    assert sum(ended) == result["requests_scheduled"]
    assert sum(result["errors"].values()) == result["requests_failed"]
    assert histogram(result, "latency_ns").count == result["requests_done"]
    assert histogram(result, "service_ns").count == result["requests_done"]
    assert histogram(result, "schedule_lag_ns").count == result["requests_sent"]
    unsent = result["requests_scheduled"] - result["requests_sent"]
    assert histogram(result, "schedule_lag_censored_ns").count == unsent
    assert sum(i["requests_done"] for i in result["intervals"]) == result["requests_done"]


@pytest.fixture(scope="module")
def hello() -> Iterator[Served]:
    with served("app=hello") as server:
        yield server


def test_closed(hello: Served) -> None:
    result = load(f"port={hello.port}", "connections=4", "pipeline=3", "threads=2", *SHORT)
    adds_up(result)
    assert result["requests_done"] > 100
    assert result["requests_failed"] == result["requests_censored"] == 0
    assert result["errors"] == result["connection_errors"] == {}
    assert (result["connections"], result["client_threads"]) == (4, 2)
    assert 0 < result["requests_in_flight_mean"] <= 12
    assert result["little_ratio"] == pytest.approx(1, abs=0.2)
    assert result["times_beyond_range"] == 0
    told = result["client_threads_run_delay_ns"] is not None
    assert told == os.path.exists("/proc/thread-self/schedstat")
    assert result["rate_asked_per_second"] is result["rate_ratio"] is result["arrivals_ks"] is None
    assert result["bytes_in"] > result["requests_done_in_window"] * 13
    assert result["client_cpu_ns"] > 0
    assert result["interrupted"] is False


def test_thinking_users_are_slower_than_the_server(hello: Served) -> None:
    think = "arrival.think_ns=20000000"
    result = load(f"port={hello.port}", "connections=4", think, *SHORT)
    adds_up(result)
    # 200 ms of 20 ms thinking each: 10 requests per user at most, and one that was under way.
    assert 0 < result["requests_done"] <= 4 * 11


@pytest.mark.parametrize("threads", [1, 3])
def test_constant_is_exact(hello: Served, threads: int) -> None:
    law = ("arrival.law=constant", "arrival.rate_per_second=5000")
    result = load(f"port={hello.port}", *law, f"threads={threads}", "interval_ns=50000000", *SHORT)
    adds_up(result)
    assert result["requests_scheduled"] == result["requests_done"] == 1000
    assert [i["requests_done"] for i in result["intervals"]] == [250] * 4
    assert result["rate_asked_per_second"] == 5000


def test_laws_with_a_place_for_each_request(hello: Served, tmp_path: Path) -> None:
    """Exactly as many as the law says, however many threads, and the distance is told."""
    listed = tmp_path / "arrivals.txt"
    listed.write_text("# seconds\n0.0\n0.001\n0.0015\n0.15\n")
    on_off = ["law=on-off", "rate_per_second=5000", "on_ns=20000000", "off_ns=20000000"]
    laws: dict[int, list[str]] = {
        1000: on_off,
        500: ["law=ramp", "from_per_second=1000", "to_per_second=4000"],
        4: ["law=trace", f"file={listed}"],
        7: ["law=trace", f"file={listed}", "period_ns=150000001"],
    }
    for expected, law in laws.items():
        words = [f"arrival.{word}" for word in law]
        result = load(f"port={hello.port}", *words, "threads=2", *SHORT)
        adds_up(result)
        assert result["requests_scheduled"] == expected, law
        assert result["requests_censored"] == 0
        assert 0 <= result["arrivals_ks"] <= 1


def test_sessions(hello: Served) -> None:
    law = ("law=partly-open", "rate_per_second=500", "requests_mean=4", "think_ns=1000000")
    words = [f"arrival.{word}" for word in law]
    result = load(f"port={hello.port}", *words, "connections=64", *SHORT)
    adds_up(result)
    assert result["rate_asked_per_second"] == 2000
    assert 100 < result["requests_done"] < 1000
    assert 0 < result["arrivals_ks"] < 0.5


def test_a_mix_by_weight_and_in_order(hello: Served) -> None:
    mix = ["request.0.path=/a", "request.0.weight=3", "request.1.path=/b", "request.1.method=POST",
           "request.1.body_bytes=100", "request.2.path=/c", "request.2.check.body=no"]  # fmt: skip
    law = ("arrival.law=constant", "arrival.rate_per_second=5000", "threads=2")
    result = load(f"port={hello.port}", *law, *mix, "header.X-All=1", *SHORT)
    adds_up(result)
    first, second, third = result["entries"]
    assert first["requests_failed"] == second["requests_failed"] == third["requests_done"] == 0
    assert first["requests_done"] + second["requests_done"] + third["requests_failed"] == 1000
    assert first["requests_done"] == pytest.approx(600, abs=80)
    assert second["requests_done"] == pytest.approx(200, abs=65)
    assert result["errors"] == {"wrong_body": third["requests_failed"]}
    ordered = load(f"port={hello.port}", *law, *mix, "order=sequential", *SHORT)
    ends = [entry["requests_done"] + entry["requests_failed"] for entry in ordered["entries"]]
    assert sorted(ends) == [333, 333, 334]


def test_a_bad_trace_names_its_line(tmp_path: Path) -> None:
    listed = tmp_path / "arrivals.txt"
    listed.write_text("0\n5\n3\n")
    code, out, err = refused("zyphos-load", "port=1", "arrival.law=trace", f"arrival.file={listed}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{listed}:3: `3` lies before the offset above it" in err


def test_poisson_is_the_same_for_the_same_seed(hello: Served) -> None:
    law = ("arrival.law=poisson", "arrival.rate_per_second=5000")
    words = (f"port={hello.port}", *law, *SHORT)
    counts = [load(*words, f"seed={s}")["requests_scheduled"] for s in (7, 7, 8)]
    assert counts[0] == counts[1] != counts[2]
    assert 800 < counts[0] < 1200


@pytest.mark.parametrize("pattern", ["one", "two", "writev", "cork"])
def test_echo(pattern: str) -> None:
    size = "message_bytes=3000"
    with served("protocol=echo", size) as server:
        words = ("protocol=echo", size, f"write_pattern={pattern}", "pipeline=2")
        result = load(f"port={server.port}", *words, "connections=2", *SHORT)
    adds_up(result)
    assert result["requests_done"] > 0
    assert result["errors"] == {}


def test_bodies_go_there_and_back() -> None:
    with served("app=echo") as server:
        words = (f"port={server.port}", "method=POST", "connections=2", *SHORT)
        small = load(*words, "body=abc", "check.body=abc")
        large = load(*words, "body_bytes=100000", "check.body_bytes=100000")
    for result in (small, large):
        adds_up(result)
        assert result["requests_done"] > 0
        assert result["errors"] == {}


@pytest.mark.parametrize(
    ("check", "errc"),
    [
        ("check.status=404", "wrong_status"),
        ("check.body=Hello, wormd", "wrong_body"),
        ("check.body_bytes=12", "wrong_body"),
    ],
)
def test_a_fast_error_does_not_win(hello: Served, check: str, errc: str) -> None:
    result = load(f"port={hello.port}", check, *SHORT)
    adds_up(result)
    assert result["requests_done"] == 0 < result["requests_failed"]
    assert result["errors"] == {errc: result["requests_failed"]}
    assert result["requests_per_second"] == 0
    assert histogram(result, "latency_ns").count == 0


def test_a_server_that_closes_is_dialed_again(hello: Served) -> None:
    result = load(f"port={hello.port}", "header.Connection=close", "connections=2", *SHORT)
    adds_up(result)
    assert result["requests_done"] > 0
    assert result["requests_failed"] == 0
    assert result["reconnects"] >= result["requests_done"]
    assert result["connection_errors"] == {}


def test_after_the_deadline_is_failed_and_kept() -> None:
    with served("app=delay", "delay_ns=100000000") as server:
        result = load(f"port={server.port}", "deadline_ns=20000000", *SHORT)
    adds_up(result)
    assert result["requests_done"] == 0
    assert result["requests_failed"] + result["requests_censored"] > 0
    waited = histogram(result, "censored_ns")
    assert waited.count == result["requests_scheduled"]
    assert waited.min is not None and waited.min >= 20_000_000


def test_wire_timeout_ends_the_connection() -> None:
    with served("app=delay", "delay_ns=60000000000", "drain_timeout_ns=0") as server:
        words = ("wire_timeout_ns=30000000", "connections=2", "pipeline=2")
        result = load(f"port={server.port}", *words, *SHORT)
    adds_up(result)
    assert result["requests_done"] == 0
    assert result["errors"]["wire_timeout"] > 0
    assert result["connection_errors"]["wire_timeout"] > 0
    assert late(histogram(result, "censored_ns"), 29_000_000) > 0


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, out, err = refused("zyphos-load", f"port={port}")
    assert code == 1
    assert err == (
        f"zyphos-load: cannot connect to 127.0.0.1:{port}: nobody listens there (ECONNREFUSED)\n"
    )
    assert out.startswith('{"event":"error","errc":"connect_refused","message":"cannot connect')


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["prot=1"], "unknown option 'prot'; did you mean 'port'?"),
        ([], "port= is needed"),
        (["port=1", "arrival.law=constant"], "arrival.law=constant needs arrival.rate_per_second"),
        (["port=1", "arrival.law=ramp", "arrival.rate_per_second=1"], "arrival.law=ramp has no"),
        (
            ["port=1", "arrival.law=on-off", "arrival.rate_per_second=1", "arrival.on_ns=5"],
            "arrival.law=on-off needs arrival.off_ns",
        ),
        (["port=1", "request.1.path=/"], "request.1.path=/: must come after request.0"),
        (["port=1", "request.0.pth=/"], "request.0.pth=/: unknown option 'pth'; did you mean"),
        (["port=1", "request.0.path=/a", "path=/b"], "method, path, body and body_bytes stand in"),
        (["port=1", "order=sequential"], "order=sequential needs a list"),
        (["port=1", "protocol=echo", "request.0.path=/a"], "request.* belongs to protocol=http1"),
        (["port=1", "arrival.requests_mean=0.5"], "arrival.requests_mean=0.5: must be a"),
        (["port=1", "arrival.file=/nowhere"], "arrival.file=/nowhere: /nowhere: No such"),
        (["port=1", "arrival.law=burst"], "arrival.law=burst: must be one of closed constant"),
        (["port=1", "address=nowhere"], "address: "),
        (["port=1", "connections=1", "threads=2"], "connections must be at least threads"),
        (
            ["port=1", "connections=5", "threads=2", "processes=3"],
            "connections must be at least threads, of",
        ),
        (["port=1", "processes=2", "process=2"], "process must be below processes=2"),
        (["port=1", "connections=300", "processes=251"], "processes must be at most 250"),
        (["port=1", "protocol=echo", "check.status=200"], "protocol=echo checks every byte"),
        (["port=1", "socket.tcp_nodelay=1"], "socket.tcp_nodelay=1: tcp_nodelay must be true"),
    ],
)
def test_wrong_words_are_one_line(words: list[str], complaint: str) -> None:
    code, out, err = refused("zyphos-load", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"zyphos-load: {complaint}")


def test_a_cpu_that_is_not_there_is_one_line(hello: Served) -> None:
    code, out, err = refused("zyphos-load", f"port={hello.port}", "cpus=1023")
    assert (code, err.count("\n")) == (1, 1)
    assert '"errc":"system"' in out


def test_server_dies_under_load() -> None:
    with (
        shared_board(_core.board_bytes()) as (fd, board),
        served() as server,
        Load(
            f"port={server.port}",
            f"board_fd={fd}",
            "warmup_ns=0",
            "window_ns=500000000",
            "deadline_ns=100000000",
            "arrival.law=constant",
            "arrival.rate_per_second=2000",
            pass_fds=(fd,),
        ) as running,
    ):
        running.event("connected")
        running.event("window")
        while _core.board_snapshot(board)["requests"] < 200:
            assert running.process.poll() is None
        server.end(signal.SIGKILL)
        result = running.event("result")
        assert running.end() == 0
    adds_up(result)
    assert result["requests_scheduled"] == 1000
    assert 0 < result["requests_done"] < 1000
    assert result["requests_censored"] > 0
    assert result["connection_errors"]["connect_refused"] > 0


def test_a_stopped_server_is_seen_by_all_that_was_due() -> None:
    """The classic proof: stopped for 200 ms under an open law, every request due then is late."""
    with (
        shared_board(_core.board_bytes()) as (fd, board),
        served() as server,
        Load(
            f"port={server.port}",
            f"board_fd={fd}",
            "warmup_ns=0",
            "window_ns=1000000000",
            "arrival.law=constant",
            "arrival.rate_per_second=1000",
            pass_fds=(fd,),
        ) as running,
    ):
        running.event("connected")
        running.event("window")
        while _core.board_snapshot(board)["requests"] < 200:
            assert running.process.poll() is None
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGCONT)
        result = running.event("result")
    adds_up(result)
    assert result["requests_done"] == 1000
    latency = histogram(result, "latency_ns")
    assert latency.max is not None and latency.max >= 190_000_000
    # Due in the first half of the stall: 100 of them, each late by 100 ms and more.
    assert late(latency, 100_000_000) >= 90
    assert late(latency, 20_000_000) >= 160


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_prints_what_it_has(hello: Served, ending: signal.Signals, code: int) -> None:
    with (
        shared_board(_core.board_bytes()) as (fd, board),
        Load(
            f"port={hello.port}",
            f"board_fd={fd}",
            "warmup_ns=0",
            "window_ns=600000000000",
            pass_fds=(fd,),
        ) as running,
    ):
        running.event("connected")
        window = running.event("window")
        assert window["end_ns"] - window["start_ns"] == 600_000_000_000
        while _core.board_snapshot(board)["requests"] < 100:
            assert running.process.poll() is None
        running.process.send_signal(ending)
        result = running.event("result")
        assert running.end() == code
    adds_up(result)
    assert result["interrupted"] is True
    assert result["requests_done"] > 0
    assert 0 < result["window_ns"] < 600_000_000_000


def test_window_is_told_in_time(hello: Served) -> None:
    with Load(f"port={hello.port}", "warmup_ns=0", "window_ns=50000000") as running:
        connected = running.event("connected")
        window = running.event("window")
        assert window["start_ns"] - connected["time_ns"] >= 20_000_000
        assert running.event("result")["window_ns"] == 50_000_000


class Closing(http.server.BaseHTTPRequestHandler):
    """HTTP/1.0: the body ends with the connection."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"until close")

    def log_message(self, *_: object) -> None:
        pass


def test_another_server_and_its_habits() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        words = ("check.body=until close", "connections=2")
        result = load(f"port={server.server_address[1]}", *words, *SHORT)
        server.shutdown()
        thread.join()
    adds_up(result)
    assert result["requests_done"] > 0
    assert result["requests_failed"] == 0


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """nginx on a free port; `location /` answers 200, `/missing` 404."""
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if path is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (folder / "n.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; keepalive_requests 50;\n"
        '  location / { return 200 "hello"; } location /missing { return 404; } } }\n'
    )
    process = subprocess.Popen([path, "-p", str(folder), "-c", str(folder / "n.conf")])
    try:
        while not listens(port):
            assert process.poll() is None, (folder / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(30)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_nginx(tmp_path: Path) -> None:
    with nginx(tmp_path) as port:
        good = load(f"port={port}", "check.body=hello", "connections=2", *SHORT)
        bad = load(f"port={port}", "path=/missing", "connections=2", *SHORT)
    for result in (good, bad):
        adds_up(result)
        # nginx closes after keepalive_requests: no error, another connection.
        assert result["reconnects"] > 0
    assert good["requests_done"] > 0 == good["requests_failed"]
    assert bad["requests_done"] == 0 < bad["errors"]["wrong_status"]


@pytest.mark.core
def test_load_in_this_process(hello: Served) -> None:
    arrival = {"law": "constant", "rate_per_second": 1000}
    result = _core.load(
        port=hello.port, connections=2, warmup_ns=0, window_ns=100_000_000, arrival=arrival
    )
    adds_up(result)
    assert result["requests_scheduled"] == 100
    with pytest.raises(ValueError, match="did you mean 'connections'"):
        _core.load(port=hello.port, connection=2)
    with pytest.raises(ConnectionError, match="nobody listens"), socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        _core.load(port=unused.getsockname()[1])


@pytest.mark.core
def test_encodings_are_those_of_hdrhistogram() -> None:
    reason = "hdrhistogram is not installed: pip install hdrhistogram"
    hdrh = pytest.importorskip("hdrh.histogram", reason=reason)
    theirs = hdrh.HdrHistogram(1, 3600 * 10**9, 3)
    ours = _core.Histogram()
    for k in range(1, 2001):
        theirs.record_value(k * k * 997)
        ours.record(k * k * 997)
    read = _core.Histogram.decode(base64.b64decode(theirs.encode()))
    written = hdrh.HdrHistogram.decode(base64.b64encode(ours.encode()))
    assert [column.tolist() for column in read.to_arrays()] == [
        column.tolist() for column in ours.to_arrays()
    ]
    for percent in (0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 100):
        assert ours.quantile(percent / 100) == written.get_value_at_percentile(percent)
        assert read.quantile(percent / 100) == theirs.get_value_at_percentile(percent)
    assert ours.mean == pytest.approx(theirs.get_mean_value())


def test_descriptor_that_is_no_board_is_one_line(hello: Served, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "short", os.O_CREAT | os.O_RDWR)
    try:
        with Load(f"port={hello.port}", f"board_fd={fd}", pass_fds=(fd,)) as running:
            assert "cannot map board_fd" in running.event("error")["message"]
            assert running.end() == 1
    finally:
        os.close(fd)
