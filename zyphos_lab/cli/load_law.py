"""When requests are sent: the options of `zyphos-lab load` for it, as words of zyphos-load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from zyphos_lab.cli.shared import parsed
from zyphos_lab.errors import UsageError
from zyphos_lab.units import parse_duration, parse_rate

# What each open law must have, and what it may have besides.
LAWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": (("rate",), ()),
    "poisson": (("rate",), ()),
    "on-off": (("rate", "on", "off"), ()),
    "ramp": (("from", "to"), ()),
    "trace": (("trace",), ("period",)),
    "partly-open": (("rate", "session"), ("think",)),
}
HINTS = {
    "closed": "open loop: --rate 10000/s",
    "constant": "--law constant --rate 10000/s",
    "poisson": "--law poisson --rate 10000/s",
    "on-off": "--law on-off --rate 1000/s --on 100ms --off 100ms",
    "ramp": "--law ramp --from 100/s --to 1000/s",
    "trace": "--law trace --trace arrivals.txt",
    "partly-open": "--law partly-open --rate 100/s --session 5 --think 10ms",
}
# Option: the word of zyphos-load and how the text is read (None: as it is).
PARTS: dict[str, tuple[str, Callable[[str], float] | None]] = {
    "rate": ("rate_per_second", parse_rate),
    "think": ("think_ns", parse_duration),
    "on": ("on_ns", parse_duration),
    "off": ("off_ns", parse_duration),
    "from": ("from_per_second", parse_rate),
    "to": ("to_per_second", parse_rate),
    "trace": ("file", None),
    "period": ("period_ns", parse_duration),
    "session": ("requests_mean", None),
}
OPTIONS = (
    click.option(
        "--rate", default="", help="Open loop: requests (or sessions) per second, 10000/s."
    ),
    click.option(
        "--law",
        type=click.Choice(["closed", *LAWS]),
        help="When requests are sent. [constant with --rate, else closed]",
    ),
    click.option("--think", default="0", help="closed, partly-open: pause after an answer. [0]"),
    click.option("--on", default="", help="on-off: requests come for so long."),
    click.option("--off", default="", help="on-off: then none for so long."),
    click.option("--from", "from_", default="", help="ramp: rate at the start, like 100/s."),
    click.option("--to", default="", help="ramp: rate at the end."),
    click.option(
        "--trace",
        default="",
        metavar="FILE",
        help="trace: offsets, one a line (ns, or s like 0.25).",
    ),
    click.option("--period", default="", help="trace: repeats after it. [last + mean distance]"),
    click.option(
        "--session", default="", metavar="MEAN", help="partly-open: requests of a session."
    ),
)


def arrival_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of the law."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def _checked_trace(path: str) -> None:
    from zyphos_lab.probes.native import core

    try:
        core().read_trace(path)
    except ValueError as error:
        raise UsageError(str(error), "one offset a line: whole ns, or seconds like 0.25") from None


def law_of(given: dict[str, Any]) -> str:
    """The law asked for, or the one that the other options mean."""
    return str(given["law"] or ("constant" if given["rate"] else "closed"))


def arrival_words(given: dict[str, Any]) -> Iterator[str]:
    """Words of the law; what does not go with it, or lacks, is said in the options' own names."""
    law = law_of(given)
    yield f"arrival.law={law}"
    needed, also = LAWS.get(law, ((), ("think",)))
    for name, (word, read) in PARTS.items():
        text = given["from_" if name == "from" else name]
        if text in ("", "0"):
            if name in needed:
                raise UsageError(f"--law {law} needs --{name}", HINTS.get(law, ""))
        elif name not in (*needed, *also):
            raise UsageError(f"--{name} does not go with --law {law}", HINTS.get(law, ""))
        else:
            if name == "trace":
                _checked_trace(text)
            value = parsed(f"--{name}", text, read) if read else text
            yield f"arrival.{word}={value!r}" if read else f"arrival.{word}={value}"
