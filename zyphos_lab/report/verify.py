"""`report --verify`: every number of answer.json once more, from the store.

Medians, intervals and counts by SQL over the Parquet tables, ratios and p by plain enumeration (of
many blocks within the error of the report's draws), shares, advice, capacities and expectations by
their own arithmetic (verify_*.py): none of it by what made the report. verify_marks.py does the
page. A number for which there is no second way is counted as not verified, by its kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from zyphos_lab.report import verify_drawn as drawn
from zyphos_lab.report import verify_flips as flips
from zyphos_lab.report import verify_line, verify_observer, verify_search
from zyphos_lab.report.verify_advice import Slices, advice
from zyphos_lab.report.verify_carried import Carried
from zyphos_lab.report.verify_check import BLOCKS_MIN, Check
from zyphos_lab.report.verify_expected import Expected
from zyphos_lab.report.verify_remarks import Remarks
from zyphos_lab.report.verify_sql import AA, Numbers
from zyphos_lab.report.verify_statement import number

FLOOR_MIN = 0.01
Data = Mapping[str, Any]
# Parts of an answer that are verified, or whose numbers are no measurements.
HANDLED = {"aa", "capacities", "columns", "expectations", "reasons", "remarks", "rows"}
HANDLED |= {"lines", "observed", "schema_version", "stalls", "trials_done", "trials_planned"}
CANNOT_TELL = "cannot tell"


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
    yield from (one["metric"] for one in (*answer["aa"], *answer.get("lines", ())))
    for one in answer.get("stalls", ()):
        yield from (f"latency_ns_{name}" for name in one["reported_ns"])


class Verifier:
    """Holds an answer against `numbers`; `slices` are the windows' for what advice rests on."""

    def __init__(self, answer: Data, manifest: Data, numbers: Numbers, slices: Slices) -> None:
        self.told, self.numbers, self.check = answer, numbers, Check()
        self._manifest, self._slices = manifest, slices
        self.expected = Expected(manifest, numbers)
        self.compared: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._logs: dict[tuple[str, str, str, str], dict[int, float]] = {}

    def answer(self) -> None:
        """Everything in answer.json."""
        told = self.told
        self._compare_all([*deltas(told), *told["aa"]])
        self.check.same("trials_done", told["trials_done"], self.numbers.trials())
        self.check.same("trials_planned", told["trials_planned"], self.planned())
        for row in told["rows"]:
            self._row(row)
        for one in told["aa"]:
            self._comparison(one)
        for one in told["expectations"]:
            self.expected.hold(self.check, one)
        self._alarms()
        for one in told.get("stalls", ()):
            for place, value, found in self.stalled(one):
                self.check.same(f"{one['cell']} {place}", value, found)
        for one in told.get("lines", ()):
            verify_line.hold(self.check, self.numbers, one)
        for one in told.get("observed", ()):
            verify_observer.hold(self.check, self.numbers, one)
        self._capacities()
        lost = [(c["cell"], found["n"], found["dropped"]) for c, found in self._found(deltas(told))]
        Remarks(self.numbers, self._manifest, self.planned(), lost).hold(self.check, told)
        for name in told.keys() - HANDLED:
            self.check.unverified[name] += _numbers_in(told[name])

    def _found(self, told: Sequence[Data]) -> list[tuple[Data, dict[str, Any]]]:
        return [(c, self.compared[key_of(c)]) for c in told]

    def _capacities(self) -> None:
        """What was found for each searched cell, none left out."""
        settings = self._manifest["experiment"].get("search")
        if not settings:
            return
        told, searched = self.told["capacities"], self.numbers.searched()
        self.check.same("capacities", [one["cell"] for one in told] == sorted(searched), True)
        for one in told:
            verify_search.hold(self.check, one, searched.get(one["cell"], ()), settings)

    def _alarms(self) -> None:
        """The outcome of what `design.aa.alarms` expects."""
        allowed = _of_aa(self._manifest["experiment"]).get("alarms")
        told = [one["outcome"] for one in self.told["expectations"] if one["id"] == AA]
        if allowed is not None and told:
            found = [self.compared[key_of(one)] for one in self.told["aa"]]
            verdicts = {one["verdict"] for one in self.told["aa"]}
            different = bool(verdicts - {"same", CANNOT_TELL})
            self.check.same("aa outcome", told[0], _aa_outcome(found, allowed, different))

    def stalled(self, one: Data) -> Iterator[tuple[str, Any, Any]]:
        """(column, what is told, what the store gives) of a cell whose server was stopped."""
        cell = one["cell"]
        for name in ("server_stopped_ns", "window_ns"):
            told = one[name.removeprefix("server_")]
            yield name, told, self.numbers.median_of_all(cell, name)
        for name, value in one["truth_ns"].items():
            yield f"stall_ns_{name}", value, self.numbers.median_of_all(cell, f"stall_ns_{name}")
        for name, value in one["reported_ns"].items():
            metric = f"latency_ns_{name}"
            yield metric, value, self.numbers.estimate(cell, metric)["value"]

    def planned(self) -> int:
        """As the manifest counts them: those of stage `measure`, or the plan of an older run."""
        counted = self._manifest.get("planned")
        return len(self._manifest.get("plan", ())) if counted is None else counted.get("measure", 0)

    def _row(self, row: Data) -> None:
        cell = row["cell"]
        counted = {"trials": None, "invalid": "INVALID"}
        for name, verdict in counted.items():
            found = self.numbers.trials(cell, verdict)
            self.check.same(f"{cell} {name}", row[name], found)
        for metric, estimate in row["estimates"].items():
            self.check.estimate(f"{cell} {metric}", estimate, self.numbers.estimate(cell, metric))
        for delta in row["deltas"]:
            self._comparison(delta["comparison"])
            self._beside(delta)

    def _beside(self, delta: Data) -> None:
        """The medians of a comparison's two cells, what moved with it, what would decide it."""
        c = delta["comparison"]
        for name, cell in (("baseline_value", c["baseline_cell"]), ("value", c["cell"])):
            found = self.numbers.estimate(cell, c["metric"])["value"]
            self.check.same(f"{cell} {c['metric']} median", delta[name], found)
        for carrier in delta.get("carries", ()):
            place = f"{c['cell']} against {c['baseline_cell']} {c['metric']}, {carrier['name']}"
            pair = self.numbers.medians(c["cell"], c["baseline_cell"], carrier["name"])
            for name, value in zip(("baseline", "value"), pair, strict=True):
                self.check.same(f"{place} {name}", carrier[name], value)
            self.carried.hold(self.check, place, c, carrier)
        if "advice" in delta:
            self._advised(delta["advice"], c)

    @cached_property
    def carried(self) -> Carried:
        """Reads hundreds of columns: made where a difference has carriers."""
        return Carried(self.numbers, [c["metric"] for c in deltas(self.told)])

    def _advised(self, told: Data | None, c: Data) -> None:
        logs = list(self._logs[key_of(c)].values())
        found = advice(c, logs, self._slices) if c["verdict"] == CANNOT_TELL else None
        place = f"{c['cell']} against {c['baseline_cell']} {c['metric']} advice"
        self.check.same(f"{place} is given", told is not None, found is not None)
        if told is None or found is None:
            return
        for name, value in found.items():
            self.check.same(f"{place} {name}", told[name], value)

    def _compare_all(self, told: Sequence[Data]) -> None:
        """Ratio, interval, p and verdict of every comparison; p adjusted family by family."""
        logs = self._logs
        for c in told:
            logs[key_of(c)], dropped = self.numbers.log_ratios(c)
            self.compared[key_of(c)] = {"dropped": dropped, **_measure(logs[key_of(c)], c)}
        families: dict[str, list[tuple[str, str, str, str]]] = {}
        for key, found in self.compared.items():
            if found["p_raw"] is not None:
                families.setdefault(key[0], []).append(key)
        by_key = {key_of(c): c for c in told}
        for keys in families.values():
            self._adjust(keys, by_key)

    def _adjust(
        self,
        keys: Sequence[tuple[str, str, str, str]],
        told: Mapping[tuple[str, str, str, str], Data],
    ) -> None:
        """p adjusted over a family; what the report has drawn is held against own draws."""
        family = [self._logs[key] for key in keys]
        many = len({block for contrast in family for block in contrast}) > flips.BLOCKS_MAX
        found = drawn.adjusted(family, drawn.BLOCKS) if many else flips.step_down(family)
        for key, p in zip(keys, found, strict=True):
            self.compared[key]["p_adjusted"] = told[key]["p_adjusted"] if many else p
            self.compared[key]["p_drawn"] = p if many else None

    def _comparison(self, told: Data) -> None:
        found = self.compared[key_of(told)]
        place = f"{told['cell']} against {told['baseline_cell']} {told['metric']}"
        for name in ("n", "dropped", "ratio"):
            self.check.same(f"{place} {name}", told[name], found[name])
        floors = self._floors(told)
        self.check.same(
            f"{place} floor", told["floor"], min(floors, key=lambda f: abs(f - told["floor"]))
        )
        if found["n"] > flips.BLOCKS_MAX:
            logs = np.array(list(self._logs[key_of(told)].values()))
            drawn.hold_p(self.check, f"{place} p_raw", told["p_raw"], logs, drawn.BLOCKS)
            drawn.hold_ends(self.check, place, (told["low"], told["high"]), logs, drawn.BLOCKS)
        else:
            for name in ("low", "high", "p_raw"):
                self.check.same(f"{place} {name}", told[name], found[name])
        self._adjusted(place, told, found)
        if found["low"] is not None:
            confounded = told["reason"].startswith("CONFOUNDED")
            verdict = CANNOT_TELL if confounded else _verdict(told, found)
            self.check.same(f"{place} verdict", told["verdict"], verdict)

    def _adjusted(self, place: str, told: Data, found: Data) -> None:
        if found.get("p_drawn") is None:
            self.check.same(f"{place} p_adjusted", told["p_adjusted"], found["p_adjusted"])
            return
        p, name = found["p_drawn"], f"{place} p_adjusted"
        drawn.hold_family(self.check, name, told["p_adjusted"], p, drawn.BLOCKS)

    def _floors(self, told: Data) -> list[float]:
        """The floors that the experiment declares for this factor and metric; at least 1 %."""
        experiment = self._manifest["experiment"]
        declared = experiment.get("compare") or ()
        own = _of_aa(experiment).get("floor") if told["family"] == AA else None
        if own is not None:
            declared = [{"metrics": [told["metric"]], "factor": told["factor"], "floor": own}]
        meant = [
            one
            for one in declared
            if told["metric"] in one["metrics"] and told["factor"] in (one["factor"], "arm")
        ]
        return [max(FLOOR_MIN, number(one.get("floor", FLOOR_MIN))) for one in meant] or [0.0]


