// The counters of one driver (a thread of an engine, a generator, a simulation).
//
// Thread safety: one writer; any thread or process may read while it writes (relaxed atomics, so a
// reader sees each value whole but not all of one instant).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace zyphos {

// Of engine pool, whose accepted connections wait in a queue for a thread.
#define ZYPHOS_QUEUE_COUNTERS(X)                                                 \
  X(queued, "connections put into the queue")                                    \
  X(queue_length_sum, "connections that those found in it, added up")            \
  X(queue_wait_ns, "time that connections taken out of it had waited, added up") \
  X(queue_waits_10us, "of them, after at most 10 us")                            \
  X(queue_waits_100us, "after more, at most 100 us")                             \
  X(queue_waits_1ms, "after more, at most 1 ms")                                 \
  X(queue_waits_10ms, "after more, at most 10 ms")                               \
  X(queue_waits_100ms, "after more, at most 100 ms")                             \
  X(queue_waits_1s, "after more, at most 1 s")                                   \
  X(queue_waits_longer, "after more than 1 s")                                   \
  X(queue_paused, "times accepting was paused because the queue was full")       \
  X(caller_runs, "connections that the acceptor served, the queue being full")

// Of engine coroutine.
#define ZYPHOS_COROUTINE_COUNTERS(X)               \
  X(coroutine_frames, "coroutine frames made")     \
  X(coroutine_frame_bytes, "their size, added up") \
  X(coroutine_resumes, "times a coroutine was resumed")
// Of engine prefork, whose workers are processes: `of_worker_7` has all from the eighth on.
#define ZYPHOS_WORKER_COUNTERS(X)                                      \
  X(workers_started, "worker processes started")                       \
  X(workers_lost, "of them, ended unasked")                            \
  X(workers_replaced, "of them, followed by another before they left") \
  X(accepted_of_worker_0, "of the connections accepted, the first's")  \
  X(accepted_of_worker_1, "the second's")                              \
  X(accepted_of_worker_2, "the third's")                               \
  X(accepted_of_worker_3, "the fourth's")                              \
  X(accepted_of_worker_4, "the fifth's")                               \
  X(accepted_of_worker_5, "the sixth's")                               \
  X(accepted_of_worker_6, "the seventh's")                             \
  X(accepted_of_worker_7, "all the others'")                           \
  X(requests_of_worker_0, "of the requests answered, the first's")     \
  X(requests_of_worker_1, "the second's")                              \
  X(requests_of_worker_2, "the third's")                               \
  X(requests_of_worker_3, "the fourth's")                              \
  X(requests_of_worker_4, "the fifth's")                               \
  X(requests_of_worker_5, "the sixth's")                               \
  X(requests_of_worker_6, "the seventh's")                             \
  X(requests_of_worker_7, "all the others'")

// What a loop on io_uring counts besides; how many completions a wait brings, wakeups and events
// tell.
#define ZYPHOS_RING_COUNTERS(X)                                             \
  X(ring_sqes, "io_uring entries submitted")                                \
  X(ring_cqes, "io_uring completions reaped")                               \
  X(ring_enters, "io_uring_enter calls of the loop")                        \
  X(ring_overflows, "waits after which completions had found no room")      \
  X(ring_rearms, "multishot operations that the kernel ended, armed again") \
  X(ring_mapped_sends, "zero-copy sends from registered memory")

// Of a loop: what it does from the end of a wait to the next one is a turn.
#define ZYPHOS_TURN_COUNTERS(X)                    \
  X(turns, "turns of the loop")                    \
  X(turn_ns, "their time, added up")               \
  X(turns_10us, "of them, of at most 10 us")       \
  X(turns_100us, "longer ones, of at most 100 us") \
  X(turns_1ms, "longer ones, of at most 1 ms")     \
  X(turns_10ms, "longer ones, of at most 10 ms")   \
  X(turns_100ms, "longer ones, of at most 100 ms") \
  X(turns_longer, "longer ones")

