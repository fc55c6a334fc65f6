"""How long a network of hosts on one bridge takes to put up and to remove.

python -m zyphos_lab.links 100      (needs root)
"""

from __future__ import annotations

import sys
import time

from zyphos_lab import netns
from zyphos_lab.errors import LabError
from zyphos_lab.links.network import Network, Plug


def switched(hosts: int) -> Network:
    """So many hosts on one bridge, 198.18.0.1/15 and on; not yet up."""
    network = Network()
    plugs = []
    for at in range(1, hosts + 1):
        network.host(f"h{at}")
        plugs.append(Plug(f"h{at}", "zy0", f"198.18.{at >> 8}.{at & 255}/15"))
    network.bridge("switch", plugs)
    return network


def main(words: list[str]) -> int:
    hosts = int(words[0]) if words else 100
    netns.sweep()
    network = switched(hosts)
    begun = time.monotonic()
    try:
        network.up()
    except (LabError, OSError) as error:
        print(f"links: {error}", file=sys.stderr)
        return 5
    up = time.monotonic()
    network.down()
    down = time.monotonic()
    print(f"{hosts} hosts on a bridge: up in {up - begun:.3f} s, down in {down - up:.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
