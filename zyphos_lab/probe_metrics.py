"""Columns of the probes that have many, as metrics.py reads them: name, unit, better, `/r`, text.

Plain data. PACKETS is of captured trials. SOCKETS and the like are of one side: `server_` or
`client_` stands before the names. CODE is of
targets that are pure code (zyphos_lab/simulated).
"""

SOCKETS = """
sockets_receive_queue_bytes_mean   bytes  lower   received and unread, over all sockets and time
sockets_receive_queue_bytes_max    bytes  lower   the same, most at once
sockets_receive_queue_bytes_of_one_max  bytes  lower  received and unread in the fullest socket
sockets_send_queue_bytes_mean      bytes  -       sent and unacknowledged, over all sockets and time
sockets_send_queue_bytes_max       bytes  -       the same, most at once
sockets_send_queue_bytes_of_one_max  bytes  -     sent and unacknowledged in the fullest socket
sockets_memory_bytes_mean          bytes  lower   kernel memory of the sockets' buffers, over time
sockets_memory_bytes_max           bytes  lower   the same, most at once
sockets_listen_queue_mean          count  lower   connections that wait to be accepted, over time
sockets_listen_queue_max           count  lower   the same, most at once
sockets_listen_queue_limit         count  -       the most that may wait to be accepted
sockets_drops                      count  lower   segments dropped at these sockets
sockets_established                count  -       sockets in this state at the window's end
sockets_syn_sent                   count  -       sockets in this state at the window's end
sockets_syn_recv                   count  -       sockets in this state at the window's end
sockets_fin_wait1                  count  -       sockets in this state at the window's end
sockets_fin_wait2                  count  -       sockets in this state at the window's end
sockets_time_wait                  count  -       sockets in this state at the window's end
sockets_close_wait                 count  -       sockets in this state at the window's end
sockets_last_ack                   count  -       sockets in this state at the window's end
sockets_listen                     count  -       sockets in this state at the window's end
sockets_closing                    count  -       sockets in this state at the window's end
"""

# Of the machine; the columns of no side.
STEAL = """
latency_ns_p99_9_without_steal  ns  lower  99.9th percentile over the intervals without host steal
observer_steal_ns             ns          lower   CPU time of the thread that reads steal
steal_samples                 count       -       readings of the host's steal within the window
requests_done_without_steal   count       -       requests due in intervals without host steal
intervals_without_steal       count       -       the load's intervals without host steal
intervals_without_steal_ratio ratio       higher  their share of the window's
"""

PACKETS = """
capture_packets               count       -       packets that were captured
capture_bytes                 bytes       -       their bytes on the wire
capture_dropped               count       lower   packets that the capture missed
capture_cpu_ns                ns          lower   CPU time of the capturing process
capture_states                count       -       changes of TCP state that the kernel told
wire_packets                  count       lower /r packets on the wire (captured, in the window)
wire_bytes                    bytes       lower /r their bytes, with all headers
wire_link_bytes               bytes       lower /r of these, Ethernet headers
wire_ip_bytes                 bytes       lower /r of these, IP headers
wire_tcp_bytes                bytes       lower /r of these, TCP (UDP) headers without options
wire_tcp_options_bytes        bytes       lower /r of these, TCP options
wire_payload_bytes            bytes       lower /r of these, payload
wire_tls_bytes                bytes       lower /r of the payload, TLS records begun in the window
wire_tls_record_header_bytes  bytes       lower /r of these, headers of records
wire_tls_handshake_bytes      bytes       lower /r of these, the handshake
wire_tls_overhead_bytes       bytes       lower /r of these, tags, nonces and inner content types
wire_tls_alert_bytes          bytes       lower /r of these, alerts
wire_tls_application_bytes    bytes       lower /r of these, application data
wire_tls_records              count       lower /r TLS records begun in the window
wire_tls_handshake_records    count       lower /r of these, the handshake's
wire_tls_application_records  count       lower /r of these, those of application data
wire_tls_packets              count       lower /r packets with a part of a TLS stream
wire_setup_bytes_per_connection bytes     lower   bytes of a connection's handshake
wire_teardown_bytes_per_connection bytes  lower   bytes from a connection's first FIN or RST on
"""

