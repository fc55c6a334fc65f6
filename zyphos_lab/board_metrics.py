"""The columns of a server's board: rows for metrics.py, which says what a row is.

Plain data.
"""

from __future__ import annotations

# As cpp/base/counters.h lists them; a test holds the two together.
BOARD = """
accepted                      count       -     /r connections accepted
connected                     count       -     /r connections established by dialing
closed                        count       -     /r connections ended, whoever ended them
requests                      count       -     /r requests answered or completed
bytes_in                      bytes       -     /r payload bytes received from the kernel
bytes_out                     bytes       -     /r payload bytes given to the kernel
bytes_copied                  bytes       lower /r bytes copied to make a message contiguous
recv_calls                    count       lower /r receive operations that returned
recv_again                    count       lower /r receive operations that found nothing
send_calls                    count       lower /r send operations that returned
send_again                    count       lower /r send operations that found no room
partial_writes                count       lower /r send operations that took less than given
zerocopy_done                 count       -     /r zero-copy sends that the kernel is done with
zerocopy_copied               count       lower /r of these, copied by the kernel all the same
wakeups                       count       lower /r times the driver woke with something to do
events                        count       -     /r events or completions handled
wakes                         count       -     /r wakes delivered to a connection
interrupted                   count       lower /r system calls ended by a signal
timers                        count       -     /r deadlines that came due
accept_paused                 count       lower /r times accepting was paused, no descriptors
buffers_exhausted             count       lower /r receives ended for want of a buffer
wakeups_of_1                  count       -     /r of the wake-ups, those with one event
wakeups_of_2                  count       -     /r of the wake-ups, those with 2 or 3 events
wakeups_of_4                  count       -     /r of the wake-ups, those with 4 to 7 events
wakeups_of_8                  count       -     /r of the wake-ups, those with 8 to 15 events
wakeups_of_16                 count       -     /r of the wake-ups, those with 16 to 31 events
wakeups_of_32                 count       -     /r of the wake-ups, those with 32 to 63 events
wakeups_of_64                 count       -     /r of the wake-ups, those with 64 to 127 events
wakeups_of_128                count       -     /r of the wake-ups, those with 128 events or more
log_lines_lost                count       lower /r lines that a log had no room for
accepts_spurious              count       lower /r wake-ups to accept where nobody waited any more
reads_spurious                count       lower /r events that told of input where there was none
epoll_ctl_calls               count       lower /r times that epoll was told what to watch
pool_reused                   count       -     /r requests on a pool's connection used before
pool_checks                   count       -     /r idle connections of a pool that were checked
pool_timeouts                 count       -     /r connections of a pool idle for too long
queued                        count       -     /r connections put into the pool's queue
queue_length_sum              count       lower /r connections that those found in it, added up
queue_wait_ns                 ns          lower /r time in it of those taken out, added up
queue_waits_10us              count       -     /r of them, after at most 10 us
queue_waits_100us             count       -     /r after more, at most 100 us
queue_waits_1ms               count       -     /r after more, at most 1 ms
queue_waits_10ms              count       lower /r after more, at most 10 ms
queue_waits_100ms             count       lower /r after more, at most 100 ms
queue_waits_1s                count       lower /r after more, at most 1 s
queue_waits_longer            count       lower /r after more than 1 s
queue_paused                  count       lower /r times accepting was paused, the queue full
caller_runs                   count       lower /r connections that the acceptor served itself
coroutine_frames              count       -     /r coroutine frames made
coroutine_frame_bytes         bytes       lower /r their size, added up
coroutine_resumes             count       lower /r times a coroutine was resumed
workers_started               count       -     /r worker processes started
workers_lost                  count       lower /r of them, ended unasked
workers_replaced              count       -     /r of them, followed by another before they left
accepted_of_worker_0          count       -     /r connections accepted, the first's
accepted_of_worker_1          count       -     /r connections accepted, the second's
accepted_of_worker_2          count       -     /r connections accepted, the third's
accepted_of_worker_3          count       -     /r connections accepted, the fourth's
accepted_of_worker_4          count       -     /r connections accepted, the fifth's
accepted_of_worker_5          count       -     /r connections accepted, the sixth's
accepted_of_worker_6          count       -     /r connections accepted, the seventh's
accepted_of_worker_7          count       -     /r connections accepted, all the others'
requests_of_worker_0          count       -     /r requests answered, the first's
requests_of_worker_1          count       -     /r requests answered, the second's
requests_of_worker_2          count       -     /r requests answered, the third's
requests_of_worker_3          count       -     /r requests answered, the fourth's
requests_of_worker_4          count       -     /r requests answered, the fifth's
requests_of_worker_5          count       -     /r requests answered, the sixth's
requests_of_worker_6          count       -     /r requests answered, the seventh's
requests_of_worker_7          count       -     /r requests answered, all the others'
ring_sqes                     count       lower /r io_uring entries submitted
ring_cqes                     count       lower /r io_uring completions reaped
ring_enters                   count       lower /r io_uring_enter calls of the loop
ring_overflows                count       lower /r waits after which completions had found no room
ring_rearms                   count       lower /r multishots that the kernel ended, armed again
ring_mapped_sends             count       -     /r zero-copy sends from registered memory
turns                         count       -        turns of a loop, from a wait to the next
turn_ns                       ns          lower    their time, added up
turns_10us                    count       -        of them, of at most 10 us
turns_100us                   count       -        longer ones, of at most 100 us
turns_1ms                     count       lower    longer ones, of at most 1 ms
turns_10ms                    count       lower    longer ones, of at most 10 ms
turns_100ms                   count       lower    longer ones, of at most 100 ms
turns_longer                  count       lower    longer ones
datagrams_in                  count       -     /r datagrams received
datagrams_out                 count       -     /r datagrams sent
datagrams_unsent              count       lower /r datagrams that the kernel did not take to send
datagrams_refused             count       lower /r frames or datagrams that were none to be answered
datagrams_dropped             count       lower /r datagrams dropped before they were received
refused_request_line          count       -        refused for its request line
refused_version               count       -        refused for its version
refused_bare_lf               count       -        refused for an LF without CR
refused_bare_cr               count       -        refused for a CR without LF
refused_fold                  count       -        refused for a folded field
refused_space_before_colon    count       -        refused for a blank before a colon
refused_field_name            count       -        refused for a line without a field's name
refused_control               count       -        refused for a control character in a value
refused_host_missing          count       -        refused for want of Host
refused_host_repeated         count       -        refused for several Host
refused_host_malformed        count       -        refused for a Host that is none
refused_host_disagrees        count       -        refused for a target of another host
refused_length_repeated       count       -        refused for several Content-Length
refused_length_odd            count       -        refused for a Content-Length that is no number
refused_length_and_coding     count       -        refused for Content-Length beside chunks
refused_coding_unknown        count       -        refused for an unknown transfer coding
refused_coding_repeated       count       -        refused for chunked twice
refused_coding_in_http10      count       -        refused for chunks in HTTP/1.0
refused_expectation           count       -        refused for an unknown expectation
refused_chunk_size            count       -        refused for a chunk's size
refused_chunk_extension       count       -        refused for a chunk's extension
refused_chunk_end             count       -        refused for a chunk's end
"""

# What follows of them: a counter over another one, or over time.
BOARD_RATIOS = """
events_per_wakeup             ratio       -        events or completions handled per wake-up
events_per_second             per_second higher    events or completions handled per second
turn_ns_mean                  ns          lower    time of a loop's turn, from a wait to the next
ring_sqes_per_enter           ratio       higher   entries submitted per io_uring_enter call
accepts_spurious_per_accept   ratio       lower    wake-ups to accept for nothing, per connection
accepted_share_most           ratio       lower    of the worker that accepted most connections
requests_share_most           ratio       lower    of the worker that answered most requests
"""
RATIOS = {
    "events_per_wakeup": ("events", "wakeups"),
    "turn_ns_mean": ("turn_ns", "turns"),
    "ring_sqes_per_enter": ("ring_sqes", "ring_enters"),
    "accepts_spurious_per_accept": ("accepts_spurious", "accepted"),
}
# A counter over the window's seconds.
RATES = {"events_per_second": "events"}
# Engine prefork: the greatest over the sum, of the workers that have counters of their own.
SHARES_MOST = {
    f"{name}_share_most": tuple(f"{name}_of_worker_{place}" for place in range(8))
    for name in ("accepted", "requests")
}
