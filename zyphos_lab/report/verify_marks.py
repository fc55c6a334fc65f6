"""The page's marked numbers: each is its full value, rounded as it is printed, and the store's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zyphos_lab.report import verify_observer
from zyphos_lab.report.verify import Verifier, deltas, key_of
from zyphos_lab.report.verify_check import Difference
from zyphos_lab.report.verify_line import of_line, told_of_lines
from zyphos_lab.report.verify_page import Mark, misprints, printed

Data = Mapping[str, Any]
OBSERVED = ("observer", "paired")  # what costly probes changed


class PageVerifier:
    """Holds a page against what `verifier` found for the answer that it was made of."""

    def __init__(self, verifier: Verifier) -> None:
        self._of, self._numbers, self.check = verifier, verifier.numbers, verifier.check

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
        if source["kind"] == "counter":
            cells = (source["cell"], source["baseline_cell"])
            return list(self._numbers.medians(*cells, source["metric"]))
        if source["kind"] == "capacity":
            [one] = [one for one in self._of.told["capacities"] if one["cell"] == source["cell"]]
            return [one[source["what"]]]  # the answer's own are held against the store
        if source["kind"] in OBSERVED:
            return self._observed(source, mark.values)
        return self._compared(source)

    def _compared(self, source: Data) -> list[Any]:
        """Of an estimate, or of a comparison."""
        found = self._estimate(source)
        if found is not None:
            return [found[name] for name in ("value", "low", "high")]
        found = self._of.compared[key_of(source)]
        names = ("ratio",) if source["kind"] == "change" else ("ratio", "low", "high")
        return [found[name] for name in names]

    def _observed(self, source: Data, told: Sequence[Any]) -> list[Any]:
        """What the probes changed; the ends of a sampled interval are taken as they are told."""
        found = verify_observer.of_pairs(self._numbers, source["metric"], source["cell"])
        if source["kind"] == "paired":
            return [found[source["what"]]]
        names = ("change", "low", "high")
        return [found.get(name, value) for name, value in zip(names, told, strict=True)]

    def _estimate(self, source: Data) -> Data | None:
        """Of what is an estimate; None for a comparison."""
        if source["kind"] == "estimate":
            return self._numbers.estimate(source["cell"], source["metric"])
        if source["kind"] == "line":
            return of_line(self._numbers, source["cells"], source["metric"], source["part"])
        if source["kind"] == "measured":
            expected = self._of.expected
            self._decides(source)
            return expected.measured(source["expectation"], source["cell"], source["metric"])
        return None

    def _decides(self, source: Data) -> None:
        """Of several cells the page shows the one that the answer says decides."""
        for told in self._of.told["expectations"]:
            if told["id"] == source["expectation"] and "decides" in told:
                place = f"page, {told['id']} shows the cell"
                self.check.same(place, source["cell"], told["decides"])

    def _count(self, source: Data) -> Any:
        if source["what"] == "planned":
            return self._of.planned()
        verdict = "INVALID" if source["what"] == "invalid" else None
        return self._numbers.trials(source["cell"] or None, verdict)

    def _printed(self, place: str, mark: Mark, values: Sequence[Any]) -> None:
        """The text's own numbers; of a line on A/A only those of its ratio."""
        text = mark.text.partition("ratio ")[2] if mark.source["kind"] == "aa" else mark.text
        if mark.source["kind"] in ("change", "aa"):
            text = text.partition(" within ")[0].partition(", same")[0]
        elif mark.source["kind"] == "capacity":
            text = text.replace(",", "")
        elif mark.source["kind"] == "counter":
            text = text.partition(" ")[2].replace("~0", "")
        also = _turned(mark.source["kind"], values)
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
        for found in self._of.compared.values():
            for name in ("ratio", "low", "high"):
                yield found[name]
                yield 1 / found[name] if found[name] else None
        for row in self._of.told["rows"]:
            for metric in row["estimates"]:
                yield from list(self._numbers.estimate(row["cell"], metric).values())[1:6]
        yield from (c["floor"] for c in deltas(self._of.told))
        yield from self._of_stalls()
        yield from told_of_lines(self._of.told)
        yield from self._declared()
        for one in self._of.told.get("capacities", ()):
            yield from (one["lower_per_second"], one["upper_per_second"], one["closed_per_second"])

    def _declared(self) -> Iterator[float]:
        """Numbers in what the experiment's own words are."""
        words = [one["slo"] for one in self._of.told.get("capacities", ())]
        words += [one["id"].replace("_", " ") for one in self._of.told["expectations"]]
        words += [str(level) for row in self._of.told["rows"] for level in row["factors"].values()]
        yield from (shown.value for text in words for shown in printed(text))

    def _of_stalls(self) -> Iterator[float | None]:
        for one in self._of.told.get("stalls", ()):
            yield from (found for _, _, found in self._of.stalled(one))


def _turned(kind: str, values: Sequence[Any]) -> list[Any]:
    """What may be printed for the values too: `880x faster` for a ratio below 1, a change that is
    read without its sign.
    """
    if kind in ("change", "aa"):
        return [1 / value if value else None for value in values]
    return [None if value is None else abs(value) for value in values] if kind in OBSERVED else []
