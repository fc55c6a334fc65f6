#include "protocol/dns/message.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace zyphos::dns {
namespace {

constexpr unsigned kPointer = 0xc0;  // the two high bits of a compressed label (4.1.4)
constexpr unsigned kHigh = 0x3f;

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

void append_label(std::string& out, ConstBytes label) {
  if (label.empty()) return;
  if (!out.empty()) out += '.';
  for (const char c : as_text(label)) {
    if (plain(c)) {
      out += c;
      continue;
    }
    const auto value = static_cast<unsigned char>(c);
    out += '\\';
    for (const int digit : {value / 100, value / 10 % 10, value % 10}) {
      out += static_cast<char>('0' + digit);
    }
  }
}

// Reads a message from its front on. Every function: false, and nothing of use read, where the
// bytes end or are not what they should be.
class Reader {
 public:
  explicit Reader(ConstBytes in) : in_(in) {}

  bool message(Message& out);

 private:
  // Where a name is being read.
  struct Place {
    std::size_t at;
    std::size_t least;   // where its labels began that were read so far: pointers lead before it
    std::size_t behind;  // the message goes on there; 0 until the first pointer
  };

  unsigned byte(std::size_t at) const { return std::to_integer<unsigned>(in_[at]); }
  bool number(std::size_t bytes, std::uint32_t& out);
  template <typename T>
  bool u16(T& out);
  bool header(Message& out, std::array<std::uint16_t, 4>& counts);
  bool questions(std::vector<Question>& out, std::size_t count);
  bool records(std::vector<Record>& out, std::size_t count);
  bool record(Record& out);
  bool name(std::string& out);
  bool follow(Place& place) const;

  ConstBytes in_;
  std::size_t at_ = 0;
};

bool Reader::number(std::size_t bytes, std::uint32_t& out) {
  if (in_.size() - at_ < bytes) return false;
  out = 0;
  for (const std::size_t end = at_ + bytes; at_ < end; ++at_) out = out << 8U | byte(at_);
  return true;
}

template <typename T>
bool Reader::u16(T& out) {
  std::uint32_t value = 0;
  if (!number(2, value)) return false;
  out = static_cast<T>(value);
  return true;
}

// RFC 1035, 4.1.1
bool Reader::header(Message& out, std::array<std::uint16_t, 4>& counts) {
  Header& header = out.header;
  unsigned flags = 0;
  if (!u16(header.id) || !u16(flags)) return false;
  header.response = (flags & 0x8000U) != 0;
  header.opcode = static_cast<std::uint8_t>(flags >> 11U & 0xfU);
  header.authoritative = (flags & 0x400U) != 0;
  header.truncated = (flags & 0x200U) != 0;
  header.recursion_desired = (flags & 0x100U) != 0;
  header.recursion_available = (flags & 0x80U) != 0;
  header.rcode = static_cast<Rcode>(flags & 0xfU);
  return std::ranges::all_of(counts, [this](std::uint16_t& count) { return u16(count); });
}

bool Reader::message(Message& out) {
  std::array<std::uint16_t, 4> counts{};
  return header(out, counts) && questions(out.questions, counts[0]) &&
         records(out.answers, counts[1]) && records(out.authorities, counts[2]) &&
         records(out.additionals, counts[3]);
}

// RFC 1035, 4.1.2
bool Reader::questions(std::vector<Question>& out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Question& one = out.emplace_back();
    if (!name(one.name) || !u16(one.type) || !u16(one.klass)) return false;
  }
  return true;
}

bool Reader::records(std::vector<Record>& out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!record(out.emplace_back())) return false;
  }
  return true;
}

// RFC 1035, 4.1.3; the name within a CNAME (3.3.1) may be compressed, and ends where its data do.
bool Reader::record(Record& out) {
  std::size_t size = 0;
  if (!name(out.name) || !u16(out.type) || !u16(out.klass)) return false;
  if (!number(4, out.ttl_s) || !u16(size) || size > in_.size() - at_) return false;
  out.data = in_.subspan(at_, size);
  const std::size_t end = at_ + size;
  if (out.type == Type::cname && (!name(out.target) || at_ != end)) return false;
  at_ = end;
  return true;
}

// RFC 1035, 3.1 and 4.1.4
bool Reader::name(std::string& out) {
  Place place{.at = at_, .least = at_, .behind = 0};
  std::size_t bytes = 0;
  out.clear();
  while (place.at < in_.size()) {
    const std::size_t size = byte(place.at);
    if (size > kLabel_bytes_max) {
      if (!follow(place)) return false;
      continue;
    }
    bytes += size + 1;
    if (bytes > kName_bytes_max || size > in_.size() - place.at - 1) return false;
    append_label(out, in_.subspan(place.at + 1, size));
    place.at += size + 1;
    if (size == 0) {
      at_ = place.behind != 0 ? place.behind : place.at;
      return true;
    }
  }
  return false;
}

