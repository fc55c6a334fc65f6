"""How a page comes from its template: self-contained, in the report's style, nothing unescaped.

It does not know what the pages say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "report.css"


def rendered(template: Path, **values: Any) -> str:
    """The page of `template`, which may include its neighbours; it gets the style as `css`.

    A value that the template asks for and that is not given raises jinja2.UndefinedError.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = STYLE.read_text(encoding="utf-8")
    return environment.get_template(template.name).render(css=css, **values)
