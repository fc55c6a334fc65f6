#include "protocol/dns/lookup.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

namespace zyphos::dns {
namespace {

bool answers(const Message& message, std::uint16_t id, const Question& asked) {
  const Header& header = message.header;
  if (!header.response || header.id != id || header.opcode != 0) return false;
  if (message.questions.size() != 1) return false;
  const Question& question = message.questions.front();
  return same_name(question.name, asked.name) && question.type == asked.type &&
         question.klass == asked.klass;
}

// RFC 1035, 3.4.1; RFC 3596, 2.2
std::optional<Address> address_of(const Record& record) {
  const bool ipv4 = record.type == Type::a;
  if (record.data.size() != (ipv4 ? 4U : 16U)) return {};
  Address address{.family = ipv4 ? Address::Family::ipv4 : Address::Family::ipv6};
  std::memcpy(address.host.data(), record.data.data(), record.data.size());
  return address;
}

const Record* alias_of(const Message& message, std::string_view name) {
  const auto alias = std::ranges::find_if(message.answers, [name](const Record& record) {
    return record.type == Type::cname && same_name(record.name, name);
  });
  return alias == message.answers.end() ? nullptr : &*alias;
}

// The name that `name` is an alias of in the end; `ttl_s` as far as its aliases live. Each of a
// chain is a record of its own: a longer one goes in a circle.
std::string_view canonical(const Message& message, std::string_view name, std::uint32_t& ttl_s) {
  for (std::size_t i = 0; i <= message.answers.size(); ++i) {
    const Record* alias = alias_of(message, name);
    if (alias == nullptr) break;
    name = alias->target;
    ttl_s = std::min(ttl_s, alias->ttl_s);
  }
  return name;
}

}  // namespace

std::vector<std::byte> query(std::uint16_t id, const Question& asked) {
  Message message;
  message.header.id = id;
  message.header.recursion_desired = true;
  message.questions.push_back(asked);
  return write_message(message);
}

std::expected<Found, Errc> read_answer(ConstBytes datagram, std::uint16_t id,
                                       const Question& asked) {
  const auto message = read_message(datagram);
  if (!message || !answers(*message, id, asked)) return std::unexpected(Errc::bad_dns);
  if (message->header.rcode != Rcode::no_error) return std::unexpected(Errc::no_address);
  Found found{.addresses = {}, .ttl_s = std::numeric_limits<std::uint32_t>::max()};
  const std::string_view name = canonical(*message, asked.name, found.ttl_s);
  for (const Record& record : message->answers) {
    if (record.type != asked.type || !same_name(record.name, name)) continue;
    const auto address = address_of(record);
    if (!address) return std::unexpected(Errc::bad_dns);
    found.addresses.push_back(*address);
    found.ttl_s = std::min(found.ttl_s, record.ttl_s);
  }
  if (found.addresses.empty()) return std::unexpected(Errc::no_address);
  return found;
}

}  // namespace zyphos::dns
