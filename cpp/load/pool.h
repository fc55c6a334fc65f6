// Pool: a client's connections to one server, kept from request to request. It says what is to be
// done - serve, check, dial, close - and is told what came of it; it does no I/O and reads no
// clock, so that it runs in virtual time.
//
// Connections are numbers below connections_max, requests whatever the driver calls them. Who asks
// waits, first come first served, for a connection that is idle, checked or newly dialed. It is
// refused when every connection serves somebody (or has somebody waiting for it) and waiting_max
// wait already. A connection that has been idle for idle_timeout_ns is closed and never handed out.
//
// O(1) a call, but for the end of a connection that was dialed and has served nobody; allocates
// nothing after construction. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace zyphos {

enum class PoolOrder : std::uint8_t {
  lifo,  // the last one that came back: few are in use, the others may time out
  fifo,  // the one that has been idle longest: all stay in use
};

struct PoolOptions {
  std::size_t connections_max = 16;
  std::size_t waiting_max = 1024;
  std::int64_t idle_timeout_ns = 0;              // 0: never
  std::optional<std::int64_t> check_after_ns{};  // idle for so long: checked first; empty: never
  PoolOrder order = PoolOrder::lifo;
};

// In its life so far.
struct PoolCounts {
  std::uint64_t served = 0;
  std::uint64_t reused = 0;   // of these, by a connection that had served before
  std::uint64_t dialed = 0;   // begun
  std::uint64_t checked = 0;  // begun
  std::uint64_t timed_out = 0;
  std::uint64_t refused = 0;
};

class Pool {
 public:
  struct Step {
    enum class Kind : std::uint8_t {
      serve,  // this request by this connection, until released() or gone()
      check,  // whether it still stands: sound() or gone()
      dial,   // dialed() or gone()
      close,  // it has been idle for too long
    };

    Kind kind;
    std::uint32_t connection;
    std::uint64_t request = 0;  // serve

    friend bool operator==(const Step&, const Step&) = default;
  };

  explicit Pool(const PoolOptions& options);

  // False: refused.
  [[nodiscard]] bool ask(std::uint64_t request);
  void dialed(std::uint32_t connection) { become_ready(connection, State::dialing); }
  void sound(std::uint32_t connection) { become_ready(connection, State::checking); }
  // Its request has ended and the next may come.
  void released(std::uint32_t connection, Time now);
  // It would not take the request that it was to serve, and is gone; the request waits again, as
  // the first.
  void untaken(std::uint32_t connection, std::uint64_t request);
  // Who has waited longest gives up; empty: nobody waits.
  std::optional<std::uint64_t> give_up();
  // It is lost, whatever it was doing; nothing where it was closed. A dial that failed is gone when
  // it may be tried again: the next step may be to dial.
  void gone(std::uint32_t connection);

  // What is to be done next; empty: nothing until something is said or due() is reached.
  std::optional<Step> next(Time now);
  // When the next idle connection times out.
  Time due() const;

  bool serves(std::uint32_t connection) const {
    return links_.at(connection).state == State::leased;
  }
  std::size_t waiting() const { return waiting_; }
  std::size_t idle() const { return idle_; }
  // All that are not closed.
  std::size_t open() const { return links_.size() - closed_.size(); }
  const PoolCounts& counts() const { return counts_; }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  enum class State : std::uint8_t { closed, dialing, ready, idle, checking, leased };

  struct Link {
    State state = State::closed;
    bool has_served = false;
    Time since{};  // idle
    // Of the idle ones, in the order in which they became idle.
    std::uint32_t before = kNone;
    std::uint32_t after = kNone;
  };

  void become_ready(std::uint32_t connection, State from);
  void become_idle(std::uint32_t connection, Time now);
  void leave_idle(std::uint32_t connection);
  void close(std::uint32_t connection);
  bool timed_out(std::uint32_t connection, Time now) const;
  bool wants_check(std::uint32_t connection, Time now) const;
  std::uint64_t first_waiting();
  Step lease(std::uint32_t connection);
  std::optional<Step> hand_out(Time now);
  Step begin(Step::Kind kind, State state, std::uint32_t connection);

  PoolOptions options_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> closed_;  // numbers that are free
  std::vector<std::uint32_t> ready_;   // dialed or sound: served before all others
  std::vector<std::uint64_t> queue_;   // a ring of requests
  std::size_t first_ = 0;
  std::size_t waiting_ = 0;
  std::size_t leased_ = 0;
  std::size_t coming_ = 0;  // dialing or checking
  std::size_t idle_ = 0;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  PoolCounts counts_;
};

}  // namespace zyphos
