// Report: answers what it understood of a request, so that whoever sent the bytes can see how they
// were read: "read METHOD TARGET BODY_BYTES" and LF. What `zyphos-lab smuggle` asks.
#pragma once

#include "protocol/handler.h"

namespace zyphos::app {

// Thread safety: one Report serves all threads.
class Report final : public Handler {
 public:
  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;
};

}  // namespace zyphos::app
