"""The include table of DESIGN.md: which folder of cpp/ may include which, and the headers that
protocols never see, because they do no I/O and know no clock."""

import re
from collections.abc import Iterable

from tidy.tree import Complaint, File, native

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
PROOF = re.compile(r"_(test|bench|fuzz)\.cpp$")

EVERYTHING = "*"
PROTOCOLS = "protocol/*"
TABLE: dict[str, set[str]] = {
    "base": set(),
    "memory": {"base"},
    "metrics": {"base", "memory"},
    "sched": {"base", "memory"},
    "scan": {"base"},
    "net": {"base"},
    "protocol": {"base", "memory"},
    PROTOCOLS: {"base", "memory", "scan", "protocol"},
    "protocol/http3": {"base", "memory", "scan", "protocol", "protocol/quic"},
    "protocol/websocket": {"base", "memory", "scan", "protocol", "protocol/http1"},
    "route": {"base", "memory", "scan"},
    "app": {"base", "memory", "sched", "metrics", "scan", "route", "protocol"},
    "app/web": {"base", "memory", "protocol"},
    "engine": {"base", "memory", "metrics", "sched", "net", "protocol"},
    "load": {"base", "memory", "metrics", "sched", "net", "protocol", PROTOCOLS},
    "fetch": {"base", "memory", "metrics", "net", "load", "protocol", PROTOCOLS},
    "ipc": {"base", "metrics", "net", "load"},
    "datagram": {"base", "metrics", "net", "load", "probe"},
    "reference": {"base", "memory", "metrics", "net", "protocol", PROTOCOLS},
    "link": {"base", "memory", "metrics", "net"},
    "probe": {"base", "memory", "metrics", "net"},
    "attack": {"base", "memory", "metrics", "net", "protocol", PROTOCOLS},
    "peer": set(),
    "sim": {"base", "memory", "protocol", PROTOCOLS, "app"},
    "testing": {"base", "memory", "protocol"},
    "binding": {EVERYTHING},
    "tool": {EVERYTHING},
}
# Tests, benches and fuzzers may use the test helpers; an engine's are run with real protocols.
TESTS_TOO: dict[str, set[str]] = {
    EVERYTHING: {"testing", "sim"},
    "engine": {"testing", "sim", "app", PROTOCOLS},
    "testing": {"sim", PROTOCOLS},
}
MADE = re.compile(r"\.skel\.h$")

FORBIDDEN_IN_PROTOCOL = re.compile(
    r"^(sys/|netinet/|arpa/|linux/|net/|poll\.h|unistd\.h|fcntl\.h|signal\.h|pthread\.h|sched\.h"
    r"|time\.h|ctime$|chrono$|csignal$|thread$|mutex$|shared_mutex$|condition_variable$|future$"
    r"|semaphore$|barrier$|latch$|stop_token$|random$|iostream$|fstream$|filesystem$|cstdio$"
    r"|stdio\.h|liburing)"
)


def folder_of(path: str) -> str:
    """`cpp/protocol/http1/read.cpp` -> `protocol/http1`; `cpp/base/time.h` -> `base`."""
    return path.removeprefix("cpp/").rpartition("/")[0]


def allowed(folder: str, is_proof: bool) -> set[str]:
    """What a folder may include besides itself."""
    row = TABLE.get(folder)
    if row is None and folder.startswith("protocol/"):
        row = TABLE[PROTOCOLS]
    if row is None:
        return set()
    if is_proof:
        return row | TESTS_TOO.get(folder, TESTS_TOO[EVERYTHING]) | TESTS_TOO[EVERYTHING]
    return row


def may_include(folder: str, other: str, is_proof: bool) -> bool:
    if folder == other:
        return True
    row = allowed(folder, is_proof)
    any_protocol = PROTOCOLS in row and other.startswith("protocol/")
    return EVERYTHING in row or other in row or any_protocol


def judge(file: File, name: str) -> str:
    """What is wrong with one quoted include, or nothing."""
    folder, other = folder_of(file.path), name.rpartition("/")[0]
    if MADE.search(name):
        return "" if folder == "probe" else "BPF skeletons are for probe/ alone"
    if not other:
        return f'"{name}" must be written from cpp/ on: "folder/{name}"'
    if may_include(folder, other, bool(PROOF.search(file.path))):
        return ""
    return f"{folder} may not include {other} (DESIGN.md, include table)"


def check_includes(files: Iterable[File]) -> list[Complaint]:
    found = []
    for file in native(files):
        for number, line in enumerate(file.lines, 1):
            match = INCLUDE.match(line)
            if match and match[1]:
                wrong = judge(file, match[1])
                if wrong:
                    found.append(Complaint(file.path, number, "include", wrong))
    return found


def check_known_folders(files: Iterable[File]) -> list[Complaint]:
    """A folder that the table does not know has no place in the design."""
    found = []
    for folder in sorted({folder_of(file.path) for file in native(files)}):
        if folder not in TABLE and not folder.startswith("protocol/"):
            found.append(Complaint(f"cpp/{folder}", 0, "folder", "not in the include table"))
    return found


def check_protocol_headers(files: Iterable[File]) -> list[Complaint]:
    """No sockets, threads, clocks or randomness in cpp/protocol; its tests may print."""
    found = []
    for file in native(files):
        if not file.path.startswith("cpp/protocol/") or PROOF.search(file.path):
            continue
        for number, line in enumerate(file.lines, 1):
            match = INCLUDE.match(line)
            if match and match[2] and FORBIDDEN_IN_PROTOCOL.match(match[2]):
                what = f"<{match[2]}> is forbidden in protocol/"
                found.append(Complaint(file.path, number, "protocol-header", what))
    return found
