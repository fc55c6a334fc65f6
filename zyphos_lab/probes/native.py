"""The native module, or the reason why it cannot be used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def core() -> Any:
    """`zyphos_lab._core`. Raises ImportError with the one-line fix where it is not built."""
    try:
        return importlib.import_module("zyphos_lab._core")
    except ImportError as error:
        raise ImportError(
            f"the native module does not load ({error}); build it: make build"
        ) from error


def opened(make: Callable[[Any], Any]) -> tuple[Any, str]:
    """What `make` gets from the native module, and ""; or None, and the reason why it is not there.

    A reason is what `make` returns as text, or the OSError that it raises.
    """
    try:
        found = make(core())
    except ImportError as error:
        return None, str(error)
    except OSError as error:
        return None, error.strerror or str(error)
    return (None, found) if isinstance(found, str) else (found, "")
