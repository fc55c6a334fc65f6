#include "link/red.h"

#include <cmath>

#include "link/trace.h"

namespace zyphos::link {
namespace {

double packet_ns(const PathOptions& options) {
  const auto bytes = static_cast<double>(options.mtu == 0 ? kOpportunity_bytes : options.mtu);
  if (options.trace) {
    const auto& at_ns = options.trace->at_ns;
    const double opportunity_ns =
        static_cast<double>(at_ns.back()) / static_cast<double>(at_ns.size());
    return bytes / kOpportunity_bytes * opportunity_ns;
  }
  return bytes * 8 * kSecond_ns / static_cast<double>(options.rate_bits_per_second);
}

}  // namespace

Red::Red(const PathOptions& options, Time start, Random random)
    : min_(static_cast<double>(options.red_min_packets)),
      max_(static_cast<double>(options.red_max_packets)),
      probability_(options.red_probability),
      weight_(options.red_weight),
      packet_ns_(packet_ns(options)),
      none_since_(start),
      random_(random) {}

Verdict Red::arrives(const Queue& queue, Time now) {
  move_average(queue, now);
  if (average_ < min_) {
    since_ = -1;
    return Verdict::waits;
  }
  if (average_ >= max_) {
    since_ = 0;
    return Verdict::dropped;
  }
  ++since_;
  const double share = probability_ * (average_ - min_) / (max_ - min_);
  const double left = 1 - static_cast<double>(since_) * share;
  if (left > 0 && random_.unit() > share / left) return Verdict::waits;
  since_ = 0;
  return Verdict::signals;
}

void Red::leaves(const Queue& queue, Time now) {
  if (queue.empty()) none_since_ = now;
}

void Red::move_average(const Queue& queue, Time now) {
  if (!queue.empty()) {
    average_ += weight_ * (static_cast<double>(queue.packets()) - average_);
    return;
  }
  average_ *= std::pow(1 - weight_, static_cast<double>(now - none_since_) / packet_ns_);
  none_since_ = now;
}

}  // namespace zyphos::link
