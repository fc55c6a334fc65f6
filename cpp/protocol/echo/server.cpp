#include "protocol/echo/server.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/usdt.h"
#include "protocol/outbox.h"

namespace zyphos::echo {

EchoServer::EchoServer(const ServerOptions& options)
    : message_(options.message_bytes),
      response_(options.response_bytes == 0 ? options.message_bytes : options.response_bytes),
      idle_timeout_ns_(options.idle_timeout_ns) {
  ZY_CHECK(message_ > 0);
}

Step EchoServer::advance(Bytes in, Peer peer, Outbox& out, Time now) {
  if (peer == Peer::lost) {
    return {.consumed = in.size(), .next = Next::abort, .error = Errc::peer_reset};
  }
  const std::size_t pending_before = out.pending();
  const std::size_t consumed = echo(in, out);
  const bool progress = consumed > 0 || out.pending() != pending_before;
  if (progress || active_.is_never()) active_ = now;
  Step step{.consumed = consumed, .deadline = active_ + idle_timeout_ns_};
  if (answering()) {
    step.need = Need::room;
  } else {
    end_if_asked(step, peer, consumed == in.size() && stored_size_ == 0);
  }
  if (step.next == Next::run && now >= step.deadline) {
    step.next = answering() ? Next::abort : Next::close;
    step.error = Errc::idle_timeout;
  }
  return step;
}

// Between answers: the peer has finished, or the driver drains. `whole`: no part of a message is
// held.
void EchoServer::end_if_asked(Step& step, Peer peer, bool whole) const {
  if (peer == Peer::finished) {
    step.next = Next::close;
    if (!whole) step.error = Errc::truncated;
  } else if (whole && context_->draining()) {
    step.next = Next::close;
  }
}

void EchoServer::answered(std::size_t n) {
  answer_left_ -= static_cast<std::uint32_t>(n);
  if (answer_left_ > 0) return;
  context_->counters().add(Counter::requests);
  ZY_USDT(request_end, this);
}

// Returns what is consumed.
std::size_t EchoServer::echo(Bytes in, Outbox& out) {
  return in_place() ? echo_in_place(in, out) : echo_stored(in, out);
}

// Echoes from where the bytes are; returns what is consumed.
std::size_t EchoServer::echo_in_place(Bytes in, Outbox& out) {
  std::size_t at = 0;
  for (;;) {
    if (!answering()) {
      if (in.size() - at < message_) return at;
      answer_left_ = message_;
      ZY_USDT(request_start, this);
    }
    const std::size_t n = out.write(in.subspan(at, answer_left_));
    if (n == 0) return at;
    at += n;
    answered(n);
  }
}

// Collects a message in stored_, then writes its answer in as many parts as there is room for.
std::size_t EchoServer::echo_stored(Bytes in, Outbox& out) {
  if (!stored_) stored_ = std::make_unique<std::byte[]>(message_);
  std::size_t at = 0;
  for (;;) {
    if (!answering()) {
      const std::size_t n = std::min<std::size_t>(message_ - stored_size_, in.size() - at);
      if (n > 0) std::memcpy(stored_.get() + stored_size_, in.data() + at, n);
      stored_size_ += static_cast<std::uint32_t>(n);
      at += n;
      if (stored_size_ < message_) return at;
      answer_left_ = response_;
      ZY_USDT(request_start, this);
    }
    const std::size_t from = (response_ - answer_left_) % message_;
    const std::size_t n =
        out.write({stored_.get() + from, std::min<std::size_t>(answer_left_, message_ - from)});
    if (n == 0) return at;
    answered(n);
    if (!answering()) stored_size_ = 0;
  }
}

}  // namespace zyphos::echo
