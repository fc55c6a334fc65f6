#include "protocol/http1/server.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/usdt.h"
#include "protocol/http1/relax.h"
#include "protocol/http1/write.h"
#include "protocol/outbox.h"

namespace zyphos::http1 {
namespace {

// A request is begun only with this much room, so that what it adds to the reserve (100 Continue,
// last chunk, an error answer) always fits.
constexpr std::size_t kRoomToBegin_bytes = 512;
// A body that its exchange did not read to the end is read on this far to save the connection.
constexpr std::uint64_t kDiscarded_bytes_max = 256 * 1024;
// Of a partial head of so many bytes, what has been read is kept; by parser table of any.
constexpr std::size_t kKeptHead_bytes_min = 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n";

}  // namespace

Step Http1Server::advance(Bytes in, Peer peer, Outbox& out, Time now) {
  if (active_.is_never()) active_ = now;
  if (peer == Peer::lost) {
    message_.reset();
    return {.consumed = in.size(), .next = Next::abort, .error = Errc::peer_reset};
  }
  Round round{.rest = in, .peer = peer, .out = out, .now = now};
  Turn last = Turn::again;
  while (last == Turn::again) last = turn(round);
  if (round.progress) active_ = now;
  if (last < Turn::close && now >= deadline(last)) last = timed_out(round, last);
  return step(round, last, in.size() - round.rest.size());
}

Http1Server::Turn Http1Server::turn(Round& round) {
  if (!message_) return next_request(round);
  return message_->exchange ? exchange(round) : discard(round);
}

Step Http1Server::step(const Round& round, Turn turn, std::size_t consumed) {
  Step step{.consumed = consumed, .error = round.error};
  switch (turn) {
    case Turn::again:
    case Turn::input: break;
    case Turn::room: step.need = Need::room; break;
    case Turn::wake: step.need = Need::wake; break;
    case Turn::close: step.next = Next::close; return step;
    case Turn::abort: step.next = Next::abort; return step;
  }
  step.deadline = deadline(turn);
  return step;
}

Time Http1Server::deadline(Turn turn) const {
  if (turn == Turn::wake) return Time::never();
  return std::min(active_ + options_.idle_timeout_ns, request_due(turn));
}

// When what has come of a request has to be all of it, however it trickles in.
Time Http1Server::request_due(Turn turn) const {
  if (head_partial()) return partial_->since + options_.header_timeout_ns;
  const bool for_body = turn == Turn::input && message_ && !message_->request.body.done();
  if (!for_body || !options_.body_timeout_ns) return Time::never();
  return message_->since + *options_.body_timeout_ns;
}

Http1Server::Turn Http1Server::timed_out(Round& round, Turn turn) {
  if (!message_ && !head_partial() && turn == Turn::input) {
    round.error = Errc::idle_timeout;
    return Turn::close;
  }
  const bool unanswered = !message_ || (message_->exchange && !message_->response.head_written);
  if (turn == Turn::input && unanswered) return refuse(round, 408, Errc::request_timeout);
  round.error = round.now >= request_due(turn) ? Errc::request_timeout : Errc::idle_timeout;
  message_.reset();
  return Turn::abort;
}

// --- heads ---

// Who has its head already cannot be told any more that this is the last answer, and may have sent
// its next request.
[[gnu::always_inline]] inline ResponseSink Http1Server::open_sink(Round& round,
                                                                  const RequestState& request,
                                                                  ResponseState& response) {
  if (!response.head_written && context_->last_answer()) response.close = true;
  return {request, response, options_, round.out};
}

[[gnu::always_inline]] inline Http1Server::Turn Http1Server::begin(Round& round) {
  const RequestHead& head = round.head;
  const Framing& framing = round.framing;
  round.progress = true;
  partial_.reset();
  ZY_USDT(request_start, this);
  RequestState request{.body = {},
                       .end_shown = !head.has_body,
                       .head_only = head.method == "HEAD",
                       .version_minor = framing.version_minor};
  request.body.open(framing.body, framing.content_length);
  ResponseState response{.close = framing.close};
  if (head.method == "CONNECT") return tunnel(round, head);
  if (head.has_body) {
    if (framing.content_length > options_.body_bytes_max) {
      return refuse(round, 413, Errc::body_too_large);
    }
    // Always, also when the body is already here: an answer must not depend on how the input was
    // cut.
    if (framing.expect_continue && framing.version_minor == 1) {
      ZY_CHECK(round.out.write_control(as_bytes(kContinue)));
    }
  } else if (framing.upgrade && options_.upgrader != nullptr && upgrade(round, head)) {
    return Turn::input;
  } else if (ResponseSink sink = open_sink(round, request, response); handler_.answer(head, sink)) {
    return answered(round, response);
  }
  message_.reset(new Message(request, response, round.now));
  message_->exchange = handler_.begin(head, {.wake = context_->wake_source(),
                                             .random = context_->random(),
                                             .counters = context_->counters(),
                                             .now = round.now,
                                             .caller = context_->caller()});
  return exchange(round);
}

[[gnu::always_inline]] inline void Http1Server::read_head(Round& round, ReadResult& read) {
  read = read_request(round.rest, options_.limits, round.fields, round.head, round.framing,
                      parser(round), partial_ ? partial_->progress.get() : nullptr);
  if (read.state == ReadState::done) [[likely]] {
    // An origin-form has no host of its own.
    if (round.head.target.front() != '/') check_hosts(round, read);
  } else if (read.state == ReadState::bad && options_.lenient) {
    read_relaxed(round, read);
  }
}

Http1Server::Turn Http1Server::next_request(Round& round) {
  if (round.out.room() < kRoomToBegin_bytes) return Turn::room;
  if (round.rest.empty() || round.rest.front() == std::byte{'\r'}) {
    skip_blank_line(round);
    if (nothing_yet(round.rest)) return partial_request(round);
  }
  std::size_t size = round.known.size();
  if (!same_head_again(round)) {
    round.known = {};
    ReadResult read;
    read_head(round, read);
    if (read.state == ReadState::partial) return partial_request(round);
    if (read.state == ReadState::bad) return refuse_head(round, read);
    size = round.head_bytes = read.size;
    if (options_.known_heads) round.known = round.rest.first(size);
  }
  round.rest = round.rest.subspan(size);
  return begin(round);
}

// What lenient puts up with, written anew and read once more; else as it was refused.
[[gnu::noinline]] void Http1Server::read_relaxed(Round& round, ReadResult& refused) {
  Relaxed relaxed = relax(round.rest, options_.limits);
  if (relaxed.state == ReadState::partial) refused = {};
  if (relaxed.state != ReadState::done) return;
  round.relaxed = std::move(relaxed.text);
  ReadResult read = read_request(as_bytes(round.relaxed).first(relaxed.text_bytes), options_.limits,
                                 round.fields, round.head, round.framing, options_.parser);
  if (read.state != ReadState::done) return;
  read.size = relaxed.size;
  refused = read;
}

// RFC 9112, 3.2.2: a target in absolute-form goes before Host, which not everyone heeds.
[[gnu::noinline]] void Http1Server::check_hosts(Round& round, ReadResult& read) const {
  constexpr std::string_view kDefaultPort = ":80";
  if (options_.lenient || round.head.method == "CONNECT" || round.head.target == "*") return;
  const Header* const host = round.head.find("host");
  if (host == nullptr) return;
  const auto plain = [&](std::string_view text) {
    return text.ends_with(kDefaultPort) ? text.substr(0, text.size() - kDefaultPort.size()) : text;
  };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; };
  if (std::ranges::equal(plain(host->value), plain(round.head.authority), {}, lower, lower)) return;
  round.rule = Rule::host_disagrees;
  read = {.state = ReadState::bad, .error = Errc::bad_host, .status = 400};
}

