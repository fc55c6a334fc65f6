#include "link/options.h"

#include <algorithm>

namespace zyphos::link {
namespace {

std::string loss_complaint(const PathOptions& options) {
  const bool burst = options.loss_p > 0 || options.loss_good > 0;
  if (options.loss_law != LossLaw::gilbert_elliott && burst) {
    return "loss_p and loss_good need loss_law=gilbert-elliott";
  }
  if (options.loss_law != LossLaw::index && !options.loss_indices.empty()) {
    return "loss_indices needs loss_law=index";
  }
  if (std::ranges::find(options.loss_indices, 0) != options.loss_indices.end()) {
    return "loss_indices count from 1";
  }
  if (options.loss_law != LossLaw::random && options.loss > 0) {
    return "loss needs loss_law=random";
  }
  return "";
}

std::string queue_complaint(const PathOptions& options) {
  if (options.rate_bits_per_second > 0 || options.trace) return "";
  if (options.queue_packets || options.queue_bytes) {
    return "queue_packets and queue_bytes need rate_bits_per_second: without it nothing waits";
  }
  if (options.aqm != Aqm::none) return "aqm needs rate_bits_per_second: without it nothing waits";
  return "";
}

std::string red_complaint(const PathOptions& options) {
  if (options.red_min_packets >= options.red_max_packets) {
    return "red_min_packets must be less than red_max_packets";
  }
  return options.red_weight > 0 ? "" : "red_weight must be above 0";
}

}  // namespace

std::string complaint(const PathOptions& options) {
  if (options.rate_bits_per_second > 0 && options.trace) {
    return "rate_bits_per_second and trace exclude each other";
  }
  if (options.reorder > 0 && options.delay_ns == 0) {
    return "reorder needs delay_ns: a packet passes those that are delayed";
  }
  for (const auto& part : {queue_complaint, red_complaint, loss_complaint}) {
    if (std::string said = part(options); !said.empty()) return said;
  }
  return "";
}

}  // namespace zyphos::link
