// HeadReader: what requests and responses have in common, the field section (RFC 9112, 5) and its
// framing fields (6). Each function reads one grammar element at at_; false means that state_ says
// why it stopped.
//
// With a kernel, lines of the usual form are read by marks (window.h); any other line, whatever is
// unusual about it, is left to the descent from its first byte on. So there is one place that
// refuses, and both parsers say the same. Parser table goes its own way up to a field's end
// (table_reader.h); what the field says is read here for all.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "protocol/http1/grammar.h"
#include "protocol/http1/read.h"
#include "protocol/http1/window.h"

namespace zyphos::http1 {

class HeadReader {
 public:
  HeadReader(ConstBytes in, const ReadLimits& limits, Parser parser, Fields& fields,
             Framing& framing)
      : kernel_(parser.kernel()),
        limits_(limits),
        fields_(fields),
        framing_(framing),
        begin_(as_text(in).data()),
        at_(begin_),
        window_(begin_) {
    const std::size_t seen = std::min(in.size(), limits.head_bytes_max);
    input_end_ = begin_ + seen;
    clamped_ = seen < in.size();
  }

  ReadResult result(bool done) const {
    if (done) return {ReadState::done, Errc::ok, 0, static_cast<std::size_t>(at_ - begin_)};
    return {state_, error_, status_, 0};
  }

 protected:
  // Starts a line: its reading ends at the input's end or at the limit.
  void open_line() {
    line_ = at_;
    const auto left = static_cast<std::size_t>(input_end_ - at_);
    end_ = at_ + std::min(left, limits_.line_bytes_max);
  }
  bool fail(Errc error, std::uint16_t status);
  // The element cannot go on at at_: more bytes are needed, a limit is reached, or the byte there
  // is wrong.
  bool stop(Errc error, std::uint16_t status = 400);
  bool literal(char c, Errc error) {
    if (at_ == end_ || *at_ != c) return stop(error);
    ++at_;
    return true;
  }
  bool line_end(Errc error) { return literal('\r', error) && literal('\n', error); }
  // Is this text at `at`, within the line?
  bool reads(const char* at, std::string_view text) const {
    return std::string_view(at, end_).starts_with(text);
  }
  bool version(Errc error);
  // Field lines up to and with the empty line, whose framing is consistent.
  bool field_section();
  bool field_lines();
  // Is the framing of the lines that were read?
  bool consistent();
  // What a field that is known says.
  bool known_field(std::size_t known, std::string_view value);
  // Goes on behind the lines that were read before; what they said is not there to be shown.
  void resume(const HeadProgress& progress);
  HeadProgress progress() const;

  // Makes the window's marks from `line` on; false: there is nothing more to mark.
  bool look(const char* line) { return window_.open(*kernel_, line, input_end_); }
  // Does CRLF stand there, wholly within the input?
  bool ends_line(const char* at) const {
    return input_end_ - at >= 2 && std::memcmp(at, "\r\n", 2) == 0;
  }

  bool has_length() const { return seen_.has_length; }
  bool has_transfer_coding() const { return seen_.transfer_codings > 0; }
  bool keep_alive_asked() const { return seen_.keep_alive; }
  std::string_view host() const { return host_; }
  void resume_host(std::string_view host) { host_ = host; }
  unsigned hosts() const { return seen_.hosts; }

  const scan::Kernel* const kernel_;  // null: no marks
  const ReadLimits& limits_;
  Fields& fields_;
  Framing& framing_;
  const char* begin_;
  const char* at_;
  Window window_;
  const char* end_ = nullptr;  // of what may be read of this line
  const char* input_end_ = nullptr;
  const char* line_ = nullptr;
  bool clamped_ = false;  // input_end_ is the head's limit, not the input's end
  bool start_line_ = true;

 private:
  // A line, or all up to and with the empty one, was read by marks; or it is another; or refused.
  enum class Lines : std::uint8_t { done, other, refused };

  bool other_version(Errc error);
  Lines marked_lines();
  Lines marked_line(const char* line, const char* end);
  bool field_line();
  bool field_value(const char* at, std::string_view& value);
  bool check_framing();
  bool host_field(std::string_view value) {
    ++seen_.hosts;
    host_ = value;
    return true;
  }
  bool content_length(std::string_view value);
  bool transfer_encoding(std::string_view value);
  bool expect(std::string_view value);
  bool upgrade(std::string_view value);
  bool connection(std::string_view value);

  ReadState state_ = ReadState::partial;
  Errc error_ = Errc::ok;
  std::uint16_t status_ = 0;
  FieldsSeen seen_;
  std::string_view host_;
};

}  // namespace zyphos::http1
