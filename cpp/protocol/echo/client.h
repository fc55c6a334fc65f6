// EchoClient: each request is one message of a fixed size, written in the pattern under study; its
// answer is checked byte by byte. The Request's own fields are not used: an echo message has
// neither head nor target.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/client.h"

namespace zyphos::echo {

// How a message reaches the kernel. Every message has send calls of its own, also when pipelined.
enum class WritePattern : std::uint8_t {
  one,  // one send call
  two,  // two send calls: a head of an eighth (at least 1 byte), then the rest; as programs do that
        // write header, body
  writev,  // one send call of two pieces
  cork,    // as two, under TCP_CORK
};

// "one", "two", "writev", "cork"; empty: none of them.
std::optional<WritePattern> write_pattern(std::string_view name);

struct ClientOptions {
  std::size_t message_bytes =
      64;  // >= 1; a message of 1 byte has no two parts and is written as one
  std::size_t response_bytes = 0;  // 0: as message_bytes
  WritePattern write_pattern = WritePattern::one;
  std::size_t pipeline = 1;  // messages outstanding at once
  bool in_place = false;     // small messages too are sent from where they stay put
};

class EchoClient final : public Client {
 public:
  explicit EchoClient(const ClientOptions& options);
  EchoClient(std::size_t message_bytes, WritePattern pattern, std::size_t pipeline)
      : EchoClient(ClientOptions{
            .message_bytes = message_bytes, .write_pattern = pattern, .pipeline = pipeline}) {}
  ~EchoClient() override;

  void start(Context& context) override { context_ = &context; }
  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override;
  bool submit(const Request& request, std::uint64_t tag) override;
  std::size_t outstanding() const override { return outstanding_; }
  std::span<const Completion> completed() override;

 private:
  struct Message;

  void write_messages(Outbox& out);
  bool write_part(Outbox& out, ConstBytes part);
  void check(ConstBytes in);
  void complete(Errc error);
  Step end(std::size_t consumed, Errc error, Next next);

  ClientOptions options_;
  std::size_t head_bytes_;  // of the first part; message_bytes when there is only one
  Message* message_;        // counted: referred bytes may outlive the client
  Context* context_ = nullptr;
  std::vector<std::uint64_t> tags_;  // ring of pipeline tags
  std::size_t first_ = 0;            // oldest outstanding
  std::size_t outstanding_ = 0;
  std::size_t unwritten_ = 0;  // the newest of the outstanding
  bool head_written_ = false;  // of the oldest unwritten
  std::size_t received_ = 0;   // bytes of the oldest outstanding's answer
  bool as_expected_ = true;
  bool ended_ = false;
  bool seen_ = true;  // completed_ has been handed out
  std::vector<Completion> completed_;
};

}  // namespace zyphos::echo
