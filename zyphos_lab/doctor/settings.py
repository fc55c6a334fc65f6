"""Settings of this machine that change what is measured.

What each was measured to cost stands in contrasts.py, by the same ids.
"""

from __future__ import annotations

import glob
import os
import resource
from collections.abc import Iterator

from zyphos_lab import host
from zyphos_lab.doctor.check import Check, setting, sudo, sysctl

LOAD_QUIET = 0.3  # runnable tasks a CPU, over the last minute
PORTS_WANTED = 20000
BACKLOG_WANTED = 1024
BUFFER_BYTES_WANTED = 4 << 20  # what the kernel takes for itself on all but small machines
DESCRIPTORS_WANTED = 4096


def checks() -> Iterator[Check]:
    """All settings that can be read here."""
    yield virtualisation()
    yield governor()
    yield turbo()
    yield smt()
    yield clock_source()
    yield other_load()
    yield pinning()
    yield swap()
    yield huge_pages()
    yield congestion()
    yield slow_start_after_idle()
    yield buffers()
    yield backlog()
    yield ports()
    yield tw_reuse()
    yield descriptors()
    yield pressure()
    yield cpu_quota()


def virtualisation() -> Check:
    why = "a virtual machine's neighbours take time (steal) that a trial cannot get back"
    names = [name for name in (host.hypervisor(), host.container()) if name and name != "none"]
    value = ", ".join(names) or "bare metal"
    return Check("virtualisation", "virtualisation", "info", value, why)


def governor() -> Check:
    why = "a frequency that follows the load makes light load look slow"
    value = host.cpu()["governor"]
    if value is None:
        return Check("governor", "CPU governor", "info", "no frequency control to be seen", why)
    if value == "performance":
        return Check("governor", "CPU governor", "ok", value, why)
    where = f"{host.SYS_CPU}/cpu*/cpufreq/scaling_governor"
    files = sorted(glob.glob(where))
    return setting("governor", "CPU governor", value, why, files, "performance", where)


def turbo() -> Check:
    why = "turbo depends on heat and on the other cores: results drift with both"
    value = host.turbo()
    if value is None:
        return Check("turbo", "turbo", "info", "cannot be seen from here", why)
    if not value:
        return Check("turbo", "turbo", "ok", "off", why)
    intel = f"{host.SYS_CPU}/intel_pstate/no_turbo"
    if os.path.exists(intel):
        return setting("turbo", "turbo", "on", why, [intel], "1")
    return setting("turbo", "turbo", "on", why, [f"{host.SYS_CPU}/cpufreq/boost"], "0")


def smt() -> Check:
    why = "two threads of one core slow each other: pin to different cores, or switch it off"
    value = host.smt()
    if value is None:
        return Check("smt", "SMT", "info", "cannot be seen from here", why)
    if not value:
        return Check("smt", "SMT", "ok", "off", why)
    return setting("smt", "SMT", "on", why, [f"{host.SYS_CPU}/smt/control"], "off")


def clock_source() -> Check:
    why = "every time stamp costs some 20 ns with tsc, up to 1 us with hpet or acpi_pm"
    value = host.kernel()["clock_source"] or "unknown"
    good = value in ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")
    if good:
        return Check("clock_source", "clock source", "ok", value, why)
    folder = "/sys/devices/system/clocksource/clocksource0"
    available = (host.read(f"{folder}/available_clocksource") or "").split()
    if "tsc" not in available:
        return Check("clock_source", "clock source", "warn", value, why)
    return setting(
        "clock_source", "clock source", value, why, [f"{folder}/current_clocksource"], "tsc"
    )


def other_load() -> Check:
    why = "other work on the machine takes turns with the trial's; stop it while measuring"
    load = os.getloadavg()[0]
    cpus = os.cpu_count() or 1
    value = f"{load:.2f} runnable tasks over the last minute, {cpus} CPUs"
    fix = "top -b -n 1 -o %CPU | head -20" if load > LOAD_QUIET * cpus else ""
    return Check("other_load", "other load", "warn" if fix else "ok", value, why, fix)


def pinning() -> Check:
    why = "unpinned, chance decides whether target and load share a CPU: pin both (`cpus:`)"
    usable = sorted(os.sched_getaffinity(0))
    value = f"{len(usable)} CPUs to pin to" if len(usable) > 1 else "one CPU for both sides"
    return Check("pinning", "pinning", "ok" if len(usable) > 1 else "warn", value, why)


def swap() -> Check:
    why = "a page that has to come back from disk is a pause of milliseconds"
    pairs = (line.split() for line in (host.read("/proc/meminfo") or "").splitlines())
    sizes_kib = {words[0].rstrip(":"): int(words[1]) for words in pairs if len(words) > 1}
    used_kib = sizes_kib.get("SwapTotal", 0) - sizes_kib.get("SwapFree", 0)
    if used_kib > 0:
        return Check("swap", "swap", "warn", f"{used_kib} KiB in use", why, sudo("swapoff -a"))
    value = "none" if not sizes_kib.get("SwapTotal") else "not in use"
    return Check("swap", "swap", "ok", value, why)


