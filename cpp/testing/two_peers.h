// TwoPeers: a client and a server in memory, each in a Slot, with virtual time and seeded cuts of
// the stream between them. For networks with delay and loss, and for many clients, see sim/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/random.h"
#include "protocol/client.h"
#include "protocol/slot.h"
#include "testing/guard_buffer.h"
#include "testing/surroundings.h"

namespace zyphos::testing {

struct TwoPeersOptions {
  SlotLimits limits;
  std::size_t piece_bytes_max = 16 * 1024;  // of one delivery
  std::size_t wire_bytes_max = 64 * 1024;   // in flight each way
  std::uint64_t seed = 1;
};

class TwoPeers {
 public:
  TwoPeers(std::unique_ptr<Client> client, std::unique_ptr<Connection> server,
           const TwoPeersOptions& options = {});

  // Moves bytes both ways until nothing moves any more.
  void run();
  // One delivery each way; false when nothing moved.
  bool turn();
  void advance_time(std::int64_t ns) { now_ = now_ + ns; }
  // The client sends FIN and keeps reading.
  void finish_client() { client_side_.fin = true; }

  Client& client() { return *client_; }
  Slot& client_slot() { return client_side_.slot; }
  Slot& server_slot() { return server_side_.slot; }
  Surroundings& client_around() { return client_side_.around; }
  Surroundings& server_around() { return server_side_.around; }
  Time now() const { return now_; }

 private:
  struct Side {
    explicit Side(const SlotLimits& limits) : around(limits), slot(around.driver) {}
    Surroundings around;
    GuardBuffer buffer{64 * 1024};
    Slot slot;
    std::string wire;  // sent, not yet received by the other
    bool fin = false;
    bool fin_received = false;
  };

  bool pump(Side& side);
  bool flush(Side& side);
  bool deliver(Side& from, Side& to);

  TwoPeersOptions options_;
  Random random_;
  Client* client_;
  Side client_side_;
  Side server_side_;
  Time now_{1'000'000'000};
};

}  // namespace zyphos::testing
