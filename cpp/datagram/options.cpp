#include "datagram/options.h"

#include <bit>

namespace zyphos::datagram {
namespace {

std::string out_of(std::string_view name, std::uint64_t value, std::uint64_t least,
                   std::uint64_t most) {
  if (value >= least && value <= most) return {};
  return std::string(name) + "=" + std::to_string(value) + ": must be from " +
         std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace

std::string complaint(const AnswerOptions& options) {
  const std::string wrong = out_of("batch", options.batch, 1, kBatch_max);
  if (!wrong.empty() || options.by < By::packet) return wrong;
  const std::string by(kByNames[static_cast<std::size_t>(options.by)]);
  if (options.interface.empty()) return "by=" + by + " needs interface=, where the frames come in";
  if (options.address.family != Address::Family::ipv4) return "by=" + by + " speaks IPv4 only";
  if (options.address.host[0] == 0) return "by=" + by + " answers for one address: give address=";
  const std::uint32_t frames = options.xdp.frames;
  if (!std::has_single_bit(frames) || frames < 2 * kBatch_max) {
    return "xdp.frames=" + std::to_string(frames) + ": must be a power of two, 512 at least";
  }
  return {};
}

std::string complaint(const AskOptions& options) {
  std::string wrong =
      out_of("message_bytes", options.message_bytes, kMessage_bytes_min, kMessage_bytes_max);
  if (wrong.empty()) wrong = out_of("batch", options.batch, 1, kBatch_max);
  if (wrong.empty()) wrong = out_of("in_flight", options.in_flight, 1, kInFlight_max);
  if (wrong.empty() && options.address.port == 0) wrong = "give port=, where the server listens";
  return wrong;
}

}  // namespace zyphos::datagram
