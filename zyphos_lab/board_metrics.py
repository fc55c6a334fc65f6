"""Counters of the board that single engines have: rows for metrics.BOARD, in its order."""

POOL_AND_COROUTINES = """\
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
"""
