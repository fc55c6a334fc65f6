"""Durations, sizes, rates and fractions: read from what people write, written for people to read.

Held inside as plain numbers in one unit each: nanoseconds (int), bytes (int), per second (float),
1 (float). `parse_*` raise UnitError with a hint; `exact_*` write text that parses back to the same
number; `format_*` round to three significant digits. Pure functions; imports nothing heavy.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from zyphos_lab.errors import UnitError

NS_PER = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
}
BYTES_PER = {
    "B": 1,
    "kB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
COUNT_PER = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
SECONDS_PER = {"s": 1, "min": 60}

# What people write instead of the unit, in lower case.
MEANT = {
    **dict.fromkeys(("nsec", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("usec", "microsecond", "microseconds", "\u00b5s", "\u03bcs"), "us"),
    **dict.fromkeys(("msec", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hour", "hours"), "h"),
    **dict.fromkeys(("k", "kb", "ki", "kib"), "KiB"),
    **dict.fromkeys(("mb", "mi", "mib"), "MiB"),
    **dict.fromkeys(("g", "gb", "gi", "gib"), "GiB"),
    **dict.fromkeys(("b", "byte", "bytes"), "B"),
    **dict.fromkeys(("bps", "bit", "bits/s"), "bit/s"),
    **dict.fromkeys(("kbps", "kbit", "kb/s"), "kbit/s"),
    **dict.fromkeys(("mbps", "mbit", "mb/s"), "Mbit/s"),
    **dict.fromkeys(("gbps", "gbit", "gb/s"), "Gbit/s"),
}

NUMBER = re.compile(r"\s*(\d+(?:_\d+)*(?:\.\d+)?)\s*(\S*)\s*\Z")
BITS_PER = {"bit/s": 1, "kbit/s": 1_000, "Mbit/s": 1_000_000, "Gbit/s": 1_000_000_000}
RATE_UNIT = re.compile(r"([A-Za-z]*)/([a-z]+)\Z")


def _meant(number: str, unit: str, units: dict[str, int]) -> str:
    """A hint that repairs the unit of `number`, or '' when nothing is close."""
    match = next((known for known in units if known.lower() == unit.lower()), None)
    match = match or MEANT.get(unit.lower())
    return f"did you mean `{number}{match}`?" if match in units else ""


def _scaled(text: str, units: dict[str, int], what: str, example: str) -> int:
    """Value of `text` in the smallest of `units`, which has to come out whole."""
    found = NUMBER.match(text)
    if not found:
        raise UnitError(f"`{text}` is not a {what}", f"write it like `{example}`")
    number, unit = found.groups()
    if unit not in units:
        hint = (
            _meant(number, unit, units) if unit else f"did you mean `{number}{_unit_of(example)}`?"
        )
        message = f"`{text}` has no unit" if not unit else f"`{unit}` is not a unit of a {what}"
        raise UnitError(message, hint or f"units are {', '.join(units)}")
    value = Decimal(number.replace("_", "")) * units[unit]
    if value != int(value):
        raise UnitError(f"`{text}` is finer than 1 {next(iter(units))}")
    return int(value)


def _unit_of(example: str) -> str:
    return example.lstrip("0123456789.")


def parse_duration(text: str) -> int:
    """Nanoseconds of `200ms`, `1.5s`, `50us`, `2min`. A bare number is refused, except 0."""
    if text.strip() == "0":
        return 0
    return _scaled(text, NS_PER, "duration", "200ms")


def parse_size(text: str) -> int:
    """Bytes of `64`, `64B`, `16KiB`, `1.5MB`. K alone is refused: it is said two ways."""
    return int(text) if text.strip().isdecimal() else _scaled(text, BYTES_PER, "size", "16KiB")


def parse_rate(text: str) -> float:
    """Events per second of `10000/s`, `12.5k/s`, `600/min`."""
    found = NUMBER.match(text)
    unit = RATE_UNIT.match(found[2]) if found else None
    if not found or not unit:
        hint = f"did you mean `{found[1]}{found[2]}/s`?" if found else "write it like `10000/s`"
        raise UnitError(f"`{text}` is not a rate", hint)
    scale, per = unit.groups()
    if scale not in COUNT_PER or per not in SECONDS_PER:
        raise UnitError(f"`{text}` is not a rate", f"did you mean `{found[1]}/s`?")
    return float(Decimal(found[1].replace("_", "")) * COUNT_PER[scale] / SECONDS_PER[per])


def parse_bit_rate(text: str) -> int:
    """Bits per second of `50Mbit/s`, `1.5Gbit/s`, `64kbit/s`."""
    return _scaled(text, BITS_PER, "bit rate", "50Mbit/s")


def parse_fraction(text: str) -> float:
    """The number of `1%` (0.01) or `0.01`."""
    found = NUMBER.match(text)
    if not found or found[2] not in ("", "%"):
        raise UnitError(f"`{text}` is not a fraction", "write it like `1%` or `0.01`")
    return float(Decimal(found[1].replace("_", "")) / (100 if found[2] else 1))


def parse_quantity(text: str) -> float | None:
    """The number of `64`, `0.5`, `4KiB` (bytes), `10ms` (ns), `100/s`, `1%`; None of other text."""
    for reader in (parse_size, parse_duration, parse_rate, parse_fraction):
        try:
            return float(reader(text))
        except UnitError:
            continue
    return None


def exact_duration(ns: int) -> str:
    """Shortest text with a whole number that `parse_duration` reads back to `ns`."""
    unit = next(unit for unit in ("h", "min", "s", "ms", "us", "ns") if ns % NS_PER[unit] == 0)
    return f"{ns // NS_PER[unit]}{unit}" if ns else "0s"


def exact_rate(per_second: float) -> str:
    """Text that `parse_rate` reads back to `per_second`."""
    whole = int(per_second)
    return f"{whole}/s" if whole == per_second else f"{Decimal(repr(per_second)):f}/s"


def exact_bit_rate(bits_per_second: int) -> str:
    """Shortest text with a whole number that `parse_bit_rate` reads back."""
    units = ("Gbit/s", "Mbit/s", "kbit/s", "bit/s")
    unit = next(unit for unit in units if bits_per_second % BITS_PER[unit] == 0)
    return f"{bits_per_second // BITS_PER[unit]}{unit}"


def _significant(value: float) -> str:
    """Three significant digits without an exponent; whole numbers from 100 on."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.2e}")
    digits = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(digits, 0)}f}"


