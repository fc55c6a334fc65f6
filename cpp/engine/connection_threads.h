// ConnectionThreads: threads that serve one connection each: made, interrupted, joined.
//
// Thread safety: all of it, from any thread; reap() by one at a time. Invariants: (1) while a
// worker stands in `running_` its thread exists and may be signalled; (2) an ended one is only
// joined.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "engine/blocking_driver.h"
#include "metrics/board.h"

namespace zyphos {

// What a thread is to serve. A refused one is still whole.
struct Arrival {
  Fd fd = {};
  std::unique_ptr<Connection> connection = {};
  bool accepted = true;
  Errc dial_error = Errc::ok;
  Time queued = {};
};

class ConnectionThreads {
 public:
  // `ended` is called on a thread that has done with its connection.
  ConnectionThreads(BlockingShared& shared, Board& board, std::function<void(bool accepted)> ended)
      : shared_(shared), board_(board), ended_call_(std::move(ended)) {}
  ConnectionThreads(const ConnectionThreads&) = delete;
  ConnectionThreads& operator=(const ConnectionThreads&) = delete;

  // False where there is no thread, or no memory or descriptor for one: nothing is taken.
  bool start(Arrival& arrival, Random random);
  // Joins those that have ended.
  void reap();
  // Interrupts the waits of all, or of those that have not seen the draining flag. True: there are
  // such.
  bool interrupt(bool all);
  bool none() const;

 private:
  struct Worker {
    pthread_t thread{};
    std::unique_ptr<BlockingDriver> driver;
    Counters* counters = nullptr;
    ConnectionThreads* threads = nullptr;
    bool accepted = false;
    std::uint64_t number = 0;
    std::list<Worker>::iterator self;
  };

  static void* thread_main(void* argument);
  void finished(Worker& worker);

  BlockingShared& shared_;
  Board& board_;
  std::function<void(bool)> ended_call_;
  mutable std::mutex mutex_;
  std::uint64_t connections_ = 0;
  std::list<Worker> running_;
  std::list<Worker> ended_;  // to be joined
};

}  // namespace zyphos
