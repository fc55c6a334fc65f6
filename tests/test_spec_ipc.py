"""What an experiment may ask of messages between processes: the words, and the mistakes."""

from __future__ import annotations

import pytest

from zyphos_lab import ceiling, spec
from zyphos_lab.errors import SpecError

TEXT = """\
schema: 1
name: talk
question: What does a message cost?
targets:
  other: {command: [zyphos-ipc, role=answer, "port={port}"], ready: {log: waiting}}
load:
  protocol: echo
  connections: 1
  ipc: {by: futex, pattern: stream, spins: 9}
"""


def complaints(old: str, new: str) -> list[str]:
    assert old in TEXT
    with pytest.raises(SpecError) as caught:
        spec.loads(TEXT.replace(old, new))
    return [str(one) for one in caught.value.complaints]


def test_words_of_who_asks() -> None:
    experiment = spec.loads(TEXT)
    assert spec.ipc_words(experiment.cells[0].load, experiment.repeat, port=17) == [
        "role=ask",
        "port=17",
        "by=futex",
        "pattern=stream",
        "buffer_bytes=131072",
        "spins=9",
        "message_bytes=64",
        "deadline_ns=1000000000",
        "warmup_ns=200000000",
        "window_ns=1000000000",
        "interval_ns=100000000",
    ]


def test_who_asks_has_no_ceiling() -> None:
    assert ceiling.cells(spec.loads(TEXT).cells) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("connections: 1", "connections: 2", ":8:3: there is one channel"),
        ("connections: 1", "connections: 1\n  pipeline: 4", ":9:3: messages between processes"),
        ("protocol: echo", "protocol: http1", ":7:13: messages between processes are those"),
        (
            "connections: 1",
            "connections: 1\n  arrival: {law: closed, think: 1ms}",
            ":9:3: messages between processes come one after the other",
        ),
        ("connections: 1", "connections: 1\n  message_bytes: 4", "have 8 to 1048576 bytes"),
        ("spins: 9", "buffer: 100", ":9:37: `buffer` must hold two messages of 64 bytes"),
        ("by: futex", "by: spin", "who waits by spin never sleeps"),
        ("by: futex", "by: fuetx", "did you mean `futex`?"),
        ("load:", "link: {kind: veth}\nload:", ":6:1: two processes of one machine have no link"),
        (
            'command: [zyphos-ipc, role=answer, "port={port}"], ready: {log: waiting}',
            "engine: epoll, protocol: echo",
            "the target `other` is a server of a network",
        ),
    ],
)
def test_mistakes_have_their_place(old: str, new: str, said: str) -> None:
    found = complaints(old, new)
    assert any(said in one for one in found), found
