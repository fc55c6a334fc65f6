"""Field types of the experiment file that are more than a number or a word.

Written with a unit in the file (`200ms`, `16KiB`, `10000/s`, `1%`), held as a plain number in the
model, and dumped as text that reads back to the same number, so that a resolved experiment is an
experiment file again.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from zyphos_lab import units
from zyphos_lab.errors import UnitError

DURATION_PATTERN = r"^(0|[0-9_]+(\.[0-9]+)?\s*(ns|us|ms|s|min|h))$"
AUTO = "auto"  # found out by a pilot; None in the model
AUTO_PATTERN = f"^({AUTO}|{DURATION_PATTERN[1:-1]})$"
SIZE_PATTERN = r"^[0-9_]+(\.[0-9]+)?\s*(B|kB|MB|GB|KiB|MiB|GiB)$"
RATE_PATTERN = r"^[0-9_]+(\.[0-9]+)?\s*[kMG]?/(s|min)$"
BIT_RATE_PATTERN = r"^[0-9_]+(\.[0-9]+)?\s*[kMG]?bit/s$"
FRACTION_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*%$"
ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_text(parse: Callable[[str], Any], what: str, example: str) -> Callable[[Any], Any]:
    """A validator that hands text to `parse` and says what is wanted of anything else."""

    def read(value: object) -> Any:
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return parse(str(value))
        if parse is units.parse_fraction and _is_number(value):
            return value
        raise UnitError(f"{_shown(value)} is not a {what}", f"write it like `{example}`")

    return read


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return (
        f"`{str(value).lower() if isinstance(value, bool) else value}`"
        if value is not None
        else "null"
    )


Duration = Annotated[
    int,
    BeforeValidator(_from_text(units.parse_duration, "duration", "200ms")),
    PlainSerializer(units.exact_duration),
    WithJsonSchema({"type": ["string", "integer"], "pattern": DURATION_PATTERN, "maximum": 0}),
]
PositiveDuration = Annotated[Duration, Field(gt=0)]


def _duration_or_auto(value: object) -> Any:
    return None if value == AUTO else _from_text(units.parse_duration, "duration", "200ms")(value)


DurationOrAuto = Annotated[
    int | None,
    BeforeValidator(_duration_or_auto),
    PlainSerializer(lambda value: AUTO if value is None else units.exact_duration(value)),
    WithJsonSchema({"type": ["string", "integer"], "pattern": AUTO_PATTERN, "maximum": 0}),
]
Size = Annotated[
    int,
    BeforeValidator(_from_text(units.parse_size, "size", "16KiB")),
    WithJsonSchema({"type": ["integer", "string"], "pattern": SIZE_PATTERN, "minimum": 0}),
]
PositiveSize = Annotated[Size, Field(gt=0)]
Rate = Annotated[
    float,
    BeforeValidator(_from_text(units.parse_rate, "rate", "10000/s")),
    PlainSerializer(units.exact_rate),
    WithJsonSchema({"type": "string", "pattern": RATE_PATTERN}),
    Field(gt=0),
]
BitRate = Annotated[
    int,
    BeforeValidator(_from_text(units.parse_bit_rate, "bit rate", "50Mbit/s")),
    PlainSerializer(units.exact_bit_rate),
    WithJsonSchema({"type": "string", "pattern": BIT_RATE_PATTERN}),
    Field(gt=0),
]
Fraction = Annotated[
    float,
    BeforeValidator(_from_text(units.parse_fraction, "fraction", "1%")),
    WithJsonSchema({"type": ["number", "string"], "pattern": FRACTION_PATTERN, "minimum": 0}),
    Field(ge=0, le=1),
]


def _name(value: object) -> object:
    if isinstance(value, str) and not re.match(ID_PATTERN, value):
        raise UnitError(f"`{value}` is not a name", "letters, digits, `_`, `-` and `.`")
    return value


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise UnitError(f"{_shown(value)} is not a plain value", "text, a number, true or false")
    return value


def _port(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value != "auto" and not (whole and 1 <= int(str(value)) <= 65535):
        raise UnitError(f"{_shown(value)} is not a port", "1 to 65535, or `auto` for a free one")
    return value


def _address(value: object) -> object:
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        hint = (
            "did you mean `127.0.0.1`?" if value == "localhost" else "such as `127.0.0.1` or `::1`"
        )
        raise UnitError(f"{_shown(value)} is not an IP address", hint) from None
    return value


def listed(value: object) -> object:
    """One text or a list of texts, as a list."""
    return [value] if isinstance(value, str) else value


Name = Annotated[
    str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": ID_PATTERN})
]
Value = Annotated[
    str | int | float | bool,
    PlainValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Address = Annotated[str, BeforeValidator(_address), WithJsonSchema({"type": "string"})]
PortOrAuto = Annotated[
    int | Literal["auto"],
    PlainValidator(_port),
    WithJsonSchema(
        {"oneOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 65535}]}
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Cpus = Annotated[tuple[Whole, ...], Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
Paths = Annotated[
    tuple[str, ...],
    BeforeValidator(listed),
    Field(strict=False, min_length=1),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]
