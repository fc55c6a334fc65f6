"""The language of `that`: what it says, what it refuses and where, and its three-valued logic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zyphos_lab.errors import StatementError
from zyphos_lab.spec.statement_parser import parse

MS = 1_000_000
COLUMNS = {
    "latency_ns_p50": 44 * MS,
    "latency_ns_p99": 46 * MS,
    "requests_per_second": 20_000.0,
    "requests_done": 1_000,
    "requests_failed": 0,
    "server_bytes_copied": 0,
    "server_syscalls": 2_500,
    "rate_ratio": 0.995,
    "server_migrations": None,
}

HOLDS = [
    ("38ms <= latency_ns_p50 <= 48ms", True),
    ("38ms <= latency_ns_p50 < 44ms", False),
    ("latency_ns_p50 == 44ms", True),
    ("latency_ns_p50 != 0.044s", False),
    ("latency_ns_p99 - latency_ns_p50 < 3ms", True),
    ("latency_ns_p99 / latency_ns_p50 < 1.05", True),
    ("latency_ns_p50 * 2 > 80ms", True),
    ("-latency_ns_p50 < -43ms", True),
    ("1 + 2 * 3 == 7 and (1 + 2) * 3 == 9", True),
    ("10 - 4 - 3 == 3", True),
    ("requests_per_second >= 20k/s", True),
    ("requests_per_second > 20000", False),
    ("server_syscalls / requests_done <= 2.5", True),
    ("server_bytes_copied == 0", True),
    ("server_bytes_copied < 16KiB", True),
    ("rate_ratio >= 99%", True),
    ("requests_failed == 0 and rate_ratio > 1", False),
    ("requests_failed != 0 or rate_ratio < 1", True),
    ("not (requests_failed == 0 and rate_ratio < 1)", False),
    ("not requests_failed == 0 or rate_ratio < 1", True),
    ("((rate_ratio) < 1)", True),
    # null: only what hangs on it is undecided
    ("server_migrations == 0", None),
    ("not server_migrations == 0", None),
    ("server_migrations == 0 or requests_failed == 0", True),
    ("server_migrations == 0 and requests_failed == 1", False),
    ("server_migrations == 0 and requests_failed == 0", None),
    ("1 < requests_failed < server_migrations", False),
    ("requests_done / requests_failed > 1", None),
    ("schedule_lag_ns_p99 < 1ms", None),
]


@pytest.mark.parametrize(("text", "wanted"), HOLDS)
def test_holds(text, wanted):
    assert parse(text).holds(COLUMNS) is wanted


def test_ratio_is_of_two_cells():
    statement = parse("ratio(requests_per_second) > 1 and latency_ns_p50 < 1s", ratios_allowed=True)
    assert statement.ratios == ("requests_per_second",)
    assert statement.metrics == ("latency_ns_p50",)
    assert statement.holds(COLUMNS, {"requests_per_second": 1.1}) is True
    assert statement.holds(COLUMNS, {"requests_per_second": 0.9}) is False
    assert statement.holds(COLUMNS) is None


REFUSED = [
    (
        "latency_ns_p5O < 2ms",
        0,
        "unknown metric `latency_ns_p5O`",
        "did you mean `latency_ns_p50`?",
    ),
    ("1ms < frogs", 6, "unknown metric `frogs`", "docs/experiment.md lists the metrics"),
    ("latency_ns_p50 < 2", 15, "a time and a bare number", "give the number a unit"),
    ("latency_ns_p50 < 2KiB", 15, "a time and a size", ""),
    ("latency_ns_p50 + 1 < 2ms", 15, "a time and a bare number", "give the number a unit"),
    ("latency_ns_p50 < 2sec", 17, "`sec` is not a unit", "did you mean `2s`?"),
    ("latency_ns_p50 = 2ms", 15, "expected a comparison", "did you mean `==`?"),
    ("1 < 2 = 3", 6, "expected `and`, `or` or the end", "did you mean `==`?"),
    ("latency_ns_p50", 14, "expected a comparison such as `<=`, found the end", ""),
    ("latency_ns_p50 <", 16, "expected a metric or a number, found the end", ""),
    ("", 0, "expected a metric or a number, found the end", ""),
    ("(rate_ratio < 1", 15, "expected `)`, found the end", ""),
    ("(rate_ratio + 1 < 1", 19, "expected `)`, found the end", ""),
    ("rate_ratio < 1)", 14, "expected `and`, `or` or the end, found `)`", ""),
    ("rate_ratio < 1 rate_ratio > 2", 15, "expected `and`, `or` or the end", ""),
    ("rate_ratio < $", 13, "expected a metric or a number, found `$`", ""),
    ("and < 1", 0, "expected a metric or a number, found `and`", ""),
    ("max(rate_ratio) < 1", 0, "`max` is no function", "the only one is `ratio(metric)`"),
    ("ratio(rate_ratio) < 1", 0, "needs two cells to compare", "give the expectation a `compare`"),
    ("verdict == 1", 0, "`verdict` is text", ""),
    ("__import__('os') == 1", 0, "no function", "the only one is"),
    ("not " * 60 + "1 < 2", 204, "deeper than 50 levels", ""),
    ("(" * 60 + "1", 51, "deeper than 50 levels", ""),
]


@pytest.mark.parametrize(("text", "offset", "message", "hint"), REFUSED)
def test_refuses_with_its_place(text, offset, message, hint):
    with pytest.raises(StatementError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)
    assert caught.value.offset == offset


PARTS = [
    "latency_ns_p50",
    "rate_ratio",
    "server_migrations",
    "frogs",
    "ratio",
    "(",
    ")",
    "and",
    "or",
]
PARTS += [
    "not",
    "<",
    "<=",
    "==",
    "+",
    "-",
    "*",
    "/",
    "2",
    "2ms",
    "5%",
    "10/s",
    "1.5",
    "=",
    "$",
    "2_",
]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map(" ".join) | st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        statement = parse(text, ratios_allowed=True)
    except StatementError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert statement.holds(COLUMNS) in (True, False, None)


NUMBERS = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({' '.join(t)})"),
    max_leaves=8,
)


@given(NUMBERS, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), NUMBERS)
def test_arithmetic_is_that_of_python(left, sign, right):
    text = f"{left} {sign} {right}"
    assert parse(text).holds({}) is eval(text)
