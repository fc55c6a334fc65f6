"""What every test may rely on: which build is tested, markers, nothing left running.

ZYPHOS_BUILD  build folder under test (default build/release)
ZYPHOS_BIN    its native programs (set here for the package unless given)
ZYPHOS_CORE   folder of a `_core` to load in place of the installed one (sanitizer runs)
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("ZYPHOS_BUILD", "build/release")

MARKERS = {
    "native": "runs native programs of ZYPHOS_BUILD; part of `make asan` and `make tsan`",
    "core": "loads the module _core; run by `make asan` with the runtime preloaded",
    "gtest": "a case of a native test program",
    "answers(id, ...)": "ids of the roadmap that the test shows (`zyphos-lab roadmap` lists it)",
}

# Seeds are fixed and printed, and no test has a deadline: a slow machine is not a failure.
hypothesis.settings.register_profile("lab", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("lab")

if (BUILD / "bin").is_dir():
    os.environ.setdefault("ZYPHOS_BIN", str(BUILD / "bin"))


def _load_core(folder: Path) -> None:
    """Puts the `_core` of `folder` in place of the installed one, before its first import."""
    [path] = folder.glob("_core*.so")
    spec = importlib.util.spec_from_file_location("zyphos_lab._core", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["zyphos_lab._core"] = module
    spec.loader.exec_module(module)


if os.environ.get("ZYPHOS_CORE"):
    _load_core(Path(os.environ["ZYPHOS_CORE"]))


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from sharing import Shares

    return Shares(config, log)


@pytest.fixture(scope="session")
def build() -> Path:
    """The build folder under test."""
    return BUILD


@pytest.fixture(scope="session", autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fails the session when a process that a test started outlives it."""
    yield
    left = [p for p in psutil.Process().children(recursive=True) if _is_alive(p)]
    assert not left, f"left running: {[(p.pid, p.cmdline()) for p in left]}"


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of this process in which the machine itself speaks against nothing: for what follows
    from a verdict that is known."""
    import machine
    from zyphos_lab import trial

    monkeypatch.setattr(trial, "_against", machine.quiet(trial._against))


@pytest.fixture
def one_processor() -> Iterator[None]:
    """This process, and so what it starts, on one processor."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usual)})
    yield
    os.sched_setaffinity(0, usual)
