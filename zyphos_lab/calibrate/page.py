"""calibration.html: one self-contained file, in the report's style. Only shows the calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from zyphos_lab.calibrate import words
from zyphos_lab.calibrate.cases import CASES
from zyphos_lab.calibrate.judge import Judged
from zyphos_lab.calibrate.result import PAGE, Calibration
from zyphos_lab.files import write_atomically
from zyphos_lab.report.rendering import rendered

TEMPLATE = Path(__file__).with_name("calibration.html.j2")


def write(calibration: Calibration, folder: Path) -> Path:
    """Writes calibration.html into `folder`; its path."""
    path = folder / PAGE
    write_atomically(path, render(calibration))
    return path


def render(calibration: Calibration) -> str:
    """The page as text."""
    from zyphos_lab.calibrate.pictures import CASE_COLOURS

    titles = {case.name: case.title for case in CASES}
    shown = {one.case for one in calibration.ruling if one.kind == "latency"}
    return rendered(
        TEMPLATE,
        calibration=calibration,
        words=words,
        made=datetime.fromtimestamp(calibration.made_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        protocols=list(dict.fromkeys(one.protocol for one in calibration.ruling)),
        pictures=list(_pictures(calibration)),
        stalls=list(_stalls(calibration)),
        legend=[(titles[name], c) for name, c in CASE_COLOURS.items() if name in shown],
        remarks=list(words.remarks(calibration)),
        host=_host(calibration),
    )


def _pictures(calibration: Calibration) -> Iterator[object]:
    from zyphos_lab.calibrate.pictures import against_truth, difference

    for protocol in dict.fromkeys(one.protocol for one in calibration.ruling):
        delays = list(_delays(calibration.ruling, protocol))
        beside = _delays(calibration.asleep, protocol) if calibration.polled else ()
        if delays:
            yield against_truth(protocol, delays)
            yield difference(protocol, delays, list(beside))


def _delays(judged: Iterable[Judged], protocol: str) -> Iterator[Judged]:
    for one in judged:
        if one.protocol == protocol and one.kind == "latency" and one.truth_ns:
            yield one


def _stalls(calibration: Calibration) -> Iterator[object]:
    from zyphos_lab.calibrate.pictures import stall

    for one in calibration.ruling:
        if one.kind == "stall" and one.truth_ns:
            yield stall(one.protocol, one)


def _host(calibration: Calibration) -> dict[str, object]:
    """What a reader wants to know of the machine and the build."""
    host, build = calibration.host, calibration.build
    cpu, kernel = host.get("cpu", {}), host.get("kernel", {})
    return {
        "processor": cpu.get("model"),
        "kernel": f"{kernel.get('release')}, clock source {kernel.get('clock_source')}",
        "hypervisor": host.get("hypervisor") or "none",
        "build": f"{build.get('version')} {build.get('flags', '').strip()} {build.get('build_id')}",
    }
