"""The functions that a statement may call on a metric: what each says and where it may stand.

Which of them are allowed is up to whoever parses the statement. What they come to is made by who
decides it: an expectation knows ratios, `until` knows intervals, a gate knows a baseline.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

RATIO, CI, REGRESSION = "ratio", "ci", "regression"


@dataclass(frozen=True, slots=True)
class Function:
    """`says`: what it comes to. `missing`, `place`: what to say where it is not allowed."""

    says: str
    missing: str
    place: str


FUNCTIONS = {
    RATIO: Function(
        "the metric over the baseline's",
        "needs two cells to compare",
        "give the expectation a `compare`",
    ),
    CI: Function(
        "half the width of the 95 % interval, over its centre",
        "is not known here",
        "it belongs to `repeat.until` and `compare --gate`",
    ),
    REGRESSION: Function(
        "how much worse than the baseline: the rise where less is better, the fall where more is",
        "needs a baseline",
        "it belongs to `compare --gate`",
    ),
}

# A bare `3` beside one of these is 300 %, which nobody means.
SHARES = (CI, REGRESSION)


def unknown_hint(name: str) -> str:
    """What may have been meant by a function that is none."""
    close = difflib.get_close_matches(name, FUNCTIONS, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}(metric)`?"
    return f"functions are {', '.join(f'`{known}(metric)`' for known in FUNCTIONS)}"
