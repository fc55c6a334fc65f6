"""A system call in words: its name, its arguments and result as strace has them, and what for.

Pointers are `*`: nobody followed them. What is not listed shows its first arguments as numbers.
Pure functions.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zyphos_lab.probes import native

MASK = 0xFFFFFFFF
SIGN = 1 << 31
EPOLL = {1: "ADD", 2: "DEL", 3: "MOD"}
HOW = {0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}
FLAGS = {0x40: "MSG_DONTWAIT", 0x4000: "MSG_NOSIGNAL", 0x2: "MSG_PEEK", 0x8000: "MSG_MORE"}
ACCEPT = {0o4000: "SOCK_NONBLOCK", 0o2000000: "SOCK_CLOEXEC"}
ENTER = {1: "GETEVENTS", 2: "SQ_WAKEUP", 8: "EXT_ARG", 16: "REGISTERED_RING"}
FUTEX = {0: "WAIT", 1: "WAKE", 9: "WAIT_BITSET", 10: "WAKE_BITSET"}
FUTEX_COMMAND = 127
# ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK (include/linux/errno.h): the
# kernel itself makes such a call again, and its caller never sees that.
RESTARTED = frozenset({-512, -513, -514, -516})
PRCTL = {15: "PR_SET_NAME"}
# One letter an argument, see WORDS; those behind the last are left out.
SHAPES = {
    "accept4": "d**a", "accept": "d**", "bind": "d*d", "close": "d", "epoll_wait": "d*dd",
    "epoll_pwait": "d*dd", "epoll_ctl": "ded*", "recvfrom": "d*df", "sendto": "d*df",
    "recvmsg": "d*f", "sendmsg": "d*f", "read": "d*d", "write": "d*d", "readv": "d*d",
    "writev": "d*d", "shutdown": "dh", "setsockopt": "ddd*", "getsockopt": "ddd*",
    "getpeername": "d**", "getsockname": "d**", "io_uring_enter": "dddr", "futex": "*xd*",
    "poll": "*dd", "ppoll": "*d**", "pselect6": "d***", "rt_sigaction": "d**d",
    "sigaltstack": "**", "fcntl": "ddd", "ioctl": "dd*", "sendfile": "dd*d",
    "munmap": "*d", "mmap": "*ddd", "mprotect": "*dd", "madvise": "*dd", "clone3": "*d",
    "rt_sigprocmask": "d**d", "timerfd_settime": "dd**", "eventfd2": "dd", "set_robust_list": "*d",
    "rseq": "*ddd", "exit": "d", "openat": "d*d", "newfstatat": "d**d", "fstat": "d*",
    "prctl": "p*",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A call that returned; times on CLOCK_MONOTONIC, `arguments` the first four."""

    begin_ns: int
    end_ns: int
    process: int
    thread: int
    number: int
    result: int
    arguments: tuple[int, ...]

    @classmethod
    def of(cls, told: tuple[Any, ...]) -> Call:
        """As _core.SyscallSequence.take has it."""
        begin_ns, end_ns, process, thread, _, number, result, arguments = told
        return cls(begin_ns, end_ns, process, thread, number, result, arguments)

    @property
    def name(self) -> str:
        return native.core().syscall_name(self.number) or f"call {self.number}"

    @property
    def returned(self) -> bool:
        """Whether its caller went on: not where the kernel was woken and makes the call again."""
        return self.result not in RESTARTED

    @property
    def text(self) -> str:
        """`recvfrom(7, *, 16384, 0) = 31`."""
        shape = SHAPES.get(self.name, "dddd")
        shown = [WORDS[kind](value) for kind, value in zip(shape, self.arguments, strict=False)]
        return f"{self.name}({', '.join(shown)}) = {self.outcome}"

    @property
    def outcome(self) -> str:
        """The result, or the name of the error."""
        if -4096 < self.result < 0:
            return errno.errorcode.get(-self.result, str(self.result))
        return str(self.result) if self.result < 1 << 40 else "*"

    @property
    def kind(self) -> str:
        """What of it is the same each time: `recvfrom = n`, `recvfrom = 0`, `close = 0`."""
        counted = self.result > 0
        return f"{self.name} = {'n' if counted else self.outcome}"


def _number(value: int) -> str:
    """As the C int that it was handed over as."""
    low = value & MASK
    return str(low - (1 << 32) if low & SIGN else low)


