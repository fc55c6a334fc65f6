"""What `zyphos-lab serve --root` takes: the web server's options, as words for zyphos-serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

OPTIONS = [
    click.option(
        "--root",
        type=click.Path(exists=True, file_okay=False),
        help="Serve this folder's files, in place of an app.",
    ),
    click.option(
        "--sending",
        type=click.Choice(["best", "sendfile", "mmap", "read"]),
        default="best",
        show_default=True,
        help="How a file's bytes come to the socket.",
    ),
    click.option(
        "--index", default="index.html", show_default=True, help="What stands for a folder."
    ),
    click.option("--no-listing", is_flag=True, help="List no folders (403)."),
    click.option("--dotfiles", is_flag=True, help="Serve what begins with a dot, too."),
    click.option(
        "--precompressed", is_flag=True, help="NAME.br, .zst or .gz for NAME, to who takes it."
    ),
    click.option(
        "--open-files",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Keep so many files open, and look at each again after a second.",
    ),
    click.option("--error-pages", default="", help="A folder in it with 404.html and the like."),
    click.option("--types", default="", help="Media types beside ours, as in /etc/mime.types."),
    click.option("--access-log", default="", help="A line per request, in combined format."),
    click.option("--error-log", default="", help="What went wrong."),
]
TEXTS = ["root", "sending", "index", "error_pages", "types", "access_log", "error_log"]


def site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Declares the options on a command, in their order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def site_words(given: dict[str, Any]) -> Iterator[str]:
    """Words for zyphos-serve; what is the program's default is not said."""
    defaults = {"sending": "best", "index": "index.html"}
    for name in TEXTS:
        if given[name] != defaults.get(name, ""):
            yield f"{name}={given[name]}"
    if given["no_listing"]:
        yield "listing=false"
    for name in ("dotfiles", "precompressed"):
        if given[name]:
            yield f"{name}=true"
    if given["open_files"]:
        yield f"open_files_max={given['open_files']}"
