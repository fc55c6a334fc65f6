#include "protocol/dns/zone.h"

#include <algorithm>
#include <utility>

namespace zyphos::dns {
namespace {

// BADVERS is 16: its upper eight bits are the first byte of an OPT record's TTL (RFC 6891, 6.1.3).
constexpr std::uint32_t kBadVersion_ttl = 1U << 24U;

Type type_of(const Address& address) {
  return address.family == Address::Family::ipv4 ? Type::a : Type::aaaa;
}

const Record* edns_of(const Message& message) {
  const auto found = std::ranges::find(message.additionals, Type::opt, &Record::type);
  return found == message.additionals.end() ? nullptr : &*found;
}

std::uint8_t version_of(const Record& edns) {
  return static_cast<std::uint8_t>(edns.ttl_s >> 16U & 0xffU);
}

// What the one who asks takes: 512 bytes, or what its OPT record says, within what we send.
std::size_t room_of(const Record* edns) {
  if (edns == nullptr) return kMessage_bytes_max;
  const auto said = static_cast<std::size_t>(edns->klass);
  return std::clamp(said, kMessage_bytes_max, kDatagram_bytes_max);
}

// RFC 1035, 4.1.1: what is said without looking at the names. no_error: go on.
Rcode refusal(const Message& query) {
  if (query.header.opcode != 0) return Rcode::not_implemented;
  if (query.questions.size() != 1) return Rcode::format_error;
  return query.questions.front().klass == Class::in ? Rcode::no_error : Rcode::refused;
}

bool is_response(ConstBytes message) {
  return (std::to_integer<unsigned>(message[2]) & 0x80U) != 0;
}

// To what is no whole message: of its header the number alone is sure.
std::vector<std::byte> malformed(ConstBytes query) {
  Message out;
  out.header.id = static_cast<std::uint16_t>(std::to_integer<unsigned>(query[0]) << 8U |
                                             std::to_integer<unsigned>(query[1]));
  out.header.response = true;
  out.header.rcode = Rcode::format_error;
  return write_message(out);
}

}  // namespace

void Zone::add(std::string name, const Address& address) {
  entries_.push_back({std::move(name), address});
}

Rcode Zone::look_up(const Question& asked, std::vector<Record>& out) const {
  bool known = false;
  for (const Entry& entry : entries_) {
    if (!same_name(entry.name, asked.name)) continue;
    known = true;
    if (type_of(entry.address) != asked.type) continue;
    const std::size_t size = asked.type == Type::a ? 4 : 16;
    out.push_back({.name = asked.name,
                   .type = asked.type,
                   .klass = Class::in,
                   .ttl_s = ttl_s_,
                   .data = std::as_bytes(std::span(entry.address.host).first(size))});
  }
  return known ? Rcode::no_error : Rcode::name_error;
}

Message Zone::reply(const Message& query, const Record* edns) const {
  Message out;
  out.header = {.id = query.header.id,
                .response = true,
                .opcode = query.header.opcode,
                .recursion_desired = query.header.recursion_desired,
                .rcode = refusal(query)};
  if (query.questions.size() == 1) out.questions = query.questions;
  const bool strange = edns != nullptr && version_of(*edns) != 0;
  if (out.header.rcode == Rcode::no_error && !strange) {
    out.header.authoritative = true;
    out.header.rcode = look_up(query.questions.front(), out.answers);
  }
  if (edns != nullptr) {
    out.additionals.push_back({.name = "",
                               .type = Type::opt,
                               .klass = static_cast<Class>(kDatagram_bytes_max),
                               .ttl_s = strange ? kBadVersion_ttl : 0});
  }
  return out;
}

std::vector<std::byte> Zone::answer(ConstBytes query) const {
  if (query.size() < kHeader_bytes || is_response(query)) return {};
  const auto read = read_message(query);
  if (!read) return malformed(query);
  const Record* edns = edns_of(*read);
  Message out = reply(*read, edns);
  std::vector<std::byte> bytes = write_message(out);
  if (bytes.size() <= room_of(edns)) return bytes;
  out.answers.clear();
  out.header.truncated = true;
  return write_message(out);
}

}  // namespace zyphos::dns