def huge_pages() -> Check:
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    why = "`always` changes memory and latency of programs that did not ask for it"
    value = host.chosen(path)
    if value is None:
        return Check("thp", "transparent huge pages", "info", "not in this kernel", why)
    if value != "always":
        return Check("thp", "transparent huge pages", "ok", value, why)
    return setting("thp", "transparent huge pages", value, why, [path], "madvise")


def congestion() -> Check:
    why = "bbr paces, and hides or shifts what cubic and reno show: set tcp_congestion per socket"
    name = "net.ipv4.tcp_congestion_control"
    value = host.sysctl(name) or "unknown"
    if value != "bbr":
        return Check("congestion", "default TCP congestion", "ok", value, why)
    return sysctl("congestion", "default TCP congestion", value, why, name, "cubic")


def backlog() -> Check:
    why = "more connections at once than this are dropped and come back a second later"
    return _at_least("net.core.somaxconn", "backlog", "listen backlog", BACKLOG_WANTED, why)


def _at_least(name: str, id: str, subject: str, wanted: int, why: str) -> Check:
    text = host.sysctl(name)
    if text is None:
        return Check(id, subject, "info", f"{name} cannot be read", why)
    if int(text) >= wanted:
        return Check(id, subject, "ok", text, why)
    return sysctl(id, subject, text, why, name, str(wanted))


def ports() -> Check:
    why = "one client address has this many connections to one server, closed ones included"
    name = "net.ipv4.ip_local_port_range"
    text = host.sysctl(name)
    if text is None:
        return Check("ports", "local ports", "info", f"{name} cannot be read", why)
    first, last = map(int, text.split())
    value = f"{last - first + 1} ({first}-{last})"
    if last - first + 1 >= PORTS_WANTED:
        return Check("ports", "local ports", "ok", value, why)
    return sysctl("ports", "local ports", value, why, name, "15000 65000")


def tw_reuse() -> Check:
    why = "a port in TIME_WAIT is of no use for a minute to a client that closes first"
    name = "net.ipv4.tcp_tw_reuse"
    text = host.sysctl(name)
    values = {"0": "never", "1": "yes", "2": "on loopback alone"}
    value = values.get(text or "", f"{name} cannot be read")
    if text != "0":
        return Check("tw_reuse", "reuse of TIME_WAIT", "ok" if text == "1" else "info", value, why)
    return sysctl("tw_reuse", "reuse of TIME_WAIT", value, why, name, "1")


def slow_start_after_idle() -> Check:
    why = "after a pause a kept connection begins anew: large answers wait for more round trips"
    name, id, subject = "net.ipv4.tcp_slow_start_after_idle", "slow_start_idle", "slow start"
    text = host.sysctl(name)
    if text is None:
        return Check(id, subject, "info", f"{name} cannot be read", why)
    if text == "0":
        return Check(id, subject, "ok", "not after a pause", why)
    # What nearly every machine has, and what a server meets in the field: known, not mended.
    return Check(id, subject, "info", "anew after a pause", why, sudo(f"sysctl -w {name}=0"))


def buffers() -> Check:
    why = "a connection's rate is at most its buffer a round trip"
    names = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")
    texts = {name: text for name in names if (text := host.sysctl(name)) is not None}
    if len(texts) < len(names):
        return Check("buffers", "TCP buffers", "info", "cannot be read", why)
    value = "; ".join(f"{name.rpartition('_')[2]} {text}" for name, text in texts.items())
    small = {
        name: " ".join((*text.split()[:2], str(BUFFER_BYTES_WANTED)))
        for name, text in texts.items()
        if int(text.split()[2]) < BUFFER_BYTES_WANTED
    }
    if not small:
        return Check("buffers", "TCP buffers", "ok", value, why)
    fix = sudo("sysctl -w " + " ".join(f'{name}="{text}"' for name, text in small.items()))
    writes = tuple((f"/proc/sys/{name.replace('.', '/')}", text) for name, text in small.items())
    return Check("buffers", "TCP buffers", "warn", value, why, fix, writes)


def descriptors() -> Check:
    why = "each connection is a descriptor on both sides; without one a server cannot accept"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    value = f"{'unlimited' if soft == resource.RLIM_INFINITY else soft} (at most {most})"
    if soft == resource.RLIM_INFINITY or soft >= DESCRIPTORS_WANTED:
        return Check("descriptors", "descriptors", "ok", value, why)
    return Check(
        "descriptors", "descriptors", "warn", value, why, f"ulimit -n {DESCRIPTORS_WANTED}"
    )


def pressure() -> Check:
    why = "tells how long tasks waited for CPU, memory, disk: evidence for the verdict"
    if host.read("/proc/pressure/cpu") is not None:
        return Check("psi", "pressure stall figures", "ok", "/proc/pressure", why)
    value = "not there: boot the kernel with psi=1"
    return Check("psi", "pressure stall figures", "missing", value, why)


def cpu_quota() -> Check:
    why = "a group that has used up its quota stands still for the rest of 100 ms"
    value = host.cgroup()["cpu_quota"]
    if value is None or value.startswith(("max", "-1")):
        return Check("cpu_quota", "CPU quota (cgroup)", "ok", "none", why)
    return Check("cpu_quota", "CPU quota (cgroup)", "warn", f"{value} us", why)
