"""The native core. Times are nanoseconds of CLOCK_MONOTONIC; failed set-up is OSError."""

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

SYSCALL_SLOTS: int

def build_info() -> dict[str, Any]:
    """version, compiler, flags, build_id (str or None), features {name: True or the reason}."""

def board_bytes() -> int:
    """Bytes that a shared board (memfd) needs."""

def board_snapshot(buffer: Buffer) -> dict[str, int]:
    """Counters of a mapped board by name. ValueError: too short, or not of this build."""

def counter_names() -> list[str]: ...

@final
class Histogram:
    """HDR histogram of nanoseconds: 1 ns to 3600 s, 3 significant digits. Not thread-safe."""

    def __init__(self) -> None: ...
    def record(self, value_ns: int, n: int = 1) -> None: ...
    def record_array(self, values_ns: npt.ArrayLike) -> None: ...
    def add(self, other: Histogram) -> None: ...
    def reset(self) -> None: ...
    def copy(self) -> Histogram: ...
    def encode(self) -> bytes:
        """HdrHistogram V2 compressed; not base64."""

    @staticmethod
    def decode(encoded: bytes) -> Histogram:
        """ValueError says what is wrong."""

    def quantile(self, q: float) -> int | None:
        """The highest equivalent of the bucket where a share q is reached; None when empty."""

    def to_arrays(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """(lowest_ns, highest_ns, count) of the buckets that hold something."""

    @property
    def count(self) -> int: ...
    @property
    def saturated(self) -> int:
        """Observations beyond 3600 s."""

    @property
    def mean(self) -> float | None: ...
    @property
    def min(self) -> int | None:
        """Exact where recorded here; a decoded histogram knows its buckets only."""

    @property
    def max(self) -> int | None:
        """Exact where recorded here; a decoded histogram knows its buckets only."""

@final
class Server:
    """A running server of this process; also a context manager that stops it."""

    @property
    def address(self) -> str:
        """\"127.0.0.1:43210\"."""

    @property
    def port(self) -> int: ...
    def snapshot(self) -> dict[str, int]: ...
    def stop(self) -> None:
        """Drains; safe to repeat."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

def scan_kernels() -> dict[str, bool | str]:
    """Each kernel of parser simd, the plainest first: True, or why it cannot run here."""

def engines() -> dict[str, bool | str]:
    """Each engine: True, or the reason why it cannot run here."""

def serve(**options: Any) -> Server:
    """The options of zyphos-serve. ValueError: an option; RuntimeError: not on this machine."""

def load(**options: Any) -> dict[str, Any]:
    """The options of zyphos-load; its result. ValueError: an option; ConnectionError."""

def arrivals_fit(
    words: Sequence[str], measured_ns: int, seen: Sequence[Sequence[int]]
) -> tuple[float | None, float | None, int]:
    """Of the processes that share a load: arrivals_ks, arrivals_ks_resolved, arrivals_observed."""

def read_trace(path: str) -> dict[str, int]:
    """A file of arrivals: arrivals, last_ns, natural_period_ns. ValueError: `PATH:LINE: ...`."""

def head_automaton() -> dict[str, Any]:
    """Parser table's automaton: `next`, for each state 256 states (-1: wrong); `request`,
    `response`, `field`, where those begin, and `done`."""

def read_chunked(body: bytes) -> str:
    """What the chunked coding's reader says of exactly these bytes: done, partial or bad."""

def http1_rules() -> list[tuple[str, str, str, str]]:
    """The rules by which the server refuses requests: name, clause, what is refused, and what
    strictness=lenient does instead ("": refuses as well)."""

def parse_request(head: bytes) -> dict[str, Any]:
    """`state`: done (and what was read), partial, or bad (error, message, status, offset)."""

# --- probes ---

@final
class SyscallCounter:
    """System calls by role and number, counted by BPF since loading."""

    def follow(self, process: int, role: int) -> None: ...
    def forget_all(self) -> None: ...
    def counts(self, role: int) -> bytes:
        """SYSCALL_SLOTS native uint64, by system-call number."""

    @property
    def cost_ns(self) -> float: ...

def load_syscall_counter() -> SyscallCounter | str:
    """The counter, or the reason why this machine has none."""

@final
class SyscallLatency:
    """Times of system calls by role and number, kept by BPF since loading."""

    def follow(self, process: int, role: int) -> None: ...
    def forget_all(self) -> None: ...
    def read(self, role: int) -> dict[int, bytes]:
        """Number: native uint64, the sum in ns and then the buckets; the last is all others."""

    def lost(self, role: int) -> int: ...
    @staticmethod
    def histogram(slots: Sequence[int]) -> Histogram:
        """A reading, or a difference of two."""

    @property
    def cost_ns(self) -> float: ...

def load_syscall_latency() -> SyscallLatency | str:
    """The probe, or the reason why this machine has none."""

@final
class BpfStats:
    """Run times of this process's own BPF programs, taken while it lives."""

    def read(self) -> list[tuple[int, str, int, int, int]]:
        """Id, name, runs, run_ns, missed, by id."""

def enable_bpf_stats() -> BpfStats | str:
    """The readings, or the reason why the kernel takes no times."""

def syscall_name(number: int) -> str | None: ...
def hypervisor_signature() -> str:
    """Empty on bare metal."""

@final
class TcpSocket:
    """One TCP socket's figures; None where not reported."""

    @property
    def cookie(self) -> int: ...
    @property
    def local_port(self) -> int: ...
    @property
    def remote_port(self) -> int: ...
    @property
    def ipv6(self) -> bool: ...
    @property
    def congestion(self) -> str: ...
    @property
    def segs_out(self) -> int | None: ...
    @property
    def segs_in(self) -> int | None: ...
    @property
    def data_segs_out(self) -> int | None: ...
    @property
    def data_segs_in(self) -> int | None: ...
    @property
    def bytes_acked(self) -> int | None: ...
    @property
    def bytes_received(self) -> int | None: ...
    @property
    def bytes_retransmitted(self) -> int | None: ...
    @property
    def retransmits(self) -> int | None: ...
    @property
    def delivered(self) -> int | None: ...
    @property
    def reordering_seen(self) -> int | None: ...
    @property
    def rtt_ns(self) -> int | None: ...
    @property
    def rtt_variance_ns(self) -> int | None: ...
    @property
    def rtt_min_ns(self) -> int | None: ...
    @property
    def cwnd(self) -> int | None: ...
    @property
    def ack_timeout_ns(self) -> int | None: ...
    @property
    def busy_ns(self) -> int | None: ...
    @property
    def window_limited_ns(self) -> int | None: ...
    @property
    def sndbuf_limited_ns(self) -> int | None: ...

@final
class SocketQueues:
    """What one TCP socket's queues hold; cpp/probe/sock_diag.h says what."""

    @property
    def cookie(self) -> int: ...
    @property
    def local_port(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def receive_queue(self) -> int: ...
    @property
    def send_queue(self) -> int: ...
    @property
    def memory_bytes(self) -> int | None: ...
    @property
    def drops(self) -> int | None: ...

@final
class SockDiag:
    """Dumps TCP sockets of one network namespace: that of the file, or ("") the caller's own."""

    def __init__(self, netns: str = "") -> None: ...
    def dump(self, port: int) -> list[TcpSocket]: ...
    def queues(self, port: int) -> list[SocketQueues]: ...

@final
class SocketSampler:
    """Socket queues at a fixed interval, taken by a thread of its own."""

    def __init__(self, netns: list[str], port: int, interval_ns: int) -> None: ...
    def samples(self) -> list[tuple[int, int, dict[str, dict[str, int]]]]:
        """(time_ns, cpu_ns of the thread, {"server", "client": {column: value}}), by time."""

    def stop(self) -> None: ...
    @property
    def reason(self) -> str:
        """Why it ended by itself; "" while it has not."""

@final
class RoleCounter:
    """Numbers that a BPF program keeps for each role, since loading."""

    def follow(self, process: int, role: int) -> None: ...
    def forget_all(self) -> None: ...
    def set_epoch(self, time_ns: int) -> None: ...
    def counts(self, role: int) -> bytes:
        """Native uint64 in the layout's order."""

    @property
    def layout(self) -> dict[str, tuple[int, int]]:
        """name: (first, slots); a histogram has many slots."""

def load_sched_counter() -> RoleCounter | str:
    """The counter, or the reason why this machine has none."""

def load_futex_counter() -> RoleCounter | str:
    """As load_sched_counter."""

def load_uring_counter() -> RoleCounter | str:
    """As load_sched_counter."""

@final
class Allocations:
    """Calls of malloc and the like, counted by BPF in the processes that are watched."""

    def watch(self, process: int, file: str) -> None:
        """Of the ELF file's functions. Raises OSError."""

    def unwatch(self, process: int) -> None:
        """Some 0.6 s."""

    @property
    def counter(self) -> RoleCounter: ...

def load_allocations() -> Allocations | str:
    """It, or the reason why this machine has none."""

@final
class TcpEvents:
    """TCP events on one port, counted and sampled by BPF."""

    def watch(self, port: int, namespaces: list[int], sample_interval_ns: int) -> None:
        """From now on; 0: nothing. `namespaces`: inode numbers."""

    @property
    def counter(self) -> RoleCounter: ...
    def take_samples(self) -> list[tuple[int, ...]]:
        """Since the last call: (time_ns, cookie, role, cwnd, ssthresh, srtt_ns, snd_wnd,
        packets_out, retransmits, bytes_acked)."""

def load_tcp_events() -> TcpEvents | str:
    """It, or the reason why this machine has none."""

@final
class TcpStates:
    """Changes of state of the TCP sockets on one port, told by BPF."""

    def watch(self, port: int, namespaces: list[int]) -> None:
        """From now on; 0: nothing. `namespaces`: inode numbers."""

    def take(self) -> list[tuple[int, int, int, int, int, bytes, int, bytes, int]]:
        """Since the last call: (time_ns, cookie, role, from, to, local address, local port, remote
        address, remote port); times are CLOCK_MONOTONIC, states the kernel's numbers."""

    @property
    def lost(self) -> int:
        """Changes for which there was no room."""

def load_tcp_states() -> TcpStates | str:
    """It, or the reason why this machine has none."""

@final
class SyscallSequence:
    """System calls of followed processes one by one, told by BPF when they return."""

    def follow(self, process: int, role: int) -> None:
        """And all that it forks from now on. Raises OSError."""

    def forget_all(self) -> None: ...
    def take(self) -> list[tuple[int, int, int, int, int, int, int, tuple[int, int, int, int]]]:
        """Since the last call: (begin_ns, end_ns, process, thread, role, number, result, the first
        four arguments)."""

    @property
    def lost(self) -> int:
        """Calls that could not be told."""

def load_syscall_sequence() -> SyscallSequence | str:
    """It, or the reason why this machine has none."""

def kernel_enum(name: str) -> dict[int, str]:
    """Names by value, from the kernel's BTF; empty where it has none."""

def histogram_of_slots(slots: bytes) -> Histogram:
    """Of a layout's histogram; ValueError where it is none."""

@final
class PerfCounters:
    """perf events of whole processes, inherited."""

    def __init__(self, processes: list[int]) -> None: ...
    def read(self) -> list[dict[str, tuple[int, int, int]]]:
        """Of each thread {name: (value, enabled_ns, running_ns)} of the events that count."""

    @property
    def threads(self) -> list[tuple[int, int, str]]:
        """(process, thread, name), as `read` has them."""

    @property
    def reasons(self) -> dict[str, str]:
        """Why the others do not count."""