def _numbers_in(value: Any) -> int:
    """How many numbers a part of an answer holds."""
    if isinstance(value, Mapping):
        return sum(map(_numbers_in, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_numbers_in, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def deltas(answer: Data) -> list[Data]:
    return [delta["comparison"] for row in answer["rows"] for delta in row["deltas"]]


def _of_aa(experiment: Data) -> Data:
    """`design.aa`."""
    found: Data = (experiment.get("design") or {}).get("aa") or {}
    return found


def _aa_outcome(found: Sequence[Data], allowed: int, different: bool) -> str:
    tested = [numbers for numbers in found if numbers["p_adjusted"] is not None]
    if different or sum(numbers["p_raw"] < flips.ALPHA for numbers in tested) > allowed:
        return "FAIL"
    return "PASS" if found and len(tested) == len(found) else "INCONCLUSIVE"


def key_of(c: Data) -> tuple[str, str, str, str]:
    return (c["family"], c["cell"], c["baseline_cell"], c["metric"])


def _measure(logs: Mapping[int, float], told: Data) -> dict[str, Any]:
    """n, ratio, low, high, p_raw; p_adjusted comes later. What the report has drawn is what is
    told, and held against the law of the flips.
    """
    values = np.array([logs[block] for block in sorted(logs)])
    found: dict[str, Any] = dict.fromkeys(("ratio", "low", "high", "p_raw", "p_adjusted"))
    found["n"] = len(values)
    if not len(values):
        return found
    found["ratio"] = math.exp(float(values.mean()))
    if BLOCKS_MIN <= len(values) <= flips.BLOCKS_MAX:
        found["p_raw"] = flips.p_value(values)
        found["low"], found["high"] = flips.interval_of(list(values))
    elif len(values) > flips.BLOCKS_MAX:
        found |= {name: told[name] for name in ("low", "high", "p_raw")}
    return found


def _verdict(told: Data, found: Data) -> str:
    """METHOD.md: the interval against [1 / (1 + f), 1 + f], the difference against its family."""
    low, high, most = found["low"], found["high"], 1 + told["floor"]
    if low >= 1 / most and high <= most:
        return "same"
    if low <= most and high >= 1 / most:
        return CANNOT_TELL
    if found["p_adjusted"] is None or found["p_adjusted"] > flips.ALPHA:
        return CANNOT_TELL
    timed = "_ns" in told["metric"]
    return ("faster" if timed else "lower") if high < 1 else ("slower" if timed else "higher")
