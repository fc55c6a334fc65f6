"""Techniques of request smuggling, as their files have them (techniques/*.yaml).

`send` is a block of lines; each ends in CRLF unless a backslash ends it. Escapes are those of the
wire cases: \\r \\n \\t \\s \\0 \\xHH \\\\. Between braces: `{smuggled}` a whole request for
/smuggled, `{size}` its size in hexadecimal and `{size+10}` ten more, `{rest}` the bytes behind the
first empty line and `{wrapped}` 2^64 more, `{host}` whom it is for, `{end}` an empty line where
YAML would drop it, `{a*20}` twenty of a character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from zyphos_lab.errors import UsageError

FOLDER = Path(__file__).resolve().parent / "techniques"
HOST = "lab"
SMUGGLED_TARGET = "/smuggled"
SMUGGLED = f"GET {SMUGGLED_TARGET} HTTP/1.1\\r\\nHost: {{host}}\\r\\n"  # its line's CRLF ends it
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "s": " ", "0": "\0", "\\": "\\"}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
SIZE = re.compile(r"\{size(?:\+(\d+))?\}")
REPEAT = re.compile(r"\{(.)\*(\d{1,6})\}")
KEYS = {"name", "what", "rule", "clause", "source", "readers", "safe", "send"}
SAFE = ("refuse", "read", "either", "wait")
CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Technique:
    """`rule` is why a strict reader refuses ("" where it reads); `readers` are two of ways.READERS
    that split the bytes differently; `safe` is what a reader may do: refuse, read, either, or
    wait for more of it.
    """

    name: str
    kind: str  # CL.TE, TE.CL, ...
    what: str
    rule: str
    clause: str
    source: str
    readers: tuple[str, ...]
    safe: str
    data: bytes


@cache
def all_techniques(host: str = HOST) -> tuple[Technique, ...]:
    """All of the lab's own, those of control first; the files' order within."""
    found = [one for path in sorted(FOLDER.glob("*.yaml")) for one in of_file(path, host)]
    return tuple(sorted(found, key=lambda one: one.kind != CONTROL))


def of_file(path: Path, host: str = HOST) -> Iterator[Technique]:
    """Those of one file; UsageError where it does not read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        kind = str(document["class"])
        for entry in document["techniques"]:
            yield _of(kind, entry, host)
    except (OSError, YAMLError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: no file of techniques: {error}") from error


def _of(kind: str, entry: dict[str, Any], host: str) -> Technique:
    if unknown := set(entry) - KEYS:
        raise ValueError(f"{entry.get('name')}: unknown key {sorted(unknown)[0]}")
    safe = entry.get("safe", "refuse" if entry["rule"] else "read")
    if safe not in SAFE:
        raise ValueError(f"{entry['name']}: `safe` is one of {', '.join(SAFE)}")
    names = ("what", "rule", "clause", "source")
    said = {name: str(entry[name]) for name in names}
    readers = tuple(entry.get("readers", ()))
    data = bytes_of(entry["send"], host)
    return Technique(str(entry["name"]), kind, **said, readers=readers, safe=safe, data=data)


def bytes_of(block: str, host: str = HOST) -> bytes:
    """What is sent, of the block in the file."""
    lines = block.replace("{smuggled}", SMUGGLED).replace("{host}", host).split("\n")
    if lines and not lines[-1]:
        lines.pop()
    head_lines = next((at for at, line in enumerate(lines) if not line), len(lines))
    smuggled = len(_unescaped(SMUGGLED.replace("{host}", host))) + len("\r\n")
    rest = len(_joined(lines[head_lines + 1 :], smuggled, 0))
    return _joined(lines, smuggled, rest)


def _joined(lines: list[str], smuggled: int, rest: int) -> bytes:
    parts = []
    for line in lines:
        ends = not line.endswith("\\") or line.endswith("\\\\")
        parts.append(_unescaped(_filled(line if ends else line[:-1], smuggled, rest)))
        parts.append("\r\n" if ends else "")
    return "".join(parts).encode("latin-1")


def _filled(line: str, smuggled: int, rest: int) -> str:
    line = SIZE.sub(lambda found: f"{smuggled + int(found[1] or 0):x}", line)
    for name, value in (("rest", str(rest)), ("wrapped", str((1 << 64) + rest)), ("end", "")):
        line = line.replace("{" + name + "}", value)
    return REPEAT.sub(lambda found: found[1] * int(found[2]), line)


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        word = found[1]
        if word.startswith("x"):
            return chr(int(word[1:], 16))
        if word not in ESCAPES:
            raise ValueError(f"no escape \\{word}")
        return ESCAPES[word]

    return ESCAPE.sub(one, text)


def escaped(data: bytes) -> str:
    """The bytes as one line of text, readable and exact."""
    names = {0: "\\0", 9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
    return "".join(names.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in data)
