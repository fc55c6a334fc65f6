"""Whether a side of an unpaired comparison was steady: a trend over its starts.

Starts that rise or fall in order are not exchangeable with those of another run, and the test that
deals them out would be too sure. With 8 starts only a plain trend is seen; none seen is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from zyphos_lab.report.model import Remark
from zyphos_lab.stats.signflip import ALPHA

Logs = Mapping[int, float]
NAMED_MAX = 3


def warnings(side: str, values: Sequence[tuple[str, Logs]]) -> Iterator[Remark]:
    """At most one remark for the labelled log values by block; Kendall's tau, Bonferroni."""
    from scipy.stats import kendalltau

    tested = [(label, logs) for label, logs in values if len(set(logs.values())) > 2]
    found = []
    for label, logs in tested:
        result = kendalltau(list(logs), list(logs.values()))
        if result.pvalue <= ALPHA / len(tested):
            found.append(f"{label} {'rose' if result.statistic > 0 else 'fell'}")
    if found:
        more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
        yield Remark(
            f"{side}_drift",
            f"DRIFT: {side} was not steady from start to start ({', '.join(found[:NAMED_MAX])}"
            f"{more}): p is too small there, and a difference may be drift",
        )
