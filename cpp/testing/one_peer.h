// OnePeer: one connection driven by hand, as an engine would: bytes in at a guard page, everything
// it writes collected, virtual time. Its Surroundings are its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/slot.h"
#include "testing/guard_buffer.h"
#include "testing/surroundings.h"

namespace zyphos::testing {

struct OnePeerOptions {
  SlotLimits limits;
  // Bytes sent per flush; small ones keep the outbox full.
  std::size_t flush_bytes = ~std::size_t{0};
};

class OnePeer {
 public:
  explicit OnePeer(std::unique_ptr<Connection> connection, const OnePeerOptions& options = {});

  // One receive of these bytes, then all that follows from it. Ignored once finished() or aborted.
  void feed(std::string_view bytes);
  // Half-close, reset.
  void finish();
  void lose();
  // A round with nothing new: first of all the one on establishment, spurious ones, deadlines.
  void pump();
  // Sets the clock and pumps when a deadline has come.
  void at(Time now);
  // Delivers the wakes that were asked for. Returns how many.
  std::size_t deliver_wakes();
  // Holds back what is written instead of sending it (a peer that does not read).
  void hold_output(bool hold) { holding_ = hold; }

  Connection& connection() { return slot_.connection(); }
  Slot& slot() { return slot_; }
  Surroundings& around() { return around_; }
  Time now() const { return now_; }
  const std::string& output() const { return output_; }
  std::string take_output() { return std::exchange(output_, {}); }
  // How it ended, if it did: "open", "half" (FIN sent, still reading), "close" (FIN, discards),
  // "abort".
  std::string_view ending() const;
  std::size_t send_calls() const { return send_calls_; }

 private:
  void round();
  void flush();

  OnePeerOptions options_;
  Surroundings around_;
  GuardBuffer buffer_;
  Slot slot_;
  Time now_{1'000'000'000};
  std::string output_;
  std::size_t send_calls_ = 0;
  bool holding_ = false;
  bool fin_ = false;
};

}  // namespace zyphos::testing
