// Bytes to heads: a strict reading of RFC 9112 without allocation; results point into the input. It
// knows nothing of connections, bodies or time. Three parsers say the same of every input:
// `descent`, recursive descent with one function per grammar element; `table`, an automaton whose
// tables are made of the grammar's rules; and `simd`, which finds the ends of lines, names and
// targets 64 characters at a time.
//
// Every function sees the head from its first byte; "partial" is not an error, more bytes are
// needed. kReadPadding readable bytes follow the input. Cost: O(size) per call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/handler.h"
#include "scan/kernel.h"

namespace zyphos::http1 {

struct ReadLimits {
  std::size_t line_bytes_max = 8 * 1024;   // a start line or a field line
  std::size_t head_bytes_max = 32 * 1024;  // start line and fields with their line ends
};

// Which of the parsers, and by which kernel where it is simd.
class Parser {
 public:
  // simd by this kernel; null: descent.
  constexpr Parser(const scan::Kernel* kernel)
      : kernel_(kernel) {}  // NOLINT(google-explicit-constructor)
  static constexpr Parser table() {
    Parser made(nullptr);
    made.table_ = true;
    return made;
  }

  constexpr const scan::Kernel* kernel() const { return kernel_; }
  constexpr bool by_table() const { return table_; }
  // Without marks.
  constexpr Parser for_short() const {
    Parser made(nullptr);
    made.table_ = table_;
    return made;
  }
  // "descent", "table", or the kernel's.
  constexpr std::string_view name() const {
    if (kernel_ != nullptr) return kernel_->name;
    return table_ ? "table" : "descent";
  }

 private:
  const scan::Kernel* kernel_;
  bool table_ = false;
};
inline constexpr Parser kDescent = nullptr;
inline constexpr Parser kTable = Parser::table();
// Shorter heads are read faster one character after another.
inline constexpr std::size_t kMarked_bytes_min = 80;
// The faster one here: simd by a kernel of at least 32 bytes, descent where there is none.
Parser best_parser();

// Header fields of one head. Left uninitialised until used: 100 of them are 3 KB.
class Fields {
 public:
  static constexpr std::size_t kMax = 100;

  Fields() {}  // NOLINT(modernize-use-equals-default): default would clear the storage
  bool add(std::string_view name, std::string_view value) {
    if (size_ == kMax) return false;
    std::construct_at(&items_[size_++], Header{name, value});
    return true;
  }
  void clear() { size_ = 0; }
  // Counts as many as there, without their being there; and gives one of them later.
  void count(std::size_t size) { size_ = size; }
  void put(std::size_t index, std::string_view name, std::string_view value) {
    std::construct_at(&items_[index], Header{name, value});
  }
  std::span<const Header> view() const { return {items_, size_}; }

 private:
  union {
    Header items_[kMax];
  };
  std::size_t size_ = 0;
};

// How a message's body is delimited (RFC 9112, 6.3).
enum class Body : std::uint8_t { none, length, chunked, until_close };

// What the protocol itself reads of the fields.
struct Framing {
  Body body = Body::none;
  std::uint64_t content_length = 0;
  bool close = false;            // the connection ends after this message
  bool upgrade = false;          // Connection: upgrade, with an Upgrade field
  bool expect_continue = false;  // Expect: 100-continue
  std::uint8_t version_minor = 1;
};

// What the fields so far have said of the message, as far as later ones matter to it.
struct FieldsSeen {
  bool has_length = false;
  bool keep_alive = false;
  bool upgrade_option = false;
  bool upgrade_field = false;
  unsigned transfer_codings = 0;
  unsigned hosts = 0;

  bool asks_upgrade() const { return upgrade_option && upgrade_field; }
};

enum class ReadState : std::uint8_t { done, partial, bad };

struct ReadResult {
  ReadState state = ReadState::partial;
  Errc error = Errc::ok;
  std::uint16_t status = 0;  // bad: what a server answers
  std::size_t size = 0;      // done: bytes of the head
};

// A part of a head, wherever that lies.
struct HeadPlace {
  HeadPlace() = default;
  HeadPlace(const char* begin, std::string_view part)
      : at(part.empty() ? 0 : static_cast<std::uint32_t>(part.data() - begin)),
        size(static_cast<std::uint32_t>(part.size())) {}
  std::string_view of(const char* begin) const { return {begin + at, size}; }

  std::uint32_t at = 0;
  std::uint32_t size = 0;
};

// Where parser table stands in a head that is not whole. Offsets are from its first byte.
struct HeadWalk {
  std::size_t at = 0;  // the next byte; 0: nothing is known
  std::uint16_t row = 0;
  std::uint8_t run = 0;
  std::size_t method_end = 0;
  std::size_t target_end = 0;
  std::size_t name_end = 0;
  HeadPlace authority;
  HeadPlace host;
  std::vector<std::array<HeadPlace, 2>> fields;
  std::uint64_t bytes_visited = 0;  // by all readings together
};

// What the whole lines of a head that is not whole have said, so that they are not read again each
// time that more has come.
struct HeadProgress {
  std::size_t line = 0;  // the first byte of the line under way; 0: nothing is known
  std::size_t fields = 0;
  FieldsSeen seen;
  Framing framing;
  HeadWalk walk;
};

// Fills head (all but has_body when not done), fields and framing.
// `progress`, where it is given: of this head, which still begins where it did. It is brought up to
// date, and what came of it is what a reading without it would have said. Then a head that trickles
// in costs each time what its last line does, not what all of it does, and once more all of it when
// it is whole; by parser table each of its bytes is gone over once.
ReadResult read_request(ConstBytes in, const ReadLimits& limits, Fields& fields, RequestHead& head,
                        Framing& framing, Parser parser = kDescent,
                        HeadProgress* progress = nullptr);

struct ResponseLine {
  std::uint16_t status = 0;
  std::uint8_t version_minor = 1;
};

// framing.body is as the fields and the status say; the request's method (HEAD) is the caller's to
// apply, and that a body until the close ends the connection.
ReadResult read_response(ConstBytes in, const ReadLimits& limits, Fields& fields,
                         ResponseLine& line, Framing& framing, Parser parser = kDescent);

}  // namespace zyphos::http1
