// Framing: where requests end and what their answers are, by counting and nothing else: the
// reference server judges no request. One entry of the table in framing.cpp for each protocol that
// the load generator speaks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "reference/options.h"

namespace zyphos::reference {

// What a request may hold at most while it is incomplete.
inline constexpr std::size_t kRequest_bytes_max = 16U << 20;

class Framing {
 public:
  virtual ~Framing() = default;
  // Size of the complete request that `held` begins with; 0 when it is not complete.
  virtual std::size_t request_bytes(ConstBytes held) const = 0;
  // Appends the answer to a complete request.
  virtual void answer(ConstBytes request, std::string& out) const = 0;
};

// Of options.protocol; null when there is no such protocol.
std::unique_ptr<Framing> make_framing(const Options& options);
std::vector<std::string> protocol_names();

}  // namespace zyphos::reference
