"""`zyphos-lab smuggle`: techniques of request smuggling against servers and pairs on loopback."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from zyphos_lab.cli.shared import json_option, parsed, print_json
from zyphos_lab.errors import EXIT_OK, ExpectationError, MeasurementError, UsageError
from zyphos_lab.units import parse_duration

if TYPE_CHECKING:
    from zyphos_lab.smuggle.matrix import Matrix, Pair
    from zyphos_lab.smuggle.run import Wanted
    from zyphos_lab.smuggle.technique import Technique

EPILOG = """\b
Examples:
  zyphos-lab smuggle
  zyphos-lab smuggle --front nginx --back ours-simd --technique TE.TE --full
  zyphos-lab smuggle --server node --server go --front none
  zyphos-lab smuggle --output matrix.html
  zyphos-lab smuggle http://127.0.0.1:8080/
  zyphos-lab smuggle http://127.0.0.1:8080/ --behind 9000
  zyphos-lab smuggle --detect stream.bin
  zyphos-lab smuggle --list

With a URL the techniques go to that server; with --behind, to a front end of yours that passes on
to 127.0.0.1:PORT, where our server reads what arrives. Only loopback is attacked. Other people's
servers that are not here are skipped, with the command that gets them; those of Python and Go are
looked for in ZYPHOS_PEERS (~/.cache/zyphos-lab/peers).
Exit code 3: something succeeded, or was detected. 5: nothing succeeded through the control either.
"""
NONE = "none"


@click.command(epilog=EPILOG)
@click.argument("url", required=False)
@click.option("--server", "servers", multiple=True, help="Only this one alone. Repeatable.")
@click.option("--front", "fronts", multiple=True, help="Only this front end. Repeatable.")
@click.option("--back", "backs", multiple=True, help="Only this server behind. Repeatable.")
@click.option(
    "--technique", "names", multiple=True, help="Only this one, or this class. Repeatable."
)
@click.option("--behind", type=click.IntRange(1, 65535), help="URL passes on to this port of ours.")
@click.option("--host", default="lab", show_default=True, help="For the Host field.")
@click.option("--patience", default="2s", show_default=True, help="For a peer who says nothing.")
@click.option("--full", is_flag=True, help="Also what everyone takes alike.")
@click.option(
    "--detect",
    type=click.File("rb"),
    metavar="FILE",
    help="What a client sent (- is stdin): which of its requests could be read otherwise.",
)
@click.option("--list", "listing", is_flag=True, help="The techniques, and nothing is sent.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the whole matrix there: HTML, or Markdown (.md).",
)
@json_option
def command(
    url: str | None,
    servers: tuple[str, ...],
    fronts: tuple[str, ...],
    backs: tuple[str, ...],
    names: tuple[str, ...],
    behind: int | None,
    host: str,
    patience: str,
    full: bool,
    detect: BinaryIO | None,
    listing: bool,
    output: Path | None,
    as_json: bool,
) -> int:
    """Send ambiguous requests to servers, and through front ends to ours: who reads what."""
    from zyphos_lab.smuggle.run import Wanted

    if detect is not None:
        return _detect(detect, as_json)
    techniques = _techniques(names, host)
    if listing:
        return _list(techniques, as_json)
    alone = () if url else _servers(servers, bool(fronts or backs))
    alone_only = bool(servers) and not (fronts or backs)
    pairs = _pairs(("own",) if url else fronts, backs, bool(url), alone_only)
    patience_s = parsed("--patience", patience, parse_duration) / 1e9
    wanted = Wanted(techniques, alone, pairs, patience_s, host)
    matrix = _own(url, behind, wanted) if url else _all(wanted)
    _shown(matrix, full, output, as_json)
    return _judged(matrix)


def _techniques(names: Sequence[str], host: str) -> list[Technique]:
    """Those named, by their own names or their class's, behind those of control."""
    from zyphos_lab.smuggle.technique import CONTROL, all_techniques

    found = list(all_techniques(host))
    known = {one.name for one in found} | {one.kind for one in found}
    for name in names:
        _check("--technique", name, known)
    if not names:
        return found
    return [one for one in found if one.kind == CONTROL or {one.name, one.kind} & set(names)]


