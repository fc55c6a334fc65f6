"""The published JSON Schema of the experiment file, for editors; made from the models.

`python -m zyphos_lab.spec.schema` writes it anew; a test holds the committed file against the
models. It says less than the models do: what several keys must agree on stands only in rules.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zyphos_lab.spec.fields import AUTO_PATTERN, DURATION_PATTERN
from zyphos_lab.spec.models import Document
from zyphos_lab.units import exact_duration

FILE = Path(__file__).with_name("experiment.schema.json")
DURATIONS = (DURATION_PATTERN, AUTO_PATTERN)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    made = Document.model_json_schema(by_alias=True)
    made["$schema"] = DIALECT
    made["title"] = "Zyphos Lab experiment"
    _spell_defaults(made)
    return made


def _spell_defaults(node: Any) -> None:
    """Writes the defaults of durations as the file does; pydantic gives them in nanoseconds."""
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict | list):
            _spell_defaults(inner)
    if isinstance(node, dict) and node.get("pattern") in DURATIONS and "default" in node:
        node["default"] = exact_duration(node["default"])


def text() -> str:
    """The schema as the committed file has it."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii")
