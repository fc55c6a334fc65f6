#include "protocol/http1/read.h"

#include <cstring>
#include <optional>

#include "protocol/http1/skip.h"
#include "protocol/http1/table_reader.h"

namespace zyphos::http1 {
namespace {

class RequestReader : public TableReader {
 public:
  RequestReader(ConstBytes in, const ReadLimits& limits, Parser parser, Fields& fields,
                RequestHead& head, Framing& framing)
      : TableReader(in, limits, parser, fields, framing), head_(head) {}

  ReadResult read() {
    const bool done = request_line() && field_section() && check_host();
    if (done) fill();
    return result(done);
  }

  ReadResult read_by_table(HeadProgress* progress) {
    const bool begun = progress != nullptr && progress->walk.at > 0;
    if (begun) {
      resume_walk(*progress);
    } else {
      start(HeadState::method_first);
    }
    const bool done = walk() && consistent() && check_host();
    const ReadResult read = result(done);
    head_.method = TableReader::method();
    head_.target = TableReader::target();
    if (done) {
      if (begun) complete_fields(*progress);
      absolute_authority_ = absolute_authority();
      fill();
    } else if (read.state == ReadState::partial && progress != nullptr) {
      keep_walk(*progress);
    }
    return read;
  }

  // The same of a head that has been read before, if it is not whole or refused.
  std::optional<ReadResult> go_on(HeadProgress& progress) {
    resume(progress);
    if (field_lines()) return std::nullopt;
    return keep(progress, result(false));
  }
  ReadResult keep(HeadProgress& to, const ReadResult& read) const {
    if (read.state == ReadState::partial) to = progress();
    return read;
  }

 private:
  // method SP request-target SP HTTP-version CRLF (RFC 9112, 3)
  bool request_line() {
    if (kernel_ != nullptr && look(at_) && marked_request_line()) return true;
    open_line();
    if (usual_request_line()) return true;
    return method() && literal(' ', Errc::bad_request_line) && target() &&
           literal(' ', Errc::bad_request_line) && version(Errc::bad_request_line) &&
           line_end(Errc::bad_request_line);
  }

  // The CR of the first line, if that is whole and no longer than it may be; else null.
  const char* marked_end(const char* line) {
    const char* end = LineEnds(window_, line).next(line);
    while (end == nullptr && look(line)) end = LineEnds(window_, line).next(line);
    if (end == nullptr || !ends_line(end)) return nullptr;
    return static_cast<std::size_t>(end - line) + 2 <= limits_.line_bytes_max ? end : nullptr;
  }

  static constexpr std::size_t kVersion_bytes = 9;  // " HTTP/1.1"
  static bool is_version(const char* at) {
    return std::memcmp(at, " HTTP/1.", kVersion_bytes - 1) == 0 && is_digit(at[kVersion_bytes - 1]);
  }

  // In origin-form, HTTP/1.x, and whole. False: it may be another, or wrong.
  bool marked_request_line() {
    constexpr std::ptrdiff_t kSize_min = 12;  // "A / HTTP/1.1"
    const char* const line = at_;
    const char* const end = marked_end(line);
    if (end == nullptr || end - line < kSize_min) return false;
    const std::size_t method_size = window_.name_size(line);
    const char* const target = line + method_size + 1;
    const char* const target_end = end - kVersion_bytes;
    const bool usual =
        method_size > 0 && target < target_end && target[-1] == ' ' && *target == '/';
    if (!usual || window_.target_end(target) != target_end) return false;
    if (!is_version(target_end)) return false;
    head_.method = {line, method_size};
    head_.target = {target, target_end};
    framing_.version_minor = end[-1] == '0' ? 0 : 1;
    at_ = end + 2;
    return true;
  }

  // As nearly all are: in origin-form, HTTP/1.1, and whole. False: it may be another, or wrong.
  bool usual_request_line() {
    constexpr std::string_view kGet = "GET ";
    constexpr std::string_view kEnd = " HTTP/1.1\r\n";
    const char* const method_end =
        reads(at_, kGet) ? at_ + kGet.size() - 1 : skip(at_, end_, kTokenChar);
    if (method_end == at_ || !reads(method_end, " /")) return false;
    // With a kernel this is a line that no window holds, mostly one with a long target.
    const char* const from = method_end + 2;
    const char* const target_end = kernel_ == nullptr ? skip(from, end_, kTargetChar)
                                                      : kernel_->skip(from, end_, kTargetClass);
    if (!reads(target_end, kEnd)) return false;
    head_.method = {at_, method_end};
    head_.target = {method_end + 1, target_end};
    framing_.version_minor = 1;
    at_ = target_end + kEnd.size();
    return true;
  }

  bool method() {
    const char* from = at_;
    at_ = skip(at_, end_, kTokenChar);
    if (at_ == from) return stop(Errc::bad_request_line);
    head_.method = {from, at_};
    return true;
  }