// Of who answers datagrams (cpp/datagram), and who sends them.
#define ZYPHOS_DATAGRAM_COUNTERS(X)                                         \
  X(datagrams_in, "datagrams received")                                     \
  X(datagrams_out, "datagrams sent")                                        \
  X(datagrams_unsent, "datagrams that the kernel did not take to be sent")  \
  X(datagrams_refused, "frames or datagrams that were none to be answered") \
  X(datagrams_dropped, "datagrams dropped for want of room before they were received")

// Why requests of HTTP/1 were refused, by the rule (protocol/http1/rule.h has the clauses).
#define ZYPHOS_REFUSAL_COUNTERS(X)                                                             \
  X(refused_request_line, "requests refused for its request line")                             \
  X(refused_version, "requests refused for its version")                                       \
  X(refused_bare_lf, "requests refused for an LF without CR")                                  \
  X(refused_bare_cr, "requests refused for a CR without LF")                                   \
  X(refused_fold, "requests refused for a folded field")                                       \
  X(refused_space_before_colon, "requests refused for a blank before a colon")                 \
  X(refused_field_name, "requests refused for a line without a field's name")                  \
  X(refused_control, "requests refused for a control character in a value")                    \
  X(refused_host_missing, "requests refused for want of Host")                                 \
  X(refused_host_repeated, "requests refused for several Host")                                \
  X(refused_host_malformed, "requests refused for a Host that is none")                        \
  X(refused_host_disagrees, "requests refused for a target of another host than Host's")       \
  X(refused_length_repeated, "requests refused for several Content-Length")                    \
  X(refused_length_odd, "requests refused for a Content-Length that is no number")             \
  X(refused_length_and_coding, "requests refused for Content-Length beside Transfer-Encoding") \
  X(refused_coding_unknown, "requests refused for an unknown transfer coding")                 \
  X(refused_coding_repeated, "requests refused for chunked twice")                             \
  X(refused_coding_in_http10, "requests refused for chunks in HTTP/1.0")                       \
  X(refused_expectation, "requests refused for an unknown expectation")                        \
  X(refused_chunk_size, "requests refused for a chunk's size")                                 \
  X(refused_chunk_extension, "requests refused for a chunk's extension")                       \
  X(refused_chunk_end, "requests refused for a chunk's end")

// name, meaning. Names are column names (server_<name>, client_<name>).
#define ZYPHOS_COUNTERS(X)                                                        \
  X(accepted, "connections accepted")                                             \
  X(connected, "connections established by dialing")                              \
  X(closed, "connections ended, whoever ended them")                              \
  X(requests, "requests answered (server) or completed (client)")                 \
  X(bytes_in, "payload bytes received from the kernel")                           \
  X(bytes_out, "payload bytes given to the kernel")                               \
  X(bytes_copied, "bytes that an Inbox had to copy to make a message contiguous") \
  X(recv_calls, "receive operations that returned")                               \
  X(recv_again, "receive operations that found nothing (EAGAIN)")                 \
  X(send_calls, "send operations that returned")                                  \
  X(send_again, "send operations that found no room (EAGAIN)")                    \
  X(partial_writes, "send operations that took less than was given")              \
  X(zerocopy_done, "zero-copy sends that the kernel is done with")                \
  X(zerocopy_copied, "of these, copied by the kernel all the same")               \
  X(wakeups, "times the driver woke with something to do")                        \
  X(events, "events or completions handled")                                      \
  X(wakes, "wakes delivered to a connection")                                     \
  X(interrupted, "system calls ended by a signal (EINTR)")                        \
  X(timers, "deadlines that came due")                                            \
  X(accept_paused, "times accepting was paused for want of descriptors")          \
  X(buffers_exhausted, "receives ended for want of a provided buffer (ENOBUFS)")  \
  X(wakeups_of_1, "of the wake-ups, those with one event")                        \
  X(wakeups_of_2, "of the wake-ups, those with 2 or 3 events")                    \
  X(wakeups_of_4, "of the wake-ups, those with 4 to 7 events")                    \
  X(wakeups_of_8, "of the wake-ups, those with 8 to 15 events")                   \
  X(wakeups_of_16, "of the wake-ups, those with 16 to 31 events")                 \
  X(wakeups_of_32, "of the wake-ups, those with 32 to 63 events")                 \
  X(wakeups_of_64, "of the wake-ups, those with 64 to 127 events")                \
  X(wakeups_of_128, "of the wake-ups, those with 128 events or more")             \
  X(log_lines_lost, "lines that a log had no room for")                           \
  X(accepts_spurious, "wake-ups to accept where nobody waited any more")          \
  X(reads_spurious, "events that told of input where there was none")             \
  X(epoll_ctl_calls, "times that epoll was told what to watch (epoll_ctl)")       \
  X(pool_reused, "requests on a pool's connection that had served before")        \
  X(pool_checks, "idle connections of a pool that were checked before their use") \
  X(pool_timeouts, "connections of a pool closed after their idle timeout")       \
  ZYPHOS_QUEUE_COUNTERS(X)                                                        \
  ZYPHOS_COROUTINE_COUNTERS(X)                                                    \
  ZYPHOS_WORKER_COUNTERS(X)                                                       \
  ZYPHOS_RING_COUNTERS(X)                                                         \
  ZYPHOS_TURN_COUNTERS(X)                                                         \
  ZYPHOS_DATAGRAM_COUNTERS(X)                                                     \
  ZYPHOS_REFUSAL_COUNTERS(X)

