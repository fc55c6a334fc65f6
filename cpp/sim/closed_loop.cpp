#include "sim/closed_loop.h"

#include <utility>

namespace zyphos::sim {

ClosedLoop::ClosedLoop(Network& network, const Address& address, const MakeClient& make,
                       const Request& request, const ClosedLoopOptions& options)
    : network_(network), request_(request), options_(options), clients_(options.clients) {
  for (std::size_t i = 0; i < options.clients; ++i) {
    auto client = make();
    clients_[i].client = client.get();
    network.connect(address, std::move(client),
                    [this, i](EndId end) { return after_round(end, i); });
  }
}

// Takes what is complete and submits what may follow. The tag is the time of submission.
bool ClosedLoop::after_round(EndId end, std::size_t index) {
  One& one = clients_[index];
  for (const Completion& completion : one.client->completed()) {
    if (completion.error != Errc::ok) {
      ++errors_[completion.error];
      continue;
    }
    ++done_;
    if (!completion.body_expected) ++unexpected_;
    latencies_ns_.push_back(network_.now().ns - static_cast<std::int64_t>(completion.tag));
  }
  const std::size_t before = one.submitted;
  while (one.submitted < options_.requests_each && one.client->outstanding() < options_.pipeline) {
    if (!one.client->submit(request_, static_cast<std::uint64_t>(network_.now().ns))) break;
    ++one.submitted;
  }
  const bool all = one.submitted == options_.requests_each && one.client->outstanding() == 0;
  if (all && !std::exchange(one.finished, true)) network_.half_close(end);
  return one.submitted > before;
}

std::uint64_t ClosedLoop::ended() const {
  std::uint64_t sum = done_;
  for (const auto& [error, count] : errors_) sum += count;
  return sum;
}

}  // namespace zyphos::sim
