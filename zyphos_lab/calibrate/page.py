"""calibration.html: one self-contained file, in the report's style. Only shows the calibration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from zyphos_lab.calibrate import words
from zyphos_lab.calibrate.cases import CASES
from zyphos_lab.calibrate.result import PAGE, Calibration
from zyphos_lab.files import write_atomically
from zyphos_lab.report.page import TEMPLATES

TEMPLATE = "calibration.html.j2"


def write(calibration: Calibration, folder: Path) -> Path:
    """Writes calibration.html into `folder`; its path."""
    path = folder / PAGE
    write_atomically(path, render(calibration))
    return path


def render(calibration: Calibration) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from zyphos_lab.calibrate.pictures import CASE_COLOURS

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    titles = {case.name: case.title for case in CASES}
    shown = {one.case for one in calibration.judged if one.kind == "latency"}
    return environment.get_template(TEMPLATE).render(
        calibration=calibration,
        words=words,
        made=datetime.fromtimestamp(calibration.made_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        protocols=list(dict.fromkeys(one.protocol for one in calibration.judged)),
        pictures=list(_pictures(calibration)),
        stalls=list(_stalls(calibration)),
        legend=[(titles[name], c) for name, c in CASE_COLOURS.items() if name in shown],
        remarks=list(words.remarks(calibration)),
        host=_host(calibration),
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )


def _pictures(calibration: Calibration) -> Iterator[object]:
    from zyphos_lab.calibrate.pictures import against_truth, difference

    for protocol in dict.fromkeys(one.protocol for one in calibration.judged):
        delays = [
            one
            for one in calibration.judged
            if one.protocol == protocol and one.kind == "latency" and one.truth_ns
        ]
        if delays:
            yield against_truth(protocol, delays)
            yield difference(protocol, delays)


def _stalls(calibration: Calibration) -> Iterator[object]:
    from zyphos_lab.calibrate.pictures import stall

    for one in calibration.judged:
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
