"""A link as it was asked for, as columns of a record. Pure functions."""

from __future__ import annotations

from zyphos_lab.links.base import Columns
from zyphos_lab.spec.link_models import DIRECTIONS, Link, Shaping


def configured(spec: Link, mtu: int) -> Columns:
    """`link_kind`, `link_mtu_bytes`, ... and `link_forward_delay_ns`, ... where they are set."""
    columns: Columns = {
        "link_kind": spec.kind,
        "link_family": spec.family,
        "link_mtu_bytes": mtu,
        "link_offloads": bool(spec.offloads),
        "link_hops": spec.router_count,
        **_routers(spec),
    }
    if spec.tx_queue_packets is not None:
        columns["link_tx_queue_packets"] = spec.tx_queue_packets
    for direction in DIRECTIONS:
        for name, value in _direction(spec.shaping(direction)):
            columns[f"link_{direction}_{name}"] = value
    return columns


def _routers(spec: Link) -> Columns:
    """Only where they do more than pass packets on."""
    columns: Columns = {}
    if spec.router_count and spec.filters:
        columns["link_router_mtu_bytes"] = spec.routers.mtu_bytes
        columns["link_router_icmp"] = spec.routers.icmp
        columns["link_router_clamp_mss"] = str(spec.routers.clamp_mss).lower()
    if spec.nat is not None:
        columns["link_nat_tcp_timeout_ns"] = spec.nat.tcp_timeout_ns
        columns["link_nat_udp_timeout_ns"] = spec.nat.udp_timeout_ns
        columns["link_nat_hides"] = spec.nat.hides
        columns["link_nat_unknown"] = spec.nat.unknown
        columns["link_nat_ports"] = spec.nat.ports
        ports = [f"{one.port}:{one.to or one.port}" for one in spec.nat.forward]
        columns["link_nat_forward"] = " ".join(ports) or None
    return {name: value for name, value in columns.items() if value is not None}


def _direction(shaping: Shaping) -> list[tuple[str, object]]:
    loss = shaping.loss
    found: list[tuple[str, object]] = [
        ("delay_ns", shaping.delay_ns),
        ("jitter_ns", shaping.jitter_ns),
        ("jitter_law", shaping.jitter_law or ("uniform" if shaping.jitter_ns else None)),
        ("rate_bits_per_second", shaping.rate_bits_per_second),
        ("queue_packets", shaping.queue_packets),
        ("queue_bytes", shaping.queue_bytes),
        ("trace", shaping.trace),
        ("aqm", shaping.aqm),
        ("codel_target_ns", shaping.codel_target_ns),
        ("codel_interval_ns", shaping.codel_interval_ns),
        ("pie_target_ns", shaping.pie_target_ns),
        ("pie_period_ns", shaping.pie_period_ns),
        ("pie_burst_ns", shaping.pie_burst_ns),
        ("red_min_packets", shaping.red_min_packets),
        ("red_max_packets", shaping.red_max_packets),
        ("red_probability", shaping.red_probability),
        ("red_weight", shaping.red_weight),
        ("ecn", shaping.ecn),
        ("loss_law", loss and loss.law),
        ("loss_ratio", loss and loss.expected),
        ("reorder_ratio", shaping.reorder),
        ("duplicate_ratio", shaping.duplicate),
        ("corrupt_ratio", shaping.corrupt),
        ("path_mtu_bytes", shaping.path_mtu_bytes),
    ]
    return [(name, value) for name, value in found if value is not None]
