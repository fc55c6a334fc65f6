"""A certificate for a host, from an authority that exists for one start of a target alone.

Both are made anew by openssl(1), with keys on P-256, and are valid from now for a day. It does not
know who serves with it nor who trusts it. Some 30 ms.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from zyphos_lab.errors import TargetError

AUTHORITY, CERTIFICATE, KEY = "authority.pem", "certificate.pem", "key.pem"
AUTHORITY_KEY, CONFIG = "authority-key.pem", "openssl.cnf"
TIMEOUT_S = 10
PLAIN = "[req]\ndistinguished_name = subject\n[subject]\n"  # none of the machine's own extensions
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256")


def write(folder: Path, host: str) -> None:
    """Writes certificate.pem and key.pem of `host`, and authority.pem, which vouches for it.

    Raises TargetError where openssl is not there, or does not do it.
    """
    config = folder / CONFIG
    config.write_text(PLAIN, encoding="ascii")
    begin = ["openssl", "req", "-x509", "-config", str(config), *NEW_KEY, "-days", "1"]
    authority = ["-keyout", str(folder / AUTHORITY_KEY), "-out", str(folder / AUTHORITY)]
    own = ["-keyout", str(folder / KEY), "-out", str(folder / CERTIFICATE)]
    signed = ["-CA", str(folder / AUTHORITY), "-CAkey", str(folder / AUTHORITY_KEY)]
    _run([*begin, *authority, "-subj", "/CN=Zyphos Lab, one trial", *_extensions(
        "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign",
        "subjectKeyIdentifier=hash",
    )])  # fmt: skip
    _run([*begin, *own, *signed, "-subj", f"/CN={host[:64]}", *_extensions(
        "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth", f"subjectAltName=DNS:{host}",
    )])  # fmt: skip


def _extensions(*texts: str) -> list[str]:
    return [word for text in texts for word in ("-addext", text)]


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        message = "no program `openssl`, which makes the certificate"
        raise TargetError(message, "apt-get install openssl") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"no certificate: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise TargetError(f"no certificate: openssl said `{last}`")
