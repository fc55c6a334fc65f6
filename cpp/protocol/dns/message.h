// A DNS message (RFC 1035, 4): bytes to fields and back. It knows nothing of sockets, zones, caches
// or retries.
//
// Names are text without the last dot ("www.zyphos.test"; "" is the root). What is no letter,
// digit,
// '-' or '_' in a label stands as \DDD (RFC 1035, 5.1), so that each name has one text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace zyphos::dns {

inline constexpr std::size_t kHeader_bytes = 12;          // RFC 1035, 4.1.1
inline constexpr std::size_t kMessage_bytes_max = 512;    // over UDP without EDNS (4.2.1)
inline constexpr std::size_t kDatagram_bytes_max = 1232;  // what we take with EDNS (RFC 6891)
inline constexpr std::size_t kName_bytes_max = 255;       // RFC 1035, 2.3.4
inline constexpr std::size_t kLabel_bytes_max = 63;

// Others come as their number.
enum class Type : std::uint16_t { a = 1, cname = 5, aaaa = 28, opt = 41 };
enum class Class : std::uint16_t { in = 1 };
enum class Rcode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,  // NXDOMAIN
  not_implemented = 4,
  refused = 5,
};

struct Header {
  std::uint16_t id = 0;
  bool response = false;
  std::uint8_t opcode = 0;  // 0: a standard query
  bool authoritative = false;
  bool truncated = false;
  bool recursion_desired = false;
  bool recursion_available = false;
  Rcode rcode = Rcode::no_error;

  friend bool operator==(const Header&, const Header&) = default;
};

struct Question {
  std::string name;
  Type type = Type::a;
  Class klass = Class::in;

  friend bool operator==(const Question&, const Question&) = default;
};

// `data` is what was read of the message, into which it points; `target` a CNAME's.
struct Record {
  std::string name;
  Type type = Type::a;
  Class klass = Class::in;  // of an OPT record the sender's largest datagram (RFC 6891, 6.1.2)
  std::uint32_t ttl_s = 0;
  ConstBytes data{};
  std::string target{};
};

struct Message {
  Header header;
  std::vector<Question> questions;
  std::vector<Record> answers;
  std::vector<Record> authorities;
  std::vector<Record> additionals;
};

// Errc::bad_dns for what is no whole message. Bytes behind it are not looked at. Allocates; time
// and memory are linear in the number of records, each of which has 11 bytes of `in` at least.
std::expected<Message, Errc> read_message(ConstBytes in);

// The bytes of a message whose names are valid_name(), or were read. A record's name that is the
// first question's becomes a pointer to it (4.1.4); a record's data are written as they are.
std::vector<std::byte> write_message(const Message& message);

// Whether `name` can be written: labels of 1 to 63 bytes, 255 in all on the wire.
bool valid_name(std::string_view name);

// Names are the same in either case (RFC 1035, 2.3.3).
bool same_name(std::string_view a, std::string_view b);

}  // namespace zyphos::dns
