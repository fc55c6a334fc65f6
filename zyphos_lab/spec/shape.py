"""What may stand under a path of the experiment file, read off the models.

Serves the suggestions ("did you mean") and the paths of factors and `--set`. Pure functions.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from zyphos_lab.spec import models
from zyphos_lab.spec.source import Path
from zyphos_lab.spec.target_models import TARGET_KINDS, EngineTarget, target_kind


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands at a path: `keys` of a model, `anything` (free keys), or a plain value."""

    keys: Mapping[str, Any]
    anything: Any = None


def _bare(annotation: Any) -> Any:
    """`annotation` without Annotated and `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """Keys of a model as the file spells them, with what stands behind each."""
    fields = model.model_fields.items()
    return {field.alias or name: _annotation(field) for name, field in fields}


def _annotation(field: Any) -> Any:
    return field.annotation


def shape_of(annotation: Any, data: Any) -> Shape:
    """Shape behind `annotation`; `data`, what the file has there, tells kinds of target apart."""
    bare = _bare(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        if isinstance(data, list):
            return _list_among(get_args(bare))
        kind = target_kind(data)
        if EngineTarget not in [_bare(part) for part in get_args(bare)] or kind is None:
            return Shape({})
        bare = TARGET_KINDS[kind.strip("<>")]
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return Shape(keys_of(bare))
    if get_origin(bare) is dict:
        return Shape({}, get_args(bare)[1])
    if get_origin(bare) is tuple:
        return Shape({}, get_args(bare)[0])
    return Shape({})


def _list_among(parts: Iterable[Any]) -> Shape:
    """Shape of the one of several ways to write a value that is a list."""
    lists = [_bare(part) for part in parts if get_origin(_bare(part)) is tuple]
    return Shape({}, get_args(lists[0])[0]) if lists else Shape({})


def shape_at(path: Path, data: Any) -> Shape | None:
    """Shape of what may stand at `path` of a document; None when nothing may."""
    annotation: Any = models.Document
    for step in path:
        shape = shape_of(annotation, data)
        if step in shape.keys:
            annotation = shape.keys[str(step)]
        elif shape.anything is not None:
            annotation = shape.anything
        else:
            return None
        data = _below(data, step)
    return shape_of(annotation, data)


def steps_of(text: str, data: Any, under: Path = ()) -> Path:
    """Steps of a dotted path, which begins at `under`; a number is an index where a list stands.

    In a mapping of free keys to plain values (headers, files, sysctls) nothing lies deeper: there
    the rest is one key, dots and all.
    """
    words = text.split(".")
    path, held = under, data
    for step in under:
        held = _below(held, step)
    for at, word in enumerate(words):
        if _plain_below(path, data):
            return (*path, ".".join(words[at:]))
        path = (*path, int(word) if isinstance(held, list) and word.isdecimal() else word)
        held = _below(held, path[-1])
    return path


def _below(held: Any, step: str | int) -> Any:
    if isinstance(held, list):
        return held[step] if isinstance(step, int) and step < len(held) else None
    return held.get(step) if isinstance(held, dict) else None


def _plain_below(path: Path, data: Any) -> bool:
    shape = shape_at(path, data)
    if shape is None or shape.anything is None:
        return False
    bare = _bare(shape.anything)
    parts = get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (bare,)
    return all(part in (str, int, float, bool) for part in parts)


def meant(word: str, known: Iterable[str]) -> str:
    """`did you mean `x`?` for the closest of `known`, else a short list of them, else ''."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.55)
    if not close:
        close = [name for name in names if name.lower() == word.lower()]
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else ""


def spelled(path: Path) -> str:
    """`path` as people write it: `targets.echo.cpus.0`."""
    return ".".join(str(step) for step in path)
