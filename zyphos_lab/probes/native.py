"""The native module, or the reason why it cannot be used."""

from __future__ import annotations

import importlib
from typing import Any


def core() -> Any:
    """`zyphos_lab._core`. Raises ImportError with the one-line fix where it is not built."""
    try:
        return importlib.import_module("zyphos_lab._core")
    except ImportError as error:
        raise ImportError(
            f"the native module does not load ({error}); build it: make build"
        ) from error
