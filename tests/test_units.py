"""Units: what is read, what is refused and with which hint, and that exact text reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zyphos_lab import units
from zyphos_lab.errors import UnitError

READ = [
    (units.parse_duration, "200ms", 200_000_000),
    (units.parse_duration, "1s", 1_000_000_000),
    (units.parse_duration, "50us", 50_000),
    (units.parse_duration, "1.5 s", 1_500_000_000),
    (units.parse_duration, "2min", 120_000_000_000),
    (units.parse_duration, "1h", 3_600_000_000_000),
    (units.parse_duration, "7ns", 7),
    (units.parse_duration, "0", 0),
    (units.parse_duration, "1_000us", 1_000_000),
    (units.parse_size, "64", 64),
    (units.parse_size, "64B", 64),
    (units.parse_size, "16KiB", 16_384),
    (units.parse_size, "1.5MB", 1_500_000),
    (units.parse_rate, "10000/s", 10_000.0),
    (units.parse_rate, "12.5k/s", 12_500.0),
    (units.parse_rate, "600/min", 10.0),
    (units.parse_fraction, "1%", 0.01),
    (units.parse_fraction, "0.25", 0.25),
]

REFUSED = [
    (units.parse_duration, "200", "has no unit", "did you mean `200ms`?"),
    (units.parse_duration, "2sec", "not a unit", "did you mean `2s`?"),
    (units.parse_duration, "2 MS", "not a unit", "did you mean `2ms`?"),
    (units.parse_duration, "2 parsec", "not a unit", "units are ns, us, ms, s, min, h"),
    (units.parse_duration, "1.5ns", "finer than 1 ns", ""),
    (units.parse_duration, "soon", "not a duration", "write it like `200ms`"),
    (units.parse_duration, "-1s", "not a duration", "write it like `200ms`"),
    (units.parse_duration, "", "not a duration", "write it like `200ms`"),
    (units.parse_size, "16K", "not a unit", "did you mean `16KiB`?"),
    (units.parse_size, "1.5B", "finer than 1 B", ""),
    (units.parse_rate, "10000", "not a rate", "did you mean `10000/s`?"),
    (units.parse_rate, "10/fortnight", "not a rate", "did you mean `10/s`?"),
    (units.parse_rate, "fast", "not a rate", "write it like `10000/s`"),
    (units.parse_fraction, "1x", "not a fraction", "write it like `1%` or `0.01`"),
]

WRITTEN = [
    (units.format_duration(43_900_000), "43.9 ms"),
    (units.format_duration(2_500), "2.50 us"),
    (units.format_duration(0), "0 ns"),
    (units.format_duration(999_999), "1.00 ms"),
    (units.format_duration(192_000_000_000), "3.20 min"),
    (units.format_size(13), "13 B"),
    (units.format_size(16_384), "16.0 KiB"),
    (units.format_count(17), "17"),
    (units.format_count(2.424), "2.42"),
    (units.format_count(203_400), "203k"),
    (units.format_count(999_700), "1.00M"),
    (units.format_rate(1_880_000), "1.88M/s"),
    (units.format_fraction(0.01), "1.00 %"),
    (units.format_quantity(None, "ns"), "-"),
    (units.format_quantity(float("nan"), "count"), "-"),
    (units.format_quantity(0.0344, "ratio"), "0.0344"),
    (units.format_quantity(3, "frogs"), "3 frogs"),
]


@pytest.mark.parametrize(("parse", "text", "value"), READ)
def test_reads(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "message", "hint"), REFUSED)
def test_refuses_with_a_hint(parse, text, message, hint):
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.hint == hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("written", "wanted"), WRITTEN)
def test_writes_for_people(written, wanted):
    assert written == wanted


@given(st.integers(0, 10**18))
def test_exact_durations_read_back(ns):
    assert units.parse_duration(units.exact_duration(ns)) == ns


@given(st.floats(1e-6, 1e12))
def test_exact_rates_read_back(per_second):
    assert units.parse_rate(units.exact_rate(per_second)) == per_second


@given(st.sampled_from([row[0] for row in READ]), st.text(max_size=12))
def test_any_text_is_read_or_refused(parse, text):
    try:
        assert parse(text) >= 0
    except UnitError as error:
        assert error.message
