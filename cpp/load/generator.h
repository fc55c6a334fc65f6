// Generator: the ruler, whole: its threads, the window they share, and their results merged into
// one.
//
// Order of calls, from one thread: connect(), start(), [wait until done_fd() is readable],
// finish(). stop() from any thread at any time after construction.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "load/clients.h"
#include "load/options.h"
#include "load/result.h"
#include "load/worker.h"
#include "metrics/board.h"
#include "net/fd.h"

namespace zyphos {

// Not one connection could be made. what() is one line.
class CannotConnect : public std::runtime_error {
 public:
  CannotConnect(Errc error, const std::string& message)
      : std::runtime_error(message), error_(error) {}
  Errc error() const { return error_; }

 private:
  Errc error_;
};

class Generator {
 public:
  // `options` have no complaint(); `board` outlives the generator.
  Generator(const LoadOptions& options, Board& board);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Starts the threads and makes the connections; returns how many there are when each attempt has
  // ended; of a pool how many it may make. CannotConnect when there is none; std::system_error when
  // a thread could not be set up (its CPU, a socket option).
  std::size_t connect();
  // Sets the requests going. The window begins at least 20 ms from now.
  Window start();
  // The same, so that the window begins then. std::runtime_error where the warm-up before it would
  // have begun already.
  Window start(Time begin);
  // Readable when all threads have done their work. They and their connections stay until the
  // generator is destroyed: whoever reads the kernel's counters at the window's end finds them.
  int done_fd() const { return done_.get(); }
  // Ends early: what is under way is censored.
  void stop();
  // Waits for the threads' work.
  LoadResult finish();

 private:
  enum class Phase { dial, run, leave };

  Window start_at(Time begin);
  void add_fit(LoadResult& result, Time end) const;
  void thread_main(std::size_t index);
  bool wait_for_start();
  void join();

  LoadOptions options_;
  Board& board_;
  Clients clients_;
  Fd done_;
  std::vector<Counters*> counters_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_.
  Phase phase_ = Phase::dial;
  std::size_t dialed_ = 0;
  std::size_t ended_ = 0;
  std::size_t connections_ = 0;
  Errc dial_error_ = Errc::connect_failed;
  std::exception_ptr failure_;
  Time start_{};
  Window window_{};
  Time stopped_ = Time::never();
  std::vector<std::thread> threads_;
};

}  // namespace zyphos