def _check(option: str, name: str, known: set[str] | Sequence[str]) -> None:
    import difflib

    if name not in known:
        close = difflib.get_close_matches(name, list(known), 1)
        hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(known))}"
        raise UsageError(f"{option}: there is no `{name}`", hint)


def _servers(names: Sequence[str], others: bool) -> list[str]:
    """All, unless some are named, or only pairs are."""
    from zyphos_lab.smuggle import peers

    known = peers.servers()
    for name in names:
        _check("--server", name, list(known))
    if names or others:
        return list(names)
    return [one for one in known if not one.startswith(peers.NAIVE)]


def _pairs(fronts: Sequence[str], backs: Sequence[str], own: bool, alone: bool) -> list[Pair]:
    """All front ends before all of our parsers, with the control; or what is named of them. `own`:
    one front end, which is the user's; `alone`: servers are named, and no pair.
    """
    from zyphos_lab.smuggle import peers
    from zyphos_lab.smuggle.matrix import Pair

    _check_all("--front", [] if own else fronts, [*peers.fronts(), NONE])
    _check_all("--back", backs, list(peers.servers()))
    if NONE in fronts or alone:
        return []
    pairs = [Pair(*two) for two in product(fronts or peers.real_fronts(), backs or peers.ours())]
    return pairs if own else [*pairs, *(Pair(*two) for two in permutations(peers.models()))]


def _check_all(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        _check(option, name, known)


def _all(wanted: Wanted) -> Matrix:
    from zyphos_lab.child import Children
    from zyphos_lab.smuggle.run import run

    count = len(wanted.servers) + len(wanted.pairs)
    finished: list[str] = []

    def say(name: str) -> None:
        finished.append(name)
        click.echo(f"{len(finished)}/{count} {name}", err=True)

    with tempfile.TemporaryDirectory(prefix="zyphos-") as folder:
        return run(wanted, Children(Path(folder)), say)


def _own(url: str, behind: int | None, wanted: Wanted) -> Matrix:
    from zyphos_lab.child import Children
    from zyphos_lab.smuggle import own

    address, port = own.place(url)
    if behind is None:
        return own.server(url, address, port, wanted)
    with tempfile.TemporaryDirectory(prefix="zyphos-") as folder:
        return own.front((url, address, port), behind, wanted, Children(Path(folder)))


def _shown(matrix: Matrix, full: bool, output: Path | None, as_json: bool) -> None:
    from rich.console import Console

    from zyphos_lab.files import write_atomically
    from zyphos_lab.smuggle import page, peers, show
    from zyphos_lab.smuggle.matrix import plain

    if output is not None:
        as_markdown = output.suffix == ".md"
        text = page.markdown(matrix, peers.versions()) if as_markdown else page.page(matrix)
        write_atomically(output, text)
    if as_json:
        print_json(plain(matrix))
    else:
        show.shown(Console(), matrix, full)


def _judged(matrix: Matrix) -> int:
    """What the exit code says."""
    from zyphos_lab.smuggle.show import verdict

    if matrix.exploited():
        raise ExpectationError(verdict(matrix))
    models = [pair for pair in matrix.passings if pair.is_model]
    tried = any("cl_te" in matrix.passings[pair] for pair in models)
    if tried and not matrix.exploited(models=True):
        raise MeasurementError("nothing succeeded through the control: nothing was shown")
    return EXIT_OK


def _detect(stream: BinaryIO, as_json: bool) -> int:
    from rich.console import Console

    from zyphos_lab.smuggle import detect

    found = list(detect.detect(stream.read()))
    if as_json:
        print_json([detect.plain(one) for one in found])
    else:
        detect.shown(Console(), found)
    if found:
        raise ExpectationError(f"{len(found)} requests could be read otherwise")
    return EXIT_OK


def _list(techniques: Sequence[Technique], as_json: bool) -> int:
    from rich.console import Console
    from rich.table import Table

    from zyphos_lab.smuggle.matrix import described

    if as_json:
        print_json([described(one) for one in techniques])
        return EXIT_OK
    table = Table(box=None, pad_edge=False)
    for name in ("class", "technique", "what", "clause", "source"):
        table.add_column(name)
    for one in techniques:
        table.add_row(one.kind, one.name, one.what, one.clause, one.source)
    Console().print(table)
    return EXIT_OK
