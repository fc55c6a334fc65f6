// How two processes of one machine talk, and what is to be measured of it. Names are those of the
// command line (cpp/tool/ipc_words.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace zyphos::ipc {

// Order: kByNames.
enum class By : std::uint8_t {
  pipe,            // two pipes
  unix_stream,     // a pair of Unix sockets: bytes
  unix_seqpacket,  // of messages, in a connection
  unix_dgram,      // of messages, without
  eventfd,         // rings in shared memory; who waits reads an eventfd
  futex,           // rings; who waits sleeps on a futex
  spin,            // rings; who waits looks again
};
inline constexpr std::array<std::string_view, 7> kByNames{
    "pipe", "unix_stream", "unix_seqpacket", "unix_dgram", "eventfd", "futex", "spin"};

enum class Pattern : std::uint8_t {
  ping_pong,  // a message, its answer, the next message
  stream,     // one way, as fast as the channel takes them
};
inline constexpr std::array<std::string_view, 2> kPatternNames{"ping_pong", "stream"};

// A channel of either kind.
constexpr bool in_shared_memory(By by) { return by >= By::eventfd; }

// Plain data: it goes from process to process as it is.
struct ChannelOptions {
  By by = By::pipe;
  Pattern pattern = Pattern::ping_pong;
  std::uint64_t message_bytes = 64;         // of each; kMessage_bytes_min at least
  std::uint64_t buffer_bytes = 128 * 1024;  // each way; two messages at least
  std::uint64_t spins = 0;                  // looks before who waits at a ring sleeps
};

struct AskOptions {
  ChannelOptions channel;
  std::int64_t warmup_ns = 100 * kMillisecond_ns;
  std::int64_t window_ns = kSecond_ns;
  std::int64_t interval_ns = 0;  // 0: the whole window is one interval
  std::int64_t deadline_ns = 10 * kSecond_ns;
};

inline constexpr std::uint64_t kMessage_bytes_min = 8;  // what tells one message from the others
inline constexpr std::uint64_t kMessage_bytes_max = 1 << 20;
inline constexpr std::uint64_t kBuffer_bytes_max = 1 << 30;

// Empty: fine. Else one line, what does not go together.
std::string complaint(const ChannelOptions& options);

}  // namespace zyphos::ipc
