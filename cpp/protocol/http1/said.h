// Said: what a reading says of a head, as one text; for tests and fuzzers that hold readers equal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/http1/read.h"

namespace zyphos::http1 {

// All that a reading gives, with the places in the input that its views point to.
class Said {
 public:
  explicit Said(ConstBytes in) : begin_(as_text(in).data()) {}

  std::string request(ConstBytes in, const ReadLimits& limits, Parser parser,
                      HeadProgress* progress = nullptr) {
    Fields fields;
    RequestHead head;
    Framing framing;
    result(read_request(in, limits, fields, head, framing, parser, progress));
    if (!done_) return text_;
    view(head.method);
    view(head.target);
    view(head.authority);
    number(head.version_major * 10U + head.version_minor);
    number(head.content_length.value_or(~std::uint64_t{0}));
    number(head.has_body ? 1 : 0);
    number(head.headers.size());
    rest(fields, framing);
    return text_;
  }

  std::string response(ConstBytes in, const ReadLimits& limits, Parser parser) {
    Fields fields;
    ResponseLine line;
    Framing framing;
    result(read_response(in, limits, fields, line, framing, parser));
    if (!done_) return text_;
    number(line.status);
    number(line.version_minor);
    rest(fields, framing);
    return text_;
  }

 private:
  void result(const ReadResult& read) {
    done_ = read.state == ReadState::done;
    number(static_cast<std::uint64_t>(read.state));
    text_ += std::string(errc_name(read.error)) + " ";
    number(read.status);
    number(read.size);
  }
  void rest(const Fields& fields, const Framing& framing) {
    for (const Header& field : fields.view()) {
      view(field.name);
      view(field.value);
    }
    number(static_cast<std::uint64_t>(framing.body));
    number(framing.content_length);
    number(framing.version_minor);
    number((framing.close ? 4U : 0U) + (framing.upgrade ? 2U : 0U) +
           (framing.expect_continue ? 1U : 0U));
  }
  void view(std::string_view view) {
    text_ += std::to_string(view.empty() ? 0 : view.data() - begin_) + "+";
    number(view.size());
  }
  void number(std::uint64_t number) { text_ += std::to_string(number) + " "; }

  const char* begin_;
  std::string text_;
  bool done_ = false;
};

}  // namespace zyphos::http1
