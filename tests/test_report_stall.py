"""What the answer says of a stopped server. Its pictures are drawn of a real run in
test_disturb.py."""

from __future__ import annotations

from zyphos_lab.report.model import Stalled
from zyphos_lab.report.stall import sentence, tells

MS = 1_000_000
TRUTH = {"p50": 0.0, "p90": 600.0 * MS, "p99": 960.0 * MS, "p99_9": 996.0 * MS, "max": 1e9}


def stalled(label: str, **reported_ms: float | None) -> Stalled:
    values = {name: None if ms is None else ms * MS for name, ms in reported_ms.items()}
    reported = {**TRUTH, **values}
    return Stalled(f"generator={label}", label, "constant", 1e9, 4e9, reported, TRUTH)


def test_the_sentence_needs_no_statistics() -> None:
    found = [stalled("zyphos"), stalled("wrk", p90=300), stalled("ab", p99=0.2, p90=0.1)]
    assert sentence(found) == (
        "The server stood still for 1.00 s of 4.00 s: whoever asks at a steady pace waits 960 ms "
        "or longer one time in 100. That is what zyphos and wrk report (wrk has 300 ms where one "
        "in 10 waits 600 ms); ab (200 us) does not."
    )
    assert sentence([stalled("x", p99=None)]).endswith("100. Nothing is known of x.")
    assert sentence([stalled("a", p99=1), stalled("b", p99=2)]).endswith(
        "100. That is not what a (1.00 ms) and b (2.00 ms) report."
    )
    assert sentence([]) == ""


def test_only_what_is_near_the_truth_tells_it() -> None:
    assert tells(stalled("x", p99=1050), "p99") is True
    assert tells(stalled("x", p99=1060), "p99") is False
    assert tells(stalled("x", p99=860), "p99") is False
    assert tells(stalled("x", p99=None), "p99") is None
