"""A scripted target and a scripted load: real programs that speak the contract's protocol.

    folder = fakes.programs(tmp_path, {"load": {"latency_ns": 1000}})     # goes into ZYPHOS_BIN

`zyphos-serve` listens, accepts and prints `listening ADDRESS:PORT`; `zyphos-load` connects,
announces a window and gives a result in it. The script changes what they do:

    serve: {"exit": 1, "say": "..."} ends before it is ready; {"silent": true} never gets ready;
           {"die_when_connected": true} ends when the load comes
    load:  {"error": "errc"} fails; {"failed": n} wrong answers; {"latency_ns": n or {word: n}},
           where `word` is one of its own words (`socket.tcp_nodelay=true`); {"rate_ratio": x};
           {"cpu_ratio": x}; {"censored": n}; {"exit": 3, "say": "..."}
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

SCRIPT = "script.json"
LAUNCHER = """#!/bin/sh
exec "{python}" -S -E "{file}" {role} "{folder}" "$@"
"""
AHEAD_NS = 20_000_000


def programs(folder: Path, script: dict[str, Any] | None = None) -> Path:
    """Writes both programs and their script into `folder`/bin; gives that folder."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    (place / SCRIPT).write_text(json.dumps({"histogram": encoded(), **(script or {})}))
    for role in ("serve", "load"):
        path = place / f"zyphos-{role}"
        text = LAUNCHER.format(python=sys.executable, file=__file__, role=role, folder=place)
        path.write_text(text)
        path.chmod(0o755)
    return place


def encoded(count: int = 10) -> dict[str, str]:
    """Histograms of `count` times one value, by that value: a fake cannot encode by itself."""
    from zyphos_lab import _core

    found = {}
    for value_ns in (1000, 2000, 5000, 44_000_000):
        histogram = _core.Histogram()
        histogram.record(value_ns, count)
        found[str(value_ns)] = base64.b64encode(histogram.encode()).decode()
    return found


def words_of(arguments: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in arguments)


def say(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def leave_if_told(script: dict[str, Any]) -> None:
    if "exit" in script:
        print(script.get("say", ""), file=sys.stderr, flush=True)
        sys.exit(script["exit"])


def serve(script: dict[str, Any], words: dict[str, str]) -> None:
    leave_if_told(script)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if script.get("silent"):
        signal.pause()
    with socket.create_server((words.get("address", "127.0.0.1"), int(words["port"]))) as listener:
        address, port = listener.getsockname()
        print(f"listening {address}:{port}", flush=True)
        held = []
        while True:
            held.append(listener.accept()[0])
            if script.get("die_when_connected"):
                print("zyphos-serve: something broke", file=sys.stderr, flush=True)
                os._exit(9)


def latency_of(script: dict[str, Any], arguments: list[str]) -> int:
    wanted = script.get("latency_ns", 1000)
    if isinstance(wanted, dict):
        return next((ns for word, ns in wanted.items() if word in arguments), 1000)
    return int(wanted)


def load(script: dict[str, Any], words: dict[str, str], arguments: list[str]) -> None:
    leave_if_told(script)
    if "error" in script:
        say({"event": "error", "errc": script["error"], "message": f"scripted {script['error']}"})
        sys.exit(1)
    with socket.create_connection((words.get("address", "127.0.0.1"), int(words["port"]))):
        connections = int(words["connections"])
        say({"event": "connected", "connections": connections, "time_ns": time.monotonic_ns()})
        start_ns = time.monotonic_ns() + AHEAD_NS + int(words["warmup_ns"])
        window_ns = int(words["window_ns"])
        say({"event": "window", "start_ns": start_ns, "end_ns": start_ns + window_ns})
        # What a load does with its window: it lasts until the clock says so.
        while (left_ns := start_ns + window_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / 1e9)
        say(result(script, words, latency_of(script, arguments)))
        if words.get("hold") == "true":
            sys.stdin.read()


def result(script: dict[str, Any], words: dict[str, str], latency_ns: int) -> dict[str, Any]:
    window_ns, done = int(words["window_ns"]), int(script.get("done", 10))
    failed, censored = int(script.get("failed", 0)), int(script.get("censored", 0))
    text = script["histogram"][str(latency_ns)]
    histograms = {"latency_ns": text, "service_ns": text, "schedule_lag_ns": text}
    if censored:
        histograms["censored_ns"] = script["histogram"]["5000"]
    open_loop = words["arrival.law"] != "closed"
    return {
        "event": "result",
        "window_ns": window_ns,
        "requests_scheduled": done + failed + censored,
        "requests_sent": done + failed + censored,
        "requests_done": done,
        "requests_failed": failed,
        "requests_censored": censored,
        "connections": int(words["connections"]),
        "errors": {"bad_answer": failed} if failed else {},
        "bytes_out": 64 * done,
        "bytes_in": 64 * done,
        "requests_per_second": done * 1e9 / window_ns,
        "rate_asked_per_second": 100.0 if open_loop else None,
        "rate_ratio": script.get("rate_ratio", 1.0) if open_loop else None,
        "client_cpu_ns": int(script.get("cpu_ratio", 0.1) * window_ns),
        "client_threads": int(words["threads"]),
        "client_threads_run_delay_ns": int(script.get("run_delay_ns", 0)),
        "arrivals_ks": script.get("arrivals_ks", 0.001) if open_loop else None,
        "histograms": histograms,
        "intervals": [{"start_ns": 0, "requests_done": done, "latency_ns": text}],
        "interrupted": False,
    }


def main() -> None:
    role, folder, *arguments = sys.argv[1:]
    script = json.loads((Path(folder) / SCRIPT).read_text())
    own = {"histogram": script["histogram"], **script.get(role, {})}
    if role == "serve":
        serve(own, words_of(arguments))
    else:
        load(own, words_of(arguments), arguments)


if __name__ == "__main__":
    main()
