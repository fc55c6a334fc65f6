"""The module _core as Python sees it: values cross the border whole, and bad bytes are refused with
a ValueError that says why. Also run by `make asan`, with the sanitized module."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zyphos_lab import _core

pytestmark = pytest.mark.core

HIGHEST_NS = 3_600_000_000_000
values_ns = st.lists(st.integers(1, HIGHEST_NS), min_size=1, max_size=50)


def histogram(values: list[int]) -> _core.Histogram:
    found = _core.Histogram()
    for value in values:
        found.record(value)
    return found


def buckets(of: _core.Histogram) -> list[list[int]]:
    return [column.tolist() for column in of.to_arrays()]


@given(values_ns)
def test_encoding_round_trip(values: list[int]) -> None:
    there = histogram(values)
    back = _core.Histogram.decode(there.encode())
    assert buckets(back) == buckets(there)
    assert back.count == len(values)


@given(values_ns, values_ns)
def test_adding_is_recording_both(first: list[int], second: list[int]) -> None:
    merged = histogram(first)
    merged.add(histogram(second))
    assert buckets(merged) == buckets(histogram(first + second))
    assert (merged.min, merged.max) == (min(first + second), max(first + second))


@given(values_ns, st.sampled_from([0.5, 0.9, 0.99, 0.999, 1.0]))
def test_quantile_is_within_a_bucket(values: list[int], q: float) -> None:
    ordered = sorted(values)
    rank = int(np.ceil(q * len(ordered) - 1e-9))
    exact = ordered[rank - 1]
    assert exact <= histogram(values).quantile(q) <= exact * 1.001 + 1


def test_array_is_recording_each() -> None:
    whole = _core.Histogram()
    whole.record_array(np.array([5, 70, 70, 9_000], dtype=np.int64))
    assert buckets(whole) == buckets(histogram([5, 70, 70, 9_000]))


def test_empty_has_no_values() -> None:
    empty = _core.Histogram()
    assert (empty.count, empty.quantile(0.5), empty.mean, empty.min, empty.max) == (0, *[None] * 4)


def test_copy_is_apart() -> None:
    first = histogram([1])
    second = first.copy()
    second.record(2)
    assert (first.count, second.count) == (1, 2)


def test_beyond_the_range_is_counted() -> None:
    late = histogram([HIGHEST_NS * 2])
    assert late.count == 1 and late.saturated == 1


@given(st.binary(max_size=200))
def test_bad_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        _core.Histogram.decode(noise)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_damaged_payload_is_refused_or_read(place: int, flip: int) -> None:
    """Damage behind a right checksum: whatever happens, it happens as a value or a ValueError."""
    encoded = histogram([1, 1_000, 1_000_000]).encode()
    head, payload = encoded[:8], bytearray(zlib.decompress(encoded[8:]))
    payload[place % len(payload)] ^= flip
    packed = zlib.compress(bytes(payload))
    try:
        found = _core.Histogram.decode(head[:4] + len(packed).to_bytes(4, "big") + packed)
    except ValueError as refused:
        assert "not a histogram" in str(refused)
    else:
        assert found.count >= 0


def test_board_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        _core.board_snapshot(bytearray(_core.board_bytes() - 1))
    with pytest.raises(ValueError):
        _core.board_snapshot(bytearray(b"\xff" * _core.board_bytes()))


def test_counters_have_names_of_their_own() -> None:
    names = _core.counter_names()
    assert len(set(names)) == len(names) > 5
    assert {"requests", "recv_calls", "send_calls", "wakeups", "bytes_copied"} <= set(names)


def test_build_info_names_each_feature() -> None:
    info = _core.build_info()
    assert info["version"] and info["compiler"]
    for feature in ("liburing", "libbpf"):
        value = info["features"][feature]
        assert value is True or (isinstance(value, str) and value)
