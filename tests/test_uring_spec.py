"""The switches of engine uring, from the experiment file to the program that has them."""

from __future__ import annotations

import subprocess

import pytest

from spec_samples import ECHO
from zyphos_lab import native, spec
from zyphos_lab.errors import SpecError
from zyphos_lab.spec.target_models import Uring
from zyphos_lab.spec.uring_rules import CONTRADICTIONS

pytestmark = pytest.mark.native


def words_of(keys: str, engine: str = "uring") -> list[str]:
    text = ECHO.replace("engine: epoll", f"engine: {engine}, uring: {keys}", 1)
    target = spec.loads(text).cells[0].target
    assert isinstance(target, spec.EngineTarget)
    return [word for word in spec.serve_words(target) if word.startswith("uring.")]


def test_only_what_differs_from_the_default_is_said() -> None:
    assert words_of("{}") == []
    keys = "{taskrun: none, sqpoll: true, sqpoll_cpu: 0, sqpoll_idle: 2ms, buffer_bytes: 4KiB}"
    assert words_of(keys) == [
        "uring.taskrun=none",
        "uring.sqpoll=true",
        "uring.sqpoll_cpu=0",
        "uring.sqpoll_idle_ns=2000000",
        "uring.buffer_bytes=4096",
    ]


def test_every_switch_is_an_option_of_the_program() -> None:
    program = native.program("zyphos-serve")
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    listed = [line.split("=")[0].strip() for line in said.splitlines() if " uring." in line]
    assert sorted(listed) == sorted(f"uring.{name}" for name in Uring.model_fields)


def test_they_are_for_one_engine() -> None:
    assert words_of("{}", "epoll") == []
    with pytest.raises(SpecError, match="`uring` is for engine uring, this is engine epoll"):
        words_of("{sqpoll: true, taskrun: none}", "epoll")


# What breaks each rule, in their order.
WRONG = (
    "{single_issuer: false}",
    "{sqpoll: true}",
    "{sqpoll_cpu: 0}",
    "{buffer_ring: false}",
    "{multishot_recv: false, buffer_ring: false, recv_bundles: true}",
    "{multishot_recv: false, buffer_ring: false, incremental_buffers: true}",
    "{recv_bundles: true, incremental_buffers: true}",
    "{link_recv: true}",
    "{registered_buffers: true}",
    "{link_shutdown: true, submissions: 1}",
    "{link_sends: true}",
    "{send_apart: true, link_recv: true, multishot_recv: false}",
    "{send_apart: true, link_shutdown: true}",
    "{send_apart: true, submissions: 32}",
    "{submissions: 64, completions: 32}",
    "{buffers: 3}",
)


@pytest.mark.parametrize(("keys", "rule"), list(zip(WRONG, CONTRADICTIONS, strict=True)))
def test_a_contradiction_is_refused_by_the_file_and_by_the_program(
    keys: str, rule: tuple[str, object, str]
) -> None:
    with pytest.raises(SpecError) as caught:
        words_of(keys)
    assert rule[2] in str(caught.value)
    program = native.program("zyphos-serve")
    pairs = [pair.split(": ") for pair in keys.strip("{}").split(", ")]
    argv = [program, "engine=uring", *(f"uring.{name}={value}" for name, value in pairs)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert rule[2] in done.stderr


def test_the_machine_says_what_it_lacks() -> None:
    from zyphos_lab import _core

    features = _core.uring_features()
    assert all(able is True or able for able in features.values())
    if _core.engines()["uring"] is True:
        assert features["multishot_recv"] is True
        assert "send_zc" in features and "sqpoll" in features
