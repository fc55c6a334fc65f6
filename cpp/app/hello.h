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

  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

  std::string_view body() const { return body_; }
  // Puts the whole answer; `sent` is the body's part already there (head included once > 0 or
  // head_sent).
  Produce answer(Sink& sink, bool& head_sent, std::size_t& sent) const;

 private:
  std::string body_;
  std::array<Header, 1> headers_;
};

}  // namespace zyphos::app