void Http1Server::count(Rule rule) const {
  if (rule != Rule::none) context_->counters().add(text_of(rule).counter);
}

[[gnu::noinline]] Http1Server::Turn Http1Server::refuse_head(Round& round, const ReadResult& read) {
  count(round.rule == Rule::none ? broken_rule(round.rest, read.error) : round.rule);
  return refuse(round, read.status, read.error);
}

// Marks cost more than they save where a head is short, and the next is as the last was.
inline Parser Http1Server::parser(const Round& round) const {
  const bool short_before = round.head_bytes > 0 && round.head_bytes < kMarked_bytes_min;
  return short_before ? options_.parser.for_short() : options_.parser;
}

inline bool Http1Server::same_head_again(const Round& round) {
  const std::size_t size = round.known.size();
  return size > 0 && round.rest.size() >= size &&
         std::memcmp(round.rest.data(), round.known.data(), size) == 0;
}

// RFC 9112, 2.2: one empty line before the request line is ignored.
void Http1Server::skip_blank_line(Round& round) {
  if (blank_line() || !as_text(round.rest).starts_with("\r\n")) return;
  partial().blank_line = true;
  partial_->since = Time::never();
  round.rest = round.rest.subspan(2);
}

// Not a byte of a request has come; a CR may begin the empty line before it.
bool Http1Server::nothing_yet(Bytes rest) const {
  return rest.empty() || (!blank_line() && as_text(rest) == "\r");
}

