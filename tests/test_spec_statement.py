"""The language of `that`: what it says, what it refuses and where, and its three-valued logic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zyphos_lab.errors import StatementError
from zyphos_lab.spec.statement_functions import FUNCTIONS
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
    "requests_error_ratio": 0.0001,
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
    # short names
    ("p50 <= 44ms and p99 > 45ms", True),
    ("errors <= 0.01%", True),
    ("errors < 0.01%", False),
    ("rate >= 20k/s", True),
    ("p99_9 < 1s", None),
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
    statement = parse("ratio(requests_per_second) > 1 and latency_ns_p50 < 1s", ("ratio",))
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
    ("max(rate_ratio) < 1", 0, "`max` is no function", "functions are `ratio(metric)`"),
    ("ratoi(p99) < 1", 0, "`ratoi` is no function", "did you mean `ratio(metric)`?"),
    ("ci(p99) < 3%", 0, "`ci()` is not known here", "`repeat.until`"),
    ("regression(p99) < 3%", 0, "`regression()` needs a baseline", "`compare --gate`"),
    ("p99.9 < 2ms", 0, "unknown metric `p99.9`", "did you mean `p99_9`?"),
    ("p99 < 2", 4, "a time and a bare number", "give the number a unit"),
    ("p99 < 2%", 4, "a time and a ratio", ""),
    ("error < 2%", 0, "unknown metric `error`", "did you mean `errors`?"),
    ("ratio(rate_ratio) < 1", 0, "needs two cells to compare", "give the expectation a `compare`"),
    ("verdict == 1", 0, "`verdict` is text", ""),
    ("__import__('os') == 1", 0, "no function", "functions are"),
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


def test_short_names_become_the_metrics():
    statement = parse("ci(p99) < 3% and ratio(rate) > 1 or regression(errors) <= 1%", FUNCTIONS)
    assert statement.calls == (
        ("ci", "latency_ns_p99"),
        ("ratio", "requests_per_second"),
        ("regression", "requests_error_ratio"),
    )
    assert statement.metrics == ()
    assert parse("p50 < 1ms").metrics == ("latency_ns_p50",)


def test_each_function_has_a_value_of_its_own():
    values = {("ci", "latency_ns_p99"): 0.02, ("", "latency_ns_p99"): 5 * MS}
    statement = parse("ci(p99) < 3% and p99 < 6ms", ("ci",))
    assert statement.holds_for(lambda function, name: values.get((function, name))) is True
    assert statement.holds({"latency_ns_p99": 5 * MS}) is None
    assert statement.holds({"latency_ns_p99": 7 * MS}) is False


@pytest.mark.parametrize(
    ("text", "functions", "columns", "offset", "message", "hint"),
    [
        ("regression(p99) <= 3", FUNCTIONS, True, 16, "a share and a bare number", "`3%`"),
        ("5 > ci(rate)", FUNCTIONS, True, 2, "a share and a bare number", "`5%`"),
        ("regression(connections) < 1%", FUNCTIONS, True, 11, "neither better", "ratio(conn"),
        ("p99 < 2ms", ("ci",), False, 0, "`p99` cannot stand alone here", "`ci(p99)`"),
        ("ratio(p99) < 1", ("ci",), False, 0, "`ratio()` needs two cells", "`compare`"),
        ("ci(2) < 1%", ("ci",), False, 3, "expected a metric, found `2`", ""),
        ("ci(p98x) < 1%", ("ci",), False, 3, "unknown metric `p98x`", ""),
    ],
)
def test_functions_are_refused_with_their_place(text, functions, columns, offset, message, hint):
    with pytest.raises(StatementError) as caught:
        parse(text, functions, columns)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.offset == offset


def test_a_share_may_be_a_small_bare_number_or_more_than_all():
    assert parse("ci(p99) < 0.03", FUNCTIONS).holds_for(lambda *_: 0.02) is True
    assert parse("regression(p99) < 300%", FUNCTIONS).holds_for(lambda *_: 2.5) is True
    assert parse("ratio(p99) <= 3", FUNCTIONS).holds_for(lambda *_: 2.5) is True


RANGES = {
    "latency_ns_p50": (1.0 * MS, 2.0 * MS),
    "latency_ns_p90": (3.0 * MS, float("inf")),
    "requests_failed": (0.0, 0.0),
    "rate_ratio": (-1.0, 1.0),
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("p50 <= 2ms", True),
        ("p50 < 2ms", None),
        ("p50 < 1ms", False),
        ("p50 <= 1ms", None),
        ("p50 > 2ms", False),
        ("p50 >= 2ms", None),
        ("2ms >= p50", True),
        ("0ms < p50 < 3ms", True),
        ("0ms < p50 < 1.5ms", None),
        ("4ms < p50 < 1.5ms", False),
        ("p50 == 3ms", False),
        ("p50 == 1.5ms", None),
        ("p50 != 3ms", True),
        ("requests_failed == 0", True),
        ("not requests_failed == 0", False),
        ("p90 > 2ms", True),
        ("p90 < 5ms", None),
        ("p90 < 2ms", False),
        ("p50 + 1ms <= 3ms", True),
        ("p50 - p50 == 0ms", None),
        ("-p50 <= -1ms", True),
        ("p50 * 2 >= 2ms", True),
        ("p50 / 2 > 1ms", False),
        ("1 / rate_ratio > 0", None),
        ("p90 - p90 < 1ms", None),
        ("p99 < 1s", None),
        ("p99 < 1s or p50 < 3ms", True),
        ("p99 < 1s and p50 < 3ms", None),
        ("p99 < 1s and p50 < 1ms", False),
    ],
)
def test_over_ranges_it_holds_where_every_value_says_so(text, wanted):
    assert parse(text).holds_within(lambda _, name: RANGES.get(name)) is wanted


ENDS = st.tuples(st.integers(-5, 5), st.integers(0, 4), st.floats(0, 1))


@given(ENDS, ENDS, st.sampled_from("+-*"), st.sampled_from(["<", "<=", "==", "!=", ">", ">="]))
def test_what_holds_over_ranges_holds_for_their_values(a, b, sign, compare):
    statement = parse(f"requests_done {sign} requests_failed {compare} requests_done")
    ranges = {"requests_done": a, "requests_failed": b}
    found = statement.holds_within(lambda _, name: (ranges[name][0], sum(ranges[name][:2])))
    values = {name: low + width * share for name, (low, width, share) in ranges.items()}
    assert found in (None, statement.holds(values))


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
        statement = parse(text, FUNCTIONS)
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
