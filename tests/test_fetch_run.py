"""A fetch as the load of a run: its columns, and the name server that the run brings along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from machine import assert_measured
from running import END_SECONDS
from test_fetch import NGINX, needs_nginx, needs_openssl
from zyphos_lab.store import Store

pytestmark = [pytest.mark.native, pytest.mark.core]

EXPERIMENT = """
schema: 1
name: pages
question: What does a page cost?
targets: {s: {engine: epoll, protocol: http1}}
load:
  protocol: http1
  connections: 1
  fetch: {url: "http://www.zyphos.test:{port}/", resolver: {delay: 1ms}}
factors:
  dns: {set: load.fetch.dns, values: [cold, cached]}
repeat: {starts: 1, warmup: 50ms, window: 400ms}
probes: [rusage]
"""


SECURE = """
schema: 1
name: pages
question: What does TLS add?
targets:
  nginx:
    command: [NGINX, -e, stderr, -c, "{dir}/n.conf"]
    certificate: www.zyphos.test
    files:
      n.conf: |
        daemon off; pid {dir}/pid; error_log stderr; events { worker_connections 256; }
        http {
          access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
          fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
          ssl_certificate {dir}/certificate.pem; ssl_certificate_key {dir}/key.pem;
          ssl_protocols TLSv1.2 TLSv1.3;
          server { listen {address}:{port} ssl; location / { return 200 "hello"; } }
        }
load:
  protocol: http1
  connections: 1
  fetch: {url: "https://www.zyphos.test:{port}/"}
  check: {body_bytes: 5}
factors:
  tls: {set: load.fetch.tls, values: ["1.2", "1.3"]}
repeat: {starts: 1, warmup: 0s, window: 400ms}
probes: [rusage]
"""


def rows_of(tmp_path: Path, text: str) -> dict[str, dict[str, Any]]:
    """The rows of a run, by cell; every fetch went well."""
    (tmp_path / "pages.yaml").write_text(text)
    command = [sys.executable, "-m", "zyphos_lab.cli", "run", "pages.yaml"]
    command += ["--no-notebook", "--no-report"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=END_SECONDS
    )
    [run] = (tmp_path / "results" / "pages").iterdir()
    store = Store.open(run)
    assert_measured(done.returncode, store, done.stderr)
    rows = {row["cell"]: row for row in store.rows()}
    for row in rows.values():
        assert row["requests_done"] > 0 and row["requests_failed"] == 0
        assert row["ceiling_ratio"] is None and row["client_requests"] is not None
        assert row["generator"] == "zyphos" and row["connections"] == 1
    return rows


def test_a_whole_run(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, EXPERIMENT)
    assert rows["dns=cold"]["dns_ns_min"] >= 1_000_000 > rows["dns=cached"]["dns_ns_p50"]
    assert all(row["tls_ns_max"] == 0 for row in rows.values())


@needs_nginx
@needs_openssl
def test_a_target_with_a_certificate_is_trusted(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, SECURE.replace("NGINX", str(NGINX)))
    assert sorted(rows) == ["tls=1.2", "tls=1.3"]
    assert all(row["tls_ns_min"] > 0 for row in rows.values())
