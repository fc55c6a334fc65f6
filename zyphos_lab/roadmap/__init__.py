"""The lab's whole subject as data: every id with its text, and its bar where it has one.

Ids: `m01.explore.2`, `s5.items.3` (also `s5.3`), `f07`, `e6`; a bar is `m01.exit.1`, its halves
`m01.exit.1.floor` and `m01.exit.1.goal`. Read once per process (about 0.1 s). Knows no runs.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("roadmap.yaml")
BARS = ("floor", "goal")
ITEMS = "items"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to build, explore, observe or survive; or a bar, with `floor` and `goal`."""

    id: str
    group: str
    kind: str
    text: str
    floor: str = ""
    goal: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A milestone, stage or the like; a claim (f07, e6) is a group of one item."""

    id: str
    title: str
    items: tuple[Item, ...]


@functools.cache
def groups() -> tuple[Group, ...]:
    """Everything, in the file's order."""
    from ruamel.yaml import YAML

    data = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return tuple(_group(entry) for section in data.values() for entry in section)


def _group(entry: dict[str, Any]) -> Group:
    name = str(entry["id"])
    if "claim" in entry:
        claim = str(entry["claim"])
        return Group(name, "", (Item(name, name, "claim", claim),))
    return Group(name, str(entry["title"]), tuple(_items(name, entry)))


def _items(group: str, entry: dict[str, Any]) -> Iterator[Item]:
    for kind, numbered in entry.items():
        if kind in ("id", "title"):
            continue
        for number, text in numbered.items():
            item = f"{group}.{number}" if kind == ITEMS else f"{group}.{kind}.{number}"
            if isinstance(text, dict):
                floor, goal = (str(text.get(bar, "")) for bar in BARS)
                yield Item(item, group, kind, floor, floor, goal)
            else:
                yield Item(item, group, kind, str(text))


@functools.cache
def _ids() -> frozenset[str]:
    """Every id that may be answered, in its short form."""
    items = [item for group in groups() for item in group.items]
    bars = {f"{item.id}.{bar}" for item in items if item.floor for bar in BARS}
    return frozenset({item.id for item in items} | bars)


def short(name: str) -> str:
    """The id as it stands in the lists: `s5.items.3` is `s5.3`."""
    return name.replace(f".{ITEMS}.", ".")


def has(name: str) -> bool:
    return short(name) in _ids()


def hint(name: str) -> str:
    """What may have been meant by an id that is not there."""
    close = difflib.get_close_matches(short(name), sorted(_ids()), 1)
    return f"did you mean `{close[0]}`?" if close else "`zyphos-lab roadmap` lists the ids"
