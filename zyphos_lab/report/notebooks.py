"""The executed notebook of a run: a notebook of notebooks/ with the run's path put in, run, and
saved.

The kernel is this very Python (no kernelspec has to be installed). A notebook that fails is a
NotebookError of one line; the run itself and what was measured are untouched.
"""

from __future__ import annotations

import atexit
import importlib.resources
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zyphos_lab.errors import LabError
from zyphos_lab.files import write_atomically

if TYPE_CHECKING:
    from zyphos_lab.store import Store

NOTEBOOK_FILE = "notebook.ipynb"
GENERIC = "experiment"
TIMEOUT_S = 120
PARAMETERS = "parameters"
QUIET = "--log-level=ERROR"  # the kernel listens on loopback with a key; its warning says no more


class NotebookError(LabError):
    """The notebook could not be found or executed; the message is one line."""


def notebook(store: Store, timeout_s: float = TIMEOUT_S) -> Path:
    """Executes the notebook of the run's experiment and writes notebook.ipynb into its folder.

    notebooks/<experiment>.ipynb, or the generic one. Raises NotebookError; what was executed until
    then is saved all the same, so that one can see where it failed.
    """
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    source = template(str(store.manifest["experiment"]["name"]))
    node = nbformat.reads(source.read_text(encoding="utf-8"), as_version=4)
    _inject(node)
    final = store.path / NOTEBOOK_FILE
    client = _client(node, store.path, timeout_s)
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotebookError(f"{source.name}: {error.ename}: {_line(error.evalue)}") from error
    except CellTimeoutError as error:
        raise NotebookError(f"{source.name}: a cell took longer than {timeout_s:g} s") from error
    except (DeadKernelError, OSError, RuntimeError) as error:
        raise NotebookError(f"{source.name}: no kernel: {_line(str(error))}") from error
    finally:
        atexit.unregister(client._cleanup_kernel)  # it asserts that a kernel was there
        text = nbformat.writes(node)
        write_atomically(final, text + "\n")
    return final


def template(experiment: str) -> Path:
    """The notebook for an experiment: its own where there is one, else the generic one."""
    for folder in _folders():
        for name in (experiment, GENERIC):
            path = folder / f"{name}.ipynb"
            if path.is_file():
                return path
    raise NotebookError("no notebooks folder here; run it from the project's folder")


def _folders() -> list[Path]:
    """Where notebooks are looked for: below the working folder, beside the package, inside it."""
    package = Path(str(importlib.resources.files("zyphos_lab")))
    return [Path.cwd() / "notebooks", package.parent / "notebooks", package / "notebooks"]


def _inject(node: Any) -> None:
    """Replaces what the cell tagged `parameters` says: the run is the notebook's own folder."""
    found = [c for c in node.cells if PARAMETERS in c.get("metadata", {}).get("tags", ())]
    if len(found) != 1:
        raise NotebookError(f"a notebook needs one cell tagged `{PARAMETERS}`, it has {len(found)}")
    found[0].source = 'run = "."  # the folder that this notebook stands in'


def _client(node: Any, folder: Path, timeout_s: float) -> Any:
    """A client whose kernel is this Python, started by its path."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    manager = AsyncKernelManager(kernel_name="python3")
    launcher = "from ipykernel.kernelapp import launch_new_instance as run; run()"
    manager._kernel_spec = KernelSpec(
        argv=[sys.executable, "-c", launcher, "-f", "{connection_file}", QUIET],
        display_name="Python 3",
        language="python",
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    client = NotebookClient(
        node, km=manager, timeout=timeout_s, resources={"metadata": {"path": str(folder)}}
    )
    client.owns_km = True  # so that it ends the kernel, also after a failure
    return client


def _line(text: str) -> str:
    """The first line of a message that may have many."""
    lines = text.strip().splitlines()
    return lines[0] if lines else "no message"
