// Transfer: a deadlock made on purpose. Two accounts, each with a lock; a request moves 1 from one
// to the other, the next request 1 back. It holds the first lock for a while before it asks for the
// second: two threads that move in opposite directions then wait for each other for ever. The
// cures: one order for all (`ranked`), or that whoever would complete the circle is told, gives way
// and tries again (`retry`). A server with one thread has nobody to wait for.
//
// Each deadlock is counted (Errc::deadlock); the first is reported, in one line on stderr. Thread
// safety: one Transfer serves all threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "app/hello.h"
#include "protocol/handler.h"
#include "sched/watched_mutex.h"

namespace zyphos::app {

enum class Locking : std::uint8_t {
  given,   // first the account that is moved from; who completes a circle waits all the same
  ranked,  // always the same account first
  retry,   // as `given`, but who would complete a circle lets go and begins with the other lock
};

// "given", "ranked", "retry". Unknown name: std::invalid_argument, one line.
Locking locking(std::string_view name);
std::vector<std::string_view> locking_names();

class Transfer final : public Handler {
 public:
  // Between the two locks pass `hold_ns`.
  Transfer(Locking locking, std::int64_t hold_ns, std::size_t response_bytes)
      : locking_(locking), hold_ns_(hold_ns), hello_(response_bytes) {}

  // Blocks the calling thread, with `given` possibly for ever.
  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

  // Of both accounts: 0 at any time at which nobody moves.
  std::int64_t sum() const { return accounts_[0].balance + accounts_[1].balance; }
  std::uint64_t deadlocks() const { return deadlocks_.load(); }

 private:
  struct Account {
    WatchedMutex mutex;
    std::int64_t balance = 0;
  };

  void move(Account& from, Account& to, Counters& counters);
  bool lock_both(Account& first, Account& second, Counters& counters);
  void report(const std::string& circle, Counters& counters);

  Locking locking_;
  std::int64_t hold_ns_;
  Hello hello_;
  std::array<Account, 2> accounts_{Account{WatchedMutex("account 0")},
                                   Account{WatchedMutex("account 1")}};
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> deadlocks_ = 0;
  std::once_flag reported_;
};

}  // namespace zyphos::app