// A head that trickles in is read on each time, so that a wrong byte is answered at once: a small
// one from its start, a large one from the start of its last line; by parser table from where it
// stopped.
Http1Server::Turn Http1Server::partial_request(Round& round) {
  if (round.peer == Peer::finished) {
    return nothing_yet(round.rest) ? Turn::close : refuse(round, 400, Errc::truncated);
  }
  if (round.rest.empty()) {
    if (context_->draining()) return Turn::close;
    return Turn::input;
  }
  if (!head_partial()) partial().since = round.now;
  const std::size_t kept_bytes_min = options_.parser.by_table() ? 1 : kKeptHead_bytes_min;
  if (partial_->progress == nullptr && round.rest.size() >= kept_bytes_min) {
    partial_->progress = std::make_unique<HeadProgress>();
  }
  return Turn::input;
}

bool Http1Server::upgrade(Round& round, const RequestHead& head) {
  std::string fields;
  auto successor = options_.upgrader->upgrade(head, fields);
  if (!successor) return false;
  fields.insert(0, kSwitching);
  fields += "\r\n";
  hand_over(round, fields, std::move(successor));
  return true;
}

// A body has no meaning in CONNECT (RFC 9110, 9.3.6): with one it is refused.
Http1Server::Turn Http1Server::tunnel(Round& round, const RequestHead& head) {
  if (head.has_body || options_.upgrader == nullptr) return refuse(round, 501, Errc::ok);
  auto successor = options_.upgrader->connect(head);
  if (!successor) return refuse(round, 501, Errc::ok);
  hand_over(round, "HTTP/1.1 200 OK\r\n\r\n", std::move(successor));
  return Turn::input;
}

void Http1Server::hand_over(Round& round, std::string_view head,
                            std::unique_ptr<Connection> successor) {
  ZY_CHECK(round.out.write_control(as_bytes(head)));
  context_->counters().add(Counter::requests);
  ZY_USDT(request_end, this);
  context_->become(std::move(successor));
}

// The protocol's own answer, then the end.
Http1Server::Turn Http1Server::refuse(Round& round, std::uint16_t status, Errc error) {
  message_.reset();
  round.error = error;
  return write_error(round.out, status, options_.date) ? Turn::close : Turn::abort;
}

// --- the exchange under way ---

