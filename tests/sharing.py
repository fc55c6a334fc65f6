"""How pytest's two workers (`make test`, pytest-xdist) share the tests: a file is a worker's as a
whole, so that what it sets up for all its tests is set up once. Of test_native.py each program is a
share of its own, because all its cases come from one run. Knows no test."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

# tests/test_native.py::test_gtest[engine_echo_test-Engines/Echo.Answers/epoll]
PROGRAM = re.compile(r"^[^:]*\btest_native\.py::\w+\[(\w+)")


def share(nodeid: str) -> str:
    """The share that a test belongs to."""
    program = PROGRAM.match(nodeid)
    return program[1] if program else nodeid.split("::")[0]


class Shares(LoadScopeScheduling):
    """Hands out the shares, those of most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)
