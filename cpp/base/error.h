// The peer's faults and a connection's ends, as values: one flat enum, one line of meaning each.
// Our own bugs are ZY_CHECK (base/check.h); a failed set-up is std::system_error.
#pragma once

#include <cstdint>
#include <string_view>

namespace zyphos {

#define ZYPHOS_ERRC(X)                                                                           \
  X(ok, "no error")                                                                              \
  X(peer_reset, "the peer reset the connection (ECONNRESET)")                                    \
  X(peer_gone, "the peer no longer reads (EPIPE)")                                               \
  X(truncated, "the peer finished in the middle of a message")                                   \
  X(input_limit, "a message does not fit the input limit")                                       \
  X(idle_timeout, "nothing came for the idle timeout")                                           \
  X(request_timeout, "a request was not complete in its time")                                   \
  X(drain_timeout, "still open when the drain ended")                                            \
  X(connect_refused, "nobody listens there (ECONNREFUSED)")                                      \
  X(connect_timeout, "the connection was not established in time")                               \
  X(connect_failed, "the connection could not be made")                                          \
  X(connect_no_port, "no local port was left to dial from (EADDRNOTAVAIL)")                      \
  X(bad_request_line, "malformed request line (RFC 9112, 3)")                                    \
  X(bad_status_line, "malformed status line (RFC 9112, 4)")                                      \
  X(bad_version, "not HTTP/1.0 or HTTP/1.1")                                                     \
  X(bad_header, "malformed header field (RFC 9112, 5)")                                          \
  X(bad_host, "Host missing, repeated or malformed (RFC 9112, 3.2)")                             \
  X(bad_framing, "contradicting or malformed message framing (RFC 9112, 6)")                     \
  X(bad_chunk, "malformed chunk (RFC 9112, 7.1)")                                                \
  X(head_too_large, "request line and headers beyond the limit")                                 \
  X(body_too_large, "body beyond the limit")                                                     \
  X(unexpected_data, "bytes that no request asked for")                                          \
  X(wrong_status, "the response's status is not the one expected")                               \
  X(wrong_body, "the response's body is not the one expected")                                   \
  X(deadline, "not done by its deadline, counted from the schedule")                             \
  X(wire_timeout, "not done in time, counted from the send")                                     \
  X(bad_dns, "malformed DNS message, or no answer to the query (RFC 1035, 4)")                   \
  X(no_address, "the name server has no address for the name")                                   \
  X(dns_timeout, "the name server did not answer in time")                                       \
  X(tls_failed, "the TLS handshake or a record failed, or the certificate is not to be trusted") \
  X(wrong_tls, "not the version, resumption or early data asked for of TLS")                     \
  X(accept_limit, "no descriptor left for a new connection (EMFILE, ENFILE)")                    \
  X(thread_limit, "no thread left for a new connection (EAGAIN at clone)")                       \
  X(pool_full, "no connection of the pool was free and no room to wait for one")                 \
  X(queue_full, "no room in the queue of accepted connections")                                  \
  X(select_limit, "a new connection's descriptor is beyond what select can watch (FD_SETSIZE)")  \
  X(worker_lost, "the process that served it has ended")                                         \
  X(handler_failed, "the application could not answer")                                          \
  X(deadlock, "threads waited for each other in a circle, which was found")                      \
  X(stack_overflow, "a thread has run out of its stack, which ends the process")                 \
  X(system, "an unexpected system error")

enum class Errc : std::uint8_t {
#define X(name, text) name,
  ZYPHOS_ERRC(X)
#undef X
};

#define X(name, text) +1
inline constexpr unsigned kErrcCount = 0 ZYPHOS_ERRC(X);
#undef X

// The enumerator's own name, as it stands in records and on boards.
std::string_view errc_name(Errc code);
// Its line of meaning.
std::string_view errc_text(Errc code);

}  // namespace zyphos