  bool target() {
    const char* from = at_;
    at_ = skip(at_, end_, kTargetChar);
    if (at_ == end_ || at_ == from) return stop(Errc::bad_request_line);
    head_.target = {from, at_};
    if (*from == '/') return true;
    return is_other_target(head_.method, head_.target, absolute_authority_) ||
           fail(Errc::bad_request_line, 400);
  }

  // Exactly one in HTTP/1.1, at most one in HTTP/1.0 (RFC 9112, 3.2).
  bool check_host() {
    if (hosts() > 1 || (hosts() == 0 && framing_.version_minor == 1)) {
      return fail(Errc::bad_host, 400);
    }
    return true;
  }

  void fill() {
    head_.headers = fields_.view();
    head_.authority = absolute_authority_.empty() ? host() : absolute_authority_;
    head_.has_body = framing_.body != Body::none;
    head_.content_length.reset();
    if (has_length()) head_.content_length = framing_.content_length;
    head_.version_major = 1;
    head_.version_minor = framing_.version_minor;
  }

  RequestHead& head_;
  std::string_view absolute_authority_;
};

class ResponseReader : public TableReader {
 public:
  ResponseReader(ConstBytes in, const ReadLimits& limits, Parser parser, Fields& fields,
                 ResponseLine& line, Framing& framing)
      : TableReader(in, limits, parser, fields, framing), line_out_(line) {}

  ReadResult read() {
    const bool done = status_line() && field_section();
    if (done) fill();
    return result(done);
  }
  ReadResult read_by_table() {
    start(HeadState::response_h);
    const bool done = walk() && consistent();
    line_out_.status = status();
    if (done) fill();
    return result(done);
  }

 private:
  // HTTP-version SP status-code [ SP [ reason-phrase ] ] CRLF (RFC 9112, 4; servers leave out the
  // last SP)
  bool status_line() {
    open_line();
    if (!version(Errc::bad_status_line) || !literal(' ', Errc::bad_status_line)) return false;
    if (!status_code()) return false;
    if (at_ < end_ && *at_ == ' ') at_ = skip_field_text(at_, end_);
    return line_end(Errc::bad_status_line);
  }

  bool status_code() {
    unsigned code = 0;
    for (int i = 0; i < 3; ++i) {
      if (at_ == end_ || !is_digit(*at_)) return stop(Errc::bad_status_line);
      code = code * 10 + static_cast<unsigned>(*at_++ - '0');
    }
    line_out_.status = static_cast<std::uint16_t>(code);
    return code >= 100 || fail(Errc::bad_status_line, 400);
  }

  // RFC 9112, 6.3
  void fill() {
    line_out_.version_minor = framing_.version_minor;
    const auto status = line_out_.status;
    if (status < 200 || status == 204 || status == 304) {
      framing_.body = Body::none;
    } else if (!has_length() && !has_transfer_coding()) {
      framing_.body = Body::until_close;
    }
  }

  ResponseLine& line_out_;
};

// Apart from read_request(), which mostly has no progress to look at.
[[gnu::noinline]] ReadResult read_on(ConstBytes in, const ReadLimits& limits, Fields& fields,
                                     RequestHead& head, Framing& framing, Parser parser,
                                     HeadProgress& progress) {
  if (progress.line > 0) {
    RequestReader reader(in, limits, parser, fields, head, framing);
    if (const auto read = reader.go_on(progress)) return *read;
  }
  fields.clear();
  framing = {};
  RequestReader reader(in, limits, parser, fields, head, framing);
  return reader.keep(progress, reader.read());
}

[[gnu::noinline]] ReadResult read_by_table(ConstBytes in, const ReadLimits& limits, Fields& fields,
                                           RequestHead& head, Framing& framing,
                                           HeadProgress* progress) {
  fields.clear();
  framing = {};
  return RequestReader(in, limits, kTable, fields, head, framing).read_by_table(progress);
}

Parser parser_for(ConstBytes in, Parser parser) {
  return in.size() < kMarked_bytes_min ? parser.for_short() : parser;
}

}  // namespace

Parser best_parser() {
  constexpr std::size_t kWidth_bytes_min = 32;
  const scan::Kernel& best = scan::best_kernel();
  return best.width_bytes >= kWidth_bytes_min ? Parser(&best) : kDescent;
}

ReadResult read_request(ConstBytes in, const ReadLimits& limits, Fields& fields, RequestHead& head,
                        Framing& framing, Parser parser, HeadProgress* progress) {
  if (parser.by_table()) return read_by_table(in, limits, fields, head, framing, progress);
  if (progress != nullptr) return read_on(in, limits, fields, head, framing, parser, *progress);
  fields.clear();
  framing = {};
  return RequestReader(in, limits, parser_for(in, parser), fields, head, framing).read();
}

ReadResult read_response(ConstBytes in, const ReadLimits& limits, Fields& fields,
                         ResponseLine& line, Framing& framing, Parser parser) {
  fields.clear();
  framing = {};
  ResponseReader reader(in, limits, parser_for(in, parser), fields, line, framing);
  return parser.by_table() ? reader.read_by_table() : reader.read();
}

}  // namespace zyphos::http1
