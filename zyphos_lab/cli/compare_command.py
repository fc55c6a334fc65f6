"""`zyphos-lab compare`: two runs, a run by a factor, a baseline and its gates, or two programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zyphos_lab.cli import compare_targets
from zyphos_lab.cli.shared import json_option, parsed, print_json, results_option
from zyphos_lab.errors import (
    ExpectationError,
    InconclusiveError,
    MeasurementError,
    UsageError,
)

if TYPE_CHECKING:
    from zyphos_lab.compare.model import Table
    from zyphos_lab.compare.source import Source
    from zyphos_lab.spec.statement import Statement

FORMATS = ("text", "md", "json", "html")
EPILOG = """\b
Examples:
  zyphos-lab compare 20261120T231500Z-1a2b last
  zyphos-lab compare last --by target --baseline nginx --metric p99 --metric rate
  zyphos-lab compare last --save-baseline baseline.json
  zyphos-lab compare baseline.json last --gate "regression(p99) <= 3%" --format md
  zyphos-lab compare --target 'nginx -c {dir}/n.conf' --file n.conf --target './mine --port {port}'
  zyphos-lab compare --target engine:epoll --target engine:uring --load 'connections=64 pipeline=16'
  zyphos-lab compare --url http://127.0.0.1:8080/ --url http://127.0.0.1:8081/
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `compare`, without what only `--target` knows."""

    runs: tuple[str, ...]
    by: str | None
    baseline: str | None
    metrics: tuple[str, ...]
    floor: float | None
    gates: tuple[Statement, ...]
    save: Path | None
    include_invalid: bool
    require_conclusive: bool
    form: str
    output: Path | None
    results: Path
    programs: dict[str, Any]


@click.command(epilog=EPILOG)
@click.argument("runs", nargs=-1, metavar="[RUN_A|BASELINE.json] [RUN_B]")
@click.option("--by", metavar="FACTOR", help="Compare the values of a factor within one run.")
@click.option("--baseline", metavar="VALUE", help="The value of --by to compare with.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME",
              help="What to compare, like p99, rate, errors. Repeatable.")  # fmt: skip
@click.option("--floor", metavar="SHARE", help="Differences within this count as none, like 2%.")
@click.option("--gate", "gates", multiple=True, metavar="STATEMENT",
              help="Exit code 3 if 'regression(p99) <= 3%' fails. Repeatable.")  # fmt: skip
@click.option("--save-baseline", "save", type=click.Path(path_type=Path), metavar="FILE",
              help="Write RUN as a small file to compare later runs with.")  # fmt: skip
@click.option("--include-invalid", is_flag=True, help="Count INVALID trials like others.")
@click.option("--require-conclusive", is_flag=True,
              help="Exit code 4 where a gate (or comparison) cannot be told.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="[text]")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE",
              help="Write there and not to stdout.")  # fmt: skip
@compare_targets.options
@results_option
@json_option
def command(**given: Any) -> None:
    """Hold one measurement against another: A is what B is compared with."""
    asked = _asked(given)
    table = _table(asked)
    if table is not None:
        _show(asked, table)
        _leave(asked, table)


def _asked(given: dict[str, Any]) -> Asked:
    from zyphos_lab.compare import gates
    from zyphos_lab.units import parse_fraction

    as_json, form, floor = given.pop("as_json"), given.pop("form"), given.pop("floor")
    if as_json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} contradict each other")
    programs = compare_targets.taken(given)
    return Asked(
        **{
            **given,
            "form": "json" if as_json else form or "text",
            "programs": programs,
            "floor": None if floor is None else parsed("--floor", floor, parse_fraction),
            "gates": tuple(gates.read(text) for text in given["gates"]),
        }
    )


def _table(asked: Asked) -> Table | None:
    """What was asked for; None where a baseline was only to be saved."""
    from zyphos_lab.compare import source

    if asked.programs:
        return compared(asked, [_measured(asked)])
    if not asked.runs or len(asked.runs) > 2:
        hint = "zyphos-lab compare RUN_A RUN_B, or RUN --by FACTOR, or --target A --target B"
        raise UsageError(f"{len(asked.runs) or 'no'} runs: what is to be compared?", hint)
    sources = [source.find(asked.results, run, asked.include_invalid) for run in asked.runs]
    if asked.save is not None:
        _save(asked, sources)
        if len(sources) == 1 and asked.by is None:
            return None
    return compared(asked, sources)


def _measured(asked: Asked) -> Source:
    """The run of the programs on the command line, made now."""
    from zyphos_lab.compare import gates, source

    if asked.runs or asked.by or asked.baseline:
        raise UsageError(
            "--target measures anew: runs, --by and --baseline have no place beside it"
        )
    metrics = (*asked.metrics, *gates.metrics_of(asked.gates)) if asked.metrics else ()
    store = compare_targets.measured(
        asked.programs,
        metrics,
        asked.floor,
        asked.results,
        table=asked.form == "text",
        conclusive=asked.require_conclusive or bool(asked.gates),
    )
    made = source.of_store(store, asked.include_invalid)
    if asked.save is not None:
        _save(asked, [made])
    return made


def compared(asked: Asked, sources: list[Source]) -> Table:
    """The table of one run by its factor, or of two runs."""
    from zyphos_lab.compare import gates
    from zyphos_lab.compare.between import compare_runs
    from zyphos_lab.compare.blocks import wanted_of
    from zyphos_lab.compare.within import compare_factor

    wanted = wanted_of(sources, asked.metrics, gates.metrics_of(asked.gates), asked.floor)
    if len(sources) == 1:
        table = compare_factor(sources[0], asked.by, asked.baseline, wanted)
    elif asked.by or asked.baseline:
        raise UsageError("--by and --baseline are about one run, here are two")
    else:
        table = compare_runs(sources[0], sources[1], wanted)
    return gates.judged(table, asked.gates)


def _save(asked: Asked, sources: list[Source]) -> None:
    from zyphos_lab.compare import baseline
    from zyphos_lab.compare.blocks import wanted_of

    assert asked.save is not None
    wanted = wanted_of(sources[-1:], asked.metrics)
    if not asked.include_invalid:
        baseline.refuse_invalid(sources[-1])
    baseline.write(sources[-1], asked.save, wanted.metrics)
    click.echo(f"baseline: {asked.save} ({sources[-1].side.name})", err=True)


def _show(asked: Asked, table: Table) -> None:
    if asked.output is not None:
        from zyphos_lab.files import write_atomically

        write_atomically(asked.output, _document(asked, table))
        click.echo(f"{asked.form}: {asked.output}", err=True)
    elif asked.form == "json":
        print_json(table.as_dict())
    elif asked.form == "text":
        from rich.console import Console

        from zyphos_lab.compare.text import terminal

        terminal(table, Console(highlight=False))
    else:
        click.echo(_document(asked, table), nl=False)


def _document(asked: Asked, table: Table) -> str:
    from zyphos_lab.compare import pages

    if asked.form == "json":
        import json

        return json.dumps(table.as_dict(), indent=1) + "\n"
    if asked.form == "text":
        return _plain_text(table)
    return pages.markdown(table) if asked.form == "md" else pages.html(table)


def _plain_text(table: Table) -> str:
    import io

    from rich.console import Console

    from zyphos_lab.compare.text import terminal

    out = io.StringIO()
    terminal(table, Console(file=out, width=160, highlight=False))
    return out.getvalue()


def _leave(asked: Asked, table: Table) -> None:
    """Raises what the table means for the exit code; returns when all is well."""
    from zyphos_lab.compare.model import FAIL

    if not asked.include_invalid:
        _refuse_invalid(table)
    failed = [gate.text for gate in table.gates if gate.outcome == FAIL]
    if failed:
        raise ExpectationError(f"gate failed: {'; '.join(failed)}")
    undecided = _undecided(table) if asked.require_conclusive else []
    if undecided:
        more = f" and {len(undecided) - 3} more" if len(undecided) > 3 else ""
        raise InconclusiveError(f"cannot tell: {'; '.join(undecided[:3])}{more}")


def _refuse_invalid(table: Table) -> None:
    for name, side in (("a", table.a), ("b", table.b)):
        if side.verdict == "INVALID":
            why = "; ".join(reason.message for reason in side.reasons)
            raise MeasurementError(f"{name} ({side.name}) is INVALID: {why}", "--include-invalid")


def _undecided(table: Table) -> list[str]:
    """Gates that cannot be told; without gates, comparisons."""
    from zyphos_lab.compare.model import UNDECIDED

    if table.gates:
        return [gate.text for gate in table.gates if gate.outcome == UNDECIDED]
    lines = [line for line in table.lines if line.comparison.verdict == "cannot tell"]
    return [f"{line.label} {line.metric}" for line in lines]
