"""Facts about this machine that a result depends on: the fingerprint that stands in every record.

`fingerprint()` is read once per run; nothing in it changes by itself (no uptime, no load), so
that two fingerprints differ only where the machines, or their settings, do. `diff` says where. A
fact that cannot be read is None. Knows nothing of trials; what happens during one is probe
`host`'s subject.
"""

from __future__ import annotations

import ctypes
import functools
import glob
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zyphos_lab import host_interfaces
from zyphos_lab.probes import native, processes

Facts = dict[str, Any]

SYS_CPU = "/sys/devices/system/cpu"
SAME = "server"  # the client's host in a manifest: the same machine as the server's

# Instruction sets that code here, or a TLS library, chooses by.
FLAGS_OF_INTEREST = (
    *("sse4_2", "avx", "avx2", "avx512f", "avx512bw", "avx512vbmi", "bmi2", "aes", "vaes"),
    *("vpclmulqdq", "sha_ni", "constant_tsc", "nonstop_tsc", "rdtscp", "invpcid", "pcid"),
    *("asimd", "sve", "sve2", "pmull", "sha2", "atomics"),  # aarch64
)

SYSCTLS = (
    "net.core.somaxconn",
    "net.core.netdev_max_backlog",
    "net.core.netdev_budget",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.core.optmem_max",
    "net.core.default_qdisc",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_available_congestion_control",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_autocorking",
    "net.ipv4.tcp_fastopen",
    "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_mtu_probing",
    "kernel.numa_balancing",
    "kernel.sched_rt_runtime_us",
    "kernel.perf_event_paranoid",
    "kernel.unprivileged_bpf_disabled",
    "kernel.io_uring_disabled",
    "vm.swappiness",
    "vm.overcommit_memory",
    "fs.file-max",
    "fs.nr_open",
)

BOOT_OPTIONS = {
    *("mitigations", "isolcpus", "nohz_full", "nohz", "rcu_nocbs", "idle", "nosmt", "smt", "psi"),
    *("processor", "intel_idle", "intel_pstate", "amd_pstate", "cpuidle_haltpoll", "haltpoll"),
    *("transparent_hugepage", "hugepages", "default_hugepagesz", "numa_balancing", "preempt"),
    *("clocksource", "tsc", "threadirqs", "irqaffinity", "skew_tick", "spectre_v2", "pti"),
}

LIMITS = {
    "nofile": resource.RLIMIT_NOFILE,
    "memlock_bytes": resource.RLIMIT_MEMLOCK,
    "nproc": resource.RLIMIT_NPROC,
    "rtprio": resource.RLIMIT_RTPRIO,
    "stack_bytes": resource.RLIMIT_STACK,
}

# CPUID signatures, as systemd-detect-virt knows them.
HYPERVISORS = {
    "KVMKVMKVM": "kvm",
    "Linux KVM Hv": "kvm",
    "TCGTCGTCGTCG": "qemu",
    "Microsoft Hv": "microsoft",
    "VMwareVMware": "vmware",
    "XenVMMXenVMM": "xen",
    "VBoxVBoxVBox": "virtualbox",
    "bhyve bhyve ": "bhyve",
    "ACRNACRNACRN": "acrn",
    "QNXQVMBSQG": "qnx",
}
DMI_VENDORS = {
    "QEMU": "kvm",
    "Amazon EC2": "amazon",
    "Google": "google",
    "Microsoft Corporation": "microsoft",
    "VMware": "vmware",
    "Xen": "xen",
    "innotek GmbH": "virtualbox",
    "Apple Virtualization": "apple",
}


def fingerprint() -> Facts:
    """All facts, nested by subject. Some 30 ms, mostly for git and nginx's version."""
    return {
        "kernel": kernel(),
        "cpu": cpu(),
        "memory": memory(),
        "hypervisor": hypervisor(),
        "virtualisation": virtualisation(),
        "sysctls": {name: sysctl(name) for name in SYSCTLS},
        "lo": host_interfaces.facts(),
        "cards": host_interfaces.cards(),
        "limits": limits(),
        "cgroup": cgroup(),
        "versions": versions(),
        "build": build(),
        "git": git(),
    }


