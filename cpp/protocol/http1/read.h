// Bytes to heads: a strict reading of RFC 9112 without allocation; results point into the input. It
// knows nothing of connections, bodies or time. Two parsers say the same of every input: `descent`,
// recursive descent with one function per grammar element, and `simd`, which finds the ends of
// lines, names and targets 64 characters at a time.
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

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/handler.h"
#include "scan/kernel.h"

namespace zyphos::http1 {

struct ReadLimits {
  std::size_t line_bytes_max = 8 * 1024;   // a start line or a field line
  std::size_t head_bytes_max = 32 * 1024;  // start line and fields with their line ends
};

// Null: descent. Else simd, by this kernel.
using Parser = const scan::Kernel*;
inline constexpr Parser kDescent = nullptr;
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
  // Counts as many as there, without their being there.
  void count(std::size_t size) { size_ = size; }
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
};

enum class ReadState : std::uint8_t { done, partial, bad };

struct ReadResult {
  ReadState state = ReadState::partial;
  Errc error = Errc::ok;
  std::uint16_t status = 0;  // bad: what a server answers
  std::size_t size = 0;      // done: bytes of the head
};

// What the whole lines of a head that is not whole have said, so that they are not read again each
// time that more has come.
struct HeadProgress {
  std::size_t line = 0;  // the first byte of the line under way; 0: nothing is known
  std::size_t fields = 0;
  FieldsSeen seen;
  Framing framing;
};

// Fills head (all but has_body when not done), fields and framing.
// `progress`, where it is given: of this head, which still begins where it did. It is brought up to
// date, and what came of it is what a reading without it would have said. Then a head that trickles
// in costs each time what its last line does, not what all of it does, and once more all of it when
// it is whole.
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
