"""What an experiment may ask of a load of datagrams: the words, and the mistakes."""

from __future__ import annotations

import pytest

from zyphos_lab import ceiling, spec
from zyphos_lab.errors import SpecError

TEXT = """\
schema: 1
name: packets
question: What does a datagram cost?
targets:
  other: {command: [zyphos-datagram, role=answer, "port={port}"], ready: {log: listening}}
load:
  protocol: echo
  connections: 1
  arrival: {law: constant, rate: 1000/s}
  datagrams: {in_flight: 100, send: gso}
"""


def complaints(old: str, new: str) -> list[str]:
    assert old in TEXT
    with pytest.raises(SpecError) as caught:
        spec.loads(TEXT.replace(old, new))
    return [str(one) for one in caught.value.complaints]


def test_words_of_who_asks() -> None:
    experiment = spec.loads(TEXT)
    words = spec.datagram_words(
        experiment.cells[0].load, experiment.repeat, address="198.18.0.2", port=17
    )
    assert words == [
        "role=ask",
        "address=198.18.0.2",
        "port=17",
        "in_flight=100",
        "batch=32",
        "send=gso",
        "rate_per_second=1000",
        "message_bytes=64",
        "deadline_ns=1000000000",
        "warmup_ns=200000000",
        "window_ns=1000000000",
        "interval_ns=100000000",
    ]


def test_a_closed_load_says_no_rate_and_polls_where_asked() -> None:
    text = TEXT.replace("arrival: {law: constant, rate: 1000/s}", "poll: true")
    experiment = spec.loads(text)
    words = spec.datagram_words(experiment.cells[0].load, experiment.repeat, address="::1", port=1)
    assert "spin=true" in words and not any(word.startswith("rate") for word in words)


def test_who_sends_datagrams_has_no_ceiling() -> None:
    assert ceiling.cells(spec.loads(TEXT).cells) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("connections: 1", "connections: 2", ":8:3: datagrams come from one socket"),
        ("connections: 1", "connections: 1\n  pipeline: 4", ":9:3: datagrams have no use"),
        ("protocol: echo", "protocol: http1", ":7:13: datagrams are those of echo"),
        ("law: constant", "law: poisson", ":9:3: datagrams come as `in_flight` lets them"),
        ("connections: 1", "connections: 1\n  message_bytes: 4", "have 16 to 1472 bytes"),
        ("in_flight: 100", "in_flight: 5000", "in_flight"),
        ("send: gso", "send: gsoo", "did you mean `gso`?"),
        (
            'command: [zyphos-datagram, role=answer, "port={port}"], ready: {log: listening}',
            "engine: epoll, protocol: echo",
            "the target `other` is no server of datagrams",
        ),
        ("{port}", "{prt}", "unknown placeholder"),
    ],
)
def test_mistakes_have_their_place(old: str, new: str, said: str) -> None:
    found = complaints(old, new)
    assert any(said in one for one in found), found
