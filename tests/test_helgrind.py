"""The queue of locks and a condition variable is clean under Helgrind too, which finds races and
lock orders by other means than ThreadSanitizer (`make tsan` runs every native test under that one).

Helgrind does not know C++'s atomics: what counts with them, the engines, is TSan's alone.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT

FOUND = 9
# The queue wakes a taker when it has let go of the lock, so that he need not wait for it: Helgrind
# calls that dubious; what it may cost, a wake-up lost, the queue's own tests would show.
SUPPRESSED = """
{
  signal_without_the_lock
  Helgrind:Misc
  obj:*vgpreload_helgrind*
}
"""
CLEAN = """
#include <thread>
#include <vector>
#include "sched/bounded_queue.h"
int main() {
  zyphos::BoundedQueue<int> queue(4, zyphos::QueueOrder::fifo);
  int made[2] = {};
  int taken[2] = {};
  std::vector<std::thread> makers;
  std::vector<std::thread> takers;
  for (int t = 0; t < 2; ++t) {
    makers.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        std::size_t found = 0;
        int item = i;
        if (queue.put_beyond(item, found)) ++made[t];
      }
    });
    takers.emplace_back([&, t] {
      while (queue.take()) ++taken[t];
    });
  }
  for (auto& one : makers) one.join();
  queue.close();
  for (auto& one : takers) one.join();
  return made[0] + made[1] == 400 && taken[0] + taken[1] == 400 ? 0 : 1;
}
"""
RACE = """
#include <thread>
int shared = 0;
int main() {
  std::thread one([] { ++shared; });
  std::thread other([] { ++shared; });
  one.join();
  other.join();
}
"""
ORDER = """
#include <mutex>
#include <thread>
std::mutex a, b;
int main() {
  std::thread one([] { std::lock_guard x(a); std::lock_guard y(b); });
  one.join();
  std::thread other([] { std::lock_guard x(b); std::lock_guard y(a); });
  other.join();
}
"""


@pytest.mark.answers("s3.6")
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [(CLEAN, 0, ""), (RACE, FOUND, "data race"), (ORDER, FOUND, "lock order")],
    ids=["the queue", "a race", "two orders"],
)
def test_helgrind_finds_faults_and_none_in_the_queue(
    text: str, code: int, said: str, tmp_path: Path
) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind: apt-get install valgrind")
    source, program = tmp_path / "one.cpp", tmp_path / "one"
    source.write_text(text)
    build = ["g++", "-std=c++23", "-g", "-O1", "-pthread", f"-I{ROOT / 'cpp'}"]
    subprocess.run([*build, "-o", program, source], check=True)
    suppressed = tmp_path / "suppressed"
    suppressed.write_text(SUPPRESSED)
    options = ["-q", f"--error-exitcode={FOUND}", f"--suppressions={suppressed}"]
    command = ["valgrind", "--tool=helgrind", *options, program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == code and said in done.stderr, done.stderr[-3000:]
