"""Our parsers against other people's, on the wire cases and the techniques: whoever takes an input
has to read the same requests from it. Nothing here measures.

Other people's servers answer what they read (zyphos_lab/smuggle/peers.yaml); one that is not here
is skipped with the command that gets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from zyphos_lab.child import Children
from zyphos_lab.smuggle import peers, run
from zyphos_lab.smuggle.reader import split
from zyphos_lab.smuggle.reading import AFTER_TARGET, Reading
from zyphos_lab.smuggle.technique import Technique, all_techniques, bytes_of
from zyphos_lab.smuggle.ways import READERS

WIRE = Path(__file__).resolve().parent / "wire" / "http1"
PATIENT_S = 3.0  # who says nothing for so long is not compared
PEERS = ("h11", "node", "go", "aiohttp", "uvicorn")
SEND = re.compile(r"(line|send|repeat (\d+)): ?(.*)")


def wire_cases() -> Iterator[Technique]:
    """What their clients send, of those whose last request is whole for a strict reader, and whose
    target says which it is."""
    for path in sorted(WIRE.glob("*.txt")):
        for at, text in enumerate(path.read_text(encoding="utf-8").split("\ncase: ")[1:]):
            data = sent(text)
            found = split(data, READERS["strict"])
            if data and not found.rest and b"close" not in data and b"HTTP/1.0" not in data:
                name = f"{path.stem}_{at}"
                yield Technique(name, "wire", "", "", "", "", (), "either", data)


def sent(text: str) -> bytes:
    parts = []
    for kind, times, words in SEND.findall(text):
        one = f"{words}\\r\\n\\" if kind == "line" else f"{words}\\"
        parts.append(bytes_of(one.replace("{", "\\x7b")) * int(times or 1))
    return b"".join(parts)


def read_to_the_end(reading: Reading) -> bool:
    """Whether it took all that there was, with the request behind it, and refused nothing."""
    taken = any(one.target == AFTER_TARGET for one in reading.answers)
    return taken and all(one.status < 400 for one in reading.answers)


def agree(one: Reading, other: Reading) -> bool:
    """The same requests; of an answer without a body (HEAD, Go's own to `*`) only that it came."""
    pairs = list(zip_longest(one.shape(), other.shape()))
    return all(a == b or (a and b and "?" in (a, b)) for a, b in pairs)


def test_the_wire_cases_are_found() -> None:
    cases = list(wire_cases())
    assert len(cases) > 50
    assert any(one.data.startswith(b"GET / HTTP/1.1\r\n") for one in cases)


@pytest.mark.native
@pytest.mark.parametrize("peer", PEERS)
def test_ours_and_a_peer_that_take_an_input_read_the_same_of_it(peer: str, tmp_path: Path) -> None:
    if why := peers.missing(peers.servers()[peer]):
        pytest.skip(f"{peer}: {why}")
    inputs = [*all_techniques(), *wire_cases()]
    inputs = [one for one in inputs if one.safe != "wait" and len(one.data) < 8000]
    wanted = run.Wanted(inputs, [*peers.ours(), peer], [], PATIENT_S)
    matrix = run.run(wanted, Children(tmp_path), lambda _: None)
    assert matrix.missing == {}
    compared = 0
    for one in inputs:
        theirs = matrix.readings[peer][one.name]
        for name in peers.ours():
            ours = matrix.readings[name][one.name]
            if read_to_the_end(ours) and read_to_the_end(theirs):
                compared += 1
                assert agree(ours, theirs), (name, one.name, one.data)
    assert compared > 50
