// BlockingDriver: drives one connection on one thread. It waits in recv (SO_RCVTIMEO keeps the
// deadline); it polls only when it waits for two things - room to send, or wakes that the
// application has announced - or when options.blocking is off.
//
// Thread safety: run() on the connection's thread; saw_drain() and the flags from anywhere. A
// signal with a handler ends any wait, after which the flags are looked at.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/mailbox.h"
#include "net/fd.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {

// What the threads of one engine share; outlives them.
struct BlockingShared {
  explicit BlockingShared(const EngineOptions& engine_options) : options(engine_options) {}
  virtual ~BlockingShared() = default;
  // Starts a thread for a connection that dials; false when there can be none (then nothing is
  // taken).
  virtual bool start_dialed(Dialed& dialed, std::unique_ptr<Connection>& connection) = 0;

  bool aborts(Time now) const { return now.ns >= abort_at_ns.load(std::memory_order_acquire); }

  EngineOptions options;
  std::atomic<bool> draining = false;
  std::atomic<std::int64_t> abort_at_ns = Time::never().ns;  // when the drain timeout is over
};

struct BlockingSetup {
  BlockingShared& shared;
  Counters& counters;
  Random random;
  std::shared_ptr<Mailbox> mailbox;
  Fd fd;
  std::unique_ptr<Connection> connection;
  bool accepted = true;                 // else dialed
  std::int64_t silence_timeout_ns = 0;  // it is reset when nothing moves for so long; 0: never
  Errc dial_error = Errc::ok;           // the dial could not even be started
};

class BlockingDriver final : public Dialer, public Callers {
 public:
  explicit BlockingDriver(BlockingSetup setup);

  // Until the connection is over; its descriptor is still open then (no one else's number while the
  // engine may name it).
  void run();
  // Before run(), when no thread could be had.
  void give_back(Fd& fd, std::unique_ptr<Connection>& connection);
  bool saw_drain() const { return saw_drain_.load(std::memory_order_acquire); }

  void dial(const Address& address, std::unique_ptr<Connection> connection) override;
  std::optional<Address> caller(std::uint32_t) const override {
    return peer_address(setup_.fd.get());
  }

 private:
  Errc connect();
  void serve();
  bool look_around();
  bool send();
  Flush flush_output();
  void wait();
  void wait_for_input();
  void wait_for_several();
  void take(Received received);
  Time deadline() const;
  void deliver();
  void fail_dials();
  void lose(Errc error);
  void limit_wait(Time deadline);

  BlockingSetup setup_;
  Counters& counters_;
  BlockPool pool_;
  Driver driver_;
  std::unique_ptr<std::byte[]> buffer_;
  Slot slot_;
  Time now_;
  Time moved_;                           // when bytes last came or went
  std::int64_t receive_timeout_ns_ = 0;  // as it stands in the kernel; 0: none
  std::vector<Mailbox::Mail> mail_;
  std::vector<std::unique_ptr<Connection>> failed_dials_;
  bool sends_files_ = false;  // it has sent one: SIGPIPE is blocked
  std::atomic<bool> saw_drain_ = false;
};

}  // namespace zyphos
