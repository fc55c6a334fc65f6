"""One line of the doctor's report, and how a fix is named for this system's package manager."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run says of a setting: a comparison's ratio with its interval and verdict.

    `text` is all of it as a line; `where` is '' for this machine, else what tells the run's from
    it; `run_verdict` what the run is worth.
    """

    text: str
    experiment: str
    run: str
    metric: str
    value: str
    baseline: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str
    run_verdict: str
    where: str


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `state`: ok, missing (an ability), warn (a setting spoils results), info.

    `value` is what was found, or the reason; `why` what it matters for; `fix` one command, '' where
    nothing needs mending or nothing can mend it. `writes`: the same as (file, text) where it only
    sets what the kernel holds in files; that is what `doctor --fix` does and `--undo` takes back.
    `measured`: what runs say that a setting costs; where none does, `not_measured` says why, or
    which command would.
    """

    id: str
    subject: str
    state: State
    value: str
    why: str
    fix: str = ""
    writes: tuple[tuple[str, str], ...] = ()
    measured: tuple[Measured, ...] = ()
    not_measured: str = ""


def found(id: str, subject: str, reason: str, value: str, why: str, fix: str) -> Check:
    """A Check that is ok when `reason` is empty, and else missing with it."""
    if reason:
        return Check(id, subject, "missing", reason, why, fix)
    return Check(id, subject, "ok", value, why)


def setting(
    id: str, subject: str, value: str, why: str, files: Sequence[str], wanted: str, where: str = ""
) -> Check:
    """A setting that spoils results and is mended by writing `wanted` into each file of `files`.

    `where`: the files in one word, for the command.
    """
    fix = f"echo {wanted} | {sudo(f'tee {where or files[0]}')}"
    return Check(id, subject, "warn", value, why, fix, tuple((file, wanted) for file in files))


def sysctl(id: str, subject: str, value: str, why: str, name: str, wanted: str) -> Check:
    """The same of a sysctl."""
    quoted = f'"{wanted}"' if " " in wanted else wanted
    file = f"/proc/sys/{name.replace('.', '/')}"
    fix = sudo(f"sysctl -w {name}={quoted}")
    return Check(id, subject, "warn", value, why, fix, ((file, wanted),))


def sudo(command: str) -> str:
    """The command as this user has to type it."""
    return command if os.geteuid() == 0 else f"sudo {command}"


def modprobe(module: str) -> str:
    """The line that loads a kernel module; '' where this kernel loads none."""
    return sudo(f"modprobe {module}") if os.path.exists("/proc/modules") else ""


def apt(*packages: str) -> str:
    """The line that installs Debian packages, under the names that this distribution gives them."""
    names = [_ubuntu(package) for package in packages] if _is_ubuntu() else list(packages)
    return sudo(f"apt install -y {' '.join(names)}")


def _ubuntu(package: str) -> str:
    """Ubuntu keeps perf and bpftool beside its kernels."""
    tools = {
        "linux-perf": "linux-tools-$(uname -r)",
        "bpftool": "linux-tools-$(uname -r) linux-tools-common",
    }
    return tools.get(package, package)


def _is_ubuntu() -> bool:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return "ubuntu" in (release.get("ID", ""), *release.get("ID_LIKE", "").split())
