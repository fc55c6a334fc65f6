"""The keys of our engines that speak of connections' ends, from the file to the program."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil
import pytest

from running import refused, served
from spec_samples import ECHO
from zyphos_lab import spec
from zyphos_lab.errors import SpecError

pytestmark = pytest.mark.native
ENGINE = "engine: epoll"


def words_of(keys: str, engine: str = "epoll") -> list[str]:
    text = ECHO.replace(ENGINE, f"engine: {engine}, {keys}", 1)
    target = spec.loads(text).cells[0].target
    assert isinstance(target, spec.EngineTarget)
    return spec.serve_words(target)


def test_they_reach_the_program_and_only_where_they_differ_from_its_own() -> None:
    keys = "descriptors_max: 64, when_full: refuse, lingering_close: false"
    words = words_of(f"{keys}, leak: {{every: 100, what: memory}}")
    wanted = ["descriptors_max=64", "when_full=refuse", "lingering_close=false",
              "leak.every=100", "leak.what=memory"]  # fmt: skip
    assert [word for word in words if word.partition("=")[0] in {
        one.partition("=")[0] for one in wanted
    }] == wanted  # fmt: skip
    assert set(words) - set(words_of("threads: 1")) == set(wanted)
    assert "blocking=false" in words_of("blocking: false", "thread")
    assert "leak.every=7" in words_of("leak: {every: 7}")


def test_a_loop_never_blocks() -> None:
    with pytest.raises(
        SpecError, match="`blocking` is for engines sequential, thread, pool, this is engine epoll"
    ):
        words_of("blocking: false")


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("when_full: wait", "`targets.echo.when_full`"),
        ("descriptors_max: 3", "at least 16"),
        ("leak: {what: memory}", "every"),
        ("leak: {every: 1, what: sockets}", "`targets.echo.leak.what`"),
    ],
)
def test_bad_values_have_their_place(keys: str, complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        words_of(keys)
    assert complaint in str(caught.value)
    assert all(":" in str(one) for one in caught.value.complaints)


def test_the_limit_is_the_process_s() -> None:
    with served("descriptors_max=40") as server:
        process = psutil.Process(server.process.pid)
        assert process.rlimit(resource.RLIMIT_NOFILE) == (40, 40)


def test_more_than_the_system_gives_is_one_line() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    code, _, told = refused("zyphos-serve", f"descriptors_max={most * 1000}")
    assert code == 1 and told.count("\n") == 1
    assert "descriptors" in told


def test_our_experiments_of_ends_are_here() -> None:
    folder = Path(__file__).resolve().parent.parent / "experiments" / "tcp"
    names = ("leak_hunt", "linger", "connection_life", "descriptor_exhaustion", "blocking_io",
             "syn_queue")  # fmt: skip
    for name in names:
        assert spec.load(folder / f"{name}.yaml").name == name
