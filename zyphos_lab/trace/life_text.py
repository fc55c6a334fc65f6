"""Lives of connections side by side: as a Markdown page, on a terminal, as plain data.

One part for each step of the client, a column for each server, a line for each call; below, what
each kind of call is for. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zyphos_lab.trace.calls import Call, why
from zyphos_lab.trace.life import Life, Step
from zyphos_lab.units import format_duration

HEAD = (
    "# The life of a connection, in system calls\n\n"
    "Written by `zyphos-lab trace --life --output docs/connection_life.md` from a live run of our "
    "engines, one worker each: a client connects, sends `GET /`, reads the answer and closes. "
    "Every system call that the server made is here, in the order of their returns, with the time "
    "from the client's step to the call's return (and how long it took, sleep and all). Pointers "
    "are `*`.\n\n"
    "The client waits until the server sleeps before it takes the next step. BPF tells each call "
    "and adds some 0.3 us to it; a machine that is shared, and a client on another processor, add "
    "more: the times say what follows what, not how fast it can be. The connection is the server's "
    "second: what is made once is made. Threads that only sleep and wake by futex, to keep time, "
    "are left out.\n"
)


def step_text(step: Step, call: Call) -> str:
    """`+14.2 us (1.10 us)`: from the client's step to the return, and the call's own time."""
    since = format_duration(max(0, call.end_ns - step.begun_ns))
    return f"+{since} ({format_duration(call.end_ns - call.begin_ns)})"


def threads(life: Life) -> dict[int, str]:
    """Thread ids as letters, in the order in which they first returned; one alone has none."""
    found = dict.fromkeys(call.thread for step in life.steps for call in step.calls)
    letters = {thread: chr(ord("A") + at % 26) for at, thread in enumerate(found)}
    return letters if len(letters) > 1 else dict.fromkeys(found, "")


def structure(life: Life) -> list[list[str]]:
    """By step, what stays the same from run to run: the calls' kinds."""
    return [[call.kind for call in step.calls] for step in life.steps]


def page(lives: Sequence[Life]) -> str:
    """The whole of docs/connection_life.md."""
    return "\n".join([HEAD, *_summary(lives), *_parts(lives)]) + "\n"


def _summary(lives: Sequence[Life]) -> Iterator[str]:
    yield "| step | " + " | ".join(one.name for one in lives) + " |"
    yield "|---|" + "---|" * len(lives)
    for name, *steps in _by_step(lives):
        yield f"| {name} | " + " | ".join(_count(step.calls) for step in steps) + " |"
    totals = (_count([call for step in one.steps for call in step.calls]) for one in lives)
    yield "| in all | " + " | ".join(totals) + " |"
    yield ""


def _count(calls: Sequence[Call]) -> str:
    return f"{len(calls)} {'call' if len(calls) == 1 else 'calls'}"


def _by_step(lives: Sequence[Life]) -> Iterator[list[Any]]:
    """[name, the step of each server]."""
    for steps in zip(*(one.steps for one in lives), strict=True):
        yield [steps[0].name, *steps]


def _parts(lives: Sequence[Life]) -> Iterator[str]:
    letters = [threads(one) for one in lives]
    for name, *steps in _by_step(lives):
        yield f"## {name[0].upper()}{name[1:]}\n"
        yield "| | " + " | ".join(one.name for one in lives) + " |"
        yield "|---|" + "---|" * len(lives)
        for number, calls in enumerate(zip_longest(*(step.calls for step in steps)), 1):
            cells = [
                "" if call is None else _cell(step, call, known)
                for step, call, known in zip(steps, calls, letters, strict=True)
            ]
            yield f"| {number} | " + " | ".join(cells) + " |"
        yield ""
        yield from _explained([call for step in steps for call in step.calls])
        yield ""


def _cell(step: Step, call: Call, letters: dict[int, str]) -> str:
    thread = f"{letters[call.thread]}: " if letters[call.thread] else ""
    return f"{thread}`{call.text.replace('|', chr(92) + '|')}`<br>{step_text(step, call)}"


def _explained(calls: Sequence[Call]) -> Iterator[str]:
    """Each kind once, in the order in which they came."""
    for kind, text in explanations(calls).items():
        yield f"- `{kind}`: {text}"


def explanations(calls: Sequence[Call]) -> dict[str, str]:
    """Kind -> what it is for; kinds that are explained alike under the call's name."""
    found: dict[str, str] = {}
    for call in calls:
        told = why(call)
        if told and told not in found.values():
            found[call.kind] = told
        elif not told:
            found[call.kind] = "not explained here"
    return found


def shown(console: Console, lives: Sequence[Life]) -> None:
    """One table for each step, the servers side by side."""
    letters = [threads(one) for one in lives]
    for name, *steps in _by_step(lives):
        table = Table(title=name, title_justify="left", box=None, pad_edge=False)
        for one in lives:
            table.add_column(one.name, overflow="fold")
        for calls in zip_longest(*(step.calls for step in steps)):
            table.add_row(*map(_lines, steps, calls, letters))
        console.print(table)
        for kind, text in explanations([call for step in steps for call in step.calls]).items():
            console.print(Text(f"  {kind}: {text}", style="dim"))
        console.print()


def _lines(step: Step, call: Call | None, letters: dict[int, str]) -> Text:
    if call is None:
        return Text("")
    thread = f"{letters[call.thread]}: " if letters[call.thread] else ""
    text = Text(f"{thread}{call.text}\n")
    text.append(f"  {step_text(step, call)}", style="dim")
    return text


def plain(life: Life) -> dict[str, Any]:
    """For `--json`: times count from the client's step."""
    return {
        "server": life.name,
        "steps": [
            {
                "step": step.name,
                "calls": [
                    {
                        "name": call.name,
                        "text": call.text,
                        "result": call.result,
                        "thread": call.thread,
                        "returned_ns": call.end_ns - step.begun_ns,
                        "took_ns": call.end_ns - call.begin_ns,
                        "why": why(call),
                    }
                    for call in step.calls
                ],
            }
            for step in life.steps
        ],
    }