CODE = """
code                               text   -       name of the code path that ran
code_input                         text   -       short hash of its input
code_result                        text   -       what an iteration returned
code_instruction_set               text   -       widest that it could use when it was timed
code_instruction_set_simulated     text   -       widest that it could use when it was counted
code_iterations                    count  -       iterations that were timed
code_iterations_simulated          count  -       iterations that were counted
code_cpu_ratio                     ratio  higher  CPU time / time, of the timed iterations
bytes_per_iteration                bytes  -       size of the input
ns_per_iteration                   ns     lower   time of an iteration, by the clock
cpu_ns_per_iteration               ns     lower   CPU time of an iteration
instructions_simulated_per_iteration  simulated  lower  instructions, counted by callgrind
reads_simulated_per_iteration      simulated  lower  loads from memory
writes_simulated_per_iteration     simulated  lower  stores to memory
branches_simulated_per_iteration   simulated  lower  conditional and indirect branches
branches_indirect_simulated_per_iteration  simulated  lower  of these, indirect ones
branch_mispredictions_simulated_per_iteration  simulated  lower  of branches, by a simple predictor
branch_mispredictions_indirect_simulated_per_iteration  simulated  lower  of these, of indirect ones
l1i_misses_simulated_per_iteration  simulated  lower  instruction fetches that miss 32 KiB of L1
l1d_misses_simulated_per_iteration  simulated  lower  loads and stores that miss 32 KiB of L1
ll_misses_simulated_per_iteration  simulated  lower  accesses that miss 8 MiB of last-level cache
"""

SCHED = """
sched_switches_voluntary     count  lower /r  times a thread went to sleep
sched_switches_involuntary   count  lower /r  times a thread was preempted
sched_run_delay_ns           ns     lower /r  time that threads waited for a CPU
sched_run_delay_ns_p50       ns     lower     median wait for a CPU
sched_run_delay_ns_p99       ns     lower     99th percentile of the waits for a CPU
sched_run_delay_ns_max       ns     lower     longest wait for a CPU
sched_sleeping_ns            ns     -     /r  time that threads slept
sched_sleeping_ns_p50        ns     -         median sleep
sched_sleeping_ns_p99        ns     -         99th percentile of the sleeps
sched_sleeping_ns_max        ns     -         longest sleep
sched_preempted_ns           ns     lower /r  time that preempted threads waited for a CPU
sched_preempted_ns_p50       ns     lower     median wait after a preemption
sched_preempted_ns_p99       ns     lower     99th percentile of the waits after a preemption
sched_preempted_ns_max       ns     lower     longest wait after a preemption
sched_off_cpu_ns             ns     -     /r  time that threads slept or waited for a CPU
sched_migrations             count  lower /r  times a thread moved to another CPU
sched_starts                 count  lower /r  threads and processes started
sched_wakeups                count  lower /r  times a sleeping thread was woken
sched_wakeups_by_own         count  -     /r  wake-ups by this side's own threads
sched_wakeups_by_peer        count  -     /r  wake-ups by the other side's threads
sched_wakeups_by_idle        count  -     /r  wake-ups by interrupts on an idle CPU
sched_wakeups_by_other       count  -     /r  wake-ups by anything else
sched_wakeups_same_cpu       count  -     /r  wake-ups of a thread that then ran where its waker did
sched_wakeups_other_cpu      count  lower /r  wake-ups of a thread that then ran on another CPU
sched_lost                   count  lower /r  events that the probe lost
"""

FUTEX = """
futex_calls                  count  lower /r  futex system calls
futex_waits                  count  lower /r  futex waits that returned
futex_waits_bitset           count  lower /r  of these, FUTEX_WAIT_BITSET
futex_waits_woken            count  lower /r  futex waits that another thread ended
futex_waits_changed          count  lower /r  futex waits that found the word changed (EAGAIN)
futex_waits_timed_out        count  lower /r  futex waits that timed out
futex_waits_interrupted      count  lower /r  futex waits that a signal ended
futex_waits_failed           count  lower /r  futex waits that ended in another error
futex_wait_ns                ns     lower /r  time in futex waits
futex_wait_ns_p50            ns     lower     median futex wait
futex_wait_ns_p99            ns     lower     99th percentile of the futex waits
futex_wait_ns_max            ns     lower     longest futex wait
futex_wakes                  count  lower /r  futex wakes
futex_wakes_empty            count  lower /r  futex wakes that found nobody waiting
futex_woken                  count  lower /r  threads that futex wakes woke or moved
futex_requeues               count  lower /r  futex calls that move waiters to another futex
futex_lost                   count  lower /r  futex calls that the probe lost
"""

