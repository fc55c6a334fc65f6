"""`compare --target` and gates on real servers: small runs, measured here and now."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from running import served
from zyphos_lab.cli.main import run
from zyphos_lab.native import program
from zyphos_lab.store import Store

# Trials that this machine had too little time for count too: the tests are about what follows.
FAST = [
    "--include-invalid",
    "--starts",
    "6",
    "--window",
    "60ms",
    "--warmup",
    "20ms",
    "--load",
    "connections=4",
]
SLOW = "engine:epoll,app=delay,delay=2ms"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only_run() -> Store:
    [path] = Path("results/compare").iterdir()
    return Store.open(path)


def test_a_slower_server_is_found_and_fails_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    gate = ["--gate", "regression(p50) <= 3%", "--metric", "p50", "--json"]
    targets = ["--target", "engine:epoll", "--target", SLOW, "--name", "plain", "--name", "late"]
    assert run(["compare", *targets, *FAST, *gate]) == 3
    found = json.loads(capsys.readouterr().out)
    [line] = found["blocks"][0]["lines"]
    assert (line["label"], line["comparison"]["verdict"]) == ("target=late", "slower")
    assert line["b"]["value"] > 2_000_000 > line["a"]["value"]
    assert found["gates"][0]["outcome"] == "FAIL"
    # The run is one like any other: shown, compared again, its command is the one to type.
    store = only_run()
    assert (store.path / "report.html").stat().st_size > 0
    assert store.manifest["spec_text"].startswith("# Written by")
    assert run(["compare", "last", "--include-invalid", "--gate", "ratio(p50) > 2"]) == 0
    back = ["--baseline", "late", "--gate", "regression(p50) <= 3%", "--include-invalid"]
    assert run(["compare", "last", *back]) == 0
    assert "plain" in capsys.readouterr().out


def test_two_urls_are_two_servers_that_run_already(here: Path) -> None:
    """Both stay as they were; the path is what they are asked for."""
    with served("engine=epoll", "protocol=http1") as a, served("protocol=http1") as b:
        urls = [f"http://127.0.0.1:{one.port}/x?y=1" for one in (a, b)]
        assert run(["compare", "--url", urls[0], "--url", urls[1], *FAST, "--metric", "p50"]) == 0
        assert a.process.poll() is b.process.poll() is None
    store = only_run()
    rows = store.rows()
    assert {row["target"] for row in rows} == {f"port-{one.port}" for one in (a, b)}
    assert all(row["requests_done"] > 0 and row["requests_failed"] == 0 for row in rows)
    assert store.manifest["experiment"]["load"]["path"] == "/x?y=1"


def test_equal_programs_never_fail_a_gate(capsys: pytest.CaptureFixture[str]) -> None:
    """A/A: two commands that are one program. The limit is far above the noise of 60 ms, so that
    the whole interval beyond it would be a mistake of ours.
    """
    words = [program("zyphos-serve"), "engine=epoll", "protocol=http1", "port={port}"]
    command = shlex.join(words)
    given = ["--target", command, "--target", command, *FAST, "--metric", "p50"]
    gates = ["--gate", "regression(p50) <= 100%"]
    assert run(["compare", *given, *gates, "--format", "md"]) == 0
    out = capsys.readouterr().out
    assert "zyphos-serve-2" in out
    assert "**FAIL**" not in out


def test_a_file_is_filled_in_and_the_port_found(here: Path) -> None:
    (here / "serve.py").write_text(
        "import http.server, sys\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    protocol_version = 'HTTP/1.1'\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.send_header('Content-Length', '2')\n"
        "        self.end_headers()\n"
        "        self.wfile.write(b'ok')\n"
        "    def log_message(self, *_): pass\n"
        "http.server.ThreadingHTTPServer(('127.0.0.1', {port}), Handler).serve_forever()\n"
    )
    command = f"{sys.executable} {{dir}}/serve.py"
    given = ["--target", command, "--target", "engine:thread", "--file", "serve.py"]
    fast = ["--starts", "1", "--window", "60ms", "--warmup", "20ms", "--load", "connections=2"]
    assert run(["compare", *given, *fast, "--ready", "http:/", "--include-invalid"]) == 0
    rows = only_run().rows()
    assert {row["target"] for row in rows} == {Path(sys.executable).name, "thread"}
    assert all(row["requests_done"] > 0 and row["requests_failed"] == 0 for row in rows)


def test_two_runs_a_baseline_and_gates(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    text = """
    schema: 1
    name: mine
    question: How fast is it?
    targets: {mine: {engine: epoll, protocol: http1, app: delay, delay: %s}}
    load: {protocol: http1, connections: 2}
    repeat: {starts: 6, warmup: 10ms, window: 50ms}
    probes: [rusage]
    """
    for delay in ("1ms", "3ms"):
        (here / "mine.yaml").write_text(text % delay)
        assert run(["run", "mine.yaml", "--no-notebook", "--no-report"]) in (0, 5)
    first, second = (path.name for path in sorted(Path("results/mine").iterdir()))
    assert run(["compare", first, "--save-baseline", "baseline.json", "--include-invalid"]) == 0
    capsys.readouterr()
    gate = ["--gate", "regression(p50) <= 20%", "--include-invalid"]
    assert run(["compare", "baseline.json", second, *gate]) == 3
    out = capsys.readouterr().out
    assert "targets.mine.delay: 1ms -> 3ms" in out
    assert "slower" in out
    assert run(["compare", second, "baseline.json", *gate]) == 0
    assert "faster" in capsys.readouterr().out


BAD: list[tuple[list[str], str]] = [
    (["--target", "engine:epoll"], "one --target has nothing to be compared with"),
    (["--target", "engine:epol", "--target", "engine:uring"], "epoll"),
    (["--target", "./a", "--target", "./b"], "on which port will it listen?"),
    (["--target", "./a 'x", "--target", "./b"], "no closing quotation"),
    (["--target", "", "--target", "./b"], "an empty --target"),
    (["--target", "engine:epoll,app", "--target", "engine:epoll"], "no `=` in `app`"),
    (["--target", "./a {port}", "--target", "./b {port}", "--ready", "udp"], "one of tcp, http:"),
    (["--target", "./a {port}", "--target", "./b {port}", "--name", "x"],
     "1 --name for 2 --target"),
    (["--target", "./a {port}", "--target", "./b {port}", "--file", "nope"], "cannot read nope"),
    (["--target", "./a {port}", "--target", "./b {port}", "--load", "conections=3"],
     "--load conections=3: "),
    (["--target", "./a {port}", "--target", "./b {port}", "--load", "rate=3"],
     "--load arrival.rate=3: "),
    (["--target", "./a {port}", "--target", "./b {port}", "--window", "3"], "--window: "),
    (["--target", "./a {port}", "--target", "./b {port}", "last"], "--target measures anew"),
    (["--target", "engine:epoll", "--target", "engine:uring", "--starts", "3",
      "--gate", "p50 < 1s"], "refused: 3 starts"),
    (["--target", "engine:epoll", "--target", "engine:uring", "--load", "rate=100/s"], "refused: "),
    (["--target", "engine:epoll", "--target", "engine:uring", "--until", "p99 < 1ms"], "--until "),
    (["last", "--starts", "3"], "--starts is about --target"),
    (["--url", "http://127.0.0.1:1/"], "one --url has nothing to be compared with"),
    (["--url", "http://192.0.2.1:80/", "--url", "x"], "192.0.2.1 is not a loopback address"),
    (["--url", "https://127.0.0.1:1/", "--url", "http://127.0.0.1:1/"], "not a URL with a port"),
    (["--url", "http://127.0.0.1:99999/", "--url", "x"], "--url http://127.0.0.1:99999/: "),
    (["--url", "http://127.0.0.1:1/a", "--url", "http://127.0.0.1:1/b"], "paths differ: /a, /b"),
    (["--url", "http://127.0.0.1:1/", "--url", "http://[::1]:1/"], "nothing listens on port 1"),
    (["--url", "http://127.0.0.1:1/", "--target", "./a {port}"], "--url and --target: one of them"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda v: " ".join(v)[-40:])
def test_bad_input_is_one_line_and_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not Path("results").exists()
