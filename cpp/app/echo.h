// Echo: answers any request with 200 and its own body, as it comes. Back-pressure goes through:
// what cannot be sent is not taken beyond one buffer.
#pragma once

#include "protocol/handler.h"

namespace zyphos::app {

// Thread safety: one Echo serves all threads.
class Echo final : public Handler {
 public:
  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;
};

}  // namespace zyphos::app