def diff(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where two fingerprints differ: {"cpu.governor": (in a, in b)}; None for what one lacks."""
    left, right = _flat(a), _flat(b)
    names = sorted(left.keys() | right.keys())
    pairs = {name: (left.get(name), right.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def roles(stored: Mapping[str, Any] | None) -> dict[str, Facts]:
    """{"server": facts, "client": facts} of a manifest's `host`, whatever its age.

    It has one fingerprint per side, the client's being SAME where both are one machine; runs
    before that have a single fingerprint, of the machine that both were on.
    """
    found = dict(stored or {})
    server = found.get("server", found)
    client = found.get("client", SAME)
    return {"server": dict(server), "client": dict(server if client == SAME else client)}


def one_machine(stored: Mapping[str, Any] | None) -> bool:
    """Whether both sides of a manifest's `host` are the same machine."""
    return bool(dict(stored or {}).get("client", SAME) == SAME)


def shown(stored: Mapping[str, Any] | None) -> Facts:
    """A manifest's `host` for people: one fingerprint where both sides are one machine."""
    both = roles(stored)
    return both["server"] if one_machine(stored) else dict(both)


def difference(
    a: Mapping[str, Any] | None, b: Mapping[str, Any] | None
) -> dict[str, tuple[Any, Any]]:
    """Where the hosts of two manifests differ: {"cpu.governor": (in a, in b)}.

    Where either run had two machines the names begin with the side: `server.cpu.governor`.
    """
    if one_machine(a) and one_machine(b):
        return diff(shown(a), shown(b))
    return diff(roles(a), roles(b))


def elsewhere(facts: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """What tells the machine of a fingerprint from the one here, as words; '' where nothing does.

    Processor, memory, hypervisor and kernel: not what may be set or installed on one machine. Two
    machines that are alike in all of them are not told apart.
    """
    machine, own = _machine(facts), _machine(here)
    release, own_release = (((one.get("kernel") or {}).get("release")) for one in (facts, here))
    kernel = f"kernel {release}"
    if machine != own:
        return f"another machine: {', '.join((*filter(None, machine), kernel))}"
    return f"this machine under another kernel: {release}" if release != own_release else ""


def _machine(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """`Some CPU`, `CPUs 0-1`, `24 GiB`, `kvm`."""
    cpu, memory = facts.get("cpu") or {}, facts.get("memory") or {}
    # Kernels keep unlike parts for themselves: what is left is rounded.
    gib = round((memory.get("total_bytes") or 0) / (1 << 30))
    texts = cpu.get("model"), f"CPUs {cpu.get('online')}", f"{gib} GiB", facts.get("hypervisor")
    return tuple(str(text or "") for text in texts)


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Facts:
    flat: Facts = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            # A fingerprint read back from JSON has lists where a fresh one may have tuples.
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat


def read(path: str | Path) -> str | None:
    """A small file's text, stripped; None where it is missing or refused."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def sysctl(name: str, root: str = "") -> str | None:
    """A sysctl's value with single spaces; None where this kernel does not have it."""
    text = read(f"{root}/proc/sys/{name.replace('.', '/')}")
    return None if text is None else " ".join(text.split())


def chosen(path: str) -> str | None:
    """The bracketed one of a sysfs choice ("always [madvise] never")."""
    found = re.search(r"\[(.+?)\]", read(path) or "")
    return found.group(1) if found else None


def kernel() -> Facts:
    """Release, version, architecture, command line and clock source."""
    name = os.uname()
    return {
        "system": name.sysname,
        "release": name.release,
        "version": name.version,
        "architecture": name.machine,
        "boot_options": boot_options(),
        "clock_source": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "preemption": read("/sys/kernel/debug/sched/preempt"),
    }


def boot_options() -> list[str]:
    """Kernel options that bear on measurements; the rest of the command line stays private."""
    words = (read("/proc/cmdline") or "").partition(" -- ")[0].split()
    return [word for word in words if re.split("[=.]", word)[0] in BOOT_OPTIONS]


def cgroup() -> Facts:
    """Version and limits of the control group that this process is in."""
    folder = processes.cpu_cgroup(os.getpid())
    if folder is None:
        return {"version": None, "cpu_quota": None}
    quota = read(f"{folder}/cpu.max")
    if quota is not None:
        others = ("cpu.weight", "cpuset.cpus", "memory.max", "memory.high")
        limits = {name.replace(".", "_"): read(f"{folder}/{name}") for name in others}
        return {"version": 2, "cpu_quota": quota, **limits}
    # The root group of version 2 has no cpu.max; version 1 has quota and period in two files.
    quota, period = (read(f"{folder}/cpu.cfs_{name}_us") for name in ("quota", "period"))
    return {"version": 2 if quota is None else 1, "cpu_quota": quota and f"{quota} {period}"}


def cpu() -> Facts:
    """Model, cores, flags of interest, frequency control, mitigations."""
    info = _cpuinfo()
    flags = set((info.get("flags") or info.get("Features") or "").split())
    return {
        "model": info.get("model name") or info.get("CPU part"),
        "microcode": info.get("microcode"),
        "flags": [flag for flag in FLAGS_OF_INTEREST if flag in flags],
        "online": read(f"{SYS_CPU}/online"),
        "isolated": read(f"{SYS_CPU}/isolated"),
        "usable": sorted(os.sched_getaffinity(0)),
        "smt": smt(),
        "nodes": len(glob.glob("/sys/devices/system/node/node[0-9]*")) or None,
        "governor": read(f"{SYS_CPU}/cpu0/cpufreq/scaling_governor"),
        "driver": read(f"{SYS_CPU}/cpu0/cpufreq/scaling_driver"),
        "frequency_khz_max": read(f"{SYS_CPU}/cpu0/cpufreq/cpuinfo_max_freq"),
        "turbo": turbo(),
        "mitigations": mitigations(),
    }


def mitigations(cpu: str = SYS_CPU) -> dict[str, str | None]:
    """What the kernel does against each known weakness of this processor."""
    return {Path(path).name: read(path) for path in sorted(glob.glob(f"{cpu}/vulnerabilities/*"))}


def _cpuinfo() -> dict[str, str]:
    """The first processor's entries of /proc/cpuinfo."""
    first = (read("/proc/cpuinfo") or "").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def smt() -> bool | None:
    """Whether cores run two threads each at present."""
    active = read(f"{SYS_CPU}/smt/active")
    return None if active is None else active == "1"


def turbo(cpu: str = "") -> bool | None:
    """Whether the CPU may exceed its base frequency; None where nothing tells."""
    cpu = cpu or SYS_CPU
    intel = read(f"{cpu}/intel_pstate/no_turbo")
    if intel is not None:
        return intel == "0"
    boost = read(f"{cpu}/cpufreq/boost")
    return None if boost is None else boost == "1"


def memory() -> Facts:
    """Sizes in bytes, huge pages, swap."""
    pairs = (line.split() for line in (read("/proc/meminfo") or "").splitlines())
    sizes = {words[0].rstrip(":"): int(words[1]) * 1024 for words in pairs if len(words) > 1}
    return {
        "total_bytes": sizes.get("MemTotal"),
        "swap_total_bytes": sizes.get("SwapTotal"),
        "huge_page_bytes": sizes.get("Hugepagesize"),
        "transparent_huge_pages": chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
        "huge_page_defrag": chosen("/sys/kernel/mm/transparent_hugepage/defrag"),
    }


def hypervisor() -> str:
    """Kind of virtual machine: "kvm", "vmware", ...; "unknown"; "none" on bare metal."""
    facts = virtualisation()
    kind = HYPERVISORS.get(facts["signature"] or "")
    if kind is None:
        texts = f"{facts['vendor']} {facts['product']}"
        kind = next((name for text, name in DMI_VENDORS.items() if text in texts), None)
    if kind is None:
        flagged = "hypervisor" in (_cpuinfo().get("flags") or "").split()
        kind = "unknown" if flagged or facts["signature"] else "none"
    return kind


def virtualisation() -> Facts:
    """What speaks for a virtual machine (CPUID's signature, DMI's names) or a container."""
    return {
        "signature": hypervisor_signature(),
        "vendor": read("/sys/class/dmi/id/sys_vendor"),
        "product": read("/sys/class/dmi/id/product_name"),
        "container": container(),
    }


def hypervisor_signature() -> str | None:
    """CPUID's, through the native module; None without it, or on bare metal."""
    try:
        return str(native.core().hypervisor_signature()) or None
    except ImportError:
        return None


def container() -> str | None:
    """The container runtime that this process is in, as far as it shows itself."""
    if Path("/run/.containerenv").exists():
        return "podman"
    if Path("/.dockerenv").exists():
        return "docker"
    if "microsoft" in os.uname().release.lower():
        return "wsl"
    return read("/run/systemd/container")


def limits() -> Facts:
    """Soft and hard resource limits; None for unlimited."""
    infinity = resource.RLIM_INFINITY
    return {
        name: [None if value == infinity else value for value in resource.getrlimit(which)]
        for name, which in LIMITS.items()
    }


def versions() -> Facts:
    """Versions of what takes part: system, C library, TLS library, nginx, Python."""
    release = _os_release()
    return {
        "system": release.get("PRETTY_NAME"),
        "python": platform.python_version(),
        "python_build": sys.version,
        "libc": os.confstr("CS_GNU_LIBC_VERSION"),
        "openssl": _openssl(),
        "liburing": _soname("liburing.so.2"),
        "libbpf": _soname("libbpf.so.1"),
        "nginx": nginx_version(),
    }


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _openssl() -> str | None:
    """The system's own, which may differ from the one that Python was built with."""
    try:
        version = ctypes.CDLL("libcrypto.so.3").OpenSSL_version
    except (OSError, AttributeError):
        return None
    version.restype = ctypes.c_char_p
    text: bytes = version(0)
    return text.decode()


def _soname(name: str) -> str | None:
    """The versioned file behind a library's name ("liburing.so.2.3"); None where absent."""
    machine = os.uname().machine
    folders = (f"/usr/lib/{machine}-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
    paths = (Path(folder, name) for folder in folders)
    return next((path.resolve().name for path in paths if path.exists()), None)


@functools.cache
def nginx_version() -> str | None:
    """What nginx calls itself ("nginx/1.22.1"); None where there is none."""
    path = which("nginx")
    line = None if path is None else _first_line([path, "-v"])
    return None if line is None else line.removeprefix("nginx version: ")


def which(program: str) -> str | None:
    """A program's path; looks into the system folders that an ordinary user's PATH leaves out."""
    folders = (os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin")
    return shutil.which(program, path=":".join(folders))


def build() -> Facts | None:
    """What the native module says of its build; None without it."""
    try:
        return dict(native.core().build_info())
    except ImportError:
        return None


def git() -> Facts:
    """The commit of the sources, and whether they were changed since; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return {"commit": None, "changed": None}
    describe = ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
    text = _first_line(["git", "-C", str(root), *describe])
    if text is None:
        return {"commit": None, "changed": None}
    return {"commit": text.removesuffix("-dirty"), "changed": text.endswith("-dirty")}


def _first_line(command: list[str]) -> str | None:
    """First line that a program prints, on either stream; None where it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0].strip() if lines else None
