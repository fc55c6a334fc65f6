// BlockingEngine: what the engines whose threads block have in common: the acceptor's thread, its
// pauses, the drain. Where a connection is served is the derived class's (thread, pool,
// sequential). A connection that dials has the one it dials on a thread of its own, whatever the
// engine: two that wait for each other can't share one.
//
// Thread safety: as Engine; protected functions on the acceptor's thread but where it says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/alarm.h"
#include "engine/blocking_driver.h"
#include "engine/connection_threads.h"
#include "engine/reserve.h"

namespace zyphos {

class BlockingEngine : public Engine, protected BlockingShared {
 public:
  void start() final;
  Address address() const final { return address_; }
  void drain() final;
  void join() final;

 protected:
  enum class Admitted : std::uint8_t {
    yes,
    no_thread,  // and nothing is taken
    refused,    // for the engine's own reason, and dealt with
  };

  using Show = std::function<void(BlockingDriver*)>;

  BlockingEngine(const EngineOptions& engine_options, ConnectionFactory factory, Board& board,
                 std::string acceptor_name);

  // --- what an engine says ---

  // Serves it, or sees to it that it is served.
  virtual Admitted admit(Arrival& arrival) = 0;
  // The acceptor serves as well, and has to be interrupted itself.
  virtual bool acceptor_serves() const { return false; }
  virtual bool has_room() { return true; }             // else accepting pauses
  virtual void begin() {}                              // on the acceptor's thread, before the first
  virtual void no_more() {}                            // nobody is accepted from now on
  virtual bool interrupt_more(bool) { return false; }  // as ConnectionThreads::interrupt()
  virtual bool more_run() { return false; }  // threads of the engine's own, joined once all ended
  virtual void count_no_room() {}

  // --- what it can use ---

  // Serves it to its end on the calling thread (any); `show` gets its driver, and null before that
  // goes.
  void serve(Arrival& arrival, Counters& counters, Random random, const Show& show = {});
  // Any thread: an accepted one has ended, or its place in a queue is free.
  void ended(bool accepted);
  void room_made();
  // Refuses it, by options.blocking_threads.refusal or a reset.
  void refuse(Arrival& arrival, Errc why, Counters& counters);
  Random random();  // any thread
  Counters& acceptor_counters() { return *counters_; }
  void poke() { mailbox_->poke(); }

  Board& board_;
  ConnectionThreads threads_;

 private:
  bool start_dialed(Dialed& dialed, std::unique_ptr<Connection>& connection) final;

  void accept_until_drained();
  void accept_some();
  bool accept_failed(int error);
  bool accepted(Fd fd);
  bool place_held();
  bool could_not_place(Admitted admitted);
  bool may_accept();
  void pause();
  void sweep_backlog();
  void wait(bool accepting, Time until);
  void see_out();

  ConnectionFactory factory_;
  const std::string acceptor_name_;
  std::mutex random_mutex_;
  Random random_;
  std::shared_ptr<Mailbox> mailbox_;
  Fd listener_;
  Address address_;
  Counters* counters_ = nullptr;
  std::thread acceptor_;
  std::optional<Alarm> alarm_;  // where the acceptor serves
  Reserve reserve_;
  Leak leak_;
  Time retry_accept_ = Time::never();
  std::optional<Arrival> held_;      // there was no thread for it yet
  std::vector<Mailbox::Mail> mail_;  // always empty: the acceptor is only poked
  std::atomic<std::size_t> accepted_live_ = 0;
  std::atomic<bool> wants_room_ = false;  // accepting has paused
};

}  // namespace zyphos
