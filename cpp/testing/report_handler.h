// ReportHandler: answers what it understood of the request, so that a test can read it: "GET /path
// host=a body=...".
#pragma once

#include <memory>
#include <string>

#include "protocol/handler.h"

namespace zyphos::testing {

class ReportHandler final : public Handler {
 public:
  struct Options {
    std::uint16_t status = 200;
    bool with_length = true;  // Content-Length, else by the protocol's framing
    std::size_t repeat = 1;   // of the report
    std::size_t body_bytes_each = ~std::size_t{0};  // taken per body() call, a brake
    // Waits for this many wakes after the request is complete; each one is asked for by produce().
    unsigned wakes = 0;
  };

  ReportHandler() = default;
  explicit ReportHandler(const Options& options) : options_(options) {}

  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

 private:
  Options options_;
};

}  // namespace zyphos::testing
