// Loop: one thread of an engine that drives many connections. LoopEngine (loop_engine.h) owns the
// threads; what is the same for every loop - slots, wakes, timers, accepting and its pauses,
// draining - is LoopCore; how bytes move is the derived class's (readiness_loop, uring_loop).
//
// Thread safety: everything on the loop's own thread but its Mailbox and the atomics of LoopSetup.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/handoff.h"
#include "engine/mailbox.h"
#include "engine/reserve.h"
#include "net/fd.h"
#include "sched/timer_wheel.h"

namespace zyphos {

// Who looks on at the end of each turn of a loop, on its thread.
class TurnWatch {
 public:
  virtual ~TurnWatch() = default;
  virtual void turned() = 0;
};

// What a loop gets of its engine; the references outlive it.
struct LoopSetup {
  const EngineOptions& options;
  const ConnectionFactory& factory;
  Counters& counters;
  const std::atomic<bool>& draining;
  std::atomic<std::size_t>& accepted_live;  // accepted and not yet closed, all loops of the engine
  std::shared_ptr<Mailbox> mailbox;
  Fd listener;  // none: connections are handed to it
  Random random;
  Handoff* handoff = nullptr;        // what hands them to it
  Dispatcher* dispatcher = nullptr;  // it accepts, and hands all connections out
  // Instead of a listener's connections: what another process passes over this socket.
  bool passed = false;
  TurnWatch* watch = nullptr;
  // Once set it accepts nobody any more (a successor does), and ends with its last connection.
  const std::atomic<bool>* leaving = nullptr;
};

class Loop {
 public:
  virtual ~Loop() = default;
  // Until drained.
  virtual void run() = 0;
};

// Makes a loop on the thread that will run it; std::system_error.
using LoopMaker = std::unique_ptr<Loop> (*)(LoopSetup setup);

// A connection with its socket and its place in the loop's table. The Timer is its deadline.
struct LoopConnection : Timer {
  explicit LoopConnection(Driver& driver) : slot(driver) {}
  virtual ~LoopConnection() = default;

  // Names it for the kernel: stale events of an earlier user of the slot are told apart.
  std::uint64_t id() const { return std::uint64_t{slot.context().generation()} << 32 | index(); }
  // Its place in the loop's table.
  std::uint32_t index() const { return slot.context().number(); }

  Slot slot;
  Fd fd;
  bool accepted = false;
  bool dialing = false;        // its connect is in progress
  Errc dial_error = Errc::ok;  // how it failed
};

class LoopCore : public Loop, public Dialer, public Callers {
 public:
  void dial(const Address& address, std::unique_ptr<Connection> connection) override;
  std::optional<Address> caller(std::uint32_t number) const override;

 protected:
  // Why a connection is served.
  enum class Cause : std::uint8_t { wire, other };

  LoopCore(LoopSetup setup, bool takes_files);
  ~LoopCore() override;

  // --- what a loop must be able to do ---

  virtual std::unique_ptr<LoopConnection> make() = 0;
  // It has its socket and its place; a dialing one waits for its connect, then established().
  virtual void begin(LoopConnection& connection) = 0;
  // Advance it (on Cause::other), move its bytes, end it when it is over.
  virtual void serve(LoopConnection& connection, Cause cause) = 0;
  // Ends it now, with slot.abort() already called.
  virtual void drop(LoopConnection& connection) = 0;
  virtual void watch_listener(bool on) = 0;
  // Before draining begins: takes in what the kernel has already received, so that it is still
  // answered.
  virtual void catch_up() {}

  // --- what it can use ---

  // The next connection at the listener, or of those passed; below 0: none, and errno says why.
  int next_accepted();
  // A connection was accepted: placed, or handed out.
  void adopt(int fd);
  // The error of an accept: does what options.when_full says when nothing is left to accept with.
  // False: stop accepting for now.
  bool accept_failed(int error);
  bool accept_is_paused() const { return paused_; }
  void pause_accepting();
  // At the limit of connections? Then accepting pauses.
  bool at_limit();
  // A dial that cannot even start: told in the next turn, never within dial(), which another's
  // advance has called.
  void fail_dial(LoopConnection& connection, Errc error);
  // A dial's connect has ended; true when established.
  bool established(LoopConnection& connection, Errc result);
  // The peer is gone: last advance, counted, aborted.
  void lose(LoopConnection& connection, Errc error);
  void retire(LoopConnection& connection);
  LoopConnection* find(std::uint64_t id);

  // What every turn of the loop does besides moving bytes.
  void turn();
  // The turn is over, what follows is a wait or the end: counted, and the clock's reading, which
  // limits the wait.
  Time turn_ends();
  // When the loop must turn at the latest.
  Time next_turn() const;
  bool drained() const { return (drain_begun_ || leave_begun_) && live_ == 0 && !more_will_come_; }

  LoopSetup setup_;
  Counters& counters_;
  BlockPool pool_;
  Driver driver_;
  Time now_;
  TimerWheel wheel_;

 private:
  void accept(Fd fd);
  void accept_given();
  void forget_accepted();
  LoopConnection& place(std::unique_ptr<LoopConnection> connection,
                        std::unique_ptr<Connection> protocol);
  void resume_accepting();
  bool one_has_ended() const;
  void deliver();
  void tell_failed_dials();
  void follow_orders();
  void begin_leave();
  void begin_drain();
  void end_drain();

  std::vector<std::unique_ptr<LoopConnection>> places_;
  std::vector<std::uint32_t> free_;
  std::vector<Mailbox::Mail> mail_;
  std::vector<std::uint64_t> failed_dials_;
  std::vector<std::uint64_t> told_;
  std::vector<Fd> given_;
  Reserve reserve_;
  Leak leak_;
  std::size_t live_ = 0;
  bool leave_begun_ = false;
  bool drain_begun_ = false;
  bool paused_ = false;
  bool more_will_come_;  // an acceptor still hands connections to it
  Time retry_accept_ = Time::never();
  Time drain_deadline_ = Time::never();
};

}  // namespace zyphos
