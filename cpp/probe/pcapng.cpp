#include "probe/pcapng.h"

#include <cstring>

namespace zyphos {
namespace {

// draft-ietf-opsawg-pcapng, 4.1 to 4.6.
constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr std::uint32_t kByteOrder = 0x1A2B3C4D;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kInterfaceStatistics = 5;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint16_t kEndOfOptions = 0, kComment = 1;
constexpr std::uint16_t kApplication = 4;
constexpr std::uint16_t kName = 2, kResolution = 9, kFilter = 11;
constexpr std::uint16_t kFlags = 2, kInbound = 1, kOutbound = 2;
constexpr std::uint16_t kReceived = 4, kDropped = 5;
constexpr std::uint8_t kNanoseconds = 9;  // 10^-9

}  // namespace

Pcapng::Pcapng(const Interface& interface) {
  begin(kSectionHeader);
  number(kByteOrder, 4);
  number(1, 2);  // version 1.0
  number(0, 2);
  number(~0ULL, 8);  // the section's length is not said
  if (!interface.comment.empty()) option(kComment, interface.comment);
  option(kApplication, "zyphos-capture");
  option(kEndOfOptions, "");
  end();
  begin(kInterfaceDescription);
  number(interface.link_type, 2);
  number(0, 2);
  number(interface.snap_bytes, 4);
  option(kName, interface.name);
  number_option(kResolution, kNanoseconds, 1);
  // A filter's first byte says of what kind it is: 0, words.
  if (!interface.filter.empty()) option(kFilter, std::string(1, '\0') + interface.filter);
  option(kEndOfOptions, "");
  end();
}

void Pcapng::add(const Packet& packet) {
  begin(kEnhancedPacket);
  number(0, 4);
  time(packet.time_ns);
  number(packet.data.size(), 4);
  number(packet.wire_bytes, 4);
  out_ += as_text(packet.data);
  pad();
  number_option(kFlags, packet.outgoing ? kOutbound : kInbound, 4);
  option(kEndOfOptions, "");
  end();
}

void Pcapng::add_statistics(std::int64_t time_ns, std::uint64_t received, std::uint64_t dropped) {
  begin(kInterfaceStatistics);
  number(0, 4);
  time(time_ns);
  number_option(kReceived, received, 8);
  number_option(kDropped, dropped, 8);
  option(kEndOfOptions, "");
  end();
}

void Pcapng::number(std::uint64_t value, int size) {
  char bytes[8];
  if (size == 1) {
    const auto narrow = static_cast<std::uint8_t>(value);
    std::memcpy(bytes, &narrow, sizeof narrow);
  } else if (size == 2) {
    const auto narrow = static_cast<std::uint16_t>(value);
    std::memcpy(bytes, &narrow, sizeof narrow);
  } else if (size == 4) {
    const auto narrow = static_cast<std::uint32_t>(value);
    std::memcpy(bytes, &narrow, sizeof narrow);
  } else {
    std::memcpy(bytes, &value, sizeof value);
  }
  out_.append(bytes, static_cast<std::size_t>(size));
}

void Pcapng::option(std::uint16_t code, std::string_view value) {
  number(code, 2);
  number(value.size(), 2);
  out_ += value;
  pad();
}

void Pcapng::number_option(std::uint16_t code, std::uint64_t value, int size) {
  number(code, 2);
  number(static_cast<std::uint64_t>(size), 2);
  number(value, size);
  pad();
}

void Pcapng::time(std::int64_t time_ns) {
  const auto units = static_cast<std::uint64_t>(time_ns);
  number(units >> 32, 4);
  number(units & 0xffffffff, 4);
}

// Every block begins at a multiple of four, so what is padded may be counted from the file's start.
void Pcapng::pad() { out_.append((4 - out_.size() % 4) % 4, '\0'); }

void Pcapng::begin(std::uint32_t type) {
  block_ = out_.size();
  number(type, 4);
  number(0, 4);
}

void Pcapng::end() {
  number(0, 4);
  const auto size = static_cast<std::uint32_t>(out_.size() - block_);
  std::memcpy(out_.data() + block_ + 4, &size, sizeof size);
  std::memcpy(out_.data() + out_.size() - 4, &size, sizeof size);
}

}  // namespace zyphos
