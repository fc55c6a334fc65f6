// ClosedLoop: clients on a simulated network that each send the next request when the one before is
// answered, and what came of it. Deterministic.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "protocol/client.h"
#include "sim/network.h"

namespace zyphos::sim {

struct ClosedLoopOptions {
  std::size_t clients = 1;
  std::size_t requests_each = 1;
  std::size_t pipeline = 1;
};

class ClosedLoop {
 public:
  using MakeClient = std::function<std::unique_ptr<Client>()>;

  // Connects all clients; `network` and `request` outlive the run.
  ClosedLoop(Network& network, const Address& address, const MakeClient& make,
             const Request& request, const ClosedLoopOptions& options);

  std::uint64_t done() const { return done_; }
  std::uint64_t unexpected() const { return unexpected_; }
  const std::map<Errc, std::uint64_t>& errors() const { return errors_; }
  const std::vector<std::int64_t>& latencies_ns() const { return latencies_ns_; }
  // How many requests have ended, well or not.
  std::uint64_t ended() const;

 private:
  struct One {
    Client* client = nullptr;
    std::size_t submitted = 0;
    bool finished = false;
  };

  bool after_round(EndId end, std::size_t index);

  Network& network_;
  const Request& request_;
  ClosedLoopOptions options_;
  std::vector<One> clients_;
  std::vector<std::int64_t> latencies_ns_;
  std::map<Errc, std::uint64_t> errors_;
  std::uint64_t done_ = 0;
  std::uint64_t unexpected_ = 0;
};

}  // namespace zyphos::sim