def _stepped(value: float, steps: list[tuple[float, str]]) -> str:
    """`value` in the largest of `steps` (size, unit; descending) that leaves at least 1."""
    chosen = next((step for step in steps if abs(value) >= step[0] * 0.9995), steps[-1])
    return f"{_significant(value / chosen[0])}{chosen[1]}"


def format_duration(ns: float) -> str:
    """`43.9 ms`, `2.50 us`, `0 ns`, `3.20 min` for a time in nanoseconds."""
    units = ("h", "min", "s", "ms", "us", "ns")
    return _stepped(ns, [(NS_PER[unit], f" {unit}") for unit in units])


def format_size(size: float) -> str:
    """`13 B`, `16.0 KiB` for a number of bytes."""
    if size == int(size) and abs(size) < BYTES_PER["KiB"]:
        return f"{int(size)} B"
    return _stepped(size, [(BYTES_PER[unit], f" {unit}") for unit in ("GiB", "MiB", "KiB", "B")])


def format_count(value: float) -> str:
    """`17`, `2.42`, `203k`, `1.88M` for a plain number."""
    if value == int(value) and abs(value) < 1_000:
        return str(int(value))
    return _stepped(value, [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")])


def format_rate(per_second: float) -> str:
    """`203k/s` for events per second."""
    return f"{format_count(per_second)}/s"


def format_fraction(value: float) -> str:
    """`1.00 %` for 0.01."""
    return f"{_significant(value * 100)} %"


def format_exact(value: float) -> str:
    """`1358`, `0.996`: every digit of a count that is exact."""
    return f"{value:.10g}"


FORMATS = {
    "ns": format_duration,
    "bytes": format_size,
    "per_second": format_rate,
    "ratio": _significant,
    "count": format_count,
    "simulated": format_exact,
}


def format_quantity(value: float | None, unit: str) -> str:
    """`value` in the unit of a metric (`ns bytes per_second ratio count simulated`); `-` for null.

    Any other unit is written behind the number.
    """
    if value is None or math.isnan(value):
        return "-"
    if unit in FORMATS:
        return FORMATS[unit](value)
    return f"{format_count(value)} {unit}".rstrip()
