// ChunkedReader: the chunked transfer coding (RFC 9112, 7.1), byte by byte so that it never needs
// framing to be contiguous. Chunk extensions and trailers are checked and dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/http1/grammar.h"
#include "protocol/http1/rule.h"

namespace zyphos::http1 {

class ChunkedReader {
 public:
  // Extensions of one body, and its trailers, in bytes: beyond it is malformed.
  static constexpr std::size_t kOverhead_bytes_max = 8 * 1024;

  // Reads framing up to the next data or the end; returns the bytes read. Stops at data
  // (data_left() > 0), at done(), at bad(), or when `in` is used up.
  std::size_t framing(ConstBytes in);
  // Bytes of the present chunk still to come: take them from the input, then say so.
  std::uint64_t data_left() const { return state_ == State::data ? left_ : 0; }
  void took(std::size_t n);
  bool done() const { return state_ == State::done; }
  bool bad() const { return state_ == State::bad; }
  // bad: why.
  Rule rule() const { return rule_; }

 private:
  enum class State : std::uint8_t {
    size_first,
    size,
    before_extension,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_first,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    done,
    bad,
  };

  State step(char c);
  State size_digit(char c);
  State after_size(char c);
  State trailer(char c);
  static State only(char c, char wanted, State next);
  State text(char c, Class which, State next);
  State overhead(State next);
  Rule rule_of(State at, char c) const;
  static Rule trailer_rule(State at, char c);

  State state_ = State::size_first;
  std::uint8_t digits_ = 0;
  Rule rule_ = Rule::none;
  std::uint32_t overhead_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace zyphos::http1
