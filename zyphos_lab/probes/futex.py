"""Probe `futex`: waiting for locks and for each other, by futex calls (cpp/probe/futex.bpf.c).

Only what goes to the kernel is seen: a lock that is free is taken and given back in user space, by
no system call, and so is one that a spinning thread gets. What is counted is contention, and
threads that wait for work on a condition variable or semaphore. glibc's locks wait by FUTEX_WAIT,
its condition variables, semaphores and joins by FUTEX_WAIT_BITSET: `waits_bitset` tells them apart.

Columns, for each side (`server_futex_...`), counts and sums also per request; counts are exact:
  calls                futex, futex_waitv, _wait, _wake and _requeue, where they enter
  waits                of them those that wait, where they return; one that never does is in none.
                       waits_bitset is the part by FUTEX_WAIT_BITSET
  waits_woken          another thread ended it (LOCK_PI: the lock is held)
  waits_changed        EAGAIN: the word had changed before the thread slept
  waits_timed_out, waits_interrupted (by a signal), waits_failed   what else ended it
  wait_ns              time from entry to return of all that slept (not of `waits_changed` and
                       `waits_failed`), with _p50, _p99 and _max each single one: from what precedes
                       the window its part in the window. Includes waking up and waiting for a CPU
  wakes                calls that wake; wakes_empty: those that found nobody waiting
  woken                threads woken, or moved to another futex
  requeues             calls that move waiters on
  lost                 calls for which the kernel had no memory; 0, or the others are too small

A wait that goes on after a signal handler (`restart_syscall`) is not seen from there on, nor are
calls of 32-bit programs. Quantiles are within 3.2 % (the buckets' width), sums exact.

The observer: as `syscalls`, the kernel's slow path for every system call of the machine, and for
each futex call two readings of the clock.
"""

from __future__ import annotations

from zyphos_lab.probes.bpf import Deltas, RoleProbe


class FutexProbe(RoleProbe):
    """Loads the BPF programs when made (some 15 ms)."""

    name = "futex"
    costly = "adds some 20 ns to each system call, two readings of the clock to each futex"
    loader = "load_futex_counter"
    prefix = "futex"
    counts = (
        "calls",
        "waits",
        "waits_bitset",
        "waits_woken",
        "waits_changed",
        "waits_timed_out",
        "waits_interrupted",
        "waits_failed",
        "wait_ns",
        "wakes",
        "wakes_empty",
        "woken",
        "requeues",
        "lost",
    )
    times = ("wait",)

    def counted(self, deltas: Deltas) -> dict[str, int]:
        return {name: deltas[name] for name in self.counts}
