#include "load/options.h"

#include <array>
#include <string_view>

#include "base/address.h"
#include "protocol/echo/client.h"

namespace zyphos {
namespace {

// More intervals than any plot shows; each has a histogram per thread.
constexpr std::int64_t kIntervals_max = 10'000;

std::string arrival_complaint(const LoadOptions& options) {
  const ArrivalOptions& arrival = options.arrival;
  if (arrival.law == Law::closed) {
    return arrival.rate_per_second == 0.0 ? ""
                                          : "arrival.law=closed has no arrival.rate_per_second";
  }
  if (arrival.rate_per_second == 0.0) return "an open arrival.law needs arrival.rate_per_second";
  return arrival.think_ns == 0 ? "" : "arrival.think_ns belongs to arrival.law=closed";
}

std::string echo_complaint(const LoadOptions& options) {
  if (!echo::write_pattern(options.write_pattern)) {
    return "write_pattern must be one of one two writev cork";
  }
  if (options.check.status || options.check.body || options.check.body_bytes) {
    return "protocol=echo checks every byte itself: check.* belongs to protocol=http1";
  }
  if (!options.body.empty() || options.body_bytes != 0 || !options.headers.empty()) {
    return "body and header belong to protocol=http1";
  }
  return "";
}

}  // namespace

std::optional<Law> law_named(const std::string& name) {
  constexpr std::array<std::string_view, 3> kNames{"closed", "constant", "poisson"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Law>(i);
  }
  return {};
}

std::string complaint(const LoadOptions& options) {
  if (options.port == 0) return "port= is needed";
  if (const auto parsed = Address::parse(options.address, options.port); !parsed) {
    return "address: " + parsed.error();
  }
  if (options.connections < options.threads) return "connections must be at least threads";
  if (options.interval_ns > 0 && options.window_ns / options.interval_ns > kIntervals_max) {
    return "interval_ns is too short: at most 10000 intervals in a window";
  }
  if (!options.body.empty() && options.body_bytes != 0) {
    return "body and body_bytes exclude each other";
  }
  if (const std::string text = arrival_complaint(options); !text.empty()) return text;
  return options.protocol == "echo" ? echo_complaint(options) : "";
}

}  // namespace zyphos
