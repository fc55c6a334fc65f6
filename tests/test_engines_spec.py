"""The keys of the engines whose threads block: what they tell the program, and whose they are."""

from pathlib import Path

import pytest

from zyphos_lab import spec
from zyphos_lab.errors import SpecError
from zyphos_lab.spec.words import serve_words

FILE = """
schema: 1
name: x
question: Does it?
targets: {{server: {{engine: {engine}, protocol: echo, {keys}}}}}
load: {{protocol: echo}}
"""


def words(tmp_path: Path, engine: str, keys: str) -> set[str]:
    path = tmp_path / "x.yaml"
    path.write_text(FILE.format(engine=engine, keys=keys), encoding="utf-8")
    [cell] = spec.load(path).cells
    assert cell.target is not None
    return set(serve_words(cell.target))


def test_a_pool_is_told_all_that_it_knows(tmp_path: Path) -> None:
    keys = "threads: 8, stack: 64KiB, silence_timeout: 0s, queue_max: 0, queue_order: lifo"
    told = words(tmp_path, "pool", f"{keys}, when_busy: drop_oldest")
    assert told >= {"engine=pool", "threads=8", "stack_bytes=65536", "silence_timeout_ns=0"}
    assert told >= {"queue_max=0", "queue_order=lifo", "when_busy=drop_oldest"}


def test_defaults_are_the_programs_own(tmp_path: Path) -> None:
    told = words(tmp_path, "pool", "threads: 2")
    keys = ("stack_bytes", "silence_timeout_ns", "queue_max", "queue_order", "when_busy")
    assert not [word for word in told if word.startswith(keys)]


def test_a_parser_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text = FILE.format(
        engine="epoll", keys="parser: simd, scan: sse4.2, known_heads: true"
    ).replace("echo", "http1")
    path.write_text(text, encoding="utf-8")
    [cell] = spec.load(path).cells
    assert cell.target is not None
    assert set(serve_words(cell.target)) >= {"parser=simd", "scan=sse4.2", "known_heads=true"}


@pytest.mark.parametrize(
    ("engine", "keys", "said"),
    [
        ("epoll", "stack: 64KiB", "`stack` is for engines thread, pool, this is engine epoll"),
        ("thread", "queue_max: 4", "`queue_max` is for engine pool, this is engine thread"),
        ("coroutine", "when_busy: wait, queue_order: lifo", "`queue_order` is for engine pool"),
        ("thread", "silence_timeout: 1s", "`silence_timeout` is for engines sequential, pool"),
        ("sequential", "threads: 2", "engine sequential has one thread, not a number of threads"),
        ("thread", "threads: 2", "engine thread has a thread per connection, not a number"),
    ],
)
def test_a_key_of_another_engine_is_a_mistake(
    tmp_path: Path, engine: str, keys: str, said: str
) -> None:
    with pytest.raises(SpecError) as error:
        words(tmp_path, engine, keys)
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["thread_knee", "thread_stack", "pool_policies", "switching"])
def test_our_experiments_of_threads_are_here(name: str) -> None:
    folder = Path(__file__).resolve().parent.parent / "experiments" / "engines"
    assert spec.load(folder / f"{name}.yaml").name == name
