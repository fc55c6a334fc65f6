#include "protocol/http1/client.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "protocol/http1/grammar.h"
#include "protocol/outbox.h"

namespace zyphos::http1 {
namespace {

// Larger bodies are referred to, not copied.
constexpr std::size_t kCopiedBody_bytes_max = 2048;
// Longer heads are read each time.
constexpr std::size_t kKnownHead_bytes_max = 1024;

bool field_given(const Request& request, std::string_view lower) {
  return std::ranges::any_of(request.headers,
                             [&](const Header& field) { return same_name(field.name, lower); });
}

}  // namespace

Http1Client::Http1Client(const ClientOptions& options)
    : options_(options), ring_(options.pipeline) {
  ZY_CHECK(options_.pipeline > 0);
  completed_.reserve(options_.pipeline);
}

bool Http1Client::submit(const Request& request, std::uint64_t tag) {
  if (close_ || ended_ || outstanding_ == ring_.size()) return false;
  ring_[index(outstanding_)] = {&request, tag, request.method == "HEAD"};
  ++outstanding_;
  ++unwritten_;
  return true;
}

std::span<const Completion> Http1Client::completed() {
  if (seen_) return {};
  seen_ = true;
  return completed_;
}

Step Http1Client::advance(Bytes in, Peer peer, Outbox& out, Time) {
  if (seen_) completed_.clear();
  if (peer == Peer::lost) return end(in.size(), Errc::peer_reset, Next::abort);
  Bytes rest = in;
  if (const Errc error = read_responses(rest, peer); error != Errc::ok) {
    return end(in.size(), error, Next::abort);
  }
  const bool last_was_read = close_ && !response_.head_read;
  if (last_was_read || peer == Peer::finished) {
    return end(in.size(), outstanding_ > 0 ? Errc::truncated : Errc::ok, Next::close);
  }
  write_requests(out);
  return ongoing(in.size() - rest.size());
}

Step Http1Client::ongoing(std::size_t consumed) {
  if (outstanding_ == 0 && context_->draining()) {
    return end(consumed, Errc::ok, Next::close);
  }
  return {.consumed = consumed, .need = unwritten_ > 0 ? Need::room : Need::input};
}

// --- requests ---

void Http1Client::write_requests(Outbox& out) {
  while (unwritten_ > 0) {
    if (!write_request(out, *ring_[index(outstanding_ - unwritten_)].request)) return;
    --unwritten_;
    written_ = 0;
  }
}

// False: the rest follows when there is room.
bool Http1Client::write_request(Outbox& out, const Request& request) {
  if (stored_ != &request) serialise(request);
  if (written_ < wire_.size()) {
    written_ += out.write(as_bytes(wire_).subspan(written_));
    if (written_ < wire_.size()) return false;
  }
  return !refer_body_ || out.refer(request.body, {});
}

void Http1Client::serialise(const Request& request) {
  stored_ = &request;
  wire_.clear();
  wire_.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  if (!field_given(request, "host")) {
    wire_.append("Host: ").append(request.authority).append("\r\n");
  }
  for (const Header& field : request.headers) {
    wire_.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  const bool framed =
      field_given(request, "content-length") || field_given(request, "transfer-encoding");
  const bool says_length = !request.body.empty() || request.method == "POST" ||
                           request.method == "PUT" || request.method == "PATCH";
  if (says_length && !framed) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof digits, request.body.size()).ptr;
    wire_.append("Content-Length: ").append(std::string_view(digits, end)).append("\r\n");
  }
  wire_.append("\r\n");
  refer_body_ = request.body.size() > kCopiedBody_bytes_max;
  if (!refer_body_) wire_.append(as_text(request.body));
}

// --- responses ---

