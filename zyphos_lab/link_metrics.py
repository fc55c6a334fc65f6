"""The columns of a link, as tables for metrics.py, which says how a row reads."""

from __future__ import annotations

LINK = """
link_mtu_bytes                bytes       -       largest IP packet of the link
link_family                   text        -       version of IP
link_tx_queue_packets         count       -       packets that wait in an interface to be read
link_offloads                 text        -       whether packets may be larger until they are sent
link_hops                     count       -       routers between client and server
link_router_mtu_bytes         bytes       -       largest IP packet on the wires between routers
link_router_icmp              text        -       whether routers say that a packet was too large
link_router_clamp_mss         text        -       whether routers clamp the MSS that hosts announce
link_too_big_packets          count       -       "fragmentation needed" of routers, sent or dropped
link_nat_hides                text        -       who is behind the NAT: client or server
link_nat_tcp_timeout_ns       ns          -       silence after which the NAT forgets a connection
link_nat_udp_timeout_ns       ns          -       the same, for UDP
link_nat_unknown              text        -       what it does with segments of unknown connections
link_nat_ports                text        -       whether a new mapping gets a new port
link_nat_forward              text        -       its ports that lead inside, OUTSIDE:INSIDE
link_nat_entries              count       -       connections that it knew at the window's end
link_nat_insert_failed        count       lower   connections for which it found no mapping
link_nat_drop                 count       lower   packets that it dropped for want of room
link_nat_early_drop           count       lower   connections that it forgot for want of room
link_nat_invalid              count       -       packets that belong to no connection it knows
link_nat_rebindings           count       -       times that it was made to forget everything
link_nat_unsolicited_packets  count       -       packets from outside without a mapping, dropped
link_nat_unknown_packets      count       -       packets passed on to it that it dropped as unknown
link_sysctls                  text        -       kernel settings of both namespaces, as JSON
link_cpu_ns                   ns          lower /r CPU time of the emulator
"""

# link_forward_<name> (client to server) and link_backward_<name>: as asked for, then as counted.
PATHS = """
delay_ns                      ns          -       one-way delay that was asked for
jitter_ns                     ns          -       variation of it that was asked for
jitter_law                    text        -       law of the variation
rate_bits_per_second          per_second  -       bits of IP packets per second at most
queue_packets                 count       -       packets that may wait for the rate
queue_bytes                   bytes       -       bytes that may wait for the rate
trace                         text        -       file of the rate that changes
aqm                           text        -       who drops beside the queue's bound
codel_target_ns               ns          -       so long may packets wait
codel_interval_ns             ns          -       for so long they may wait longer
pie_target_ns                 ns          -       so long may packets wait
pie_period_ns                 ns          -       of its controller
pie_burst_ns                  ns          -       after silence nothing is dropped so long
red_min_packets               count       -       so many may wait, on average
red_max_packets               count       -       with so many on average all are dropped
red_probability               ratio       -       of a drop near red_max_packets
red_weight                    ratio       -       of an arrival in the average
ecn                           text        -       whether packets are marked in place of dropped
loss_law                      text        -       law of the losses
loss_ratio                    ratio       -       share of packets to be lost
reorder_ratio                 ratio       -       share of packets to pass the delay
duplicate_ratio               ratio       -       share of packets to be sent twice
corrupt_ratio                 ratio       -       share of packets with a bit flipped
path_mtu_bytes                bytes       -       larger packets vanish
packets                       count       -     /r packets that the sender gave to the link
bytes                         bytes       -     /r of those, IP headers included
delivered_packets             count       -     /r packets that the receiver got
delivered_bytes               bytes       -     /r of those, IP headers included
dropped_loss                  count       -     /r packets dropped by the loss law
dropped_queue                 count       -     /r packets that found the queue before the rate full
queued_ns                     ns          -     /r waits for the rate, of all packets together
queued_ns_mean                ns          -       the same, of one packet
tun_dropped                   count       lower   packets that no interface had room for, unread
dropped_aqm                   count       -     /r packets dropped by the queue's management
corrupted                     count       -     /r packets of which a bit was flipped
ce_marked                     count       -     /r packets marked in place of dropped (ECN)
dropped_oversize              count       -     /r packets larger than the path's MTU
dropped_memory                count       lower /r packets that the emulator could not hold
duplicated                    count       -     /r copies that were added
reordered                     count       -     /r packets let pass the delay
out_of_order                  count       -     /r packets delivered after one sent later
write_failed                  count       lower /r packets that the receiver's end did not take
handed_late_ns_mean           ns          lower   emulator's own lateness, due to handed over: mean
handed_late_ns_p50            ns          lower   the same, median
handed_late_ns_p99            ns          lower   the same, 99th percentile
handed_late_ns_max            ns          lower   the same, most
late_ns_mean                  ns          lower   due to written, with the receiving kernel: mean
late_ns_p50                   ns          lower   the same, median
late_ns_p99                   ns          lower   the same, 99th percentile
late_ns_max                   ns          lower   the same, most
"""
