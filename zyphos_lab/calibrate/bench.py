"""One case measured: the reference server and the ruler up, one window, and both asked.

The server is asked in the window's own terms: what became of the requests that came in it, by the
kernel's timestamps. Main thread only; nothing is left running.
"""

from __future__ import annotations

import base64
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from zyphos_lab import probes
from zyphos_lab.calibrate.cases import STALL_AT_NS, STALL_FOR_NS, Case, Setup
from zyphos_lab.child import Children, monotonic_ns
from zyphos_lab.load import LoadRun
from zyphos_lab.probes.native import core
from zyphos_lab.spec import load_words
from zyphos_lab.spec.models import Load, Repeat
from zyphos_lab.spec.target_models import ReferenceTarget
from zyphos_lab.targets import make, truth_of
from zyphos_lab.targets.reference import RunningReference
from zyphos_lab.targets.truth import histogram
from zyphos_lab.units import exact_duration

WARMUP_NS = 200_000_000
CONNECT_TIMEOUT_NS = 20_000_000_000
RESULT_GRACE_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where it runs: the server's processor, the ruler's, and who notes the children.

    Where both are the same nothing may poll.
    """

    server_cpu: int
    client_cpu: int
    children: Children

    @property
    def shared(self) -> bool:
        return self.server_cpu == self.client_cpu


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What speaks against a measurement: the kind of thing, and what it was."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one case gave.

    Histograms of nanoseconds: `latency` from the schedule and `service` from the send as the ruler
    reports them, `lag` between the two, `truth` between the kernel's timestamps, `asked` as the law
    drew it. `result` is the ruler's, `cohort` and `window` the server's truth about the requests
    that came, and the answers that left, in the window.
    """

    latency: Any
    service: Any
    lag: Any
    truth: Any
    asked: Any
    result: dict[str, Any]
    cohort: dict[str, Any]
    window: dict[str, Any]
    disturbed: tuple[Disturbance, ...]


def target_of(setup: Setup, place: Place) -> ReferenceTarget:
    """The case's server."""
    keys = {"protocol": setup.speech.protocol, "cpus": [place.server_cpu], **setup.speech.target}
    reference = {**setup.case.reference, **({"busy_poll": False} if place.shared else {})}
    return ReferenceTarget.model_validate({"reference": reference, **keys})


def load_of(setup: Setup, place: Place) -> Load:
    """The case's load."""
    keys = {"protocol": setup.speech.protocol, "cpus": [place.client_cpu], "poll": setup.poll}
    return Load.model_validate({**setup.case.load, **keys, **setup.speech.load})


def measure(setup: Setup, window_ns: int, seed: int, place: Place) -> Reading:
    """Measures one case once. MeasurementError when it could not be done."""
    load = load_of(setup, place)
    window = exact_duration(window_ns)
    times = {"warmup": exact_duration(WARMUP_NS), "window": window, "interval": window}
    repeat = Repeat.model_validate(times)
    with ExitStack() as stack:
        running = make("reference", target_of(setup, place), place.children).start()
        stack.callback(running.stop)
        assert isinstance(running, RunningReference)
        words = load_words(load, repeat, address=running.address, port=running.port, seed=seed)
        ruler = LoadRun(words, load.cpus, place.children, running.check)
        stack.callback(ruler.stop)
        watch = Watch(running, ruler)
        stack.callback(watch.close)
        return _window(setup.case, running, ruler, watch, load.deadline_ns)


def _window(
    case: Case, running: RunningReference, ruler: LoadRun, watch: Watch, deadline_ns: int
) -> Reading:
    ruler.wait_for("connected", monotonic_ns() + CONNECT_TIMEOUT_NS)
    window = ruler.wait_for("window", monotonic_ns() + CONNECT_TIMEOUT_NS)
    start_ns, end_ns = window["start_ns"], window["end_ns"]
    if case.kind == "stall":
        running.stall(start_ns + STALL_AT_NS, start_ns + STALL_AT_NS + STALL_FOR_NS)
    ruler.idle_until(start_ns)
    watch.begin()
    ruler.idle_until(end_ns)
    watch.end()
    result = ruler.wait_for("result", end_ns + deadline_ns + RESULT_GRACE_NS)
    cohort = truth_of(running, window)
    assert cohort is not None
    return Reading(
        latency=_decoded(result, "latency_ns"),
        service=_decoded(result, "service_ns"),
        lag=_decoded(result, "schedule_lag_ns"),
        truth=histogram(cohort, "delay_ns"),
        asked=histogram(cohort, "asked_ns"),
        result=result,
        cohort=cohort,
        window=running.truth(start_ns, end_ns),
        disturbed=watch.disturbances(int(result["requests_done"])),
    )


def _decoded(result: dict[str, Any], name: str) -> Any:
    return core().Histogram.decode(base64.b64decode(result["histograms"][name]))


class Watch:
    """What the machine did beside the measurement within the window."""

    def __init__(self, running: RunningReference, ruler: LoadRun) -> None:
        self._probes = probes.make([])
        self._before: list[Any] = []
        self._after: list[Any] = []
        for probe in self._probes:
            probe.attach({"server": running.pids(), "client": ruler.pids()}, running.port)

    def begin(self) -> None:
        self._before = [probe.snapshot() for probe in self._probes]

    def end(self) -> None:
        self._after = [probe.snapshot() for probe in self._probes]

    def disturbances(self, requests: int) -> tuple[Disturbance, ...]:
        """One line for each thing that speaks against the measurement."""
        row: dict[str, Any] = {}
        for probe, was, now in zip(self._probes, self._before, self._after, strict=True):
            row |= probe.columns(was, now, requests)[0]
        found = probes.verdict_reasons(row)
        return tuple(Disturbance(reason["code"], reason["message"]) for reason in found)

    def close(self) -> None:
        for probe in self._probes:
            probe.close()
