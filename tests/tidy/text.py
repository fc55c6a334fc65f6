"""What stands in the files: ASCII, 100 columns, no notes to self, no addresses of the machine that
it was written on; and the top level, which is fixed."""

import re
from collections.abc import Iterable

from tidy.tree import SOURCE, Complaint, File

COLUMNS = 100
ODD = re.compile(r"[^\t\x20-\x7e]")
TOP_LEVEL = {
    "CMakeLists.txt",
    "LICENSE",
    "Makefile",
    "README.md",
    "cpp",
    "docs",
    "experiments",
    "notebooks",
    "pyproject.toml",
    "results",
    "tests",
    "zyphos_lab",
}
# Long lines are data in these: tables of prose, rendered pages, lists of seeds.
LONG_LINES = {".svg", ".md", ".html", ".j2", ".json", ".css", ".js", ".txt", ".toml"}

# Written in halves, so that this file does not complain of itself.
HALVES = [
    ("/wo", r"rk/[\w.]"),
    ("/ho", r"me/[\w.]"),
    ("/ro", r"ot/[\w.]"),
    ("/opt/", "wheels"),
    (r"\bpkg", r"\.dev\b"),
    (r"deb\.deb", r"ian\.org"),
    ("py", r"pi\.(org|python)"),
    ("python", "hosted"),
    ("index", "-url"),
]
PLACES = re.compile("|".join(first + second for first, second in HALVES), re.IGNORECASE)
NOTES = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")


def judged(files: Iterable[File]) -> list[File]:
    return [file for file in files if file.is_text and not file.is_made]


def check_ascii(files: Iterable[File]) -> list[Complaint]:
    found = []
    for file in judged(files):
        for number, line in enumerate(file.lines, 1):
            odd = ODD.search(line)
            if odd:
                found.append(Complaint(file.path, number, "ascii", f"character {odd[0]!r}"))
    return found


def check_columns(files: Iterable[File]) -> list[Complaint]:
    return [
        Complaint(file.path, number, "columns", f"{len(line)} columns, at most {COLUMNS}")
        for file in judged(files)
        if file.suffix not in LONG_LINES
        for number, line in enumerate(file.lines, 1)
        if len(line) > COLUMNS
    ]


def check_whitespace(files: Iterable[File]) -> list[Complaint]:
    """No tab and no blank at a line's end in sources (make wants its tabs)."""
    return [
        Complaint(file.path, number, "whitespace", "tab, or blank at the end")
        for file in judged(files)
        if file.suffix in SOURCE
        for number, line in enumerate(file.lines, 1)
        if "\t" in line or line != line.rstrip()
    ]


def check_notes(files: Iterable[File]) -> list[Complaint]:
    return _matches(files, NOTES, "note", "belongs in an issue")


def check_places(files: Iterable[File]) -> list[Complaint]:
    return _matches(files, PLACES, "place", "names a machine's path or a package registry")


def _matches(files: Iterable[File], wanted: re.Pattern, rule: str, what: str) -> list[Complaint]:
    return [
        Complaint(file.path, number, rule, f"{match[0]!r} {what}")
        for file in judged(files)
        for number, line in enumerate(file.lines, 1)
        if (match := wanted.search(line))
    ]


def check_top_level(files: Iterable[File]) -> list[Complaint]:
    tops = {file.path.partition("/")[0] for file in files}
    odd = sorted(top for top in tops - TOP_LEVEL if not top.startswith("."))
    return [Complaint(top, 0, "top-level", "is not in the fixed list") for top in odd]
