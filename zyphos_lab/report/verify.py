"""`report --verify`: every number of answer.json and report.html once more, from the store.

Medians, intervals and counts by SQL over the Parquet tables, ratios and p by plain enumeration, the
percentiles of each trial by an own reader of its histograms: none of it by what made the report. A
number for which there is no second way is counted as not verified, by its kind.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report.verify_page import Mark, misprints, printed
from zyphos_lab.report.verify_sql import AA, Numbers

EXACT = 1e-9
BLOCKS_MIN = 6
FLOOR_MIN = 0.01
Data = Mapping[str, Any]
# Parts of an answer that are verified, or whose numbers are no measurements.
HANDLED = {"aa", "columns", "expectations", "reasons", "remarks", "rows", "schema_version"}
HANDLED |= {"stalls", "trials_done", "trials_planned"}


@dataclass(frozen=True)
class Difference:
    """Where a number stands, what is told there, and what the store gives."""

    place: str
    told: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.place}: told {self.told}, the store gives {self.found}"


@dataclass
class Check:
    """What was compared so far."""

    verified: int = 0
    differences: list[Difference] = field(default_factory=list)
    unverified: Counter[str] = field(default_factory=Counter)

    def same(self, place: str, told: Any, found: Any) -> None:
        """Counts one number, and notes it where the two differ."""
        self.verified += 1
        if not _equal(told, found):
            self.differences.append(Difference(place, told, found))

    def as_dict(self) -> dict[str, Any]:
        return {
            "verified": self.verified,
            "differences": [vars(one) for one in self.differences],
            "unverified": {what: count for what, count in self.unverified.items() if count},
        }


def _equal(told: Any, found: Any) -> bool:
    if isinstance(told, bool | str) or isinstance(found, bool | str) or None in (told, found):
        return bool(told == found)
    return math.isclose(told, found, rel_tol=EXACT, abs_tol=1e-12)


def metrics_of(answer: Data) -> Iterator[str]:
    """Every metric whose numbers the answer tells."""
    for row in answer["rows"]:
        yield from row["estimates"]
        for delta in row["deltas"]:
            yield delta["comparison"]["metric"]
            yield from (carrier["name"] for carrier in delta.get("carries", ()))
    for one in answer["expectations"]:
        for cell in (*one["cells"], *one["controls"]):
            for name in cell["measured"]:
                yield name.removeprefix("ratio(").removesuffix(")")
    yield from (one["metric"] for one in answer["aa"])
    for one in answer.get("stalls", ()):
        yield from (f"latency_ns_{name}" for name in one["reported_ns"])


class Verifier:
    """Holds an answer, and a page made of it, against `numbers`."""

    def __init__(self, answer: Data, manifest: Data, numbers: Numbers) -> None:
        self._answer, self._manifest, self._numbers = answer, manifest, numbers
        self.check = Check()
        self._compared: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def answer(self) -> None:
        """Everything in answer.json."""
        told = self._answer
        self._compare_all([*_deltas(told), *told["aa"]])
        self.check.same("trials_done", told["trials_done"], self._numbers.trials())
        self.check.same("trials_planned", told["trials_planned"], self._planned())
        for row in told["rows"]:
            self._row(row)
        for one in told["aa"]:
            self._comparison(one)
        for one in told["expectations"]:
            for cell in (*one["cells"], *one["controls"]):
                self._measured(one, cell)
        for one in told.get("stalls", ()):
            for place, value, found in self._stalled(one):
                self.check.same(f"{one['cell']} {place}", value, found)
        self.check.unverified["trials that a remark counts"] += len(
            [*told["reasons"], *told["remarks"]]
        )
        for name in told.keys() - HANDLED:
            self.check.unverified[name] += _numbers_in(told[name])

    def _stalled(self, one: Data) -> Iterator[tuple[str, Any, Any]]:
        """(column, what is told, what the store gives) of a cell whose server was stopped."""
        cell = one["cell"]
        for name in ("server_stopped_ns", "window_ns"):
            told = one[name.removeprefix("server_")]
            yield name, told, self._numbers.median_of_all(cell, name)
        for name, value in one["truth_ns"].items():
            yield f"stall_ns_{name}", value, self._numbers.median_of_all(cell, f"stall_ns_{name}")
        for name, value in one["reported_ns"].items():
            metric = f"latency_ns_{name}"
            yield metric, value, self._numbers.estimate(cell, metric)["value"]

    def _planned(self) -> int:
        """As the manifest counts them: those of stage `measure`, or the plan of an older run."""
        counted = self._manifest.get("planned")
        return len(self._manifest.get("plan", ())) if counted is None else counted.get("measure", 0)

    def _row(self, row: Data) -> None:
        cell = row["cell"]
        counted = {"trials": None, "invalid": "INVALID"}
        for name, verdict in counted.items():
            found = self._numbers.trials(cell, verdict)
            self.check.same(f"{cell} {name}", row[name], found)
        for metric, estimate in row["estimates"].items():
            self._estimate(f"{cell} {metric}", estimate, self._numbers.estimate(cell, metric))
        for delta in row["deltas"]:
            self._comparison(delta["comparison"])
            self._beside(delta)

    def _estimate(self, place: str, told: Data, found: Data) -> None:
        for name in ("value", "low", "high", "smallest", "largest", "n", "at_least"):
            self.check.same(f"{place} {name}", told[name], found[name])

    def _beside(self, delta: Data) -> None:
        """The medians of a comparison's two cells, and of what moved with it."""
        c = delta["comparison"]
        for name, cell in (("baseline_value", c["baseline_cell"]), ("value", c["cell"])):
            found = self._numbers.estimate(cell, c["metric"])["value"]
            self.check.same(f"{cell} {c['metric']} median", delta[name], found)
        for carrier in delta.get("carries", ()):
            place = f"{c['cell']} against {c['baseline_cell']}, {carrier['name']}"
            pair = self._numbers.medians(c["cell"], c["baseline_cell"], carrier["name"])
            for name, value in zip(("baseline", "value"), pair, strict=True):
                self.check.same(f"{place} {name}", carrier[name], value)
            logs, _ = self._numbers.log_ratios({**c, "family": "", "metric": carrier["name"]})
            measured = _measure(logs)
            if measured["n"] <= flips.BLOCKS_MAX:
                for name in ("ratio", "low", "high"):
                    self.check.same(f"{place} {name}", carrier[name], measured[name])
            self.check.unverified["p and share of what a counter carries"] += 3
        if delta.get("advice"):
            self.check.unverified["advice"] += len(delta["advice"])

    def _compare_all(self, told: Sequence[Data]) -> None:
        """Ratio, interval, p and verdict of every comparison; p adjusted family by family."""
        logs: dict[tuple[str, str, str, str], dict[int, float]] = {}
        for c in told:
            logs[_key(c)], dropped = self._numbers.log_ratios(c)
            self._compared[_key(c)] = {"dropped": dropped, **_measure(logs[_key(c)])}
        families: dict[str, list[tuple[str, str, str, str]]] = {}
        for key, found in self._compared.items():
            if found["p_raw"] is not None:
                families.setdefault(key[0], []).append(key)
        for keys in families.values():
            for key, p in zip(keys, _adjusted([logs[key] for key in keys]), strict=True):
                self._compared[key]["p_adjusted"] = p

    def _comparison(self, told: Data) -> None:
        found = self._compared[_key(told)]
        place = f"{told['cell']} against {told['baseline_cell']} {told['metric']}"
        for name in ("n", "dropped", "ratio"):
            self.check.same(f"{place} {name}", told[name], found[name])
        floors = self._floors(told)
        self.check.same(
            f"{place} floor", told["floor"], min(floors, key=lambda f: abs(f - told["floor"]))
        )
        if found["n"] > flips.BLOCKS_MAX:
            self.check.unverified["p and interval of many blocks (sampled)"] += 4
            return
        for name in ("low", "high", "p_raw", "p_adjusted"):
            self.check.same(f"{place} {name}", told[name], found[name])
        if found["low"] is not None:
            self.check.same(f"{place} verdict", told["verdict"], _verdict(told, found))

    def _floors(self, told: Data) -> list[float]:
        """The floors that the experiment declares for this factor and metric; at least 1 %."""
        experiment = self._manifest["experiment"]
        declared = experiment.get("compare") or ()
        own = _aa_floor(experiment) if told["family"] == AA else None
        if own is not None:
            declared = [{"metrics": [told["metric"]], "factor": told["factor"], "floor": own}]
        meant = [
            one
            for one in declared
            if told["metric"] in one["metrics"] and told["factor"] in (one["factor"], "arm")
        ]
        return [max(FLOOR_MIN, _fraction(one.get("floor", FLOOR_MIN))) for one in meant] or [0.0]

    def _measured(self, expectation: Data, cell: Data) -> None:
        self.check.unverified["starts in which a statement held or failed"] += 3
        for name, told in cell["measured"].items():
            place = f"{expectation['id']} {cell['cell']} {name}"
            if name.startswith("ratio("):
                found = self._ratio(expectation, cell, name)
                self.check.same(f"{place} value", told["value"], found)
                self.check.unverified["bounds of an expectation's ratio"] += 6
            else:
                self._estimate(place, told, self._numbers.estimate(cell["cell"], name))

    def _ratio(self, expectation: Data, cell: Data, name: str) -> float | None:
        """Median over blocks of a metric over that of the expectation's baseline."""
        entries = self._manifest["experiment"].get("expect") or ()
        [compared] = [one["compare"] for one in entries if one["id"] == expectation["id"]]
        parts = dict(part.split("=", 1) for part in cell["cell"].split(","))
        parts[compared["factor"]] = _label(compared["baseline"])
        base = ",".join(f"{factor}={value}" for factor, value in parts.items())
        metric = name.removeprefix("ratio(").removesuffix(")")
        found = self._numbers.ratios(cell["cell"], base, metric)
        return float(np.median(found)) if found else None

    # The page

    def page(self, marks: Sequence[Mark]) -> None:
        """Every marked number: its full value, and what is printed of it."""
        for mark in marks:
            kind = mark.source["kind"]
            if kind == "prose":
                self._prose(mark)
                continue
            values = self._of_mark(mark)
            place = f"page, {' '.join(str(part) for part in mark.source.values() if part)}"
            for at, (told, found) in enumerate(zip(mark.values, values, strict=True)):
                self.check.same(f"{place} [{at}]", told, found)
            self._printed(place, mark, values)

    def _of_mark(self, mark: Mark) -> list[Any]:
        source = mark.source
        if source["kind"] == "trials":
            return [self._count(source)]
        if source["kind"] == "estimate":
            found = self._numbers.estimate(source["cell"], source["metric"])
            return [found["value"], found["low"], found["high"]]
        if source["kind"] == "counter":
            cells = (source["cell"], source["baseline_cell"])
            return list(self._numbers.medians(*cells, source["metric"]))
        if source["kind"] == "measured":
            return self._measured_mark(mark)
        found = self._compared[_key({**source, "family": source["family"]})]
        names = ("ratio",) if source["kind"] == "change" else ("ratio", "low", "high")
        return [found[name] for name in names]

    def _measured_mark(self, mark: Mark) -> list[Any]:
        source = mark.source
        if source["metric"].startswith("ratio("):
            named = {"id": source["expectation"]}
            value = self._ratio(named, {"cell": source["cell"]}, source["metric"])
            return [value, *mark.values[1:]]
        found = self._numbers.estimate(source["cell"], source["metric"])
        return [found["value"], found["low"], found["high"]]

    def _count(self, source: Data) -> Any:
        if source["what"] == "planned":
            return self._planned()
        verdict = "INVALID" if source["what"] == "invalid" else None
        return self._numbers.trials(source["cell"] or None, verdict)

    def _printed(self, place: str, mark: Mark, values: Sequence[Any]) -> None:
        """The text's own numbers; of a line on A/A only those of its ratio."""
        text = mark.text.partition("ratio ")[2] if mark.source["kind"] == "aa" else mark.text
        also: list[Any] = []
        if mark.source["kind"] in ("change", "aa"):
            text = text.partition(" within ")[0].partition(", same")[0]
            also = [1 / v if v else None for v in values]  # `880x faster` for a ratio below 1
        elif mark.source["kind"] == "counter":
            text = text.partition(" ")[2].replace("~0", "")
        wrong = misprints(text.partition(" (")[0], [*values, *also])
        self.check.verified += 1
        if wrong:
            self.check.differences.append(Difference(f"{place} printed", ", ".join(wrong), values))

    def _prose(self, mark: Mark) -> None:
        """Numbers with a unit in a sentence must be some median, ratio or its inverse."""
        known = list(self._told())
        for shown in printed(mark.text):
            if not shown.has_unit:
                continue
            self.check.verified += 1
            if not any(shown.rounds(value) for value in known):
                place = f'page, "{mark.text[:60]}..."'
                no = Difference(place, f"{shown.value:g}", "no such number")
                self.check.differences.append(no)

    def _told(self) -> Iterator[float | None]:
        for found in self._compared.values():
            for name in ("ratio", "low", "high"):
                yield found[name]
                yield 1 / found[name] if found[name] else None
        for row in self._answer["rows"]:
            for metric in row["estimates"]:
                yield from list(self._numbers.estimate(row["cell"], metric).values())[1:6]
        yield from (c["floor"] for c in _deltas(self._answer))
        yield from self._of_stalls()
        for one in self._answer.get("capacities", ()):
            yield from (one["lower_per_second"], one["upper_per_second"], one["closed_per_second"])
            yield from (shown.value for shown in printed(one["slo"]))  # declared, not measured

    def _of_stalls(self) -> Iterator[float | None]:
        for one in self._answer.get("stalls", ()):
            yield from (found for _, _, found in self._stalled(one))


