"""Probe `sched`: what the scheduler did with each side's threads (cpp/probe/sched.bpf.c), by BPF.

Columns, for each side (`server_sched_...`), counts and sums also per request:
  switches_voluntary, switches_involuntary   as the kernel counts them: exact, of threads that
                       ended in the window too (those of probe `rusage` are not)
  run_delay_ns         from being runnable (woken, preempted or new) to running: sum, and with
                       _p50, _p99, _max each single wait; the kernel's run_delay by another clock
  sleeping_ns          from going to sleep to being woken; single sleeps likewise
  preempted_ns         the part of run_delay_ns that followed a preemption; single ones likewise
  off_cpu_ns           sleeping_ns + run_delay_ns
  migrations           moves to another CPU, exact
  starts               threads and processes that ran for the first time
  wakeups              times a sleeping thread was made runnable: exact
  wakeups_by_own, _by_peer, _by_idle, _by_other   who did it: this side; the other side; an
                       interrupt that found its CPU idle; anything else. An interrupt (a packet, a
                       timer) on a busy CPU counts for whoever it interrupted.
  wakeups_same_cpu, wakeups_other_cpu   whether the woken thread then ran on the waker's CPU
  lost                 events for which the kernel had no memory; 0, or the times are too small

A wait counts in the window in which it ends; sleeps and preemptions from before the window count
from its start on, and what still sleeps at its end is not in it. Quantiles are within 3.2 % (the
buckets' width), sums exact. A signal that ends a sleep before it began counts as involuntary here
and as voluntary in the kernel. The observer: the programs ran 150 ns per switch and 180 ns per
wake-up of followed threads here (BPF_ENABLE_STATS, two threads of one process in turns).
"""

from __future__ import annotations

from zyphos_lab.probes.bpf import Deltas, RoleProbe


class SchedProbe(RoleProbe):
    """Loads the BPF programs when made (some 15 ms)."""

    name = "sched"
    costly = "adds some 150 ns to each switch and each wake-up"
    loader = "load_sched_counter"
    prefix = "sched"
    counts = (
        "switches_voluntary",
        "switches_involuntary",
        "run_delay_ns",
        "sleeping_ns",
        "preempted_ns",
        "off_cpu_ns",
        "migrations",
        "starts",
        "wakeups",
        "wakeups_by_own",
        "wakeups_by_peer",
        "wakeups_by_idle",
        "wakeups_by_other",
        "wakeups_same_cpu",
        "wakeups_other_cpu",
        "lost",
    )
    times = ("run_delay", "sleeping", "preempted")

    def counted(self, deltas: Deltas) -> dict[str, int]:
        off_cpu = {"off_cpu_ns": deltas["sleeping_ns"] + deltas["run_delay_ns"]}
        return {name: deltas[name] for name in self.counts if name not in off_cpu} | off_cpu
