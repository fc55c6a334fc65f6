#include "ipc/options.h"

namespace zyphos::ipc {

std::string complaint(const ChannelOptions& options) {
  if (options.message_bytes < kMessage_bytes_min || options.message_bytes > kMessage_bytes_max) {
    return "message_bytes=" + std::to_string(options.message_bytes) + ": must be from 8 to 1048576";
  }
  if (options.buffer_bytes < 2 * options.message_bytes ||
      options.buffer_bytes > kBuffer_bytes_max) {
    return "buffer_bytes=" + std::to_string(options.buffer_bytes) +
           ": must hold two messages, and be 1 GiB at most";
  }
  if (options.spins > 0 && options.by != By::eventfd && options.by != By::futex) {
    return "spins=" + std::to_string(options.spins) + ": only who waits for an eventfd or a futex";
  }
  return {};
}

}  // namespace zyphos::ipc
