"""Run inside a small disk: fills it before each kind of write, and says what happened.

python full_disk.py FOLDER      prints one JSON object per kind of write
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import store_factory
from zyphos_lab import report
from zyphos_lab.errors import LabError
from zyphos_lab.record import Record
from zyphos_lab.store import Store


def fill(folder: Path) -> Path:
    """A file that takes all that is left."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    break
    return path


def state(run: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in run.iterdir()}


def attempt(name: str, folder: Path, store: Store, write: Callable[[], Any]) -> None:
    before, finished = state(store.path), sorted(Store.open(store.path).finished())
    filler = fill(folder)
    message, code = "nothing was said", 0
    try:
        write()
    except LabError as error:
        message, code = str(error), error.exit_code
    after = state(store.path)
    filler.unlink()
    told = {
        "write": name,
        "message": message,
        "exit_code": code,
        "finished_before": finished,
        "finished_after": sorted(Store.open(store.path).finished()),
        "unchanged": after == before,
        "left": [file for file in after if file.endswith(".tmp")],
    }
    try:
        write()
        told["again"] = True
    except LabError as error:
        told["again"] = False
        told["message"] += f"; again: {error}"
    print(json.dumps(told))


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["MPLCONFIGDIR"] = str(folder.parent)
    with contextlib.redirect_stdout(io.StringIO()):
        made = store_factory.make_store(folder, starts=6, histograms=False)
    answer = report.answer(made)
    page = report.html(made, answer)
    page.unlink()
    with Store.open(made.path, write=True) as store:
        row = {**store.rows()[0], "trial": 1000, "text": "x" * 9000}
        attempt("journal", folder, store, lambda: store.append(Record(row)))
        attempt("manifest", folder, store, lambda: store.set_status("running"))
        attempt("tables", folder, store, store.derive)
        attempt("answer", folder, store, lambda: report.write_answer(store, answer))
        attempt("report", folder, store, lambda: report.html(store, answer))


if __name__ == "__main__":
    main()
