"""What a setting was measured to cost: the newest answer that holds one of its contrasts.

From answer.json and manifest.json of the runs in `results` folders alone; nothing is computed from
trials and nothing is invented: without a run it is `not measured`, with the command that would.
A rehearsal (no evidence), an unfinished or INVALID run, or a file that cannot be read is as if it
were not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zyphos_lab import host
from zyphos_lab.doctor.check import Check, Measured
from zyphos_lab.doctor.contrasts import CONTRASTS, NONE, Contrast
from zyphos_lab.store import MANIFEST

ANSWER = "answer.json"
CANNOT_TELL = "cannot tell"
HERE = "this machine"
TIMES_FROM = 2.0  # a ratio beyond it, or below its inverse, is told as a factor, not in per cent


@dataclass(frozen=True)
class Answered:
    """A run's answer, and what tells its machine from this one ('': nothing)."""

    run: Path
    answer: Mapping[str, Any]
    where: str


def folders() -> list[Path]:
    """Where runs are: those of the working folder, then the lab's own reference results."""
    package = Path(__file__).resolve().parent.parent.parent / "results"
    return list(dict.fromkeys(path.resolve() for path in (Path("results"), package)))


def with_costs(
    checks: Iterable[Check], results: Sequence[Path], here: Mapping[str, Any]
) -> list[Check]:
    """The checks of settings with what they were measured to cost; `here`: host.fingerprint()."""
    known: dict[str, list[Answered]] = {}
    return [_with_cost(check, results, here, known) for check in checks]


def _with_cost(
    check: Check,
    results: Sequence[Path],
    here: Mapping[str, Any],
    known: dict[str, list[Answered]],
) -> Check:
    if check.id in NONE:
        return replace(check, not_measured=NONE[check.id])
    wanted = CONTRASTS.get(check.id, ())
    found: list[Measured] = []
    for contrast in wanted:
        if contrast.experiment not in known:
            known[contrast.experiment] = _answers(results, contrast.experiment, here)
        found += _told(contrast, known[contrast.experiment])
    if wanted and not found:
        commands = dict.fromkeys(contrast.command for contrast in wanted)
        return replace(check, not_measured="; ".join(commands))
    return replace(check, measured=tuple(found))


def _answers(results: Sequence[Path], experiment: str, here: Mapping[str, Any]) -> list[Answered]:
    """What can be used of an experiment's runs, the newest first."""
    runs = {path.parent.name: path.parent for folder in reversed(results)
            for path in folder.glob(f"{experiment}/*/{ANSWER}")}  # fmt: skip
    read = (_answered(runs[name], here) for name in sorted(runs, reverse=True))
    return [one for one in read if one is not None]


def _answered(run: Path, here: Mapping[str, Any]) -> Answered | None:
    try:
        answer = json.loads((run / ANSWER).read_text(encoding="utf-8"))
        manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
        usable = answer["evidence"] and answer["status"] == "complete"
        usable = usable and answer["verdict"] != "INVALID"
        server = host.roles(manifest["host"])["server"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Answered(run, answer, host.elsewhere(server, here)) if usable else None


def _told(contrast: Contrast, answers: Sequence[Answered]) -> list[Measured]:
    """This machine's newest; beside one that is undecided, or without one, the newest elsewhere."""
    own: list[Measured] = []
    others: list[Measured] = []
    for one in answers:
        try:
            found = _measured(contrast, one)
        except (KeyError, TypeError, ValueError):  # an answer of another shape says nothing
            continue
        if found is not None:
            (others if one.where else own).append(found)
    decided = [one for one in others if one.verdict != CANNOT_TELL]
    if not own:
        return (decided or others)[:1]
    return [own[0], *decided[: own[0].verdict == CANNOT_TELL]]


def _measured(contrast: Contrast, one: Answered) -> Measured | None:
    """What this answer says of the contrast; None where it does not hold it."""
    for c in _comparisons(one.answer):
        same = all(c.get(name) == getattr(contrast, name)
                   for name in ("factor", "value", "baseline", "metric"))  # fmt: skip
        conditions = {tuple(pair) for pair in c.get("conditions") or ()}
        if same and set(contrast.where) <= conditions:
            return Measured(
                text=f"{_said(c)} with {contrast.words} ({_from(one)})",
                experiment=contrast.experiment,
                run=one.run.name,
                metric=contrast.metric,
                value=contrast.value,
                baseline=contrast.baseline,
                ratio=c["ratio"],
                low=c["low"],
                high=c["high"],
                verdict=c["verdict"],
                reason=c["reason"],
                run_verdict=one.answer["verdict"],
                where=one.where,
            )
    return None


def _comparisons(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for row in answer.get("rows", ()):
        for delta in row.get("deltas", ()):
            yield delta["comparison"]


def _said(c: Mapping[str, Any]) -> str:
    """`latency_ns_p50 +3.1 % [+2.0, +4.2], slower`, or that it is undecided, and why."""
    amount = f"{c['metric']} {_amount(c)}".rstrip()
    if c["verdict"] == CANNOT_TELL:
        return f"undecided ({c['reason']}): {amount}"
    floor = f" within {100 * c['floor']:.3g} %" if c["verdict"] == "same" else ""
    return f"{amount}, {c['verdict']}{floor}"


def _amount(c: Mapping[str, Any]) -> str:
    """The ratio with its interval where there is one."""
    ratio, low, high = c["ratio"], c["low"], c["high"]
    if ratio is None:
        return ""
    per_cent = 1 / TIMES_FROM < ratio < TIMES_FROM
    show = _per_cent if per_cent else _times
    interval = "" if low is None or high is None else f" [{show(low)}, {show(high)}]"
    return f"{show(ratio)}{' %' if per_cent else 'x'}{interval}"


def _per_cent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"


def _from(one: Answered) -> str:
    verdict = one.answer["verdict"]
    worth = "" if verdict == "VALID" else f", {verdict}"
    return f"{one.answer['experiment']} {one.run.name}{worth}, {one.where or HERE}"
