#include "reference/options.h"

namespace zyphos::reference {
namespace {

std::string law_complaint(const DelayOptions& delay) {
  if (delay.law == Law::bimodal && delay.slow_ns < delay.delay_ns) {
    return "delay.slow_ns is below delay.delay_ns";
  }
  if (delay.law != Law::pareto) return {};
  if (delay.scale_ns <= 0) return "delay.law=pareto needs delay.scale_ns";
  return delay.most_ns < delay.scale_ns ? "delay.most_ns is below delay.scale_ns" : "";
}

}  // namespace

std::string complaint(const Options& options) {
  if (const std::string wrong = law_complaint(options.delay); !wrong.empty()) return wrong;
  if (options.stall.every_ns > 0 && options.stall.every_ns <= options.stall.for_ns) {
    return "stall.every_ns is not longer than stall.for_ns: nothing would ever be answered";
  }
  if (options.loss.share > 1.0 || options.delay.share > 1.0) return "a share is at most 1";
  return {};
}

}  // namespace zyphos::reference