def _flags(names: Mapping[int, str]) -> Callable[[int], str]:
    def told(value: int) -> str:
        value &= MASK
        known = [name for bit, name in names.items() if value & bit]
        rest = value & ~sum(bit for bit, name in names.items() if value & bit)
        return "|".join([*known, *([hex(rest)] if rest else [])]) or "0"

    return told


def _named(names: Mapping[int, str]) -> Callable[[int], str]:
    return lambda value: names.get(value & MASK, str(value & MASK))


WORDS: dict[str, Callable[[int], str]] = {
    "d": _number,
    "*": lambda value: "*" if value else "NULL",
    "a": _flags(ACCEPT),
    "e": _named(EPOLL),
    "f": _flags(FLAGS),
    "h": _named(HOW),
    "p": _named(PRCTL),
    "r": _flags(ENTER),
    "x": lambda value: FUTEX.get(value & FUTEX_COMMAND, str(value & FUTEX_COMMAND)),
}

# What a call is for in a server, by name; or by `Call.kind`, which comes first.
WHY = {
    "accept4": "takes the connection off the accept queue and gives it a descriptor "
    "(accept4(2)); its flags spare two calls of fcntl",
    "accept4 = EAGAIN": "the accept queue is empty: nobody else waits",
    "accept": "takes the connection off the accept queue and gives it a descriptor (accept(2))",
    "epoll_wait": "sleeps until something is ready, and returns with what is (epoll_wait(2))",
    "epoll_wait = 0": "nothing is ready: asked without sleeping, or the time ran out",
    "epoll_ctl": "names the descriptor to epoll, or changes what is waited for (epoll_ctl(2))",
    "recvfrom = n": "copies what has come from the socket's receive queue (recv(2))",
    "recvfrom = 0": "the end of the stream: the client's FIN has come (recv(2))",
    "recvfrom = EAGAIN": "nothing more is there, and the socket does not block",
    "read = n": "copies what has come; of an eventfd or timerfd: takes its count",
    "read = 0": "the end of the stream: the client's FIN has come",
    "sendto": "copies the answer into the socket's send queue; TCP sends it at once where window "
    "and Nagle let it (send(2))",
    "sendmsg": "as send, from several pieces (sendmsg(2))",
    "write": "copies the answer into the socket's send queue; of an eventfd: wakes another thread",
    "writev": "as write, from several pieces",
    "close": "gives the descriptor back; the last one of a socket sends FIN, and what comes "
    "then is the kernel's alone (close(2))",
    "shutdown": "sends FIN after what is queued, and goes on reading (shutdown(2))",
    "setsockopt": "sets an option of the new socket (setsockopt(2), tcp(7))",
    "getsockopt": "reads an option of the socket",
    "getpeername": "asks who connected",
    "io_uring_enter": "hands over the requests that were queued in shared memory and sleeps until "
    "one has completed: accepting, receiving and sending are requests in the ring, no "
    "system calls (io_uring_enter(2))",
    "futex": "sleeps until another thread wakes it, or wakes one (futex(2))",
    "clone3": "starts the thread that serves this connection (clone(2))",
    "clone": "starts the thread that serves this connection (clone(2))",
    "mmap": "makes the new thread's stack, or memory for buffers (mmap(2))",
    "mprotect": "guards the new thread's stack, or opens more of the heap",
    "munmap": "gives an ended thread's stack, or buffers, back",
    "madvise": "gives the pages of an ended thread's stack back",
    "pselect6": "sleeps until one of some descriptors is ready; the kernel looks at each up to "
    "the highest, every time (select(2))",
    "rt_sigaction": "says what a signal does, or asks (sigaction(2))",
    "sigaltstack": "gives a thread a second stack for signals, so that it can still say that the "
    "first one overflowed (sigaltstack(2))",
    "rt_sigprocmask": "holds signals while a thread is started or ended",
    "set_robust_list": "a new thread tells where its locks are, for its death",
    "rseq": "a new thread registers for restartable sequences",
    "prctl": "tells the kernel a thread's name, for perf and ps (prctl(2), PR_SET_NAME)",
    "sched_setaffinity": "binds a thread to processors",
    "poll": "sleeps until one of a few descriptors is ready (poll(2))",
    "ppoll": "sleeps until one of a few descriptors is ready (poll(2))",
    "timerfd_settime": "sets the timer for idle connections",
}  # fmt: skip


def why(call: Call) -> str:
    """What such a call is for in a server; '' where nothing is known."""
    return WHY.get(call.kind) or WHY.get(call.name, "")
