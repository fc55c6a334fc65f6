"""The experiment file as plain data, with the place in the file of every key and value.

Knows YAML and nothing of experiments: keys are text, values are dict, list, str, int, float, bool
or None, and each has a Mark under its path, a tuple such as ("targets", "echo", "cpus", 0).
Overlays (a profile, `--set`, the value of a factor) carry their marks along, so a complaint about
a value points at where it was written, whatever path it ended up under.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from zyphos_lab.errors import Complaint, SpecError

Path = tuple[str | int, ...]

NODES_MAX = 100_000  # what aliases of aliases may unfold to
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something was written. `inner`: columns from there to a text's first character."""

    file: str
    line: int = 0
    column: int = 0
    inner: int | None = None

    def complaint(self, message: str, hint: str = "", offset: int | None = None) -> Complaint:
        """A complaint about this place, or about the character `offset` of the text here."""
        shift = self.inner + offset if offset is not None and self.inner is not None else 0
        return Complaint(
            self.file, self.line, self.column + shift if self.line else 0, message, hint
        )


@dataclass(slots=True)
class Source:
    """Plain data and the marks of its keys and values. Not shared between threads."""

    data: Any
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def key_mark(self, path: Path) -> Mark:
        """Mark of the key at `path`, or of the nearest value around it."""
        return self.keys.get(path) or self.mark(path)

    def mark(self, path: Path) -> Mark:
        """Mark of the value at `path`, or of the nearest one around it that was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return self.values[()]

    def owner_mark(self, path: Path) -> Mark:
        """Mark of the key whose value is at `path`: where to say what is missing inside."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
            if isinstance(path[length - 1], int) and path[:length] in self.values:
                return self.values[path[:length]]
        return self.mark(path)

    def at(self, path: Path) -> Any:
        """The value at `path`; None where there is none."""
        found: Any = self.data
        for step in path:
            listed = isinstance(found, list) and isinstance(step, int) and step < len(found)
            if not listed and not (isinstance(found, dict) and step in found):
                return None
            found = found[step]
        return found

    def part(self, path: Path) -> Source:
        """What lies under `path` as a source of its own."""
        size = len(path)
        keys = {key[size:]: mark for key, mark in self.keys.items() if key[:size] == path}
        values = {key[size:]: mark for key, mark in self.values.items() if key[:size] == path}
        return Source(self.at(path), keys, values)

    def put(self, path: Path, part: Source) -> Source:
        """A copy in which `part` replaces what stands at `path`; mappings are made on the way."""
        if not path:
            return part
        size = len(path)
        keys = {
            key: mark for key, mark in self.keys.items() if key[:size] != path or len(key) == size
        }
        values = {key: mark for key, mark in self.values.items() if key[:size] != path}
        keys.setdefault(path, part.mark(()))
        keys.update({path + key: mark for key, mark in part.keys.items() if key})
        values.update({path + key: mark for key, mark in part.values.items()})
        return Source(_replaced(self.data, path, part.data), keys, values)

    def merged(self, overlay: Source, whole: frozenset[Path] = frozenset()) -> Source:
        """A copy with `overlay` laid over it: mappings merge, everything else is replaced.

        A mapping whose path is in `whole` ("*" stands for one step) is replaced too.
        """
        result = self
        for path in _leaves(overlay.data, (), self, whole):
            result = result.put(path, overlay.part(path))
            if path in overlay.keys:
                result.keys[path] = overlay.keys[path]
        return result


