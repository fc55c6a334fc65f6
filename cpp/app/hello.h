// Hello: 200, text/plain, a constant body of a configured length.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "protocol/handler.h"

namespace zyphos::app {

// Thread safety: one Hello serves all threads.
class Hello final : public Handler {
 public:
  explicit Hello(std::size_t response_bytes);

  bool answer(const RequestHead& head, Sink& sink) override;
  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

  std::string_view body() const { return body_; }
  // Puts the whole answer; `sent` is the body's part already there (head included once > 0 or
  // head_sent).
  Produce give(Sink& sink, bool& head_sent, std::size_t& sent) const;

 private:
  ResponseHead head() const {
    return {.status = 200,
            .headers = kHeaders,
            .field_lines = "Content-Type: text/plain\r\n",
            .content_length = body_.size()};
  }

  static constexpr std::array<Header, 1> kHeaders{{{"Content-Type", "text/plain"}}};

  std::string body_;
};

}  // namespace zyphos::app
