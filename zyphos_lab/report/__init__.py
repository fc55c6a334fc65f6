"""What people get to see of a run: answer, terminal, page, notebook, comparison of runs.

Everything is made from the one Answer (model.py), and that only from the store. Importing this
package is cheap; pandas, matplotlib and Jupyter are loaded by what needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zyphos_lab.report.build import answer, write_answer
    from zyphos_lab.report.console import terminal
    from zyphos_lab.report.model import Answer
    from zyphos_lab.report.notebooks import NotebookError, notebook
    from zyphos_lab.report.page import html
    from zyphos_lab.report.side import show

_HOMES = {
    "Answer": "model",
    "NotebookError": "notebooks",
    "answer": "build",
    "html": "page",
    "notebook": "notebooks",
    "show": "side",
    "terminal": "console",
    "write_answer": "build",
}

__all__ = [
    "Answer",
    "NotebookError",
    "answer",
    "html",
    "notebook",
    "show",
    "terminal",
    "write_answer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
