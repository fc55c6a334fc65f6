"""What an experiment may ask of a fetch: the words that come of it, and the mistakes."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from zyphos_lab import ceiling, spec
from zyphos_lab.errors import SpecError

TEXT = """\
schema: 1
name: pages
question: What does a page cost?
targets:
  s: {command: [server, --port, "{port}"], certificate: www.zyphos.test}
load:
  protocol: http1
  connections: 1
  fetch: {url: "https://www.zyphos.test:{port}/a?b=c", session: resumed, dns: cached}
"""


def complaints(old: str, new: str) -> list[str]:
    assert old in TEXT
    with pytest.raises(SpecError) as caught:
        spec.loads(TEXT.replace(old, new))
    return [str(one) for one in caught.value.complaints]


def test_words_of_a_fetch() -> None:
    experiment = spec.loads(TEXT)
    load = experiment.cells[0].load
    assert load.fetch is not None and load.fetch.host == "www.zyphos.test"
    url = urlsplit(load.fetch.url.replace("{port}", "8443"))
    assert spec.fetch_words(load, experiment.repeat, url, seed=7) == [
        "name=www.zyphos.test",
        "port=8443",
        "path=/a?b=c",
        "dns=cached",
        "connection=new",
        "tls=1.3",
        "session=resumed",
        "think_ns=0",
        "deadline_ns=1000000000",
        "check.status=200",
        "warmup_ns=200000000",
        "window_ns=1000000000",
        "interval_ns=100000000",
        "seed=7",
    ]


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_url_without_a_port_has_that_of_its_scheme(scheme: str, port: int) -> None:
    text = TEXT.replace("https://www.zyphos.test:{port}/a?b=c", f"{scheme}://www.zyphos.test")
    experiment = spec.loads(text.replace(", session: resumed", ""))
    load = experiment.cells[0].load
    assert load.fetch is not None
    words = spec.fetch_words(load, experiment.repeat, urlsplit(load.fetch.url), seed=7)
    assert {f"port={port}", "path=/", f"tls={'1.3' if port == 443 else 'none'}"} <= set(words)


def test_a_fetch_has_no_ceiling() -> None:
    assert ceiling.cells(spec.loads(TEXT).cells) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("connections: 1", "connections: 2", ":8:16: fetches come one at a time"),
        ("connections: 1", "pipeline: 4", ":8:3: a fetch has no use for `pipeline`"),
        ("connections: 1", "path: /x\n  connections: 1", ":8:3: a fetch has no use for `path`"),
        ("  fetch", "  check: {body: hi}\n  fetch", ":9:11: a fetch counts the body's bytes"),
        (
            "connections: 1",
            "connections: 1\n  arrival: {law: poisson, rate: 9/s}",
            ":9:18: a fetch has no law poisson",
        ),
        ("https:", "http:", ":9:55: `session` is for https, the URL is http"),
        ("resumed", 'early_data, tls: "1.2"', "early data came with TLS 1.3"),
        (", certificate: www.zyphos.test", "", "it has no certificate of ours"),
        ("certificate: www", "certificate: web", "the certificate of `s` is for web.zyphos.test"),
        (":{port}/a", ":99999/a", ":9:16: 99999 is no port"),
        ("https://", "ftp://", "`load.fetch.url` does not fit"),
        ("resumed", "resume", "did you mean `resumed`?"),
        ("resumed", "resumed, tls: 1.3", "`load.fetch.tls`"),
    ],
)
def test_mistakes_have_their_place(old: str, new: str, said: str) -> None:
    found = complaints(old, new)
    assert any(said in one for one in found), found
