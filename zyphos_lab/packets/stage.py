"""The stage `capture`: a few trials of every cell whose packets are captured.

They come last and conclusions never rest on them: capturing costs the trial time. A trial of them
has no warm-up and a window of its own, so that handshakes and what follows them are in the file.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from zyphos_lab.record import Row
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Capture, Repeat
from zyphos_lab.stage import CAPTURE, Note, Outlook, Planned, of_stage

OVERHEAD_S = 0.5


class CaptureStage:
    """See stage.Stage."""

    name = CAPTURE

    def __init__(self, cells: Sequence[Cell], settings: Capture, usual: Repeat, seed: int) -> None:
        self._cells = cells
        self._trials = settings.trials
        self._seed = seed
        window_ns = min(settings.window_ns, usual.window_ns)
        times = {"warmup_ns": 0, "window_ns": window_ns, "interval_ns": window_ns}
        self._repeat = usual.model_copy(update=times)

    def outlook(self) -> Outlook:
        trials = self._trials * len(self._cells)
        each_s = self._repeat.window_ns / 1e9 + OVERHEAD_S
        return Outlook(trials, trials * each_s, f"packets of {len(self._cells)} cells, captured")

    def next(self, rows: Sequence[Row]) -> list[Planned] | None:
        """All at once; nothing after them."""
        if of_stage(rows, CAPTURE):
            return None
        seed = random.Random(f"{self._seed}/capture").getrandbits(32)
        return [
            Planned(0, start, cell, start, "", seed, CAPTURE, self._repeat)
            for start in range(self._trials)
            for cell in self._cells
        ]

    def tell(self, rows: Sequence[Row]) -> list[Note]:
        """Why there are no packets, once."""
        reasons = [row["skipped"].get("capture") for row in of_stage(rows, CAPTURE)]
        found = list(dict.fromkeys(reason for reason in reasons if reason))
        return [Note("no_capture", f"no packets: {reason}") for reason in found]
