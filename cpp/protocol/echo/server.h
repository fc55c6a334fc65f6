// EchoServer: answers per complete message of a fixed size. Nothing is written before a message's
// last byte has arrived, as with any server that must read a request before it can answer: this is
// what makes Nagle and delayed ACKs meet.
//
// Where a message waits: in the inbox while it fits kInPlace_bytes (no copy); beyond, or where the
// response has another size, in the connection's own storage of message_bytes, allocated once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "protocol/connection.h"

namespace zyphos::echo {

struct ServerOptions {
  std::uint32_t message_bytes = 64;  // >= 1
  std::uint32_t response_bytes =
      0;  // 0: as message_bytes; byte i of a response is the message's byte i % message_bytes
  std::int64_t idle_timeout_ns = 60 * kSecond_ns;  // without any progress
};

class EchoServer final : public Connection {
 public:
  // Must stay below the driver's SlotLimits::inbox_bytes.
  static constexpr std::size_t kInPlace_bytes = 16 * 1024;

  // `options` is copied.
  explicit EchoServer(const ServerOptions& options);
  explicit EchoServer(std::uint32_t message_bytes)
      : EchoServer(ServerOptions{.message_bytes = message_bytes}) {}

  void start(Context& context) override { context_ = &context; }
  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override;

 private:
  bool in_place() const { return message_ == response_ && message_ <= kInPlace_bytes; }
  // What is left of the input and of the answer under way in one call of advance().
  std::size_t echo(Bytes in, Outbox& out);
  std::size_t echo_in_place(Bytes in, Outbox& out);
  std::size_t echo_stored(Bytes in, Outbox& out);
  void end_if_asked(Step& step, Peer peer, bool whole) const;
  bool answering() const { return answer_left_ > 0; }
  void answered(std::size_t n);

  // Small: there is one for each idle connection.
  std::uint32_t message_;
  std::uint32_t response_;
  std::uint32_t stored_size_ = 0;
  std::uint32_t answer_left_ = 0;        // bytes of the complete message's answer not yet written
  std::unique_ptr<std::byte[]> stored_;  // of message_ bytes, once one has to be stored
  std::int64_t idle_timeout_ns_;
  Context* context_ = nullptr;
  Time active_ = Time::never();  // never: not yet called
};

}  // namespace zyphos::echo
