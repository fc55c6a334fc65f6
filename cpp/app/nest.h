// Nest: as hello, but a request for /deep first goes so deep into the stack of the thread that
// serves it, as a recursive parser goes with what it is given. Where the stack is smaller that is
// its end.
#pragma once

#include <cstddef>
#include <memory>

#include "app/hello.h"

namespace zyphos::app {

// Thread safety: one Nest serves all threads.
class Nest final : public Handler {
 public:
  Nest(std::size_t nest_bytes, std::size_t response_bytes)
      : nest_bytes_(nest_bytes), hello_(response_bytes) {}

  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

 private:
  std::size_t nest_bytes_;
  Hello hello_;
};

// How deep the stack was below the caller at the deepest: at least so many bytes, and at most a few
// hundred more.
std::size_t descend(std::size_t bytes);

}  // namespace zyphos::app
