"""What the documents show can be done: every ```sh block of README.md and docs/ is read line by
line; `make` targets, `zyphos-lab` subcommands and options, files and links must exist."""

import itertools
import os
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import click

from tidy.tree import Complaint, File

ASSIGNMENT = re.compile(r"^[A-Z_]+=")
FENCE = re.compile(r"^```(\w*)\s*$")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
TARGET = re.compile(r"^([a-z][a-z0-9_-]*):", re.MULTILINE)
FILE = re.compile(r"^(experiments|notebooks|results|tests|docs|cpp|zyphos_lab)/[\w./-]+$")
# What a reader's own line may begin with besides ours: named, so that a misspelt one is found.
FOREIGN = {
    ".venv/bin/jupyter",
    ".venv/bin/python",
    "apt-get",
    "bash",
    "cd",
    "cmake",
    "curl",
    "export",
    "git",
    "jupyter",
    "kill",
    "nginx",
    "ninja",
    "open",
    "perf",
    "pytest",
    "python3",
    "source",
    "strace",
    "sudo",
    "wrk",
    "xdg-open",
}


@dataclass(frozen=True)
class Command:
    """One command line of a document."""

    path: str
    line: int
    words: list[str]


def commands_of(file: File) -> list[Command]:
    """The command lines of the ```sh blocks; a trailing backslash joins lines, `$ ` is dropped."""
    found, inside, held = [], False, ""
    for number, line in enumerate(file.lines, 1):
        fence = FENCE.match(line.strip())
        if fence:
            inside = not inside and fence[1] in {"sh", "bash", "shell", "console"}
            continue
        if not inside:
            continue
        held += line.strip().removeprefix("$ ")
        if held.endswith("\\"):
            held = held[:-1]
            continue
        words = [words for part in split_list(held) if (words := shlex.split(part, comments=True))]
        found += [Command(file.path, number, each) for each in words]
        held = ""
    return found


def split_list(line: str) -> list[str]:
    """`a && b; c | d &` -> its simple commands."""
    return re.split(r"&&|\|\||;|\||&(?=\s*$)", line)


class Judge:
    """Whether a command can be typed as it stands. `group` is the program's click group; `exists`
    says whether a path of the repository exists."""

    def __init__(self, makefile: str, group: click.Group, exists: Callable[[str], bool]) -> None:
        self.targets = set(TARGET.findall(makefile))
        self.group = group
        self.exists = exists

    def wrong(self, words: list[str]) -> str:
        words = list(itertools.dropwhile(ASSIGNMENT.match, words))
        missing = [word for word in words if FILE.match(word) and not self.exists(word)]
        if missing:
            return f"no such file: {missing[0]}"
        return self.wrong_program(words[0], words[1:]) if words else ""

    def wrong_program(self, program: str, words: list[str]) -> str:
        if program == "make":
            return self.wrong_target(words)
        if program.rpartition("/")[2] == "zyphos-lab":
            return wrong_command(self.group, words)
        return "" if program in FOREIGN else f"unknown program {program!r}"

    def wrong_target(self, words: list[str]) -> str:
        targets = [word for word in words if "=" not in word and not word.startswith("-")]
        odd = [target for target in targets if target not in self.targets]
        return f"no target {odd[0]!r} in the Makefile" if odd else ""


def wrong_command(group: click.Group, words: list[str]) -> str:
    """Walks the subcommands, then holds every option against what the command declares."""
    command: click.Command = group
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"no command {words[0]!r} in zyphos-lab"
        command, words = found, words[1:]
    options = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
    for word in words:
        name = word.partition("=")[0]
        if re.match(r"^--?[a-zA-Z]", word) and name not in options | {"-h", "--version"}:
            return f"{command.name} has no option {name}"
    return ""


def check_links(files: Iterable[File]) -> list[Complaint]:
    """Every relative link of a document leads to a file of the tree (or one that `make` writes)."""
    every = list(files)
    known = {file.path for file in every}
    found = []
    for file in every:
        for number, line in enumerate(file.lines if file.suffix == ".md" else [], 1):
            for target in LINK.findall(line):
                path = os.path.normpath(os.path.join(os.path.dirname(file.path), target))
                if path not in known and not any(name.startswith(path + "/") for name in known):
                    found.append(Complaint(file.path, number, "link", f"no such file: {target}"))
    return found


def check_commands(files: Iterable[File], judge: Judge) -> list[Complaint]:
    documents = [f for f in files if f.path == "README.md" or f.path.startswith("docs/")]
    return [
        Complaint(command.path, command.line, "command", wrong)
        for file in documents
        if file.suffix == ".md"
        for command in commands_of(file)
        if (wrong := judge.wrong(command.words))
    ]