// Reads as many responses as are there. Errc::ok also when more bytes are needed.
Errc Http1Client::read_responses(Bytes& rest, Peer peer) {
  Errc error = Errc::ok;
  for (;;) {
    if (!response_.head_read) {
      if (rest.empty() || close_) return Errc::ok;
      const bool asked = outstanding_ > unwritten_ || written_ > 0;
      if (!asked) return Errc::unexpected_data;
      if (!known_head(rest) && !read_head(rest, error)) return error;
    }
    if (!read_body(rest, peer, error)) return error;
    complete(Errc::ok);
  }
}

// The same bytes as the head before: it says the same.
bool Http1Client::known_head(Bytes& rest) {
  const std::size_t size = known_.bytes.size();
  if (size == 0 || rest.size() < size) return false;
  if (std::memcmp(rest.data(), known_.bytes.data(), size) != 0) return false;
  rest = rest.subspan(size);
  open_body(known_.status, known_.framing);
  return true;
}

// A final response's head; interim ones (1xx) are skipped. False: `error`, or more bytes are
// needed.
bool Http1Client::read_head(Bytes& rest, Errc& error) {
  Fields fields;
  ResponseLine line;
  Framing framing;
  for (;;) {
    const ReadResult read =
        read_response(rest, options_.limits, fields, line, framing, options_.parser);
    error = read.error;
    if (read.state != ReadState::done) return false;
    if (line.status == 101) {  // nobody asked to switch
      error = Errc::unexpected_data;
      return false;
    }
    const Bytes head = rest.first(read.size);
    rest = rest.subspan(read.size);
    if (line.status < 200) continue;
    remember(head, line.status, framing);
    open_body(line.status, framing);
    return true;
  }
}

void Http1Client::remember(ConstBytes head, std::uint16_t status, const Framing& framing) {
  known_.bytes.clear();
  if (head.size() <= kKnownHead_bytes_max) known_.bytes.assign(as_text(head));
  known_.status = status;
  known_.framing = framing;
}

void Http1Client::open_body(std::uint16_t status, const Framing& framing) {
  const Body body = ring_[first_].head_only ? Body::none : framing.body;
  response_.head_read = true;
  response_.status = status;
  response_.body.open(body, framing.content_length);
  if (framing.close || body == Body::until_close) close_ = true;
}

// False: `error`, or more bytes are needed.
bool Http1Client::read_body(Bytes& rest, Peer peer, Errc& error) {
  BodyReader& body = response_.body;
  for (;;) {
    const Bytes data = body.data(rest);
    if (data.empty()) break;
    take(data);
    body.took(rest, data.size());
  }
  if (body.bad()) error = Errc::bad_chunk;
  return body.done() || (body.body() == Body::until_close && peer == Peer::finished);
}

void Http1Client::take(ConstBytes bytes) {
  if (expected_body() && response_.as_expected) {
    const ConstBytes expected = *expected_body();
    const std::size_t from = response_.size;
    response_.as_expected =
        from + bytes.size() <= expected.size() &&
        (bytes.empty() || std::memcmp(expected.data() + from, bytes.data(), bytes.size()) == 0);
  }
  response_.size += bytes.size();
}

void Http1Client::complete(Errc error) {
  const Sent& sent = ring_[first_];
  const bool whole =
      sent.head_only || !expected_body() || response_.size == expected_body()->size();
  completed_.push_back({.tag = sent.tag,
                        .error = error,
                        .status = response_.status,
                        .body_bytes = response_.size,
                        .body_expected = whole && response_.as_expected && error == Errc::ok});
  seen_ = false;
  if (error == Errc::ok) context_->counters().add(Counter::requests);
  if (outstanding_ == unwritten_) {
    // Answered before it was whole on the wire: what follows could not be told from its rest.
    --unwritten_;
    close_ = true;
  }
  first_ = index(1);
  --outstanding_;
  response_.head_read = false;
  response_.size = 0;
  response_.status = 0;
  response_.as_expected = true;
}

// What is outstanding ends with `error`.
Step Http1Client::end(std::size_t consumed, Errc error, Next next) {
  ended_ = true;
  while (outstanding_ > 0) complete(error);
  return {.consumed = consumed, .next = next, .error = error};
}

}  // namespace zyphos::http1