enum class Counter : std::uint8_t {
#define X(name, text) name,
  ZYPHOS_COUNTERS(X)
#undef X
};

#define X(name, text) +1
inline constexpr std::size_t kCounterCount = 0 ZYPHOS_COUNTERS(X);
#undef X

// The counters proper, then one per Errc ("error_<name>").
inline constexpr std::size_t kBoardCounterCount = kCounterCount + kErrcCount;

// `N` counters by position, which is less than N throughout.
template <std::size_t N>
class CounterArray {
 public:
  static constexpr std::size_t kCount = N;

  // Acquires, so that a board's reader can order its own check after it.
  std::uint64_t at(std::size_t index) const {
    return values_[index].load(std::memory_order_acquire);
  }
  void bump(std::size_t index, std::uint64_t n) {
    auto& value = values_[index];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, N> values_{};
};

class Counters : public CounterArray<kBoardCounterCount> {
 public:
  // Name of a position: "requests", ..., "error_peer_reset", ...
  static std::string_view name(std::size_t index);

  void add(Counter counter, std::uint64_t n = 1) { bump(static_cast<std::size_t>(counter), n); }
  // The driver has woken with so many events, 1 or more.
  void woke(std::uint64_t events) {
    constexpr auto kFirst = static_cast<std::size_t>(Counter::wakeups_of_1);
    constexpr auto kLast = static_cast<std::size_t>(Counter::wakeups_of_128);
    add(Counter::wakeups);
    add(Counter::events, events);
    bump(std::min(kFirst + static_cast<std::size_t>(std::bit_width(events)) - 1, kLast), 1);
  }
  // A loop's turn has lasted so long.
  void turned(std::int64_t ns) {
    std::size_t length = 0;
    for (std::int64_t most_ns = 10'000; length < 5 && ns > most_ns; most_ns *= 10) ++length;
    add(Counter::turns);
    add(Counter::turn_ns, static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)));
    bump(static_cast<std::size_t>(Counter::turns_10us) + length, 1);
  }
  void error(Errc code) { bump(kCounterCount + static_cast<std::size_t>(code), 1); }

  std::uint64_t value(Counter counter) const { return at(static_cast<std::size_t>(counter)); }
  std::uint64_t errors(Errc code) const {
    return at(kCounterCount + static_cast<std::size_t>(code));
  }
};

}  // namespace zyphos
