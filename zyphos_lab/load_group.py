"""Several zyphos-load that are one load: each has its share of the connections and of the arrivals,
all begin at the same moment, and what they give is one result.

A process may have so many descriptors and no more: who wants more connections needs several. To
everybody else a group is a LoadRun. Thread safety: used by one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.load import LoadRun, idle_until
from zyphos_lab.load_merge import merged

# From telling them when the warm-up begins to that moment: for all to have read it.
NOTICE_NS = 100_000_000


class LoadGroup:
    """`processes` zyphos-load with the same words; the rest as of a LoadRun.

    If one of them fails or dies that is the error of the whole, which names it.
    """

    def __init__(
        self,
        words: Sequence[str],
        processes: int,
        warmup_ns: int,
        cpus: Sequence[int],
        children: Children,
        watch: Callable[[], None],
        namespace: str | None = None,
    ) -> None:
        self._words, self._warmup_ns = words, warmup_ns
        self._cpus, self._watch = cpus, watch
        self._runs: list[LoadRun] = []
        try:
            for at in range(processes):
                own = [*words, f"processes={processes}", f"process={at}"]
                title = f"load: process {at + 1} of {processes}"
                run = LoadRun(own, cpus, children, watch, namespace, title=title)
                self._runs.append(run)
        except BaseException:
            self.stop()
            raise

    def pids(self) -> list[int]:
        return [pid for run in self._runs for pid in run.pids()]

    def board(self) -> dict[str, int] | str:
        """The counters of all added up; a text is why there are none."""
        whole: Counter[str] = Counter()
        for run in self._runs:
            counted = run.board()
            if isinstance(counted, str):
                return counted
            whole.update(counted)
        return dict(whole)

    def wait_for(self, name: str, give_up_ns: int) -> dict[str, Any]:
        """As of a LoadRun: `connected`, which lets them begin together, `window`, `result`."""
        events = [run.wait_for(name, give_up_ns) for run in self._runs]
        if name == "connected":
            self._begin()
            return {**events[-1], "connections": sum(one["connections"] for one in events)}
        if name == "result":
            return merged(events, self._words, self._cpus)
        return events[0]

    def _begin(self) -> None:
        start_ns = monotonic_ns() + NOTICE_NS + self._warmup_ns
        for run in self._runs:
            run.say(str(start_ns))

    def idle_until(self, at_ns: int) -> None:
        idle_until(self._runs, at_ns, self._watch)

    def interrupt(self) -> None:
        for run in self._runs:
            run.interrupt()

    def stop(self) -> bool:
        """Whether one had to be killed. Safe to repeat."""
        killed = [run.stop() for run in self._runs]
        return any(killed)
