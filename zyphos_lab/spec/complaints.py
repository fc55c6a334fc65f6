"""Turns what pydantic found into complaints: a place in the file, plain words, and what was meant.

Knows pydantic's error types and nothing of experiments beyond their shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from zyphos_lab.errors import Complaint, UnitError
from zyphos_lab.spec.shape import meant, shape_at, spelled
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import TARGET_KINDS

TAG_STEP = re.compile(r"<.*>\Z")
BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
WANTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
LIMITS = {
    "greater_than": ("gt", "has to be more than {}"),
    "greater_than_equal": ("ge", "has to be at least {}"),
    "less_than": ("lt", "has to be less than {}"),
    "less_than_equal": ("le", "has to be at most {}"),
    "too_short": ("min_length", "has to have at least {} entry"),
    "string_too_short": ("min_length", "needs at least {} character"),
    "string_too_long": ("max_length", "may have at most {} characters"),
    "string_pattern_mismatch": ("pattern", "does not fit the pattern `{}`"),
}


def path_of(location: tuple[int | str, ...]) -> Path:
    """Path in the file of pydantic's location: without the tags of unions and the mark of keys."""
    return tuple(
        step
        for step in location
        if not (isinstance(step, str) and (TAG_STEP.match(step) or step == "[key]"))
    )


def shown(value: object) -> str:
    """`value` in a message: text in backquotes, a mapping or list only by its kind."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 40 else "a text"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _unknown_key(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    shape = shape_at(path[:-1], source.data)
    place = f" in `{spelled(path[:-1])}`" if len(path) > 1 else ""
    hint = meant(str(path[-1]), shape.keys if shape else ())
    return source.key_mark(path).complaint(f"unknown key `{path[-1]}`{place}", hint)


def _missing(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    place = f"`{spelled(path[:-1])}` lacks" if len(path) > 1 else "the experiment lacks"
    return source.owner_mark(path[:-1]).complaint(f"{place} the key `{path[-1]}`")


def _no_kind(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    known = ", ".join(f"`{kind}`" for kind in TARGET_KINDS)
    message = f"`{spelled(path)}` is no target: it needs one of {known}"
    keys = error["input"] if isinstance(error["input"], dict) else ()
    hints = (meant(str(key), TARGET_KINDS) for key in keys)
    hint = next((hint for hint in hints if hint.startswith("did")), "")
    return source.owner_mark(path).complaint(message, hint)


def _no_choice(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    choices = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
    expected = ", ".join(choices) or str(error["ctx"]["expected"])
    hint = meant(str(error["input"]), choices) if choices else ""
    hint = hint if hint.startswith("did") else ""
    message = f"`{spelled(path)}` cannot be {shown(error['input'])}: one of {expected}"
    return source.mark(path).complaint(message, hint)


def _own_words(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    """An error that a validator of ours raised."""
    found: Any = error["ctx"]["error"]
    message, hint = (
        (found.message, found.hint) if isinstance(found, UnitError) else (str(found), "")
    )
    key = error["loc"][-1] == "[key]"
    mark = source.key_mark(path) if key else source.mark(path)
    return mark.complaint(f"`{spelled(path[:-1] if key else path)}`: {message}", hint)


def _wrong_type(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    wanted, value = WANTED[error["type"]], error["input"]
    hint = ""
    if wanted == "a list" and not isinstance(value, dict | type(None)):
        hint = f"did you mean `[{value}]`?"
    elif isinstance(value, str):
        meaning = BOOLEANS.get(value.lower()) if wanted == "true or false" else None
        number = wanted.endswith("number") and re.fullmatch(r"[+-]?\d+(\.\d+)?", value)
        meaning = meaning or (value if number else None)
        hint = f"did you mean `{meaning}`{' without quotes' if number else ''}?" if meaning else ""
    message = f"`{spelled(path)}` has to be {wanted}, not {shown(value)}"
    return source.mark(path).complaint(message, hint)


def _out_of_limits(error: ErrorDetails, path: Path, source: Source) -> Complaint:
    name, text = LIMITS[error["type"]]
    limit = text.format(error["ctx"][name])
    value = error["input"]
    message = f"`{spelled(path)}` {limit}"
    if not isinstance(value, dict | list | tuple):
        message += f", not {shown(value)}"
    return source.mark(path).complaint(message)


SPECIAL: Mapping[str, Callable[[ErrorDetails, Path, Source], Complaint]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_not_found": _no_kind,
    "literal_error": _no_choice,
    "value_error": _own_words,
    **dict.fromkeys(WANTED, _wrong_type),
    **dict.fromkeys(LIMITS, _out_of_limits),
}


def _complaint(error: ErrorDetails, prefix: Path, source: Source) -> Complaint:
    path = prefix + path_of(error["loc"])
    special = SPECIAL.get(error["type"])
    if special:
        return special(error, path, source)
    return source.mark(path).complaint(f"`{spelled(path)}`: {error['msg']}")


def complaints_of(
    error: ValidationError, source: Source, prefix: Path = (), ignored: tuple[str, ...] = ()
) -> list[Complaint]:
    """What pydantic found in the part of `source` at `prefix`, in the order of the file."""
    errors = [one for one in error.errors(include_url=False) if one["type"] not in ignored]
    return [_complaint(found, prefix, source) for found in errors]


def in_order(complaints: list[Complaint]) -> list[Complaint]:
    """Without repetitions, in the order of the file; what came from options stands last."""
    unique = dict.fromkeys(complaints)
    return sorted(unique, key=lambda found: (found.line == 0, found.line, found.column))
