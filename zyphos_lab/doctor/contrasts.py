"""Which contrast of which experiment measures what a setting costs, and why others have none.

The one place that says so; tests hold every entry against the experiment files. Knows names only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contrast:
    """`value` against `baseline` of a factor in one metric, where the other factors are `where`.

    `file` is below experiments/; `words` says what was held against what, after "with". `only`:
    what `zyphos-lab run` needs of the experiment's cells for it, as --only has it.
    """

    experiment: str
    file: str
    factor: str
    value: str
    baseline: str
    metric: str
    words: str
    where: tuple[tuple[str, str], ...] = ()
    only: str = ""

    @property
    def command(self) -> str:
        """What measures it."""
        only = f" --only {self.only}" if self.only else ""
        return f"zyphos-lab run experiments/{self.file}{only}"


WHOLE = (
    "the whole machine's, so no experiment can set it for a trial: measure before and after, and "
    "hold the runs against each other with zyphos-lab compare"
)
# The reasons of those settings that no experiment can vary.
NONE = {
    "virtualisation": "it is what the machine is; each trial tells what time was stolen from it",
    "governor": WHOLE,
    "turbo": WHOLE,
    "smt": WHOLE,
    "clock_source": WHOLE,
    "other_load": "no experiment makes it; each trial tells how much there was",
    "swap": WHOLE,
    "thp": WHOLE,
    "psi": "it costs a result nothing: it is evidence",
    "cpu_quota": "no experiment sets a quota; each trial tells how long its group was throttled",
}

ADVICE = "advice=none"
CONTRASTS: dict[str, tuple[Contrast, ...]] = {
    "pinning": tuple(
        Contrast(
            "pinning", "pinning.yaml", "server_on", "loads_cpu", "own_cpu", metric,
            "the server on the load's CPU instead of its own, at 2000/s",
        )
        for metric in ("latency_ns_p50", "latency_ns_p99")
    ),
    "congestion": (
        Contrast(
            "slow_start", "tcp/slow_start.yaml", "congestion", "bbr", "cubic", "latency_ns_p50",
            "bbr instead of cubic for 1 MiB over a new connection at 50 ms",
            (("connection", "new"),), only="connection=new",
        ),
    ),
    "backlog": (
        Contrast(
            "accept_queue", "tcp/accept_queue.yaml", "somaxconn", "16", "4096",
            "client_tcp_events_connect_ns_p99",
            "somaxconn 16 instead of 4096 when 64 connect at once", (("backlog", "512"),),
            only="backlog=512",
        ),
    ),
    "ports": (
        Contrast(
            "tuning", "tcp/tuning.yaml", "advice", "ip_local_port_range", "none", "requests_done",
            "55,001 ports instead of 1,000 for 4 s of new connections",
            only=f"{ADVICE},ip_local_port_range",
        ),
    ),
    "tw_reuse": (
        Contrast(
            "tuning", "tcp/tuning.yaml", "advice", "tcp_tw_reuse", "none", "requests_done",
            "tcp_tw_reuse 1 instead of 0 where 1,000 ports are used up",
            only=f"{ADVICE},tcp_tw_reuse",
        ),
    ),
    "slow_start_idle": (
        Contrast(
            "idle_restart", "tcp/idle_restart.yaml", "after_idle", "slow_start", "as_before",
            "latency_ns_p50", "slow start after pauses of 1 s, for 256 KiB over 40 ms",
        ),
    ),
    "buffers": (
        Contrast(
            "buffers", "tcp/buffers.yaml", "buffers", "small", "kernel", "latency_ns_p50",
            "buffers of 128 KiB at most on a path of 50 ms and 100 Mbit/s",
            only="buffers=kernel,small",
        ),
    ),
    "descriptors": (
        Contrast(
            "descriptor_exhaustion", "tcp/descriptor_exhaustion.yaml", "descriptors", "few",
            "enough", "latency_ns_p50",
            "64 descriptors instead of 1024 for 128 connections",
            (("engine", "epoll"), ("full", "pause")), only="engine=epoll,full=pause",
        ),
    ),
}  # fmt: skip
