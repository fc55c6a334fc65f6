// The filter against a SYN flood, on the server's interface while it lives: an XDP program that
// drops SYNs from outside 198.18.0.0/16 (syn_filter.bpf.c). It goes with the process. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

namespace zyphos {

class SynFilter {
 public:
  // On `interface` of the calling thread's network namespace. Error: one line, what was refused.
  static std::expected<std::unique_ptr<SynFilter>, std::string> attach(
      const std::string& interface);
  virtual ~SynFilter() = default;

  virtual std::uint64_t dropped() const = 0;
};

}  // namespace zyphos