MEMORY = """
memory_allocations           count  lower /r  calls that allocate, of any of the kinds below
memory_mallocs               count  lower /r  calls of malloc, operator new included
memory_callocs               count  lower /r  calls of calloc
memory_reallocs              count  lower /r  calls of realloc with a block
memory_aligned_allocs        count  lower /r  calls of aligned_alloc and posix_memalign
memory_frees                 count  lower /r  calls of free with a block
memory_allocated_bytes       bytes  lower /r  what the allocating calls asked for
memory_forks                 count  lower /r  processes forked, whose allocations are not counted
memory_counted_by            text   -         preload: by the processes themselves; or traps
memory_rss_bytes_mean        bytes  lower     resident memory, over the window's samples
memory_rss_bytes_max         bytes  lower     the same, most at once
"""

URING = """
uring_submissions            count  lower /r  io_uring requests submitted
uring_refused                count  lower /r  io_uring requests that were none, or refused at once
uring_completions            count  -     /r  io_uring completions given to the program's queue
uring_completions_per_wait   ratio  higher    io_uring completions per time it waited for some
uring_overflows              count  lower /r  io_uring completions that found the queue full
uring_waits                  count  lower /r  times it waited for io_uring completions
uring_async_punts            count  lower /r  io_uring requests given to a worker thread
uring_poll_arms              count  -     /r  io_uring requests that wait for their file to be ready
uring_local_works            count  -     /r  times the ring's own thread ran deferred work
"""

TCP_EVENTS = """
tcp_events_retransmits            count  lower   /r segments sent again, attempts
tcp_events_syn_retransmits        count  lower   /r SYNs sent again
tcp_events_synack_retransmits     count  lower   /r SYN-ACKs sent again
tcp_events_segs_in                count  lower   /r segments received on established connections
tcp_events_zero_windows           count  lower   /r times the peer closed its window
tcp_events_zero_window_ns         ns     lower   /r time that the peer's window was closed
tcp_events_resets_in              count  lower   /r resets received
tcp_events_resets_out             count  lower   /r resets sent
tcp_events_drops                  count  lower   /r packets dropped on the way to this side
tcp_events_samples_lost           count  lower   /r samples that the probe lost
tcp_events_lost                   count  lower   /r events that the probe lost
tcp_events_state_established_ns ns - /r time in state established, of sockets that left it
tcp_events_state_syn_sent_ns      ns     -       /r time in state syn_sent, of sockets that left it
tcp_events_state_syn_recv_ns      ns     -       /r time in state syn_recv, of sockets that left it
tcp_events_state_fin_wait1_ns     ns     -       /r time in state fin_wait1, of sockets that left it
tcp_events_state_fin_wait2_ns     ns     -       /r time in state fin_wait2, of sockets that left it
tcp_events_state_close_wait_ns ns - /r time in state close_wait, of sockets that left it
tcp_events_state_last_ack_ns      ns     -       /r time in state last_ack, of sockets that left it
tcp_events_state_closing_ns       ns     -       /r time in state closing, of sockets that left it
tcp_events_connect_ns_p50         ns     lower      median of the times to establish a connection
tcp_events_connect_ns_p99 ns lower 99th percentile of the times to establish a connection
tcp_events_connect_ns_max         ns     lower      longest of the times to establish a connection
tcp_events_srtt_ns_p50            ns     lower      median of the smoothed round-trip times
tcp_events_srtt_ns_p99            ns     lower      99th percentile of the smoothed round-trip times
tcp_events_srtt_ns_max            ns     lower      longest of the smoothed round-trip times
tcp_events_silence_ns_p50 ns - median time from the last segment received to a reset or timeout
tcp_events_silence_ns_p99 ns - 99th percentile of the times from the last segment received to that
tcp_events_silence_ns_max ns - longest time from the last segment received to a reset or timeout
"""

DESCRIPTORS = """
descriptors_open_mean          count  lower  open descriptors, over the window's samples
descriptors_open_max           count  lower  the same, most at once
descriptors_highest_max        count  lower  greatest number of an open descriptor
descriptors_holes_max          count  -      most free numbers below the greatest
descriptors_table_slots_first  count  -      size of the table of descriptors before the load came
descriptors_table_slots_max    count  lower  the same, in the window
descriptors_table_growths      count  lower  times that it was seen to have grown since then
"""

ENDING = """
end_ns              ns     lower     time from SIGTERM to the server's end, its connections open
"""

LEAKS = """
left_descriptors    count  lower     descriptors after the load's end, less those before it came
left_threads        count  lower     threads after the load's end, less those before it came
left_sockets        count  lower     TCP sockets after the load's end, less those before it came
rss_growth_bytes    bytes  lower /r  resident memory at the window's end, less that at its start
"""