def _numbers_in(value: Any) -> int:
    """How many numbers a part of an answer holds."""
    if isinstance(value, Mapping):
        return sum(map(_numbers_in, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_numbers_in, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def _deltas(answer: Data) -> list[Data]:
    return [delta["comparison"] for row in answer["rows"] for delta in row["deltas"]]


def _aa_floor(experiment: Data) -> Any:
    """`design.aa.floor`, if it is declared."""
    return ((experiment.get("design") or {}).get("aa") or {}).get("floor")


def _key(c: Data) -> tuple[str, str, str, str]:
    return (c["family"], c["cell"], c["baseline_cell"], c["metric"])


def _fraction(told: Any) -> float:
    """0.25 of `25%` and of 0.25."""
    text = str(told)
    return float(text.rstrip("% ")) / (100 if text.endswith("%") else 1)


def _label(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _measure(logs: Mapping[int, float]) -> dict[str, Any]:
    """n, ratio, low, high, p_raw; p_adjusted comes later."""
    values = np.array([logs[block] for block in sorted(logs)])
    found: dict[str, Any] = dict.fromkeys(("ratio", "low", "high", "p_raw", "p_adjusted"))
    found["n"] = len(values)
    if not len(values):
        return found
    found["ratio"] = math.exp(float(values.mean()))
    if BLOCKS_MIN <= len(values) <= flips.BLOCKS_MAX:
        found["p_raw"] = flips.p_value(values)
        found["low"], found["high"] = flips.interval(values) or (None, None)
    return found


def _adjusted(family: list[dict[int, float]]) -> Sequence[float | None]:
    blocks = {block for contrast in family for block in contrast}
    return flips.step_down(family) if len(blocks) <= flips.BLOCKS_MAX else [None] * len(family)


def _verdict(told: Data, found: Data) -> str:
    """METHOD.md: the interval against [1 / (1 + f), 1 + f], the difference against its family."""
    low, high, most = found["low"], found["high"], 1 + told["floor"]
    if low >= 1 / most and high <= most:
        return "same"
    if low <= most and high >= 1 / most:
        return "cannot tell"
    if found["p_adjusted"] is None or found["p_adjusted"] > flips.ALPHA:
        return "cannot tell"
    timed = "_ns" in told["metric"]
    return ("faster" if timed else "lower") if high < 1 else ("slower" if timed else "higher")
