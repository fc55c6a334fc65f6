#include "protocol/http1/chunked.h"

#include "base/check.h"
#include "protocol/http1/grammar.h"

namespace zyphos::http1 {
namespace {

constexpr int kSizeDigits_max = 15;  // below 2^60; more is no chunk that anyone sends

unsigned hex_value(char c) {
  return is_digit(c) ? static_cast<unsigned>(c - '0')
                     : static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

}  // namespace

std::size_t ChunkedReader::framing(ConstBytes in) {
  const std::string_view text = as_text(in);
  std::size_t at = 0;
  while (at < text.size() && state_ < State::done && state_ != State::data) {
    const State before = state_;
    state_ = step(text[at++]);
    if (state_ == State::bad) rule_ = rule_of(before, text[at - 1]);
  }
  return at;
}

void ChunkedReader::took(std::size_t n) {
  ZY_DCHECK(n <= left_);
  left_ -= n;
  if (left_ == 0) state_ = State::data_cr;
}

ChunkedReader::State ChunkedReader::step(char c) {
  switch (state_) {
    case State::size_first:
      digits_ = 0;
      left_ = 0;
      return size_digit(c);
    case State::size:
    case State::before_extension: return after_size(c);
    case State::extension: return c == '\r' ? State::size_lf : text(c, kFieldChar, state_);
    case State::size_lf: return only(c, '\n', left_ > 0 ? State::data : State::trailer_first);
    case State::data_cr: return only(c, '\r', State::data_lf);
    case State::data_lf: return only(c, '\n', State::size_first);
    default: return trailer(c);
  }
}

ChunkedReader::State ChunkedReader::size_digit(char c) {
  if (!is(c, kHexDigit) || ++digits_ > kSizeDigits_max) return State::bad;
  left_ = left_ * 16 + hex_value(c);
  return State::size;
}

// *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ) CR
ChunkedReader::State ChunkedReader::after_size(char c) {
  if (state_ == State::size && c == '\r') return State::size_lf;
  if (state_ == State::size && is(c, kHexDigit)) return size_digit(c);
  if (c == ' ' || c == '\t') return overhead(State::before_extension);
  return c == ';' ? overhead(State::extension) : State::bad;
}

// trailer-section CRLF, where a trailer is a field line
ChunkedReader::State ChunkedReader::trailer(char c) {
  switch (state_) {
    case State::trailer_first:
      return c == '\r' ? State::last_lf : text(c, kTokenChar, State::trailer_name);
    case State::trailer_name: return c == ':' ? State::trailer_value : text(c, kTokenChar, state_);
    case State::trailer_value: return c == '\r' ? State::trailer_lf : text(c, kFieldChar, state_);
    case State::trailer_lf: return only(c, '\n', State::trailer_first);
    case State::last_lf: return only(c, '\n', State::done);
    default: return State::bad;
  }
}

Rule ChunkedReader::rule_of(State at, char c) const {
  if (overhead_ > kOverhead_bytes_max) return Rule::chunk_extension;
  switch (at) {
    case State::data_cr:
    case State::data_lf: return Rule::chunk_end;
    case State::extension: return Rule::chunk_extension;
    case State::size_lf:
    case State::trailer_lf:
    case State::last_lf: return Rule::bare_cr;
    default: break;
  }
  if (c == '\n') return Rule::bare_lf;
  return at < State::data ? Rule::chunk_size : trailer_rule(at, c);
}

Rule ChunkedReader::trailer_rule(State at, char c) {
  if (c == '\r') return Rule::bare_cr;
  if (at == State::trailer_value) return Rule::control;
  if (c != ' ' && c != '\t') return Rule::field_name;
  return at == State::trailer_first ? Rule::fold : Rule::space_before_colon;
}

ChunkedReader::State ChunkedReader::only(char c, char wanted, State next) {
  return c == wanted ? next : State::bad;
}

ChunkedReader::State ChunkedReader::text(char c, Class which, State next) {
  return is(c, which) ? overhead(next) : State::bad;
}

ChunkedReader::State ChunkedReader::overhead(State next) {
  return ++overhead_ > kOverhead_bytes_max ? State::bad : next;
}

}  // namespace zyphos::http1