def _replaced(data: Any, path: Path, value: Any) -> Any:
    """`data` with `value` at `path`, sharing what is beside the path."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(step, int):
        return [_replaced(old, rest, value) if at == step else old for at, old in enumerate(data)]
    held = data if isinstance(data, dict) else {}
    return {**held, str(step): _replaced(held.get(str(step)), rest, value)}


def _leaves(data: Any, path: Path, under: Source, whole: frozenset[Path]) -> Iterator[Path]:
    """Paths of `data` that replace: no mapping, an empty one, or nothing to merge into."""
    merges = isinstance(data, dict) and data and isinstance(under.at(path), dict)
    if not merges or any(_alike(path, pattern) for pattern in whole):
        yield path
        return
    for key, value in data.items():
        yield from _leaves(value, (*path, key), under, whole)


def _alike(path: Path, pattern: Path) -> bool:
    pairs = zip(path, pattern, strict=False)
    return len(path) == len(pattern) and all(want in ("*", have) for have, want in pairs)


class _Reader:
    """Turns YAML nodes into a Source and gathers what is wrong on the way."""

    def __init__(self, file: str, located: bool) -> None:
        self.file = file
        self.located = located
        self.complaints: list[Complaint] = []
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.seen = 0
        self.open: set[int] = set()

    def mark(self, node: Node) -> Mark:
        if not self.located:
            return Mark(self.file)
        start, end = node.start_mark, node.end_mark
        single = isinstance(node, ScalarNode) and start.line == end.line
        inner = (1 if getattr(node, "style", None) in ("'", '"') else 0) if single else None
        return Mark(self.file, start.line + 1, start.column + 1, inner)

    def complain(self, node: Node, message: str, hint: str = "") -> None:
        self.complaints.append(self.mark(node).complaint(message, hint))

    def read(self, node: Node, path: Path) -> Any:
        self.seen += 1
        if id(node) in self.open or self.seen > NODES_MAX:
            self.complaints.append(
                self.mark(node).complaint("this alias contains itself or unfolds too far")
            )
            raise SpecError(self.complaints)
        self.values[path] = self.mark(node)
        if isinstance(node, ScalarNode):
            return self.scalar(node)
        self.open.add(id(node))
        data = (
            self.mapping(node, path) if isinstance(node, MappingNode) else self.sequence(node, path)
        )
        self.open.discard(id(node))
        return data

    def sequence(self, node: Node, path: Path) -> list[Any]:
        if not isinstance(node, SequenceNode):
            self.complain(node, "this is no mapping, list or plain value")
            return []
        return [self.read(item, (*path, at)) for at, item in enumerate(node.value)]

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.tag == f"{TAG}merge":
                self.complain(
                    key_node, "a key has to be plain text; merge keys (`<<`) are not read"
                )
                continue
            key = str(key_node.value)
            if key in data:
                first = self.keys[(*path, key)].line
                self.complain(key_node, f"duplicate key `{key}`", f"first given in line {first}")
                continue
            self.keys[(*path, key)] = self.mark(key_node)
            data[key] = self.read(value_node, (*path, key))
        return data

    def scalar(self, node: ScalarNode) -> Any:
        text, kind = str(node.value), str(node.tag).removeprefix(TAG)
        if kind in ("str", "timestamp"):
            return text
        if kind in SCALARS:
            return SCALARS[kind](text)
        self.complain(node, f"the tag `{node.tag}` is not read here")
        return None


def _whole(text: str) -> int:
    plain = text.replace("_", "").lower()
    return int(plain, 0) if plain.lstrip("+-")[:2] in ("0x", "0o", "0b") else int(plain)


def _real(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


SCALARS = {
    "null": lambda _: None,
    "bool": lambda t: t.lower() == "true",
    "int": _whole,
    "float": _real,
}


def _composed(text: str, file: str, located: bool) -> Node | None:
    """The one document of `text` as YAML nodes; None when it is empty."""
    try:
        return YAML(typ="safe", pure=True).compose(text)  # type: ignore[no-any-return]
    except MarkedYAMLError as error:
        raise SpecError([_not_yaml(error, file, located)]) from None
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        place = Mark(file, line, column) if located else Mark(file)
        message = f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        raise SpecError([place.complaint(message)]) from None


def _not_yaml(error: MarkedYAMLError, file: str, located: bool) -> Complaint:
    """What the YAML reader says, in one line."""
    begun, mark = error.context_mark, error.problem_mark or error.context_mark
    place = Mark(file, mark.line + 1, mark.column + 1) if located and mark else Mark(file)
    message = " ".join(part for part in (error.context, error.problem) if part)
    hint = f"begun in line {begun.line + 1}" if located and begun and error.problem_mark else ""
    return place.complaint(f"not YAML: {message.splitlines()[0]}", hint)


def read(text: str, file: str) -> Source:
    """The experiment file `text`; raises SpecError with all that is wrong with it as YAML."""
    node = _composed(text, file, located=True)
    if not isinstance(node, MappingNode):
        message = "an experiment is a mapping of keys such as `schema`, `name`, `targets`, `load`"
        raise SpecError([Complaint(file, 1, 1, message)])
    reader = _Reader(file, located=True)
    data = reader.read(node, ())
    if reader.complaints:
        raise SpecError(reader.complaints)
    return Source(data, reader.keys, reader.values)


def read_list(text: str, file: str, what: str) -> Source:
    """A YAML (or JSON) file that is a list of `what`; raises SpecError with all that is wrong."""
    node = _composed(text, file, located=True)
    if not isinstance(node, SequenceNode):
        raise SpecError([Complaint(file, 1, 1, f"this file has to be a list of {what}")])
    reader = _Reader(file, located=True)
    data = reader.read(node, ())
    if reader.complaints:
        raise SpecError(reader.complaints)
    return Source(data, reader.keys, reader.values)


def read_value(text: str, origin: str) -> Source:
    """One YAML value given outside a file; `origin` (`--set a.b=c`) is what complaints name."""
    reader = _Reader(origin, located=False)
    node = _composed(text, origin, located=False)
    if node is None:
        return Source(None, {}, {(): Mark(origin)})
    data = reader.read(node, ())
    if reader.complaints:
        raise SpecError(reader.complaints)
    return Source(data, reader.keys, reader.values)
