#include "protocol/echo/client.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "protocol/outbox.h"

namespace zyphos::echo {
namespace {

// Parts beyond this are referred to, so that a message of any size is one send call.
constexpr std::size_t kCopied_bytes_max = 1024;

constexpr std::array<std::string_view, 4> kPatternNames{"one", "two", "writev", "cork"};

}  // namespace

std::optional<WritePattern> write_pattern(std::string_view name) {
  const auto found = std::ranges::find(kPatternNames, name);
  if (found == kPatternNames.end()) return {};
  return static_cast<WritePattern>(found - kPatternNames.begin());
}

// The message, twice as long as the larger of message and answer so that any answer is one piece to
// compare with. Used on one thread, its driver's.
struct EchoClient::Message {
  std::vector<std::byte> bytes;
  std::size_t users = 1;

  Hold hold() {
    ++users;
    return {&Message::release, this};
  }
  static void release(void* self) {
    auto* message = static_cast<Message*>(self);
    if (--message->users == 0) delete message;
  }
};

EchoClient::EchoClient(const ClientOptions& options)
    : options_(options), message_(new Message), tags_(options.pipeline) {
  ZY_CHECK(options_.message_bytes > 0 && options_.pipeline > 0);
  if (options_.response_bytes == 0) options_.response_bytes = options_.message_bytes;
  head_bytes_ = options_.message_bytes;
  if (options_.write_pattern != WritePattern::one && head_bytes_ > 1) {
    head_bytes_ = std::max<std::size_t>(1, options_.message_bytes / 8);
  }
  // The period of the pattern is a prime: a shifted answer differs.
  auto& bytes = message_->bytes;
  bytes.resize(std::max(options_.message_bytes, options_.response_bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((i % options_.message_bytes) % 251);
  }
  completed_.reserve(options_.pipeline);
}

EchoClient::~EchoClient() { Message::release(message_); }

bool EchoClient::submit(const Request&, std::uint64_t tag) {
  if (ended_ || outstanding_ == tags_.size()) return false;
  tags_[(first_ + outstanding_) % tags_.size()] = tag;
  ++outstanding_;
  ++unwritten_;
  return true;
}

std::span<const Completion> EchoClient::completed() {
  if (seen_) return {};
  seen_ = true;
  return completed_;
}

Step EchoClient::advance(Bytes in, Peer peer, Outbox& out, Time) {
  if (seen_) completed_.clear();
  if (peer == Peer::lost) return end(in.size(), Errc::peer_reset, Next::abort);
  const std::size_t wanted = (outstanding_ - unwritten_) * options_.response_bytes - received_;
  check(in.first(std::min(in.size(), wanted)));
  if (in.size() > wanted) return end(in.size(), Errc::unexpected_data, Next::abort);
  if (peer == Peer::finished) {
    return end(in.size(), outstanding_ > 0 ? Errc::truncated : Errc::ok, Next::close);
  }
  write_messages(out);
  if (outstanding_ == 0 && context_->draining()) {
    return end(in.size(), Errc::ok, Next::close);
  }
  return {.consumed = in.size(), .need = unwritten_ > 0 ? Need::room : Need::input};
}

void EchoClient::write_messages(Outbox& out) {
  const ConstBytes message = ConstBytes(message_->bytes).first(options_.message_bytes);
  while (unwritten_ > 0) {
    if (!head_written_) {
      if (!write_part(out, message.first(head_bytes_))) return;
      head_written_ = true;
      if (options_.write_pattern != WritePattern::writev) out.boundary();
    }
    if (head_bytes_ < message.size() && !write_part(out, message.subspan(head_bytes_))) return;
    out.boundary();
    if (options_.write_pattern == WritePattern::cork) out.cork();
    head_written_ = false;
    --unwritten_;
  }
}

// All or nothing. The pieces of a writev stay two.
bool EchoClient::write_part(Outbox& out, ConstBytes part) {
  const bool pieces = options_.write_pattern == WritePattern::writev;
  if (part.size() > kCopied_bytes_max || pieces || options_.in_place) {
    return out.refer(part, message_->hold());
  }
  const Bytes place = out.prepare(part.size());
  if (place.empty()) return false;
  std::memcpy(place.data(), part.data(), part.size());
  out.commit(part.size());
  return true;
}

void EchoClient::check(ConstBytes in) {
  const ConstBytes expected = ConstBytes(message_->bytes).first(options_.response_bytes);
  while (!in.empty()) {
    const std::size_t n = std::min(in.size(), expected.size() - received_);
    if (std::memcmp(in.data(), expected.data() + received_, n) != 0) as_expected_ = false;
    received_ += n;
    in = in.subspan(n);
    if (received_ == expected.size()) complete(Errc::ok);
  }
}

void EchoClient::complete(Errc error) {
  completed_.push_back({.tag = tags_[first_],
                        .error = error,
                        .body_bytes = received_,
                        .body_expected = as_expected_ && error == Errc::ok});
  seen_ = false;
  if (error == Errc::ok) context_->counters().add(Counter::requests);
  first_ = (first_ + 1) % tags_.size();
  --outstanding_;
  received_ = 0;
  as_expected_ = true;
}

// What is outstanding ends with `error`.
Step EchoClient::end(std::size_t consumed, Errc error, Next next) {
  ended_ = true;
  while (outstanding_ > 0) complete(error);
  unwritten_ = 0;
  return {.consumed = consumed, .next = next, .error = error};
}

}  // namespace zyphos::echo