// A pointer leads to a prior place: as each has to lead before all that was read of the name, there
// is no loop.
bool Reader::follow(Place& place) const {
  if (in_.size() - place.at < 2 || (byte(place.at) & kPointer) != kPointer) return false;
  const std::size_t to = (byte(place.at) & kHigh) << 8U | byte(place.at + 1);
  if (to >= place.least) return false;
  if (place.behind == 0) place.behind = place.at + 2;
  place.at = place.least = to;
  return true;
}

// One byte of a name's text, which may be escaped; empty where the escape is none.
std::expected<std::byte, Errc> take_byte(std::string_view& text) {
  const char first = text.front();
  text.remove_prefix(1);
  if (first != '\\') return std::byte(first);
  unsigned value = 0;
  for (int i = 0; i < 3; ++i) {
    if (text.empty() || text.front() < '0' || text.front() > '9') {
      return std::unexpected(Errc::bad_dns);
    }
    value = value * 10 + static_cast<unsigned>(text.front() - '0');
    text.remove_prefix(1);
  }
  if (value > 0xff) return std::unexpected(Errc::bad_dns);
  return std::byte(value);
}

// The first label of `text`, without its dot; empty where it is none.
std::vector<std::byte> take_label(std::string_view& text) {
  std::vector<std::byte> label;
  while (!text.empty() && text.front() != '.') {
    const auto byte = take_byte(text);
    if (!byte) return {};
    label.push_back(*byte);
  }
  if (!text.empty()) {
    text.remove_prefix(1);
    if (text.empty()) return {};  // a dot at the end
  }
  return label;
}

// A name as it stands in a message; empty where it is none.
std::vector<std::byte> on_wire(std::string_view text) {
  std::vector<std::byte> out;
  while (!text.empty()) {
    const std::vector<std::byte> label = take_label(text);
    if (label.empty() || label.size() > kLabel_bytes_max) return {};
    out.push_back(std::byte(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  out.push_back(std::byte(0));
  if (out.size() > kName_bytes_max) out.clear();
  return out;
}

class Writer {
 public:
  void number(std::size_t bytes, std::uint32_t value) {
    for (std::size_t i = bytes; i-- > 0;) out_.push_back(std::byte(value >> 8U * i & 0xffU));
  }
  void u16(auto value) { number(2, static_cast<std::uint32_t>(value)); }
  void name(std::string_view text);
  void header(const Message& message);
  void questions(const Message& message);
  void records(const std::vector<Record>& records);
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
  std::string asked_;  // the first question's name, which stands behind the header
};

void Writer::name(std::string_view text) {
  const std::vector<std::byte> bytes = on_wire(text);
  ZY_CHECK(!bytes.empty());
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void Writer::header(const Message& message) {
  const Header& header = message.header;
  unsigned flags = (header.opcode & 0xfU) << 11U | (static_cast<unsigned>(header.rcode) & 0xfU);
  if (header.response) flags |= 0x8000U;
  if (header.authoritative) flags |= 0x400U;
  if (header.truncated) flags |= 0x200U;
  if (header.recursion_desired) flags |= 0x100U;
  if (header.recursion_available) flags |= 0x80U;
  u16(header.id);
  u16(flags);
  for (const std::size_t count : {message.questions.size(), message.answers.size(),
                                  message.authorities.size(), message.additionals.size()}) {
    ZY_CHECK(count <= 0xffff);
    u16(count);
  }
}

void Writer::questions(const Message& message) {
  if (!message.questions.empty()) asked_ = message.questions.front().name;
  for (const Question& one : message.questions) {
    name(one.name);
    u16(one.type);
    u16(one.klass);
  }
}

void Writer::records(const std::vector<Record>& records) {
  for (const Record& one : records) {
    if (!asked_.empty() && same_name(one.name, asked_)) {
      u16(kPointer << 8U | kHeader_bytes);
    } else {
      name(one.name);
    }
    u16(one.type);
    u16(one.klass);
    number(4, one.ttl_s);
    ZY_CHECK(one.data.size() <= 0xffff);
    u16(one.data.size());
    out_.insert(out_.end(), one.data.begin(), one.data.end());
  }
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::expected<Message, Errc> read_message(ConstBytes in) {
  Message message;
  if (!Reader(in).message(message)) return std::unexpected(Errc::bad_dns);
  return message;
}

std::vector<std::byte> write_message(const Message& message) {
  Writer writer;
  writer.header(message);
  writer.questions(message);
  for (const auto* records : {&message.answers, &message.authorities, &message.additionals}) {
    writer.records(*records);
  }
  return writer.take();
}

bool valid_name(std::string_view name) { return !on_wire(name).empty(); }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace zyphos::dns
