"""What is checked: the files of the repository (tracked, or new and not ignored) and complaints
about them. Knows no rule."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

BINARY = {".png", ".parquet", ".bin", ".gz", ".ico", ".woff2"}
SOURCE = {".h", ".cpp", ".c", ".py"}


@dataclass(frozen=True, order=True)
class Complaint:
    """One breach: where (path from the root, line from 1 or 0 for the whole), which rule, what."""

    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.what}"


@dataclass(frozen=True)
class File:
    """A file by its path from the root, with its bytes read once."""

    path: str
    content: bytes

    @cached_property
    def text(self) -> str:
        return self.content.decode("utf-8", errors="replace")

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @property
    def suffix(self) -> str:
        return Path(self.path).suffix

    @property
    def is_text(self) -> bool:
        return self.suffix not in BINARY and b"\0" not in self.content

    @property
    def is_source(self) -> bool:
        return self.suffix in SOURCE

    @property
    def is_made(self) -> bool:
        """Whether a program wrote it: records of runs, wire cases and corpora are not style."""
        if self.path.startswith("results/"):
            return not self.path.endswith(".md")
        return any(part in ("corpus", "wire") for part in Path(self.path).parent.parts)


def listed(root: Path) -> list[str]:
    """The repository's files as git sees them, new ones included, deleted ones not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    return sorted({name for name in done.stdout.split("\0") if name and (root / name).is_file()})


def read_tree(root: Path) -> list[File]:
    return [File(name, (root / name).read_bytes()) for name in listed(root)]


def sample(**contents: str) -> list[File]:
    """A tree of one's own for the tests of the checks: `sample(**{'cpp/a.h': '...'})`."""
    return [File(path, text.encode()) for path, text in contents.items()]


def native(files: Iterable[File]) -> list[File]:
    return [f for f in files if f.path.startswith("cpp/") and f.suffix in {".h", ".cpp"}]
