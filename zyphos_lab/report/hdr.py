"""HdrHistogram V2 read by plain Python.

Written from the format's own description (HdrHistogram, "V2 encoding"), sharing nothing with
cpp/metrics: the second way to the same percentiles. Values in ns.
"""

from __future__ import annotations

import copy
import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterator

COMPRESSED, PLAIN = 0x1C849314, 0x1C849313
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}


class Counts:
    """Bucket index -> count, with the layout that the header gives."""

    def __init__(self, encoded: bytes) -> None:
        cookie, length = struct.unpack_from(">iI", encoded)
        if cookie != COMPRESSED:
            raise ValueError(f"not a compressed V2 histogram: cookie {cookie:#x}")
        plain = zlib.decompress(encoded[8 : 8 + length])
        cookie, payload, _, digits, lowest, _, _ = struct.unpack_from(">iiiiqqd", plain)
        if cookie != PLAIN:
            raise ValueError(f"not a V2 histogram: cookie {cookie:#x}")
        self._unit = math.floor(math.log2(lowest))
        self._half = math.ceil(math.log2(2 * 10**digits)) - 1
        self.counts = list(_counts(plain[40 : 40 + payload]))
        self.total = sum(count for _, count in self.counts)

    def range_of(self, index: int) -> tuple[int, int]:
        """Lowest and highest value of a bucket."""
        bucket, sub = (index >> self._half) - 1, index & ((1 << self._half) - 1)
        if bucket < 0:
            bucket = 0
        else:
            sub += 1 << self._half
        shift = bucket + self._unit
        return sub << shift, ((sub + 1) << shift) - 1

    def with_all(self, other: Counts) -> Counts:
        """Both added. ValueError where their layouts differ."""
        if (self._unit, self._half) != (other._unit, other._half):
            raise ValueError("histograms of different layouts")
        found = copy.copy(self)
        summed = Counter(dict(self.counts)) + Counter(dict(other.counts))
        found.counts, found.total = sorted(summed.items()), self.total + other.total
        return found

    def at_rank(self, rank: float) -> tuple[int, int]:
        """The bucket in which the observation of this rank (from 1) lies."""
        wanted, seen = max(1, math.ceil(math.nextafter(rank, 0.0))), 0
        for index, count in self.counts:
            seen += count
            if seen >= wanted:
                return self.range_of(index)
        return self.range_of(self.counts[-1][0])


def _counts(payload: bytes) -> Iterator[tuple[int, int]]:
    """ZigZag LEB128: a positive number is a count, a negative one so many empty buckets."""
    at = index = 0
    while at < len(payload):
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            if shift == 56:  # the ninth byte is taken whole
                value |= byte << shift
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        number = (value >> 1) ^ -(value & 1)
        if number < 0:
            index -= number
        else:
            if number:
                yield index, number
            index += 1
