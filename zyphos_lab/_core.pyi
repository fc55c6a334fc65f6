"""The native core. Times are nanoseconds of CLOCK_MONOTONIC; failed set-up is OSError."""

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

def engines() -> dict[str, bool | str]:
    """Each engine: True, or the reason why it cannot run here."""

def serve(**options: Any) -> Server:
    """The options of zyphos-serve. ValueError: an option; RuntimeError: not on this machine."""

def load(**options: Any) -> dict[str, Any]:
    """The options of zyphos-load; its result. ValueError: an option; ConnectionError."""

def read_trace(path: str) -> dict[str, int]:
    """A file of arrivals: arrivals, last_ns, natural_period_ns. ValueError: `PATH:LINE: ...`."""

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
class SockDiag:
    """Dumps TCP sockets of this network namespace."""

    def __init__(self) -> None: ...
    def dump(self, port: int) -> list[TcpSocket]: ...

@final
class PerfCounters:
    """perf events of whole processes, inherited."""

    def __init__(self, processes: list[int]) -> None: ...
    def read(self) -> dict[str, tuple[int, int, int]]:
        """name: (value, enabled_ns, running_ns) of the events that count."""

    @property
    def reasons(self) -> dict[str, str]:
        """Why the others do not count."""