Http1Server::Turn Http1Server::exchange(Round& round) {
  const std::size_t before = round.rest.size();
  if (!message_->request.end_shown && !feed(round)) return refuse_body(round);
  ResponseSink sink = open_sink(round, message_->request, message_->response);
  const Produce produced = message_->exchange->produce(sink, round.now);
  const bool moved = sink.touched() || round.rest.size() != before;
  round.progress |= moved;
  if (message_->response.failed || produced == Produce::failed) return fail_exchange(round);
  if (produced == Produce::done) return finish_exchange(round, sink.end());
  if (moved) return Turn::again;
  return produced == Produce::more ? Turn::room : wait(round);
}

// The exchange is pending: on its body, or on a wake.
Http1Server::Turn Http1Server::wait(Round& round) {
  const bool for_body = !message_->request.body.done() && round.rest.empty();
  if (!for_body) return Turn::wake;
  if (round.peer == Peer::open) return Turn::input;
  round.error = Errc::truncated;
  return refuse_body(round);
}

// Shows the exchange what has come of its body. False: round.error says what is wrong with it.
bool Http1Server::feed(Round& round) {
  RequestState& request = message_->request;
  for (;;) {
    const Bytes data = request.body.data(round.rest);
    if (request.body.bad()) {
      count(request.body.rule());
      round.error = Errc::bad_chunk;
      return false;
    }
    if (data.empty()) break;
    const std::size_t n = show(data, request.body.ends_with(data.size()));
    request.body.took(round.rest, n);
    request.size += n;
    if (request.size > options_.body_bytes_max) {
      round.error = Errc::body_too_large;
      return false;
    }
    if (n < data.size()) return true;
  }
  request.end_shown = request.body.done();
  if (request.end_shown && request.body.body() == Body::chunked) show({}, true);
  return true;
}

std::size_t Http1Server::show(Bytes bytes, bool end) {
  const std::size_t n = message_->exchange->body(bytes, end);
  ZY_CHECK(n <= bytes.size());
  return n;
}

// What is wrong with the body is answered, unless an answer has begun: then its end is missing.
Http1Server::Turn Http1Server::refuse_body(Round& round) {
  if (!message_->response.head_written) {
    return refuse(round, round.error == Errc::body_too_large ? 413 : 400, round.error);
  }
  message_.reset();
  return Turn::close;
}

Http1Server::Turn Http1Server::finish_exchange(Round& round, bool whole) {
  if (!whole) return fail_exchange(round);
  message_->exchange.reset();
  const Turn next = answered(round, message_->response);
  if (message_->request.body.done()) message_.reset();
  return next;
}

Http1Server::Turn Http1Server::answered(Round& round, const ResponseState& response) {
  ZY_CHECK(response.head_written);
  round.progress = true;
  context_->counters().add(Counter::requests);
  ZY_USDT(request_end, this);
  return response.close ? Turn::close : Turn::again;
}

Http1Server::Turn Http1Server::fail_exchange(Round& round) {
  if (!message_->response.head_written) return refuse(round, 500, Errc::handler_failed);
  message_.reset();
  round.error = Errc::handler_failed;
  return Turn::abort;
}

// Reads on what the exchange left of its request's body.
Http1Server::Turn Http1Server::discard(Round& round) {
  BodyReader& body = message_->request.body;
  const std::size_t before = round.rest.size();
  const Bytes data = body.data(round.rest);
  body.took(round.rest, data.size());
  message_->discarded += before - round.rest.size();
  round.progress |= before != round.rest.size();
  if (body.bad()) {
    count(body.rule());
    round.error = Errc::bad_chunk;
    return Turn::close;
  }
  if (message_->discarded > kDiscarded_bytes_max) return Turn::close;
  if (body.done()) {
    message_.reset();
    return Turn::again;
  }
  if (!round.rest.empty()) return Turn::again;
  if (round.peer == Peer::open) return Turn::input;
  round.error = Errc::truncated;
  return Turn::close;
}

}  // namespace zyphos::http1
